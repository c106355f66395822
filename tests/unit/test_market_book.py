"""The market's book in base58: what it makes of updates, snapshots, and bytes that nobody can read."""

from dataclasses import replace

import pytest

from book_reference import COLLATERAL, DEBT, MARKET, PROGRAM, Market, Position, Reserve
from liquidation_engine._core import to_base58
from liquidation_engine.chain.words import AccountUpdate, ChainAccount
from liquidation_engine.runner.market_book import MarketBook

NEAR = Position(0, legs=((0, COLLATERAL, 100_000_000), (1, DEBT, 72_000_000)))
SAFE = Position(1, legs=((0, COLLATERAL, 900_000_000), (1, DEBT, 72_000_000)))
NEAR_ADDRESS, SAFE_ADDRESS = to_base58(NEAR.address), to_base58(SAFE.address)


def world() -> Market:
    """Return two reserves at one USD, a position near its limit and one far from it."""
    return Market({number: Reserve(number) for number in range(2)}, {0: NEAR, 1: SAFE})


def whole(market: Market, slot: int = 1) -> list[ChainAccount]:
    """Return all accounts as a snapshot brings them."""
    return [
        ChainAccount(address=to_base58(key), owner=to_base58(PROGRAM), lamports=1, data=data, slot=slot)
        for key, data in market.accounts().items()
    ]


def update(address: bytes, data: bytes, slot: int, owner: bytes = PROGRAM) -> AccountUpdate:
    """Return one account as a subscription tells it."""
    return AccountUpdate(address=to_base58(address), owner=to_base58(owner), lamports=1, data=data, slot=slot)


def price(market: Market, usd_cents: int, slot: int) -> AccountUpdate:
    """Return the first reserve's new price."""
    oracle = replace(market.reserves[0], price=usd_cents, oracle_slot=slot)
    return update(oracle.oracle, oracle.oracle_account(), slot)


@pytest.fixture
def book() -> MarketBook:
    """A warm book."""
    made = MarketBook(to_base58(PROGRAM), to_base58(MARKET))
    made.replace(1, whole(world()))
    return made


def test_a_price_says_who_crossed_and_who_came_back(book: MarketBook) -> None:
    assert book.apply([price(world(), 90, 2)]).crossed == (NEAR_ADDRESS,)
    assert book.liquidatable() == [NEAR_ADDRESS]
    assert book.apply([price(world(), 100, 3)]).recovered == (NEAR_ADDRESS,)
    assert book.slot == 3


def test_nothing_brought_is_nothing_changed(book: MarketBook) -> None:
    assert book.apply([]) == book.advance(1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_unreadable_account_does_not_hide_the_others(book: MarketBook, place: int) -> None:
    batch = [price(world(), 90, 5), update(SAFE.address, SAFE.account(), 5)]
    batch.insert(place, update(NEAR.address, NEAR.account()[:-1], 5))
    assert book.apply(batch).crossed == (NEAR_ADDRESS,)
    assert book.not_understood == 1
    assert book.slot == 5
    assert len(book) == 2  # of the unreadable one it keeps what it knew


def test_each_unreadable_account_is_counted(book: MarketBook) -> None:
    bad = [update(one.address, one.account()[:-1], 2) for one in (NEAR, SAFE)]
    crossings = book.apply([*bad, price(world(), 90, 2)])
    assert (crossings.crossed, book.not_understood) == ((NEAR_ADDRESS,), 2)


def test_what_crossed_and_came_back_within_one_batch_did_not_cross(book: MarketBook) -> None:
    batch = [price(world(), 90, 2), price(world(), 100, 3), update(SAFE.address, b"\1", 3)]
    assert book.apply(batch).crossed == ()
    assert book.liquidatable() == []


def test_a_snapshot_drops_the_accounts_it_does_not_hold(book: MarketBook) -> None:
    market = world()
    del market.positions[1]
    book.replace(9, whole(market, slot=9))
    assert book.position(SAFE_ADDRESS) is None
    assert len(book) == 1


def test_a_position_is_told_with_its_mints_and_its_need(book: MarketBook) -> None:
    held = book.position(NEAR_ADDRESS)
    assert held is not None
    reserves = world().reserves
    assert held.assets == tuple(to_base58(reserves[number].mint) for number in range(2))
    assert (held.slot, len(held.candidate_id)) == (1, 32)


def test_rows_below_a_health_factor_are_those_at_risk(book: MarketBook) -> None:
    assert {row.position for row in book.rows()} == {NEAR_ADDRESS, SAFE_ADDRESS}
    (row,) = book.rows(1.1)
    assert (row.position, row.liquidatable, row.debt_micro_usd) == (NEAR_ADDRESS, False, 72_000_000)


def test_a_rearmed_position_crosses_again(book: MarketBook) -> None:
    book.apply([price(world(), 90, 2)])
    book.rearm(NEAR_ADDRESS)
    assert [book.advance(slot).crossed for slot in (2, 3)] == [(NEAR_ADDRESS,), ()]


def test_a_position_is_worth_what_of_its_debt_the_collateral_covers(book: MarketBook) -> None:
    collateral, debt, *_ = book._book.health(NEAR.address)
    assert book.worth(NEAR_ADDRESS) == min(collateral, debt) == debt
    book.apply([price(world(), 50, 2)])
    assert book.worth(NEAR_ADDRESS) < debt
    assert book.worth(to_base58(bytes(32))) == 0
