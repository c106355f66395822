"""The Rust book against slow, plain Python: same sums, same verdicts, same set, same plans, to the last unit."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from book_reference import COLLATERAL, DEBT, MARKET, PROGRAM, WAD, Market, Position, ProgramRefusalError, Reserve
from liquidation_engine import PositionBook, Quote, _core

NOW = 1_000
NUMBERS = range(4)

amounts = st.one_of(st.integers(1, 50), st.integers(1, 10**13), st.integers(2**63, 2**64 - 1))
prices = st.one_of(st.just(0), st.integers(1, 300), st.integers(1, 10**9), st.just(2**64 - 1))


@st.composite
def reserves(draw: Callable[..., int], number: int) -> Reserve:
    """Any configuration that the program accepts, at any price."""
    max_bonus = draw(st.integers(0, 2_000))
    threshold = draw(st.integers(1, min(10_000, (10**8 - 1) // (10_000 + max_bonus))))
    return Reserve(
        number,
        decimals=draw(st.sampled_from([0, 6, 9])),
        ltv=threshold - 1,
        threshold=threshold,
        borrow_factor=draw(st.integers(10_000, 20_000)),
        min_bonus=draw(st.integers(0, max_bonus)),
        max_bonus=max_bonus,
        close_factor=draw(st.integers(1, 10_000)),
        protocol_fee=draw(st.integers(0, 10_000)),
        max_confidence=draw(st.integers(1, 500)),
        rate=draw(st.sampled_from([0, 500, 1_000_000])),
        dust=draw(st.sampled_from([0, 1_000_000, 10**12])),
        index=draw(st.integers(WAD, 3 * WAD)),
        accrued=draw(st.integers(0, NOW + 10)),
        price=draw(prices),
        confidence=draw(st.one_of(st.just(0), st.integers(0, 10))),
        oracle_slot=draw(st.sampled_from([0, 1, NOW, NOW + 5])),
        max_age=draw(st.sampled_from([NOW - 1, NOW])),
    )


@st.composite
def positions(draw: Callable[..., int], number: int) -> Position:
    """Legs in any number of the reserves, on any side."""
    held = draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    legs = tuple((at, draw(st.sampled_from([COLLATERAL, DEBT])), draw(amounts)) for at in held)
    return Position(number, legs=legs, version=draw(st.integers(0, 3)))


@st.composite
def near(draw: Callable[..., int]) -> tuple[Market, Position]:
    """A position whose first debt is within a few units of what its collateral carries, or up to half of it over."""
    market = Market({number: draw(reserves(number)) for number in NUMBERS})
    market.reserves = {
        number: replace(one, price=max(1, one.price % 10**6), confidence=0, oracle_slot=NOW, accrued=NOW)
        for number, one in market.reserves.items()
    }
    collateral = draw(st.integers(1, 10**13))
    at = [draw(st.integers(1, 10**12)) for _ in NUMBERS]
    legs = [(0, COLLATERAL, collateral), (1, DEBT, 1)]
    legs += [(2, draw(st.sampled_from([COLLATERAL, DEBT])), at[2])] if draw(st.booleans()) else []
    debt = market.reserves[1]
    spare = market.sums(Position(0, legs=tuple(legs)), NOW)
    share = max(1, (spare[0] - spare[1]) * 10_000 // (debt.borrow_factor * debt.unit()) * WAD // debt.index)
    over = draw(st.one_of(st.integers(-3, 3), st.integers(0, max(1, share // 2))))
    legs[1] = (1, DEBT, min(max(1, share + over), 2**64 - 1))
    return market, Position(0, legs=tuple(legs))


def filled(market: Market, *, slot: int = 1) -> PositionBook:
    """Return a book that was told every account."""
    book = PositionBook.for_market("reference", PROGRAM, MARKET)
    states = [(address, PROGRAM, slot, data) for address, data in market.accounts().items()]
    book.tick_accounts(states, NOW, 0)
    return book


def asked(market: Market, position: Position, amount: int) -> list[Quote] | str:
    """Return the plans, or the name of the refusal of all of them."""
    try:
        return _core.quotes(market.accounts(), position.address, NOW, amount)
    except _core.Refused as refusal:
        return refusal.name


@settings(max_examples=600, deadline=None)
@given(st.tuples(*map(reserves, NUMBERS)), st.tuples(*map(positions, range(5))))
def test_sums_and_verdicts_are_the_plain_ones(many: tuple[Reserve, ...], held: tuple[Position, ...]) -> None:
    market = Market({one.number: one for one in many}, {one.number: one for one in held})
    book = filled(market)
    for position in held:
        assert book.health(position.address) == market.health(position, NOW)
    need = sorted(position.address for position in held if market.health(position, NOW)[2])
    assert book.liquidatable() == need


@settings(max_examples=600, deadline=None)
@given(near(), st.one_of(st.just(2**64 - 1), st.integers(0, 10**7)))
def test_plans_are_the_plain_ones(found: tuple[Market, Position], amount: int) -> None:
    market, position = found
    market.positions = {0: position}
    debts = [number for number, side, _ in position.legs if side == DEBT]
    pairs = [(debt, number) for debt in debts for number, side, _ in position.legs if side == COLLATERAL]
    expected, refused = {}, []
    for pair in pairs:
        try:
            expected[pair] = market.liquidate(position, *pair, amount, NOW)
        except ProgramRefusalError as refusal:
            refused.append(str(refusal))
    quotes = asked(market, position, amount)
    if isinstance(quotes, str):
        assert (expected, quotes) == ({}, refused[0])
        return
    assert [(quote.debt_reserve, quote.collateral_reserve) for quote in quotes] == [
        (market.reserves[debt].address, market.reserves[collateral].address) for debt, collateral in expected
    ]
    for quote, (pair, plain) in zip(quotes, expected.items(), strict=True):
        assert {name: getattr(quote, name) for name in plain if name != "shares"} == {
            name: figure for name, figure in plain.items() if name != "shares"
        }
        left = market.after(position, *pair, plain)
        cw, dw, *_ = market.sums(left, NOW)
        sides = {side for _, side, _ in left.legs}
        assert (quote.still_liquidatable, quote.leaves_bad_debt) == (cw < dw, sides == {DEBT})
        assert quote.health_after == (pytest.approx(cw / dw, rel=1e-12) if dw else None)  # a float, for display


class _Step:
    """What may happen to a market, as hypothesis draws it."""

    price = st.tuples(st.just("price"), st.sampled_from(NUMBERS), st.integers(60, 140))
    rate = st.tuples(st.just("rate"), st.sampled_from(NUMBERS), st.sampled_from([0, 10_000, 1_000_000]))
    legs = st.tuples(st.just("legs"), st.integers(0, 3), st.integers(1, 800_000))
    close = st.tuples(st.just("close"), st.integers(0, 3), st.just(0))
    wait = st.tuples(st.just("wait"), st.just(0), st.one_of(st.integers(0, 5), st.integers(0, 100_000)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(_Step.price, _Step.rate, _Step.legs, _Step.legs, _Step.close, _Step.wait), max_size=30))
@example([("legs", 0, 727_272), ("wait", 0, 1), ("price", 0, 99), ("price", 0, 100)])
def test_the_set_follows_every_account_and_slot(steps: list[tuple[str, int, int]]) -> None:
    market = Market({number: Reserve(number, max_age=10_000) for number in NUMBERS})
    book = filled(market, slot=0)
    now = NOW
    for slot, (what, number, figure) in enumerate(steps, start=1):
        if what == "wait":
            now += figure
            book.tick(now, 0)
        elif what == "close":
            market.positions.pop(number, None)
            book.apply(Position(number).address, PROGRAM, slot, b"")
        elif what == "legs":
            legs = ((number, COLLATERAL, 1_000_000), ((number + 1) % 4, DEBT, figure))
            market.positions[number] = Position(number, legs=legs, version=slot)
            book.apply(Position(number).address, PROGRAM, slot, market.positions[number].account())
        else:
            old = market.reserves[number]
            new = replace(old, price=figure, oracle_slot=now) if what == "price" else replace(old, rate=figure)
            market.reserves[number] = new
            changed = (new.oracle, new.oracle_account()) if what == "price" else (new.address, new.account())
            book.apply(changed[0], PROGRAM, slot, changed[1])
        need = sorted(one.address for one in market.positions.values() if market.health(one, now)[2])
        assert book.liquidatable() == need
