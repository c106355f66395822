"""Trigger prices: the formula, and the book's own verdict on both sides of them."""

import pytest

from book_reference import COLLATERAL, DEBT, MARKET, PROGRAM, Market, Position, Reserve
from liquidation_engine._core import to_base58
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.detect.at_risk import AssetExposure, add_triggers, trigger_price
from liquidation_engine.runner.market_book import MarketBook


def exposure(asset: str, price: float, collateral: int = 0, debt: int = 0) -> AssetExposure:
    return AssetExposure(asset=asset, price=price, collateral=collateral, debt=debt)


SOL = exposure("SOL", 150.0, collateral=1_200)
USDC = exposure("USDC", 1.0, debt=1_000)


@pytest.mark.parametrize(
    ("exposures", "of", "price"),
    [
        ([SOL, USDC], 0, 125.0),  # collateral: crosses where it falls by a sixth
        ([SOL, USDC], 1, 1.2),  # debt: crosses where it rises by a fifth
        ([SOL, exposure("ETH", 3_000.0, collateral=600), USDC], 0, 50.0),
        ([SOL, exposure("ETH", 3_000.0, collateral=1_001), USDC], 0, None),  # the rest carries the debt alone
        ([exposure("SOL", 150.0, collateral=900, debt=900), USDC], 1, None),
        ([exposure("SOL", 150.0, collateral=1_200, debt=200), USDC], 1, 1.0),  # exactly at its limit
        ([exposure("SOL", 150.0, collateral=1_200, debt=1_200), USDC], 0, None),  # its price moves both sides alike
        ([USDC], 0, None),  # debt without collateral has crossed at every price
    ],
)
def test_the_trigger_is_where_weighted_collateral_equals_weighted_debt(
    exposures: list[AssetExposure], of: int, price: float | None
) -> None:
    found = trigger_price(exposures, exposures[of])
    assert found == (None if price is None else pytest.approx(price, rel=1e-12))


def test_a_position_is_listed_under_each_of_its_assets() -> None:
    index: dict[str, dict[str, float | None]] = {}
    add_triggers(index, "P1", [SOL, USDC])
    assert index == {"SOL": {"P1": pytest.approx(125.0)}, "USDC": {"P1": pytest.approx(1.2)}}


def book_at(prices: dict[int, int]) -> tuple[MarketBook, str]:
    """Return a book with one position: $100 of reserve 0 against $72 of reserve 1, prices in ten-thousandths of a USD."""
    held = Position(0, legs=((0, COLLATERAL, 100_000_000), (1, DEBT, 72_000_000)))
    reserves = {number: Reserve(number, exponent=-4, price=prices[number]) for number in range(2)}
    book = MarketBook(to_base58(PROGRAM), to_base58(MARKET))
    book.apply(
        [
            ChainAccount(address=to_base58(key), owner=to_base58(PROGRAM), lamports=1, data=data, slot=1)
            for key, data in Market(reserves, {0: held}).accounts().items()
        ]
    )
    return book, to_base58(held.address)


@pytest.mark.parametrize(("reserve", "crosses"), [(0, -1), (1, +1)])
def test_the_book_agrees_on_both_sides_of_a_trigger(reserve: int, crosses: int) -> None:
    today = {0: 10_000, 1: 10_000}
    book, position = book_at(today)
    (address,) = book.near(1.1)
    index: dict[str, dict[str, float | None]] = {}
    add_triggers(index, *book.exposures(address))
    trigger = index[to_base58(Reserve(reserve).mint)][position]
    assert trigger is not None
    for step, liquidatable in ((crosses, True), (-crosses, False)):
        moved = round(trigger * 10_000) + 2 * step
        after, _ = book_at({**today, reserve: moved})
        assert after.liquidatable() == ([position] if liquidatable else [])


def test_a_position_that_cannot_be_valued_has_no_triggers() -> None:
    book, position = book_at({0: 10_000, 1: 10_000})
    assert book.exposures(b"n" * 32)[1] == []
    found, exposures = book.exposures(book.near(1.1)[0])
    assert (found, len(exposures)) == (position, 2)
