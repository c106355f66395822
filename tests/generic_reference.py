"""A generic market in plain Python: the slow book that the fast one must equal, call by call."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

import numpy as np

Leg = tuple[int, int]
"""Slot (2·asset collateral, 2·asset + 1 debt) and amount in smallest units."""


@dataclass
class SlowBook:
    """Positions, prices and who was told; every call judges everybody."""

    decimals: Sequence[int]
    exponents: Sequence[int]
    prices: list[int] = field(default_factory=list)
    weights: tuple[list[int], list[int]] = ([], [])
    positions: dict[int, list[Leg]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.prices = [0] * len(self.decimals)
        self.weights = ([10_000] * len(self.decimals), [10_000] * len(self.decimals))

    def sums(self, legs: Iterable[Leg], prices: Sequence[int] | None = None) -> tuple[int, int]:
        sums = [0, 0]
        for slot, amount in legs:
            asset, side = divmod(slot, 2)
            price = (prices or self.prices)[asset]
            power = Fraction(10) ** (self.exponents[asset] - self.decimals[asset] + 18)
            value = amount * price * self.weights[side][asset] * power / 10**4
            sums[side] += ceil(value) if side else floor(value)
        return sums[0], sums[1]

    def values(self, legs: Iterable[Leg], prices: Sequence[int]) -> tuple[Fraction, Fraction]:
        """Return the market values of collateral and debt in quote currency: no weights, nothing rounded."""
        values = [Fraction(0), Fraction(0)]
        for slot, amount in legs:
            asset, side = divmod(slot, 2)
            values[side] += amount * prices[asset] * Fraction(10) ** (self.exponents[asset] - self.decimals[asset])
        return values[0], values[1]

    def scenario(self, shocks: Sequence[float]) -> tuple[list[int], Fraction, Fraction]:
        """Return (ids, debt at risk, shortfall) under shocked prices."""
        prices = [shocked(price, shock) for price, shock in zip(self.prices, shocks, strict=True)]
        ids = sorted(name for name, legs in self.positions.items() if less(self.sums(legs, prices)))
        values = [self.values(self.positions[name], prices) for name in ids]
        debt = sum((debt for _, debt in values), Fraction(0))
        shortfall = sum((max(Fraction(0), debt - collateral) for collateral, debt in values), Fraction(0))
        return ids, debt, shortfall

    def liquidatable(self) -> set[int]:
        return {name for name, legs in self.positions.items() if less(self.sums(legs))}

    def change(self, *, replaced: Iterable[int] = (), before: set[int] | None = None) -> tuple[list[int], list[int]]:
        """Return (crossed, recovered) after a change, `before` being who was liquidatable until then."""
        now = self.liquidatable()
        self.told -= set(replaced)
        crossed, recovered = now - self.told, (before or set()) - now
        self.told = now
        return sorted(crossed), sorted(recovered)

    def set_positions(self, positions: Mapping[int, list[Leg]]) -> tuple[list[int], list[int]]:
        before = self.liquidatable()
        rearmed = before - self.told  # told again by the next tick only
        self.positions |= positions
        crossed, recovered = self.change(replaced=positions, before=before)
        return self.held_back(crossed, rearmed - positions.keys()), recovered

    def remove(self, names: Sequence[int]) -> tuple[list[int], list[int]]:
        before = self.liquidatable()
        rearmed = before - self.told
        for name in names:
            del self.positions[name]
        crossed, recovered = self.change(before=before)
        return self.held_back(crossed, rearmed), recovered

    def held_back(self, crossed: list[int], rearmed: set[int]) -> list[int]:
        self.told -= rearmed
        return [name for name in crossed if name not in rearmed]

    def set_weights(self, collateral: list[int], debt: list[int]) -> tuple[list[int], list[int]]:
        before = self.liquidatable()
        self.weights = (collateral, debt)
        return self.change(before=before)

    def tick(self, prices: list[int]) -> tuple[list[int], list[int]]:
        before = self.liquidatable()
        self.prices = prices
        return self.change(before=before)

    def rearm(self, name: int) -> None:
        self.told.discard(name)


def shocked(price: int, shock: float) -> int:
    """Return floor(price * (1 + shock)) as Python computes it; without a shock the price is what it was."""
    return floor(price * (1 + shock)) if shock else price


def less(sums: tuple[int, int]) -> bool:
    return sums[0] < sums[1]


def columns(positions: Mapping[int, list[Leg]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return ids, offsets, slots and amounts as PositionBook.set_positions takes them."""
    legs = [leg for position in positions.values() for leg in position]
    offsets = np.cumsum([0, *(len(position) for position in positions.values())])
    return (
        np.array(list(positions), np.uint64),
        offsets.astype(np.uint32),
        np.array([slot for slot, _ in legs], np.uint16),
        np.array([amount for _, amount in legs], np.uint64),
    )
