"""A list of transactions to look at, and a memory of what was seen; both as the observer asks for them."""

from collections.abc import Mapping, Sequence

from liquidation_engine.chain.executed import AddressSignature
from liquidation_engine.ingest.tracker import LiquidationTracker
from liquidation_engine.model import ObservedLiquidation


class FakeTransactions:
    """Fits `ingest.observed.Source`. Transactions are added in the order in which they happen."""

    def __init__(self) -> None:
        self.listed: list[AddressSignature] = []
        self.contents: dict[str, list[ObservedLiquidation]] = {}
        self.not_known_yet: set[str] = set()  # listed, and not to be read yet
        self.owned: dict[str, str] = {}  # position -> owner
        self.pages: list[tuple[str | None, int]] = []  # asked for
        self.read: list[str] = []

    def add(self, signature: str, slot: int, *positions: str, error: object | None = None) -> None:
        """Add a transaction that liquidates these positions."""
        self.listed.append(AddressSignature(signature=signature, slot=slot, error=error, block_time=slot))
        self.contents[signature] = [
            observed(f"{signature}:{place}", slot=slot, signature=signature, position=position)
            for place, position in enumerate(positions)
        ]

    async def signatures(self, *, before: str | None, limit: int) -> Sequence[AddressSignature]:
        """Return a page, the newest first."""
        self.pages.append((before, limit))
        newest_first = self.listed[::-1]
        known = [one.signature for one in newest_first]
        start = known.index(before) + 1 if before in known else 0
        return newest_first[start : start + limit]

    async def liquidations(self, signature: str) -> list[ObservedLiquidation] | None:
        """Return a transaction's liquidations."""
        self.read.append(signature)
        return None if signature in self.not_known_yet else self.contents[signature]

    async def owners(self, positions: Sequence[str]) -> Mapping[str, str]:
        """Return the owners that are known."""
        return {position: self.owned[position] for position in positions if position in self.owned}


class MemoryObserved:
    """Fits `ingest.observed.Memory` and `Archive`. `empty` is what losing Redis does."""

    def __init__(self) -> None:
        self.stored: dict[str, ObservedLiquidation] = {}
        self.published: list[str] = []
        self._tracker = LiquidationTracker()
        self._cursors: dict[str, MemoryCursor] = {}

    def empty(self) -> None:
        """Forget everything but what is stored."""
        self._tracker = LiquidationTracker()
        self._cursors.clear()

    async def diff(
        self, batch: Sequence[ObservedLiquidation], *, now_ms: int, publish: bool
    ) -> list[ObservedLiquidation]:
        """Remember a batch and return what is new in it."""
        new = self._tracker.diff(batch).new_events
        self.published += [one.id for one in new] if publish else []
        return new

    async def seen_total(self) -> int:
        """Return how many ids are remembered."""
        return self._tracker.stats().seen_total

    async def cursor(self, address: str) -> "MemoryCursor | None":
        """Return the newest transaction that was looked at."""
        return self._cursors.get(address)

    async def note(self, address: str, slot: int, signature: str) -> None:
        """Move the cursor."""
        self._cursors[address] = MemoryCursor(slot, signature)

    async def store(self, batch: Sequence[ObservedLiquidation]) -> int:
        """Keep what is not there yet."""
        fresh = [one for one in batch if one.id not in self.stored]
        self.stored.update((one.id, one) for one in fresh)
        return len(fresh)

    async def newest(self, market: str) -> tuple[int, str] | None:
        """Return the newest one stored."""
        found = max(self.stored.values(), key=lambda one: one.slot, default=None)
        return (found.slot, found.signature) if found else None


class MemoryCursor:
    """A slot and a signature."""

    def __init__(self, slot: int, signature: str) -> None:
        self.slot, self.signature = slot, signature


def observed(
    one_id: str = "Signature1:0",
    *,
    slot: int = 1_000,
    signature: str = "Signature1",
    position: str = "Position1",
    market: str = "Market1",
) -> ObservedLiquidation:
    """Return a liquidation that somebody made."""
    return ObservedLiquidation(
        id=one_id,
        timestamp=1_700_000_000 + slot,
        user=position,
        liquidator="Somebody",
        signature=signature,
        slot=slot,
        protocol="reference",
        market=market,
        position=position,
        debt_mint="Debt",
        collateral_mint="Collateral",
        repaid=100,
        seized=105,
        fee=1,
        bonus_bps=500,
    )
