"""A generic market as the goals describe it: 64 assets, 5 legs on average, 30 % of positions in the first asset.

Health is 1.0002 + an exponential of mean 0.5: 2 positions per unit of health and position near 1, so 0.4 % are within
20 basis points and 4 % within 2 %; 0.5 % more are dust that is liquidatable all the time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ASSETS = 64
DENSITY = "2 per unit of health near 1: 0.4 % of positions within 20 bp, 4 % within 2 %; 0.5 % liquidatable dust"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Columns as PositionBook takes them, and the floats that its peers work on."""

    decimals: NDArray[np.uint8]
    exponents: NDArray[np.int8]
    prices: NDArray[np.int64]
    collateral_bps: NDArray[np.uint32]
    debt_bps: NDArray[np.uint32]
    ids: NDArray[np.uint64]
    offsets: NDArray[np.uint32]
    slots: NDArray[np.uint16]
    amounts: NDArray[np.uint64]

    @property
    def count(self) -> int:
        return self.ids.size

    def table(self, prices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what a whole token of each slot weighs at these prices, debts negative."""
        dollars = prices * 10.0 ** self.exponents.astype(float)
        sides = (dollars * self.collateral_bps / 1e4, -dollars * self.debt_bps / 1e4)
        return np.stack(sides, axis=1).reshape(-1)

    def quantities(self) -> NDArray[np.float64]:
        """Return the amounts in whole tokens, leg by leg."""
        return self.amounts / 10.0 ** self.decimals.astype(float)[self.slots // 2]


def data(count: int, seed: int = 3) -> Data:
    """Return a market of so many positions, the same for the same seed."""
    dice = np.random.default_rng(seed)
    rest = 1 / np.arange(1, ASSETS) ** 0.8
    popularity = np.r_[0.073, rest / rest.sum() * 0.927]
    deposits, debts = dice.integers(1, 6, count), dice.integers(1, 4, count)
    offsets = np.zeros(count + 1, np.uint32)
    offsets[1:] = np.cumsum(deposits + debts)
    legs = int(offsets[-1])
    row = np.repeat(np.arange(count), deposits + debts)
    is_debt = np.arange(legs) - offsets[row].astype(np.int64) >= deposits[row]
    asset = dice.choice(ASSETS, legs, p=popularity)
    decimals = dice.choice([6, 8, 9], ASSETS).astype(np.uint8)
    prices = np.maximum(1, np.exp(dice.normal(2, 2, ASSETS)) * 1e8).astype(np.int64)
    weights = np.stack([dice.integers(6_000, 9_000, ASSETS), dice.integers(10_000, 15_000, ASSETS)]).astype(np.uint32)
    dollars = dice.lognormal(3, 1.5, legs)
    weighted = dollars * weights[is_debt.astype(int), asset]
    sums = [np.bincount(row[side], weighted[side], count) for side in (~is_debt, is_debt)]
    health = 1.0002 + dice.exponential(0.5, count)
    health[dice.random(count) < 0.005] = 0.9
    dollars[is_debt] *= (sums[0] / sums[1] / health)[row[is_debt]]
    amounts = np.maximum(1, dollars * 1e8 / prices[asset] * 10.0 ** decimals[asset].astype(float))
    return Data(
        decimals=decimals,
        exponents=np.full(ASSETS, -8, np.int8),
        prices=prices,
        collateral_bps=weights[0],
        debt_bps=weights[1],
        ids=np.arange(count, dtype=np.uint64),
        offsets=offsets,
        slots=(2 * asset + is_debt).astype(np.uint16),
        amounts=amounts.astype(np.uint64),
    )
