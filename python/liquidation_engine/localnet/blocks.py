"""Slots, blocks and commitments: which slots have a block, which blockhash lives how long, who sees what.

A skipped slot has no block, so the block height falls behind the slot. A blockhash is valid for blocks up to its
own height plus the window, the "last valid block height" that clients are told.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from solders.hash import Hash


class Commitment(StrEnum):
    """How sure the reader wants to be that what it sees stays."""

    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True)
class Block:
    """A slot that was not skipped, with the blockhash it ended in."""

    slot: int
    height: int
    blockhash: Hash
    unix_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When slots have blocks and what time it is in them."""

    first_slot: int
    skip_every: int
    slot_milliseconds: int
    genesis_unix_time: int

    def is_skipped(self, slot: int) -> bool:
        """Return whether `slot` gets no block; the first slot always has one."""
        return self.skip_every > 0 and slot > self.first_slot and (slot - self.first_slot) % self.skip_every == 0

    def first_height(self) -> int:
        """Return the first block's height: as if slots had been skipped at the same pace before it."""
        return self.first_slot - (self.first_slot // self.skip_every if self.skip_every else 0)

    def unix_time(self, slot: int) -> int:
        """Return the chain's time in `slot`, rounded down to the second."""
        return self.genesis_unix_time + (slot - self.first_slot) * self.slot_milliseconds // 1_000


class Blocks:
    """The chain of blocks, and the newest one that each commitment sees."""

    def __init__(self, schedule: Schedule, *, genesis: bytes, window: int, lags: dict[Commitment, int]) -> None:
        self.schedule = schedule
        self.window = window
        self._lags = lags
        self._genesis = genesis
        first = Block(
            schedule.first_slot,
            schedule.first_height(),
            self._next_hash(schedule.first_slot, genesis),
            schedule.unix_time(schedule.first_slot),
        )
        self._chain = [first]
        self._slots = [first.slot]
        self._by_hash = {first.blockhash: first}

    @property
    def latest(self) -> Block:
        """The newest block that is complete."""
        return self._chain[-1]

    def append(self, slot: int) -> Block:
        """Complete the block of `slot` and return it."""
        parent = self.latest
        blockhash = self._next_hash(slot, bytes(parent.blockhash))
        block = Block(slot, parent.height + 1, blockhash, self.schedule.unix_time(slot))
        self._chain.append(block)
        self._slots.append(slot)
        self._by_hash[blockhash] = block
        return block

    def seen_at(self, commitment: Commitment, *, behind: int = 0) -> Block:
        """Return the newest block that `commitment` sees: the last one at least its lag, and `behind`, in slots ago."""
        index = bisect_right(self._slots, self.latest.slot - self._lags[commitment] - behind)
        return self._chain[max(index - 1, 0)]

    def by_slot(self, slot: int) -> Block | None:
        """Return the block of `slot`, or None where it was skipped or is still to come."""
        index = bisect_right(self._slots, slot) - 1
        return self._chain[index] if index >= 0 and self._slots[index] == slot else None

    def leave(self, kept_slot: int) -> None:
        """Forget the blocks above `kept_slot`, and their hashes: the chain goes on from there."""
        place = bisect_right(self._slots, kept_slot)
        for block in self._chain[place:]:
            del self._by_hash[block.blockhash]
        del self._chain[place:]
        del self._slots[place:]

    def after(self, slot: int, up_to: int) -> list[Block]:
        """Return the blocks of the slots in (slot, up_to]."""
        return self._chain[bisect_right(self._slots, slot) : bisect_right(self._slots, up_to)]

    def parent_slot(self, slot: int) -> int:
        """Return the slot of the block below the one of `slot`."""
        index = bisect_right(self._slots, slot) - 1
        return self._slots[max(index - 1, 0)]

    def last_valid_height(self, blockhash: Hash) -> int | None:
        """Return the last block height that may hold a transaction with `blockhash`, None for an unknown one."""
        block = self._by_hash.get(blockhash)
        return None if block is None else block.height + self.window

    def is_valid(self, blockhash: Hash, height: int) -> bool:
        """Return whether a block at `height` may hold a transaction with `blockhash`."""
        block = self._by_hash.get(blockhash)
        return block is not None and block.height <= height <= block.height + self.window

    def _next_hash(self, slot: int, parent: bytes) -> Hash:
        return Hash(hashlib.sha256(self._genesis + slot.to_bytes(8, "little") + parent).digest())
