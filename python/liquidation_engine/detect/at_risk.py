"""Which positions are near liquidation, and at which price of each of their assets it begins.

For display and for other processes: floats, and no decision hangs on them. Before it: the book. After it: `atRisk:{asset}` on Redis.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Triggers = Mapping[str, Mapping[str, float | None]]
"""Asset -> position -> the price (USD) at which the position crosses, all else as it is; None where no price of it alone can do that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetExposure:
    """What a position has in one asset: its price in USD, and the weighted sums on both sides, in one unit."""

    asset: str
    price: float
    collateral: int
    debt: int


def trigger_price(exposures: Iterable[AssetExposure], of: AssetExposure) -> float | None:
    """Return the price of `of.asset` at which weighted collateral equals weighted debt, None where no positive price does.

    With C and D the sums over the other assets, c and d this asset's at today's price p: C + c·x = D + d·x, so that the
    price is p·(D - C)/(c - d). With c > d the position crosses where the price falls below it, with c < d where it rises above.
    """
    others = [one for one in exposures if one.asset != of.asset]
    missing = sum(one.debt for one in others) - sum(one.collateral for one in others)
    net = of.collateral - of.debt
    if net == 0 or missing * net <= 0:
        return None
    return of.price * (missing / net)


def add_triggers(into: dict[str, dict[str, float | None]], position: str, exposures: list[AssetExposure]) -> None:
    """Add a position under each of its assets."""
    for exposure in exposures:
        into.setdefault(exposure.asset, {})[position] = trigger_price(exposures, exposure)
