"""The book from Python: what it answers, and what it refuses."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from book_reference import COLLATERAL, DEBT, MARKET, OWNER, PROGRAM, Market, Position, Reserve, market_account
from liquidation_engine import MarketBook, PositionBook, _core, errors

AT = Position(0, legs=((0, COLLATERAL, 100_000_000), (1, DEBT, 72_000_000)))


def filled(position: Position = AT) -> tuple[PositionBook, Market]:
    """Return a market of two reserves at one USD and a position near its limit."""
    market = Market({number: Reserve(number) for number in range(2)}, {position.number: position})
    book = PositionBook.for_market("reference", PROGRAM, MARKET)
    book.tick_accounts([(key, PROGRAM, 1, data) for key, data in market.accounts().items()], 1, 1_700_000_000)
    return book, market


def priced(reserve: Reserve, price: int, slot: int) -> tuple[bytes, bytes, int, bytes]:
    return reserve.oracle, PROGRAM, slot, replace(reserve, price=price, oracle_slot=slot).oracle_account()


def test_a_kernel_can_be_forced_on_a_protocols_market(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIQUIDATION_KERNEL", "portable")
    book, market = filled()
    assert book.kernel == "portable"
    assert book.apply(*priced(market.reserves[0], 90, 2)).crossed == [AT.address]
    book.snapshot(tmp_path / "book")
    assert MarketBook.restore(tmp_path / "book").kernel == "portable"
    monkeypatch.setenv("LIQUIDATION_KERNEL", "sse9")
    with pytest.raises(_core.ArgumentError, match="found kernel 'sse9'"):
        filled()


def test_a_large_market_is_ordered_anew_behind_the_calls() -> None:
    count, market = 5_000, Market({number: Reserve(number) for number in range(2)}, {})
    market.positions.update(
        {n: Position(n, legs=((0, COLLATERAL, 100_000_000), (1, DEBT, 40_000_000 + 6_400 * n))) for n in range(count)}
    )
    book = PositionBook.for_market("reference", PROGRAM, MARKET)
    book.tick_accounts([(key, PROGRAM, 1, data) for key, data in market.accounts().items()], 1, 1_700_000_000)
    crossed: set[bytes] = set()
    for slot in range(2, 62):
        change = book.apply(*priced(market.reserves[0], 100 - slot // 2, slot))
        assert not crossed & set(change.crossed)
        crossed |= set(change.crossed)
        assert sorted(crossed) == book.liquidatable()
    needing = {position.address for n, position in market.positions.items() if (40 + 0.0064 * n) * 1.1 > 70 * 0.8}
    assert len(crossed) > count // 2
    assert abs(len(crossed ^ needing)) <= 1


def test_a_price_answers_with_what_it_made_liquidatable() -> None:
    book, market = filled()
    change = book.apply(*priced(market.reserves[0], 90, 2))
    assert (change.crossed, change.recovered, change.kind, change.evaluated) == ([AT.address], [], "oracle", 1)
    assert book.apply(*priced(market.reserves[0], 89, 3)).crossed == []
    assert book.apply(*priced(market.reserves[0], 100, 4)).recovered == [AT.address]


@pytest.mark.parametrize(("debt", "liquidatable"), [(80_000_000, False), (80_000_001, True)])
def test_equality_is_healthy(debt: int, liquidatable: bool) -> None:
    book, _ = filled(replace(AT, legs=((0, COLLATERAL, 110_000_000), (1, DEBT, debt))))  # 110 · 0.8 = 80 · 1.1
    assert book.health(AT.address)[2:] == (liquidatable, None)
    assert book.liquidatable() == [AT.address] * liquidatable


def test_a_rearmed_position_is_emitted_again() -> None:
    book, market = filled()
    book.apply(*priced(market.reserves[0], 90, 2))
    book.rearm(AT.address)
    assert [book.tick(slot, 0).crossed for slot in (2, 3)] == [[AT.address], []]


def test_a_book_read_back_goes_on_where_it_was_written(tmp_path: Path) -> None:
    book, market = filled()
    book.apply(*priced(market.reserves[0], 90, 2))
    told, waiting = tmp_path / "told", tmp_path / "waiting"
    book.snapshot(told)
    book.rearm(AT.address)
    book.snapshot(waiting)
    for path, crossed in ((told, []), (waiting, [AT.address])):
        again = MarketBook.restore(path)
        assert (again.market, again.clock, again.rows()) == (book.market, book.clock, book.rows())
        assert again.tick(2, 0).crossed == crossed
        assert again.apply(*priced(market.reserves[0], 100, 1)).kind == "older"
        assert again.apply(*priced(market.reserves[0], 100, 3)).recovered == [AT.address]


def test_a_file_of_another_kind_of_book_is_refused(tmp_path: Path) -> None:
    book, _ = filled()
    path = tmp_path / "book"
    book.snapshot(path)
    with pytest.raises(errors.DecodeError, match="not a snapshot of such a book"):
        PositionBook.restore(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.DecodeError, match="checksum"):
        MarketBook.restore(path)


def test_a_row_is_what_the_table_of_positions_shows() -> None:
    book, market = filled()
    book.apply(*priced(market.reserves[0], 90, 2))
    assert book.rows() == [(AT.address, OWNER, pytest.approx(72 / 79.2), True, 90_000_000, 72_000_000, 1)]
    assert (len(book.rows(0.95)), len(book.rows(0.9))) == (1, 0)


def test_a_position_is_named_by_its_material_fields() -> None:
    book, market = filled()
    held = book.position(AT.address)
    reserves = market.reserves
    assert (held["owner"], held["version"], held["slot"]) == (OWNER, 0, 1)
    assert held["legs"] == [
        (reserves[0].address, "collateral", 100_000_000, 100_000_000, reserves[0].mint),
        (reserves[1].address, "debt", 72_000_000, 72_000_000, reserves[1].mint),
    ]
    digest = _core.state_digest(AT.account())
    assert held["digest"] == digest
    assert held["candidate_id"] == _core.candidate_id(AT.address, digest)
    assert held["candidate_id"] == sha256(AT.address + bytes.fromhex(digest)).digest()[:16].hex()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(AT, slot=77), True),
        (replace(AT, version=1), False),
        (replace(AT, legs=AT.legs[:1]), False),
        (replace(AT, legs=(AT.legs[0], (1, DEBT, 71_999_999))), False),
        (replace(AT, legs=(AT.legs[0], (2, DEBT, 72_000_000))), False),
        (replace(AT, legs=(AT.legs[0], (1, COLLATERAL, 72_000_000))), False),
    ],
)
def test_the_digest_follows_legs_and_version_but_not_the_slot(other: Position, same: bool) -> None:
    assert (_core.state_digest(other.account()) == _core.state_digest(AT.account())) is same


def test_an_explanation_holds_every_rounding() -> None:
    book, market = filled(replace(AT, legs=((0, COLLATERAL, 3), (1, DEBT, 1))))
    reserve = replace(market.reserves[1], index=10**18 + 1, borrow_factor=11_001)
    book.apply(reserve.address, PROGRAM, 2, reserve.account())
    told = book.explain(AT.address)
    collateral, debt = told["legs"]
    assert (collateral["value"], collateral["weighted"]) == (3 * 10**12, 24 * 10**11)
    assert (debt["amount"], debt["tokens"], debt["weighted"]) == (1, 2, 2 * 1_100_100_000_000)
    assert (told["weighted_collateral"], told["weighted_debt"]) == (collateral["weighted"], debt["weighted"])
    assert (told["health_factor"], told["liquidatable"], told["reason"]) == (pytest.approx(2.4 / 2.2002), False, None)


def test_a_refused_price_is_a_reason_and_not_a_liquidation() -> None:
    book, market = filled()
    book.apply(*priced(market.reserves[0], 90, 2))
    assert book.tick(2_000, 0).recovered == [AT.address]
    weighted, debt, liquidatable, reason = book.health(AT.address)
    assert (weighted < debt, liquidatable, reason) == (True, False, "stale_price")


def test_a_paused_market_has_no_plans() -> None:
    book, market = filled()
    accounts = market.accounts() | {MARKET: market_account(paused=True)}
    book.apply(MARKET, PROGRAM, 2, accounts[MARKET])
    assert (book.paused, book.health(AT.address)[3]) == (True, "paused")
    with pytest.raises(_core.Refused) as refusal:
        _core.quotes(accounts, AT.address, 1)
    assert (refusal.value.name, refusal.value.code) == ("Paused", 6009)


def test_a_healthy_position_has_no_plans() -> None:
    _, market = filled()
    with pytest.raises(_core.Refused, match=r"Healthy \(6011\)"):
        _core.quotes(market.accounts(), AT.address, 1)


def test_bad_debt_has_no_pairs() -> None:
    alone = replace(AT, legs=((1, DEBT, 5),))
    book, market = filled(alone)
    assert book.health(alone.address)[2:] == (True, "bad_debt")
    assert _core.quotes(market.accounts(), alone.address, 1) == []


@pytest.mark.parametrize(
    ("limited_by", "legs", "price", "amount"),
    [
        ("close_factor", AT.legs, 95, 2**64 - 1),
        ("amount", AT.legs, 95, 10_000_000),
        (
            "close_factor",
            ((0, COLLATERAL, 2_500_000), (1, DEBT, 2_000_000)),
            100,
            2**64 - 1,
        ),  # the rest is the dust limit
        ("dust", ((0, COLLATERAL, 2_500_000), (1, DEBT, 1_999_998)), 100, 2**64 - 1),
        ("dust", ((0, COLLATERAL, 2_000_000), (1, DEBT, 1_500_000)), 95, 2**64 - 1),
        ("collateral", AT.legs, 50, 2**64 - 1),
        ("whole", ((0, COLLATERAL, 100_000_000), (1, DEBT, 10_000_000), (2, DEBT, 100_000_000)), 100, 2**64 - 1),
    ],
)
def test_a_quote_says_what_limits_it(
    limited_by: str, legs: tuple[tuple[int, int, int], ...], price: int, amount: int
) -> None:
    reserves = {number: Reserve(number, price=price if number == 0 else 100) for number in range(3)}
    market = Market(reserves, {0: replace(AT, legs=legs)})
    assert _core.quotes(market.accounts(), AT.address, 0, amount)[0].limited_by == limited_by


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((b"x" * 31, PROGRAM, 1, b""), "found 31 bytes, expected 32"),
        (("x" * 32, PROGRAM, 1, b""), "found str, expected 32 bytes"),
        ((b"x" * 32, PROGRAM, -1, b""), r"found int -1, expected an int from 0 to 2\*\*64 - 1"),
        ((b"x" * 32, PROGRAM, 2**64, b""), "found int 18446744073709551616, expected"),
        ((b"x" * 32, PROGRAM, 1.5, b""), "found float, expected an int"),
        ((b"x" * 32, PROGRAM, 1, bytearray(5)), "found bytearray, expected bytes"),
    ],
)
def test_a_wrong_argument_is_named_and_changes_nothing(arguments: tuple[object, ...], message: str) -> None:
    book, market = filled()
    before = (book.addresses(), book.clock, book.liquidatable())
    with pytest.raises(_core.ArgumentError, match=message):
        book.apply(*arguments)  # type: ignore[arg-type]
    with pytest.raises(_core.ArgumentError, match=message):
        book.tick_accounts([priced(market.reserves[0], 50, 9), arguments], 9, 9)  # type: ignore[list-item]
    assert (book.addresses(), book.clock, book.liquidatable()) == before


@pytest.mark.parametrize("break_", [lambda data: data[:-1], lambda data: data[:8] + b"\x02" + data[9:]])
def test_bytes_the_program_did_not_write_change_nothing(break_) -> None:  # type: ignore[no-untyped-def]
    book, market = filled()
    broken = break_(AT.account())
    with pytest.raises(errors.DecodeError, match=f"is not a position of layout 1: found {len(broken)} bytes"):
        book.tick_accounts([priced(market.reserves[0], 50, 9), (AT.address, PROGRAM, 9, broken)], 9, 9)
    assert (book.clock[0], book.liquidatable()) == (1, [])


def test_every_error_is_of_the_one_tree() -> None:
    book, _ = filled()
    for refused in (
        lambda: PositionBook.for_market("save", PROGRAM, MARKET),
        lambda: book.health(b"?" * 32),
        lambda: _core.from_base58("0"),
        lambda: _core.quotes({}, AT.address, 1),
        lambda: _core.state_digest(b""),
        lambda: _core.sign_message(bytes(range(64)), b""),
    ):
        with pytest.raises(errors.LiquidationEngineError):
            refused()
    with pytest.raises(KeyError, match="is not in the book"):
        book.position(b"?" * 32)
    with pytest.raises(ValueError, match="expected 'reference'"):
        PositionBook.for_market("save", PROGRAM, MARKET)


def test_signatures_are_ed25519() -> None:
    secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"  # RFC 8032, 7.1, test 1
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    signature = _core.sign_message(bytes.fromhex(secret + public), b"")
    assert signature.hex().startswith("e5564300c360ac729086e2cc806e828a")
    assert len(signature) == 64
