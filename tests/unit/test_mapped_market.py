"""Fixed-term loans and margined positions through a mapping: deadlines, liquidation by ratio, accounts that come and go."""

import json
from pathlib import Path
from typing import Any

import pytest

from liquidation_engine._core import to_base58
from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.protocols.mapping import MappedMarket, Mapping

PROGRAM = to_base58(bytes([9] * 32))
KEYS = {name: bytes([number] * 32) for number, name in enumerate(("loan", "sol", "usd", "feed", "dollar", "me"), 1)}
NAMES = {name: to_base58(key) for name, key in KEYS.items()}

LENDING = """
name = "terms"
kind = "fixed-term"
layout = "layout.json"
[position]
account = "Loan"
owner = "owner"
due = "due"
[[position.legs]]
reserve = "collateral_reserve"
amount = "collateral"
side = "collateral"
[[position.legs]]
reserve = "debt_reserve"
amount = "debt"
side = "debt"
[reserve]
account = "Reserve"
mint = "feed"
decimals = 6
liquidation_threshold = { field = "percent", one = 100 }
collateral_rate = { field = "rate", one = 1000 }
debt_index = { field = "rate", one = 1000 }
price = "feed"
[price]
account = "Feed"
mantissa = "price"
exponent = -2
"""
MARGINED = """
name = "perps"
kind = "margined"
layout = "layout.json"
[position]
account = "Perp"
owner = "owner"
is_long = "long"
size = "size"
size_decimals = 3
entry_price = { field = "entry", one = 100 }
collateral = "collateral"
collateral_decimals = 2
leverage = "leverage"
price = "feed"
[price]
account = "Feed"
mantissa = "price"
exponent = -2
"""


def account(number: int, fields: list[list[str]]) -> dict[str, Any]:
    """Return an account's layout with a discriminator of its own."""
    return {"discriminator": bytes([number] * 8).hex(), "type": {"struct": fields}}


LAYOUT = {
    "format": 1, "name": "terms", "program": PROGRAM, "instructions": {}, "errors": {},
    "accounts": {
        "Loan": account(1, [["owner", "pubkey"], ["collateral_reserve", "pubkey"], ["collateral", "u64"],
                            ["debt_reserve", "pubkey"], ["debt", "u64"], ["due", "i64"]]),
        "Reserve": account(2, [["feed", "pubkey"], ["percent", "u8"], ["rate", "u64"]]),
        "Feed": account(3, [["price", "u64"]]),
        "Perp": account(4, [["owner", "pubkey"], ["long", "bool"], ["size", "u64"], ["entry", "u64"],
                            ["collateral", "u64"], ["leverage", "u16"], ["feed", "pubkey"]]),
    },
}  # fmt: skip


def market(tmp_path: Path, text: str) -> MappedMarket:
    """Return an empty market of a mapping."""
    (tmp_path / "layout.json").write_text(json.dumps(LAYOUT))
    (tmp_path / "mapping.toml").write_text(text)
    return MappedMarket(Mapping.load(tmp_path / "mapping.toml"))


def u64(*values: int) -> bytes:
    """Return the values' bytes."""
    return b"".join(value.to_bytes(8, "little") for value in values)


def lend(tmp_path: Path, *, collateral: int = 1_000, debt: int = 700, due: int = 100) -> MappedMarket:
    """Return a market with one loan: collateral at 1.00 counting 80 %, debt at 1.00."""
    made = market(tmp_path, LENDING)
    loan = KEYS["me"] + KEYS["sol"] + u64(collateral) + KEYS["usd"] + u64(debt, due)
    made.apply(NAMES["loan"], PROGRAM, 5, bytes([1] * 8) + loan)
    for name, rate in (("sol", 1_000), ("usd", 1_000)):
        feed = "feed" if name == "sol" else "dollar"
        made.apply(NAMES[name], PROGRAM, 5, bytes([2] * 8) + KEYS[feed] + bytes([80]) + u64(rate))
        made.apply(NAMES[feed], PROGRAM, 5, bytes([3] * 8) + u64(100))
    return made


def test_a_fixed_term_loan_is_liquidatable_once_it_is_due_or_under_its_threshold(tmp_path: Path) -> None:
    made = lend(tmp_path)
    assert made.liquidatable(slot=9, unix_time=100) == []
    assert made.liquidatable(slot=9, unix_time=101) == [NAMES["loan"]]
    made.apply(NAMES["feed"], PROGRAM, 6, bytes([3] * 8) + u64(87))
    assert made.liquidatable(slot=9, unix_time=0) == [NAMES["loan"]]
    made.apply(NAMES["feed"], PROGRAM, 6, bytes([3] * 8) + u64(88))
    assert made.liquidatable(slot=9, unix_time=0) == []  # 1000 · 0.88 · 80 % = 704


def test_a_repaid_loan_is_never_due(tmp_path: Path) -> None:
    assert lend(tmp_path, debt=0).liquidatable(slot=9, unix_time=10**9) == []


def test_rates_round_against_the_borrower(tmp_path: Path) -> None:
    made = lend(tmp_path, collateral=3, debt=3)
    for name, feed in (("sol", "feed"), ("usd", "dollar")):
        made.apply(NAMES[name], PROGRAM, 6, bytes([2] * 8) + KEYS[feed] + bytes([80]) + u64(1_500))
    assert [(leg.is_debt, leg.amount) for leg in made.legs(NAMES["loan"])] == [(False, 4), (True, 5)]


def test_a_margined_position_is_judged_by_its_ratio(tmp_path: Path) -> None:
    made = market(tmp_path, MARGINED)
    perp = KEYS["me"] + b"\1" + u64(10_000, 10_000, 10_000) + (10).to_bytes(2, "little") + KEYS["feed"]
    made.apply(NAMES["loan"], PROGRAM, 1, bytes([4] * 8) + perp)  # 10 units at 100 with 100 of collateral
    for price, expected in ((9_231, []), (9_230, [NAMES["loan"]]), (10_000, [])):
        made.apply(NAMES["feed"], PROGRAM, 1, bytes([3] * 8) + u64(price))
        assert made.liquidatable(slot=1, unix_time=0) == expected


def test_what_is_missing_or_of_another_kind_is_named(tmp_path: Path) -> None:
    made = lend(tmp_path)
    del made.accounts[NAMES["dollar"]]
    with pytest.raises(ConfigError, match=f"Feed {NAMES['dollar']} is needed and was not seen"):
        made.liquidatable(slot=9, unix_time=0)
    made.apply(NAMES["dollar"], PROGRAM, 9, bytes([2] * 8) + KEYS["feed"] + bytes([80]) + u64(1))
    with pytest.raises(DecodeError, match="is a Reserve, expected a Feed"):
        made.liquidatable(slot=9, unix_time=0)
    with pytest.raises(DecodeError, match="found 12 bytes"):
        made.apply(NAMES["feed"], PROGRAM, 9, bytes([3] * 8) + b"1234")
