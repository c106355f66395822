"""What became of each transaction that a block holds, and what blocks paid to be first."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.tokens import is_token_account
from liquidation_engine.localnet.transactions import Decoded, Keys

KEPT_TRANSACTIONS = 200_000
STATUS_CACHE_SLOTS = 300  # how far getSignatureStatuses looks back when it is not asked to search the history
FEE_SLOTS = 150


@dataclass(frozen=True, slots=True)
class Balances:
    """What a transaction's accounts held at one moment, by their place among its keys."""

    lamports: tuple[int, ...]
    token_accounts: tuple[tuple[int, AccountVersion], ...]

    @classmethod
    def of(cls, versions: list[AccountVersion | None]) -> "Balances":
        """Keep lamports and token accounts, and let go of all other data."""
        return cls(
            tuple(0 if version is None else version.lamports for version in versions),
            tuple((index, one) for index, one in enumerate(versions) if one is not None and is_token_account(one)),
        )


@dataclass(frozen=True, slots=True)
class Landed:
    """One transaction as a block holds it; everything shown of it is encoded when somebody asks."""

    decoded: Decoded
    slot: int
    keys: Keys
    error: Any | None
    meta: TransactionMetadata
    before: Balances
    after: Balances
    mint_decimals: dict[Pubkey, int]

    @property
    def fee(self) -> int:
        """The fee in lamports, priority fee included."""
        return self.meta.fee()


class History:
    """Landed transactions by signature, the oldest forgotten beyond `KEPT_TRANSACTIONS`."""

    def __init__(self) -> None:
        self._landed: dict[str, Landed] = {}
        self._mentions: defaultdict[Pubkey, deque[str]] = defaultdict(deque)

    def __contains__(self, signature: str) -> bool:
        return signature in self._landed

    def __len__(self) -> int:
        return len(self._landed)

    def add(self, landed: Landed) -> None:
        """Keep a transaction that a block now holds."""
        self._landed[landed.decoded.signature] = landed
        for key in set(landed.keys.all):
            self._mentions[key].append(landed.decoded.signature)
        while len(self._landed) > KEPT_TRANSACTIONS:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest = self._landed.pop(next(iter(self._landed)))
        for key in set(oldest.keys.all):
            self._mentions[key].popleft()

    def revert(self, kept_slot: int) -> list[Landed]:
        """Forget what landed above `kept_slot`; return it, oldest first."""
        undone = []
        while self._landed and (last := next(reversed(self._landed.values()))).slot > kept_slot:
            undone.append(last)
            del self._landed[last.decoded.signature]
            for key in set(last.keys.all):
                self._mentions[key].pop()
        return undone[::-1]

    def find(self, signature: str, seen_slot: int) -> Landed | None:
        """Return the transaction if it landed in `seen_slot` or before."""
        landed = self._landed.get(signature)
        return landed if landed is not None and landed.slot <= seen_slot else None

    def mentioning(self, pubkey: Pubkey, seen_slot: int) -> list[Landed]:
        """Return the transactions that name `pubkey`, newest first."""
        found = (self.find(signature, seen_slot) for signature in reversed(self._mentions.get(pubkey, ())))
        return [landed for landed in found if landed is not None]


class PriorityFees:
    """The lowest bid that each of the last blocks took, over all and for each account written."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, int, dict[Pubkey, int]]] = deque(maxlen=FEE_SLOTS)

    def add(self, slot: int, landed: Iterable[tuple[int, list[Pubkey]]]) -> None:
        """Note a block's bids: (micro-lamports per compute unit, accounts it locked for writing)."""
        lowest: int | None = None
        by_account: dict[Pubkey, int] = {}
        for bid, writable in landed:
            lowest = bid if lowest is None else min(lowest, bid)
            for key in writable:
                by_account[key] = min(by_account.get(key, bid), bid)
        self._slots.append((slot, lowest or 0, by_account))

    def revert(self, kept_slot: int) -> None:
        """Forget the blocks above `kept_slot`."""
        while self._slots and self._slots[-1][0] > kept_slot:
            self._slots.pop()

    def recent(self, pubkeys: list[Pubkey], seen_slot: int) -> list[tuple[int, int]]:
        """Return (slot, fee) of each block: what it took, at the least, to land writing all of `pubkeys`."""
        return [
            (slot, max([lowest, *(by_account.get(key, 0) for key in pubkeys)]))
            for slot, lowest, by_account in self._slots
            if slot <= seen_slot
        ]
