"""The book of any protocol: who needs an act, told once, whatever changed; accounts of Save are its example, no program is needed."""

import struct
from collections.abc import Iterable
from dataclasses import replace

import pytest
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.protocols.reading import CLOCK, Now
from liquidation_engine.runner.program_book import ProgramBook
from tests.differential import save_accounts as save
from tests.differential.save_states import START_SLOT, START_TIME, State, key, state

PROGRAM = str(save.PROGRAM)


def accounts_of(world: State, slot: int = START_SLOT) -> list[ChainAccount]:
    """Return a state's accounts as a node tells them."""
    return [
        ChainAccount(address=str(address), owner=str(owner), lamports=10**10, data=data, slot=slot)
        for address, (owner, data) in world.accounts.items()
    ]


def split(accounts: Iterable[ChainAccount]) -> tuple[list[ChainAccount], list[ChainAccount]]:
    """Return the program's accounts, and everybody else's."""
    found = list(accounts)
    return [a for a in found if a.owner == PROGRAM], [a for a in found if a.owner != PROGRAM]


def book_of(world: State) -> ProgramBook:
    return ProgramBook("save", PROGRAM, str(world.market), wall_seconds=lambda: START_TIME)


def ordinary(*, liquidatable: bool) -> State:
    """Return the first ordinary state with this verdict whose every oracle is Pyth's."""
    for seed in range(1, 3_000):
        world = state(seed)
        oracles = {owner for owner, _ in world.accounts.values()} - {save.PROGRAM, save.TOKEN}
        if world.kind == "ordinary" and oracles == {save.PULL} and verdict(world) is liquidatable:
            return world
    raise AssertionError("no such state")


def verdict(world: State) -> bool:
    accounts = {account.address: account for account in accounts_of(world)}
    now = Now(START_SLOT, START_TIME)
    return protocols.get("save").health(accounts, now, str(world.obligation)).liquidatable


def test_a_book_agrees_with_the_arithmetic_on_random_markets() -> None:
    judged = dict.fromkeys((True, False), 0)
    for seed in range(400):
        world = state(seed)
        if world.kind != "ordinary":
            continue
        book = book_of(world)
        book.replace(START_SLOT, accounts_of(world))
        assert (str(world.obligation) in book.liquidatable()) is verdict(world)
        judged[verdict(world)] += 1
    assert min(judged.values()) > 30


def test_a_position_is_judged_when_the_last_account_it_hangs_on_is_there_and_told_once() -> None:
    world = ordinary(liquidatable=True)
    ours, others = split(accounts_of(world))
    position, book = str(world.obligation), book_of(world)
    assert book.replace(START_SLOT, ours).crossed == ()
    oracles = [account for account in others if account.address in book.foreign]
    assert {account.owner for account in oracles} == {str(save.PULL)}
    told = [book.apply([oracle]).crossed for oracle in (*oracles, *oracles)]
    assert sorted(told) == [*[()] * (len(told) - 1), (position,)]
    assert told[0] == ()
    assert book.advance(START_SLOT + 1).crossed == ()
    book.rearm(position)
    assert book.advance(START_SLOT + 2).crossed == (position,)
    held = book.position(position)
    assert held is not None
    assert (held.position, held.owner, len(held.candidate_id)) == (position, str(key(4)), 32)


def test_a_recovery_and_a_closed_account_are_told() -> None:
    world = ordinary(liquidatable=True)
    ours, others = split(accounts_of(world))
    position, book = str(world.obligation), book_of(world)
    book.replace(START_SLOT, ours)
    book.apply(others)
    gone = replace(next(a for a in ours if a.address == position), lamports=0, data=b"", slot=START_SLOT + 1)
    assert book.apply([gone]).recovered == (position,)
    assert (len(book), book.position(position), book.foreign) == (0, None, frozenset())


def test_a_snapshot_without_a_position_closes_it_and_keeps_the_oracles() -> None:
    world = ordinary(liquidatable=True)
    ours, others = split(accounts_of(world))
    position, book = str(world.obligation), book_of(world)
    book.replace(START_SLOT, ours)
    book.apply(others)
    without = [account for account in ours if account.address != position]
    assert book.replace(START_SLOT + 1, without).recovered == (position,)
    assert book.replace(START_SLOT + 2, ours).crossed == ()  # an older state than the closing
    fresh = [replace(account, slot=START_SLOT + 2) for account in ours]
    assert book.replace(START_SLOT + 2, fresh).crossed == (position,)


def test_older_news_changes_nothing() -> None:
    world = ordinary(liquidatable=True)
    ours, others = split(accounts_of(world))
    book = book_of(world)
    book.replace(START_SLOT, [*ours, *others])
    gone = replace(
        next(a for a in ours if a.address == str(world.obligation)), lamports=0, data=b"", slot=START_SLOT - 1
    )
    assert book.apply([gone]).recovered == ()
    assert len(book) == 1


def test_a_refresh_is_no_new_need_and_a_liquidation_is() -> None:
    world = ordinary(liquidatable=True)
    book, position = book_of(world), str(world.obligation)
    book.replace(START_SLOT, accounts_of(world))
    before = book.position(position)
    assert before is not None
    accounts = {account.address: account for account in accounts_of(world)}
    plan = protocols.get("save").best_plan(accounts, Now(START_SLOT, START_TIME), {"min_profit": -(10**30)})
    assert isinstance(plan, protocols.Plan)
    assert plan.prediction is not None
    data = bytearray(accounts[position].data)
    data[1:9] = (START_SLOT + 5).to_bytes(8, "little")  # last update
    refreshed = replace(accounts[position], data=bytes(data), slot=START_SLOT + 5)
    book.apply([refreshed])
    again = book.position(position)
    assert again is not None
    assert again.candidate_id == before.candidate_id
    after = replace(refreshed, data=plan.prediction.accounts_after[position], slot=START_SLOT + 6)
    book.apply([after])
    changed = book.position(position)
    assert changed is not None
    assert changed.candidate_id != before.candidate_id


def test_prices_age_by_the_chains_clock_and_not_by_ours() -> None:
    world = ordinary(liquidatable=True)
    position = str(world.obligation)
    book = ProgramBook("save", PROGRAM, str(world.market), wall_seconds=lambda: START_TIME + 10_000)
    assert book.replace(START_SLOT, accounts_of(world)).crossed == ()  # too old by our clock
    sysvar = struct.pack("<QqQQq", START_SLOT, 0, 0, 0, START_TIME)
    clock = ChainAccount(address=CLOCK, owner="sysvar", lamports=1, data=sysvar, slot=START_SLOT)
    assert (*book.apply([clock]).crossed, *book.advance(START_SLOT).crossed) == (position,)
    assert CLOCK in book.watched
    assert CLOCK not in book.foreign


@pytest.mark.parametrize("liquidatable", [True, False])
def test_a_row_shows_health_and_values(liquidatable: bool) -> None:
    world = ordinary(liquidatable=liquidatable)
    book = book_of(world)
    book.replace(START_SLOT, accounts_of(world))
    [row] = book.rows()
    assert (row.position, row.liquidatable) == (str(world.obligation), liquidatable)
    assert row.health_factor is not None
    assert (row.health_factor > 1) is not liquidatable
    assert min(row.collateral_micro_usd, row.debt_micro_usd) > 0
    assert book.rows(among=()) == []
    assert {leg["reserve"] for leg in book.legs(row.position)} == {str(r) for r in (*world.deposits, *world.borrows)}
    assert Pubkey.from_string(row.owner) == key(4)
