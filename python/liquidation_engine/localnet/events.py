"""What a chain tells its listeners."""

from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.localnet.blocks import Block
from liquidation_engine.localnet.history import Landed


@dataclass(frozen=True, slots=True)
class ChangedByHand:
    """An account was set from outside, as part of `slot`."""

    pubkey: Pubkey
    slot: int


@dataclass(frozen=True, slots=True)
class Forked:
    """The blocks above `kept_slot` were undone, and with them the last change of the accounts in `reverted`."""

    kept_slot: int
    reverted: tuple[Pubkey, ...]


@dataclass(frozen=True, slots=True)
class BlockMade:
    """A block is complete, with the transactions it holds."""

    block: Block
    landed: list[Landed]


Event = ChangedByHand | BlockMade | Forked
