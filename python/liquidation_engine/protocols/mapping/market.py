"""A mapped program's market: raw accounts in, verdicts and liquidation instructions out.

Lending and fixed-term positions are judged by the library's own `PositionBook` in exact integers (amount, price, weight);
a debt index counts as it is stored, without interest since. Margined positions are judged by `margined` in exact fractions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from liquidation_engine import _core
from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.protocols.mapping.mapping import Legs, Mapping, at
from liquidation_engine.protocols.mapping.margined import MarginedPosition

BPS = 10_000
_U64 = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Held:
    """An account as last seen."""

    kind: str
    fields: dict[str, Any]
    slot: int


@dataclass(frozen=True, slots=True)
class Leg:
    """One asset of a position: collateral or debt, in the mint's smallest units."""

    reserve: str
    is_debt: bool
    amount: int


@dataclass
class MappedMarket:
    """Positions, reserves and prices of one program."""

    mapping: Mapping
    accounts: dict[str, Held] = field(default_factory=dict)

    def apply(self, address: str, owner: str, slot: int, data: bytes) -> str | None:
        """Take an account's state; return its kind, None for foreign or older ones. DecodeError for malformed bytes."""
        held = self.accounts.get(address)
        if held is not None and held.slot > slot:
            return None
        if owner != self.mapping.program or not data:
            self.accounts.pop(address, None)  # closed, or another program's
            return None
        kind = self.mapping.layout.kind_of(data)
        if kind is not None:
            self.accounts[address] = Held(kind, self.mapping.layout.decode(kind, data), slot)
        return kind

    def positions(self) -> list[str]:
        """Return the addresses of all positions, ascending."""
        shape = self.mapping.margined or self.mapping.position
        assert shape is not None
        return sorted(address for address, held in self.accounts.items() if held.kind == shape.account)

    def legs(self, position: str) -> list[Leg]:
        """Return a position's legs in tokens: collateral rounded down, debt up. Legs without amount are left out."""
        shape = self.mapping.position
        assert shape is not None
        fields = self._fields(position, shape.account)
        return [leg for legs in shape.legs for leg in self._legs(fields, legs)]

    def _legs(self, fields: dict[str, Any], shape: Legs) -> Iterable[Leg]:
        entries = [fields] if shape.array is None else at(fields, shape.array)
        if shape.count is not None:
            entries = entries[: at(fields, shape.count)]
        for entry in entries:
            amount, reserve = at(entry, shape.amount), at(entry, shape.reserve)
            if amount == 0:
                continue
            is_debt = self._is_debt(entry, shape)
            terms = self.mapping.reserve
            assert terms is not None
            of = self._fields(reserve, terms.account)
            tokens = ceil(amount * terms.debt_index.of(of)) if is_debt else floor(amount * terms.collateral_rate.of(of))
            yield Leg(reserve, is_debt, tokens)

    def _is_debt(self, entry: dict[str, Any], shape: Legs) -> bool:
        if shape.side is None:
            return shape.fixed == "debt"
        value = at(entry, shape.side)
        if value not in (shape.collateral, shape.debt):
            raise DecodeError(
                f"found side {value!r}, expected {shape.collateral!r} (collateral) or {shape.debt!r} (debt)"
            )
        return bool(value == shape.debt)

    def liquidatable(self, *, slot: int, unix_time: int) -> list[str]:
        """Return the positions that can be liquidated now, ascending by address; not those with a price too old or uncertain."""
        if self.mapping.kind == "margined":
            return [address for address in self.positions() if self._margined_verdict(address, slot)]
        positions = self.positions()
        book, rows = self._book(positions, slot, unix_time)
        due = {address for address in positions if self._is_due(address, unix_time)}
        found = {rows[int(row)] for row in book.liquidatable()}
        return [address for address in positions if address in found or address in due]

    def health(self, position: str, *, slot: int, unix_time: int) -> tuple[int, int]:
        """Return weighted collateral and weighted debt in 10^-18 quote units; liquidatable iff the first is below."""
        book, _ = self._book([position], slot, unix_time)
        return book.health_exact(0)

    def margined(self, position: str) -> MarginedPosition:
        """Return a margined position in whole units."""
        shape = self.mapping.margined
        assert shape is not None
        fields = self._fields(position, shape.account)
        return MarginedPosition(
            is_long=bool(at(fields, shape.is_long)),
            size=Fraction(at(fields, shape.size), 10**shape.size_decimals),
            entry_price=shape.entry_price.of(fields),
            collateral=Fraction(at(fields, shape.collateral), 10**shape.collateral_decimals),
            leverage=int(shape.leverage.of(fields)),
        )

    def price(self, account: str) -> Fraction:
        """Return a price account's price of a whole unit."""
        price = self._price(account)
        return price.mantissa * Fraction(10) ** price.exponent

    def field(self, kind: str, address: str, path: str) -> Any:
        """Return a field of an account, of any kind if `kind` is empty."""
        held = self.accounts.get(address)
        if held is None:
            raise ConfigError(f"account {address} is needed and was not seen")
        return at(held.fields, path)

    def _margined_verdict(self, address: str, slot: int) -> bool:
        shape = self.mapping.margined
        assert shape is not None
        account = at(self._fields(address, shape.account), shape.price)
        return self.margined(address).is_liquidatable(self.price(account))

    def _is_due(self, address: str, unix_time: int) -> bool:
        shape = self.mapping.position
        assert shape is not None
        if shape.due is None or not any(leg.is_debt for leg in self.legs(address)):
            return False
        return bool(at(self._fields(address, shape.account), shape.due) < unix_time)

    def _book(self, positions: list[str], slot: int, unix_time: int) -> "tuple[_core.PositionBook, list[str]]":
        legs = {address: self.legs(address) for address in positions}
        reserves = sorted({leg.reserve for held in legs.values() for leg in held})
        terms = [self._terms(reserve, slot) for reserve in reserves]
        place = {reserve: number for number, reserve in enumerate(reserves)}
        book = _core.PositionBook(
            reserves,
            np.array([each.decimals for each in terms], np.uint8),
            np.array([each.exponent for each in terms], np.int8),
        )
        book.set_weights(
            np.array([each.threshold for each in terms], np.uint32),
            np.array([each.borrow_factor for each in terms], np.uint32),
        )
        rows = [address for address in positions if all(terms[place[leg.reserve]].mantissa for leg in legs[address])]
        flat = [leg for address in rows for leg in legs[address]]
        offsets = np.cumsum([0, *(len(legs[address]) for address in rows)])
        book.set_positions(
            np.arange(len(rows), dtype=np.uint64),
            offsets.astype(np.uint32),
            np.array([2 * place[leg.reserve] + leg.is_debt for leg in flat], np.uint16),
            np.array([leg.amount for leg in flat], np.uint64),
        )
        book.tick(np.array([each.mantissa for each in terms], np.int64), slot, unix_time)
        return book, rows

    def _terms(self, reserve: str, slot: int) -> "_Terms":
        shape = self.mapping.reserve
        assert shape is not None
        fields = self._fields(reserve, shape.account)
        price = self._price(at(fields, shape.price))
        too_old = shape.max_age_slots is not None and slot - price.slot > shape.max_age_slots.of(fields)
        vague = shape.max_confidence is not None and price.confidence > price.mantissa * shape.max_confidence.of(fields)
        return _Terms(
            int(shape.decimals.of(fields)),
            price.exponent,
            _in_bps(shape.threshold.of(fields), reserve, "liquidation_threshold"),
            _in_bps(shape.borrow_factor.of(fields), reserve, "borrow_factor"),
            0 if too_old or vague else price.mantissa,  # as no price: the program would refuse this one
        )

    def _price(self, account: str) -> "_Price":
        shape = self.mapping.price
        fields = self._fields(account, shape.account)
        return _Price(
            at(fields, shape.mantissa),
            int(shape.exponent.of(fields)),
            at(fields, shape.slot) if shape.slot else 0,
            at(fields, shape.confidence) if shape.confidence else 0,
        )

    def _fields(self, address: str, kind: str) -> dict[str, Any]:
        held = self.accounts.get(address)
        if held is None:
            raise ConfigError(f"{kind} {address} is needed and was not seen")
        if held.kind != kind:
            raise DecodeError(f"account {address} is a {held.kind}, expected a {kind}")
        return held.fields


@dataclass(frozen=True, slots=True)
class _Price:
    mantissa: int
    exponent: int
    slot: int
    confidence: int


@dataclass(frozen=True, slots=True)
class _Terms:
    decimals: int
    exponent: int
    threshold: int
    borrow_factor: int
    mantissa: int


def _in_bps(weight: Fraction, reserve: str, name: str) -> int:
    scaled = weight * BPS
    if scaled.denominator != 1 or not 0 <= scaled.numerator < 2**32:
        raise ConfigError(f"reserve {reserve}: {name}: found {weight}, expected a number of basis points: set `one`")
    return scaled.numerator
