"""Reads from a node what a question about a position needs: asks, is told which accounts are missing, reads all of them again.

Each round is one call, so that everything an answer is made of is the state of one slot.
"""

import struct
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import DecodeError, MissingAccounts, RpcUnavailable

CLOCK = "SysvarC1ock11111111111111111111111111111111"
MOST_ROUNDS = 8
SAME_SLOT_TRIES = 5

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Now:
    """The chain's clock, as its sysvar has it."""

    slot: int
    unix_timestamp: int

    @classmethod
    def decode(cls, data: bytes) -> "Now":
        """Return the clock in the sysvar's bytes."""
        if len(data) != 40:
            raise DecodeError(f"the clock sysvar has {len(data)} bytes, expected 40")
        slot, *_, unix_timestamp = struct.unpack("<QqQQq", data)
        return cls(slot, unix_timestamp)


@dataclass(frozen=True, slots=True)
class State:
    """Accounts as of one slot, and which were asked for: what is asked for and not there does not exist."""

    accounts: Mapping[str, ChainAccount]
    asked: Container[str]
    clock: Now
    slot: int


async def answered(
    rpc: RpcClient,
    ask: Callable[[State], Answer],
    first: Sequence[str],
    *,
    min_context_slot: int | None = None,
) -> tuple[Answer, State]:
    """Return the answer of `ask`, and the state that it was made from; `first` are the accounts to begin with.

    `ask` raises MissingAccounts for what it needs besides. Accounts that the chain does not have are missing for good: then that
    error is the caller's.
    """
    wanted = dict.fromkeys((CLOCK, *first))
    for _ in range(MOST_ROUNDS):
        state = await _read(rpc, list(wanted), min_context_slot)
        try:
            return ask(state), state
        except MissingAccounts as missing:
            new = [address for address in missing.addresses if address not in wanted]
            if not new:
                raise
            wanted |= dict.fromkeys(new)
            min_context_slot = state.slot
    raise DecodeError(f"{first[0]} leads from account to account without end: {len(wanted)} were read")


async def _read(rpc: RpcClient, wanted: Sequence[str], min_context_slot: int | None) -> State:
    """Read all at one slot; more than one call can carry are read again until two calls tell of the same slot."""
    for _ in range(SAME_SLOT_TRIES):
        slot, found = await rpc.accounts(wanted, min_context_slot=min_context_slot)
        accounts = {account.address: account for account in found if account is not None}
        if len({account.slot for account in accounts.values()}) <= 1:
            clock = accounts.get(CLOCK)
            if clock is None:
                raise DecodeError("the node does not know the clock sysvar")
            return State(accounts, frozenset(wanted), Now.decode(clock.data), slot)
    raise RpcUnavailable(f"{len(wanted)} accounts could not be read as of one slot")
