"""Notices that the chain has left blocks that it told of: a new slot's parent lies below one that was seen."""

from liquidation_engine.chain.words import NewSlot


class ForkWatch:
    """Follows the slots that a node tells of."""

    def __init__(self) -> None:
        self._newest = 0

    def left(self, new: NewSlot) -> int | None:
        """Return the slot of the last block that stays where blocks above it were left, else None.

        A slot that is no newer than what was seen comes from a node that lags, and says nothing.
        """
        newest, self._newest = self._newest, max(self._newest, new.slot)
        return new.parent if new.parent < newest < new.slot else None
