"""Margined positions: the formulas, and what they promise, on exact fractions."""

from fractions import Fraction as F

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.mapping.margined import MarginedPosition, check_terms, maintenance_margin

LEVERAGES = st.one_of(st.integers(1, 400), st.integers(501, 1_000))
AMOUNTS = st.fractions(F(1, 1_000), 10**6, max_denominator=10**6)


@st.composite
def positions(draw: st.DrawFn) -> MarginedPosition:
    """A position as it is opened: collateral of at least size * price / leverage."""
    size, price, leverage = draw(AMOUNTS), draw(AMOUNTS), draw(LEVERAGES)
    extra = draw(st.fractions(0, 3, max_denominator=1_000))
    collateral = size * price / leverage * (1 + extra)
    return MarginedPosition(
        is_long=draw(st.booleans()), size=size, entry_price=price, collateral=collateral, leverage=leverage
    )


@pytest.mark.parametrize(
    ("leverage", "margin"),
    [(1, "0.025"), (20, "0.025"), (21, "0.01"), (50, "0.01"), (51, "0.005"), (100, "0.005"), (101, "0.0025"),
     (400, "0.0025"), (501, "0.001"), (1_000, "0.001")],
)  # fmt: skip
def test_the_maintenance_margin_follows_the_leverage(leverage: int, margin: str) -> None:
    assert maintenance_margin(leverage) == F(margin)


@pytest.mark.parametrize("leverage", [0, -1, 401, 450, 500, 1_001])
def test_leverage_that_cannot_work_is_refused(leverage: int) -> None:
    with pytest.raises(ConfigError, match=f"found leverage {leverage}"):
        maintenance_margin(leverage)


def test_a_long_position_by_hand() -> None:
    held = MarginedPosition(is_long=True, size=F(10), entry_price=F(100), collateral=F(100), leverage=10)
    assert held.ratio(F(100)) == F(1, 10)
    assert held.liquidation_price() == F(900) / F(39, 4)  # (10·100 − 100) / (10·0.975)
    assert held.liquidation_mantissa(-2) == 9_230  # 92.307692…
    assert not held.is_liquidatable(F("92.31"))
    assert held.is_liquidatable(F("92.30"))
    # E = 20, wanted 5 % of 920 = 46: close 26 / (92 · (0.05 − 0.001)).
    assert held.to_close(F(92), target=F("0.05"), fee=F("0.001")) == F(26) / (92 * F("0.049"))


@given(positions())
def test_at_the_liquidation_price_the_ratio_is_the_maintenance_margin(held: MarginedPosition) -> None:
    price = held.liquidation_price()
    if price <= 0:
        assert held.is_long
        assert held.liquidation_mantissa(-8) is None
        return
    assert held.ratio(price) == maintenance_margin(held.leverage)
    assert not held.is_liquidatable(price)
    worse = price * (F(999, 1_000) if held.is_long else F(1_001, 1_000))
    assert held.is_liquidatable(worse)


@given(positions(), st.sampled_from([-9, -6, -2, 0]))
def test_the_mantissa_is_the_nearest_at_which_it_is_liquidatable(held: MarginedPosition, exponent: int) -> None:
    mantissa = held.liquidation_mantissa(exponent)
    if mantissa is None:
        return
    scale = F(10) ** exponent
    assert held.is_liquidatable(mantissa * scale)
    safer = mantissa + (1 if held.is_long else -1)
    if safer > 0:
        assert not held.is_liquidatable(safer * scale)


@given(
    positions(), st.fractions(F(1, 2), 2, max_denominator=1_000), st.fractions(0, F(1, 1_000), max_denominator=10_000)
)
def test_closing_a_part_reaches_the_target_exactly(held: MarginedPosition, move: F, fee: F) -> None:
    price = held.entry_price * move
    target = 2 * maintenance_margin(held.leverage)
    closed = held.to_close(price, target=target, fee=fee)
    assert 0 <= closed <= held.size
    if 0 < closed < held.size:
        left = held.size - closed
        equity = held.equity(price) - fee * closed * price  # the profit of the closed part is realised
        assert equity / (left * price) == target


def test_closing_is_whole_where_a_part_cannot_help() -> None:
    held = MarginedPosition(is_long=True, size=F(10), entry_price=F(100), collateral=F(10), leverage=100)
    assert held.to_close(F(99), target=F("0.01"), fee=F("0.01")) == held.size  # the fee eats what closing frees
    assert held.to_close(F(50), target=F("0.02"), fee=F("0.001")) == held.size
    assert held.bad_debt(F(50)) == 490
    assert held.to_close(F(200), target=F("0.02"), fee=F("0.001")) == 0


def test_terms_that_only_harm_are_refused() -> None:
    check_terms(target=F("0.05"), fee=F("0.001"), leverage=10)
    with pytest.raises(ConfigError, match="found fee 1/40"):
        check_terms(target=F("0.05"), fee=F("0.025"), leverage=10)
    with pytest.raises(ConfigError, match="found target margin 1/100"):
        check_terms(target=F("0.01"), fee=F(0), leverage=10)
