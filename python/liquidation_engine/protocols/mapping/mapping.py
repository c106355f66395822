"""The TOML file that says what a layout's fields mean; every name in it is checked against the layout when it is read.

A number is a field's path ("config.threshold_bps"), an integer, or { field = "borrow_index", one = "1000000000000000000" } for a
field whose 1.0 is `one`.
"""

import tomllib
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Self, cast

from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.mapping.layout import SIGNED, WIDTHS, Layout, Type
from liquidation_engine.protocols.mapping.sources import Source, parse_source

Kind = Literal["lending", "fixed-term", "margined"]
KINDS = ("lending", "fixed-term", "margined")
_INTEGERS = {*WIDTHS, *SIGNED} - {"bool", "pubkey"}


@dataclass(frozen=True, slots=True)
class Number:
    """An integer field over what counts as 1, or a constant."""

    path: str | None
    constant: int = 0
    one: int = 1

    def of(self, fields: Dict[str, Any]) -> Fraction:
        """Return the exact value in an account's fields."""
        return Fraction(self.constant if self.path is None else at(fields, self.path), self.one)


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Where a position's legs are: an array, or the position's own fields without `array`."""

    array: str | None
    count: str | None  # how many of the array are in use
    reserve: str
    amount: str
    side: str | None  # the field that says which side; fixed without
    collateral: int | None  # its value for collateral
    debt: int | None
    fixed: Literal["collateral", "debt"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The account that is liquidated."""

    account: str
    owner: str
    version: str | None
    due: str | None  # unix time after which a fixed-term loan is liquidatable whatever the price
    legs: tuple[Legs, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margined:
    """The fields of a margined position (kind = "margined")."""

    account: str
    owner: str
    is_long: str
    size: str
    size_decimals: int
    entry_price: Number  # quote per whole unit
    collateral: str
    collateral_decimals: int
    leverage: Number
    price: str  # the position's field that names the price account


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Where an asset is lent."""

    account: str
    mint: str
    decimals: Number
    threshold: Number
    borrow_factor: Number
    debt_index: Number  # debt = ceil(amount * index)
    collateral_rate: Number  # collateral = floor(amount * rate)
    price: str  # the field that names the price account
    max_age_slots: Number | None
    max_confidence: Number | None  # of the price: 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a whole token is worth: mantissa * 10^exponent."""

    account: str
    mantissa: str
    exponent: Number
    slot: str | None
    confidence: str | None  # half of the price's interval, in the mantissa's unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidate:
    """The instruction that liquidates."""

    instruction: str
    args: Dict[str, Source]
    accounts: Dict[str, Source]
    remaining: tuple[Source, ...]  # appended once for every other leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A program's meaning."""

    name: str
    kind: Kind
    program: str
    layout: Layout
    position: Position | None
    margined: Margined | None
    reserve: Reserve | None
    price: Price
    liquidate: Liquidate | None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a mapping and the layout that it names; ConfigError says which entry is wrong and what would do."""
        try:
            with path.open("rb") as file:
                body = tomllib.load(file)
        except OSError as error:
            raise ConfigError(f"the mapping {path} cannot be read: {error}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"the mapping {path} is no TOML: {error}") from error
        top = _Table(str(path), body)
        layout = Layout.load(path.parent / top.text("layout"))
        kind = top.text("kind", "lending")
        if kind not in KINDS:
            raise ConfigError(f"{path}: kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        margined = kind == "margined"
        mapping = cls(
            name=top.text("name"),
            kind=cast("Kind", kind),
            program=top.text("program", layout.program),
            layout=layout,
            position=None if margined else _position(top.table("position"), layout, needs_due=kind == "fixed-term"),
            margined=_margined(top.table("position"), layout) if margined else None,
            reserve=None if margined else _reserve(top.table("reserve"), layout),
            price=_price(top.table("price"), layout),
            liquidate=_liquidate(top.table("liquidate"), layout) if "liquidate" in body else None,
        )
        top.all_read()
        return mapping


def at(fields: Dict[str, Any], path: str) -> Any:
    """Return the field at a path."""
    value: Any = fields
    for name in path.split("."):
        value = value[name]
    return value


class _Table:
    """A table of the TOML that knows its place and which keys were read."""

    def __init__(self, place: str, body: Any) -> None:
        if not isinstance(body, dict):
            raise ConfigError(f"{place}: found {body!r}, expected a table")
        self.place, self.body = place, body
        self._read: set[str] = set()
        self._inner: list[_Table] = []

    def get(self, key: str, default: Any = ...) -> Any:
        self._read.add(key)
        if key not in self.body and default is ...:
            raise ConfigError(f"{self.place}: {key} is missing")
        return self.body.get(key, default)

    def text(self, key: str, default: Any = ...) -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.place}: {key}: found {value!r}, expected a text")
        return value

    def table(self, key: str) -> "_Table":
        made = _Table(f"{self.place}: {key}", self.get(key))
        self._inner.append(made)
        return made

    def tables(self, key: str) -> list["_Table"]:
        found = self.get(key)
        entries = found if isinstance(found, list) else [found]
        made = [_Table(f"{self.place}: {key}[{place}]", entry) for place, entry in enumerate(entries)]
        self._inner += made
        return made

    def account(self, layout: Layout) -> str:
        name = self.text("account")
        if name not in layout.accounts:
            known = ", ".join(sorted(layout.accounts))
            raise ConfigError(f"{self.place}: account: found {name!r}, expected one of {known}")
        return name

    def path(self, key: str, kind: Type, wanted: set[str], default: Any = ...) -> Any:
        value = self.get(key, default)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ConfigError(f"{self.place}: {key}: found {value!r}, expected a field")
        check_path(kind, value, wanted, f"{self.place}: {key}")
        return value

    def number(self, key: str, kind: Type, default: int | None = None) -> Number:
        value = self.get(key, ... if default is None else default)
        place = f"{self.place}: {key}"
        if isinstance(value, int) and not isinstance(value, bool):
            return Number(None, value)
        if isinstance(value, str):
            check_path(kind, value, _INTEGERS, place)
            return Number(value)
        table = _Table(place, value)
        self._inner.append(table)
        path = table.path("field", kind, _INTEGERS)
        one = table.get("one")
        try:
            one = int(one)  # a text where TOML's integers are too small
        except (TypeError, ValueError):
            raise ConfigError(f"{place}: one: found {one!r}, expected a whole number") from None
        if one <= 0:
            raise ConfigError(f"{place}: one: found {one}, expected a number above 0")
        return Number(path, one=one)

    def integer(self, key: str) -> int:
        value = self.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 18:
            raise ConfigError(f"{self.place}: {key}: found {value!r}, expected a whole number from 0 to 18")
        return value

    def all_read(self) -> None:
        if unknown := sorted(set(self.body) - self._read):
            raise ConfigError(f"{self.place}: found {', '.join(unknown)}, which no mapping has")
        for inner in self._inner:
            inner.all_read()


def check_path(kind: Type, path: str, wanted: set[str], place: str) -> None:
    """Refuse a path that the type does not have, or that ends in another type than wanted (any if empty)."""
    inner = kind
    for name in path.split("."):
        fields = dict(inner["struct"]) if isinstance(inner, dict) and "struct" in inner else {}
        if name not in fields:
            raise ConfigError(
                f"{place}: found {path!r}, but there is no {name!r} among {', '.join(fields) or 'no fields'}"
            )
        inner = fields[name]
    if wanted and inner not in wanted:
        raise ConfigError(f"{place}: found {path!r} of type {inner}, expected {' or '.join(sorted(wanted))}")


def _position(table: _Table, layout: Layout, *, needs_due: bool) -> Position:
    account = table.account(layout)
    kind = layout.accounts[account][1]
    return Position(
        account=account,
        owner=table.path("owner", kind, {"pubkey"}),
        version=table.path("version", kind, _INTEGERS, None),
        due=table.path("due", kind, _INTEGERS, ... if needs_due else None),
        legs=tuple(_legs(entry, kind) for entry in table.tables("legs")),
    )


def _legs(table: _Table, position: Type) -> Legs:
    array = table.get("array", None)
    kind = position if array is None else _element(position, array, f"{table.place}: array")
    side = table.get("side")
    fixed: Literal["collateral", "debt"] | None = None
    field, collateral, debt = None, None, None
    if side == "collateral":
        fixed = "collateral"
    elif side == "debt":
        fixed = "debt"
    else:
        inner = _Table(f"{table.place}: side", side)
        field = inner.path("field", kind, {*_INTEGERS, "bool"})
        collateral, debt = inner.get("collateral"), inner.get("debt")
        inner.all_read()
    return Legs(
        array=array,
        count=table.path("count", position, _INTEGERS, None),
        reserve=table.path("reserve", kind, {"pubkey"}),
        amount=table.path("amount", kind, _INTEGERS),
        side=field,
        collateral=collateral,
        debt=debt,
        fixed=fixed,
    )


def _element(position: Type, path: Any, place: str) -> Type:
    if not isinstance(path, str):
        raise ConfigError(f"{place}: found {path!r}, expected a field")
    check_path(position, path, set(), place)
    inner = position
    for name in path.split("."):
        inner = dict(inner["struct"])[name]
    if isinstance(inner, dict) and "array" in inner:
        return inner["array"][0]
    if isinstance(inner, dict) and "vec" in inner:
        return inner["vec"]
    raise ConfigError(f"{place}: found {path!r} of type {inner}, expected an array or a vec")


def _margined(table: _Table, layout: Layout) -> Margined:
    account = table.account(layout)
    kind = layout.accounts[account][1]
    return Margined(
        account=account,
        owner=table.path("owner", kind, {"pubkey"}),
        is_long=table.path("is_long", kind, {"bool", "u8"}),
        size=table.path("size", kind, _INTEGERS),
        size_decimals=table.integer("size_decimals"),
        entry_price=table.number("entry_price", kind),
        collateral=table.path("collateral", kind, _INTEGERS),
        collateral_decimals=table.integer("collateral_decimals"),
        leverage=table.number("leverage", kind),
        price=table.path("price", kind, {"pubkey"}),
    )


def _reserve(table: _Table, layout: Layout) -> Reserve:
    account = table.account(layout)
    kind = layout.accounts[account][1]
    return Reserve(
        account=account,
        mint=table.path("mint", kind, {"pubkey"}),
        decimals=table.number("decimals", kind),
        threshold=table.number("liquidation_threshold", kind),
        borrow_factor=table.number("borrow_factor", kind, 1),
        debt_index=table.number("debt_index", kind, 1),
        collateral_rate=table.number("collateral_rate", kind, 1),
        price=table.path("price", kind, {"pubkey"}),
        max_age_slots=table.number("max_age_slots", kind) if "max_age_slots" in table.body else None,
        max_confidence=table.number("max_confidence", kind) if "max_confidence" in table.body else None,
    )


def _price(table: _Table, layout: Layout) -> Price:
    account = table.account(layout)
    kind = layout.accounts[account][1]
    return Price(
        account=account,
        mantissa=table.path("mantissa", kind, _INTEGERS),
        exponent=table.number("exponent", kind),
        slot=table.path("slot", kind, _INTEGERS, None),
        confidence=table.path("confidence", kind, _INTEGERS, None),
    )


def _liquidate(table: _Table, layout: Layout) -> Liquidate:
    name = table.text("instruction")
    if name not in layout.instructions:
        known = ", ".join(sorted(layout.instructions))
        raise ConfigError(f"{table.place}: instruction: found {name!r}, expected one of {known}")
    made = layout.instructions[name]
    args = _sources(table.get("args", {}), {arg for arg, _ in made.args}, f"{table.place}: args")
    needed = {account["name"] for account in made.accounts if "address" not in account and not account["optional"]}
    accounts = _sources(table.get("accounts"), needed, f"{table.place}: accounts", {a["name"] for a in made.accounts})
    remaining = tuple(parse_source(text, f"{table.place}: remaining") for text in table.get("remaining", []))
    return Liquidate(instruction=name, args=args, accounts=accounts, remaining=remaining)


def _sources(body: Any, needed: set[str], place: str, allowed: set[str] | None = None) -> dict[str, Source]:
    if not isinstance(body, dict):
        raise ConfigError(f"{place}: found {body!r}, expected a table")
    if missing := sorted(needed - set(body)):
        raise ConfigError(f"{place}: {', '.join(missing)} is missing")
    if unknown := sorted(set(body) - (allowed or needed)):
        raise ConfigError(f"{place}: found {', '.join(unknown)}, which the instruction does not have")
    return {key: parse_source(text, f"{place}: {key}") for key, text in body.items()}
