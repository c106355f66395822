"""Transactions that wait for the next slot, and the order in which it takes them."""

from dataclasses import dataclass

from liquidation_engine.localnet.transactions import Decoded


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction that was taken; one that `opens_slot` is the scenario's and goes before all bids."""

    decoded: Decoded
    arrival: int
    opens_slot: bool

    def order(self) -> tuple[bool, int, int]:
        """Sort the scenario's first, then by bid, then by arrival."""
        return (not self.opens_slot, -self.decoded.unit_price, self.arrival)


class Mempool:
    """Every signature waits at most once; what arrives while a slot runs is taken by the next one."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._lined_up: list[Waiting] = []
        self._arrivals = 0

    def __contains__(self, signature: str) -> bool:
        return signature in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, decoded: Decoded, *, opens_slot: bool) -> None:
        """Let a transaction wait."""
        self._arrivals += 1
        self._waiting[decoded.signature] = Waiting(decoded, self._arrivals, opens_slot)

    def line_up(self) -> None:
        """Line up everything that waits now for the slot that begins."""
        self._lined_up = sorted(self._waiting.values(), key=Waiting.order, reverse=True)

    def take(self) -> Decoded | None:
        """Return the next transaction of this slot, None when the slot's line is empty."""
        if not self._lined_up:
            return None
        decoded = self._lined_up.pop().decoded
        del self._waiting[decoded.signature]
        return decoded

    @property
    def lined_up(self) -> int:
        """How many transactions this slot still has to run."""
        return len(self._lined_up)
