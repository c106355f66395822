"""Reading what a question needs: one call a round, all as of one slot, until nothing is missing."""

import struct
from collections.abc import Sequence

import pytest

from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import DecodeError, MissingAccounts, RpcUnavailable
from liquidation_engine.protocols.reading import CLOCK, MOST_ROUNDS, Now, State, answered


class Node:
    """Has accounts by name; each call is of a later slot, and `torn` calls tell of two slots."""

    def __init__(self, *names: str, torn: int = 0) -> None:
        self.names, self.torn = {*names, CLOCK}, torn
        self.calls: list[tuple[Sequence[str], int | None]] = []

    async def accounts(
        self, addresses: Sequence[str], *, min_context_slot: int | None = None
    ) -> tuple[int, list[ChainAccount | None]]:
        self.calls.append((list(addresses), min_context_slot))
        slot, torn = 100 + len(self.calls), len(self.calls) <= self.torn
        clock = struct.pack("<QqQQq", slot, 0, 0, 0, 1_700_000_000)
        return slot, [
            ChainAccount(
                address=name,
                owner="owner",
                lamports=1,
                data=clock if name == CLOCK else b"",
                slot=slot + (torn and name != CLOCK),
            )
            if name in self.names
            else None
            for name in addresses
        ]


def needs(*names: str):  # type: ignore[no-untyped-def]
    """Return a question that asks for one account after the other, and answers with what it was asked for."""

    def ask(state: State) -> tuple[int, Now]:
        for name in names:
            if name not in state.accounts:
                raise MissingAccounts([name])
        return state.slot, state.clock

    return ask


async def test_each_round_is_one_call_for_everything_and_the_answer_is_of_its_slot() -> None:
    node = Node("position", "reserve", "oracle")
    (slot, clock), state = await answered(node, needs("reserve", "oracle"), ["position"], min_context_slot=7)  # type: ignore[arg-type]
    assert node.calls == [
        ([CLOCK, "position"], 7),
        ([CLOCK, "position", "reserve"], 101),
        ([CLOCK, "position", "reserve", "oracle"], 102),
    ]
    assert (slot, clock, state.slot) == (103, Now(103, 1_700_000_000), 103)


async def test_what_the_chain_does_not_have_is_the_callers_to_say() -> None:
    node = Node("position")
    with pytest.raises(MissingAccounts, match="reserve"):
        await answered(node, needs("reserve"), ["position"])  # type: ignore[arg-type]
    assert len(node.calls) == 2


async def test_accounts_of_two_slots_are_read_again() -> None:
    node = Node("position", torn=2)
    await answered(node, needs("position"), ["position"])  # type: ignore[arg-type]
    assert len(node.calls) == 3
    with pytest.raises(RpcUnavailable, match="as of one slot"):
        await answered(Node("position", torn=99), needs("position"), ["position"])  # type: ignore[arg-type]


async def test_a_chain_of_accounts_without_end_is_given_up() -> None:
    names = [f"account-{number}" for number in range(2 * MOST_ROUNDS)]
    with pytest.raises(DecodeError, match="without end"):
        await answered(Node("position", *names), needs(*names), ["position"])  # type: ignore[arg-type]


async def test_a_node_without_a_clock_is_refused() -> None:
    node = Node("position")
    node.names.remove(CLOCK)
    with pytest.raises(DecodeError, match="clock"):
        await answered(node, needs(), ["position"])  # type: ignore[arg-type]
