"""Many markets behind one door: accounts, time and prices reach the books that they concern."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from book_reference import COLLATERAL, DEBT, MARKET, PROGRAM, Market, Position, Reserve
from liquidation_engine import Markets, PositionBook, _core, errors

AT = Position(0, legs=((0, COLLATERAL, 100_000_000), (1, DEBT, 72_000_000)))
ELSEWHERE = bytes([78]) * 32


def opened() -> tuple[Markets, Market]:
    """Return two markets of the program, one of them with a position near its limit."""
    markets, market = Markets(), Market({number: Reserve(number) for number in range(2)}, {0: AT})
    markets.open("reference", PROGRAM, MARKET)
    markets.open("reference", PROGRAM, ELSEWHERE)
    accounts = [(key, PROGRAM, 1, data) for key, data in market.accounts().items()]
    markets.tick_accounts(accounts, 1, 1_700_000_000)
    return markets, market


def priced(reserve: Reserve, price: int, slot: int) -> tuple[bytes, bytes, int, bytes]:
    return reserve.oracle, PROGRAM, slot, replace(reserve, price=price, oracle_slot=slot).oracle_account()


def own(*assets: str) -> PositionBook:
    """Return a market of one's own with a position that owes its last asset against its first."""
    count = len(assets)
    book = PositionBook(list(assets), np.full(count, 6, np.uint8), np.full(count, -8, np.int8))
    book.tick(np.full(count, 100_000_000, np.int64), 1, 1)
    book.set_positions(
        np.array([7], np.uint64),
        np.array([0, 2], np.uint32),
        np.array([0, 2 * count - 1], np.uint16),
        np.array([100, 90], np.uint64),
    )
    return book


def test_an_oracle_concerns_every_market_of_its_program() -> None:
    markets, market = opened()
    told = dict(markets.apply(*priced(market.reserves[0], 90, 2)))
    assert (told[MARKET].crossed, told[ELSEWHERE].crossed) == ([AT.address], [])
    assert markets.liquidatable() == [(MARKET, AT.address)]


def test_a_position_concerns_its_market_alone() -> None:
    markets, _ = opened()
    assert [(m, c.recovered) for m, c in markets.apply(AT.address, PROGRAM, 3, b"")] == [(MARKET, [])]
    assert [len(book) for book in markets.books()] == [0, 0]


def test_the_books_can_be_asked_beside_it() -> None:
    markets, market = opened()
    first, second = markets.books()
    assert (first.market, second.market, len(first), len(second)) == (MARKET, ELSEWHERE, 1, 0)
    markets.apply(*priced(market.reserves[0], 90, 2))
    assert first.health(AT.address)[2]
    markets.rearm(AT.address)
    assert [change.crossed for _, change in markets.tick(2, 0)] == [[AT.address], []]


def test_all_markets_are_read_back_from_one_file(tmp_path: Path) -> None:
    markets, market = opened()
    markets.snapshot(tmp_path / "markets")
    again = Markets.restore(tmp_path / "markets")
    assert [book.addresses() for book in again.books()] == [book.addresses() for book in markets.books()]
    assert again.apply(*priced(market.reserves[0], 90, 2))[0][1].crossed == [AT.address]


def test_a_price_reaches_every_market_that_has_the_asset() -> None:
    markets, first, second = Markets(), own("SOL", "USD"), own("ETH", "SOL")
    markets.add("first", first)
    markets.add("second", second)
    told = markets.tick_prices({"SOL": 80_000_000}, 2, 2)
    assert [(name, list(crossed), list(recovered)) for name, crossed, recovered in told] == [
        ("first", [7], []),
        ("second", [], []),
    ]
    assert [name for name, *_ in markets.tick_prices({"ETH": 50_000_000}, 3, 3)] == ["second"]
    assert (list(first.liquidatable()), list(second.liquidatable())) == ([7], [7])
    assert first.clock == (2, 2)


def test_what_cannot_be_is_refused_and_changes_nothing() -> None:
    markets, _ = opened()
    markets.add("mine", own("SOL", "USD"))
    for act in (
        lambda: markets.open("reference", PROGRAM, MARKET),
        lambda: markets.open("save", PROGRAM, bytes(32)),
        lambda: markets.add("mine", own("SOL")),
        lambda: markets.tick_prices({"SOL": 1, "XYZ": 1}, 9, 9),
        lambda: markets.tick_prices({"SOL": -1}, 9, 9),
        lambda: markets.tick_prices({"SOL": 2**63}, 9, 9),
        lambda: markets.tick_prices({"SOL": 1.5}, 9, 9),  # type: ignore[dict-item]
        lambda: markets.tick_prices([("SOL", 1)], 9, 9),  # type: ignore[arg-type]
    ):
        with pytest.raises(_core.ArgumentError, match="expected"):
            act()
    with pytest.raises(errors.DecodeError):
        markets.apply(AT.address, PROGRAM, 2, AT.account()[:100])
    assert (len(markets), markets.tick_prices({"SOL": 100_000_000}, 2, 2)[0][0]) == (3, "mine")
