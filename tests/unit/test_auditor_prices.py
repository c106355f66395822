"""The prices that the books' values are held against: those in force in a span of slots, and no others."""

import pytest

from auditor_builder import MARKET, PROGRAM, usual_town
from liquidation_auditor.prices import Prices
from liquidation_auditor.state import ChainState

MICRO_USD = 10**12


def history() -> tuple[Prices, str]:
    """Return prices of COL: 1 USD at first, 0.9 from slot 110 on, 0.8 from slot 120 on."""
    town, prices, state = usual_town(), Prices(), ChainState(bytes(PROGRAM), bytes(MARKET))
    col = town.assets[0]
    for slot, price in ((99, 1_000_000), (105, 1_000_000), (110, 900_000), (120, 800_000)):
        col.price = price
        state.apply(town.rows(slot))
        prices.note(slot, state)
    return prices, str(col.mint)


@pytest.mark.parametrize(
    ("first", "last", "in_force"),
    [
        (100, 109, [1_000_000]),
        (110, 110, [1_000_000, 900_000]),  # within slot 110 the old price was in force until the new one came
        (111, 119, [900_000]),
        (105, 130, [1_000_000, 900_000, 800_000]),
        (121, 130, [800_000]),
    ],
)
def test_a_span_of_slots_has_the_price_it_began_with_and_those_set_in_it(
    first: int, last: int, in_force: list[int]
) -> None:
    prices, mint = history()
    assert [price * 10**6 // MICRO_USD for price in prices.in_force(mint, first, last)] == in_force


def test_an_amount_is_worth_between_its_least_and_greatest_price_and_two_micro_usd_for_rounding() -> None:
    prices, mint = history()
    assert prices.worth(mint, 1_000, 111, 120) == (800 - 2, 900 + 2)
    assert prices.worth(mint, 1_001, 121, 130) == (800 - 2, 801 + 2)


def test_a_mint_without_a_price_is_worth_nothing() -> None:
    prices, _ = history()
    assert prices.worth("unknown", 1_000, 100, 130) == (-2, 2)
