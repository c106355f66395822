"""What a node says, as frozen words: accounts, updates, statuses, simulations."""

from dataclasses import dataclass
from typing import Literal

Commitment = Literal["processed", "confirmed", "finalized"]

COMMITMENT_ORDER: dict[str, int] = {"processed": 0, "confirmed": 1, "finalized": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainAccount:
    """An account as it was at `slot`."""

    address: str
    owner: str
    lamports: int
    data: bytes
    slot: int  # the node's context slot
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUpdate:
    """An account that changed, as a subscription tells it."""

    address: str
    owner: str
    lamports: int
    data: bytes
    slot: int


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot that has a block, and the slot of the block below it."""

    slot: int
    parent: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The subscription stands (again); what happened before it is unknown, so read a snapshot now."""

    first: bool  # True for the first connection of a stream


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureStatus:
    """Where a transaction stands on chain."""

    slot: int  # in which it was executed
    error: object | None  # the TransactionError's JSON
    confirmation: str

    def reached(self, commitment: Commitment) -> bool:
        """Return whether it is at least as sure as `commitment`."""
        return COMMITMENT_ORDER.get(self.confirmation, -1) >= COMMITMENT_ORDER[commitment]


@dataclass(frozen=True, slots=True)
class StillPossible:
    """No endpoint knows the signature, and it may still land."""

    finalized_height: int


@dataclass(frozen=True, slots=True)
class CannotLand:
    """The finalized height is above its last one, and afterwards the same endpoint's history does not know it."""

    finalized_height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a transaction would do on the node's newest state."""

    error: object | None
    logs: tuple[str, ...]
    units: int
    return_data: bytes | None
    slot: int
    accounts: tuple[ChainAccount | None, ...] = ()  # after the transaction, as asked for
