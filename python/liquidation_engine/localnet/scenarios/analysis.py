"""A preview of a scenario in plain Python: who becomes liquidatable, what one close leaves, what ends under water."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from liquidation_engine.localnet.scenarios.arithmetic import Close, HeldLeg, Sums, Units, closes, sums, units_at
from liquidation_engine.localnet.scenarios.assets import ASSETS
from liquidation_engine.localnet.scenarios.genesis import PlacedPosition
from liquidation_engine.localnet.scenarios.scenario import Scenario

MOST_CLOSES_A_STEP = 40
WORTHLESS_ATTO_USD = 10**15  # a gain below a tenth of a cent pays no fee


@dataclass(slots=True)
class _Tale:
    """What becomes of one position when it is liquidated at each step until it is healthy."""

    liquidatable: bool = False
    stays_after_best: bool = False
    stays_after_any: bool = False
    under_water: bool = False
    unprofitable: bool = False
    closes: int = 0
    bad_debt: Counter[str] = field(default_factory=Counter)


def analyse(scenario: Scenario) -> dict[str, object]:
    """Return counts over all positions: left alone, and liquidated at every step by somebody who never fails.

    `stays_after_best` counts those that the most profitable close leaves liquidatable when they first are,
    `stays_after_any` those that no single close makes healthy.
    """
    path = [units_at({asset.symbol: asset.price for asset in ASSETS})]
    path += [units_at(step.prices) for step in scenario.price_steps]
    start = [sums(one.legs, path[0]) for one in scenario.positions]
    tales = [_tale(one, path[1:]) for one in scenario.positions]
    hit = [tale for tale in tales if tale.liquidatable]
    alone = [_left_alone(one.legs, path[1:]) for one in scenario.positions]
    bad: Counter[str] = Counter()
    for tale in tales:
        bad.update(tale.bad_debt)
    return {
        "positions": len(tales),
        "healthy_at_start": sum(not one.liquidatable for one in start),
        "health_at_start": sorted(_health(one) for one in start if one.weighted_debt),
        "liquidatable": len(hit),
        "stays_after_best": sum(tale.stays_after_best for tale in hit),
        "stays_after_any": sum(tale.stays_after_any for tale in hit),
        "under_water": sum(tale.under_water for tale in hit),
        "unprofitable": sum(tale.unprofitable for tale in hit),
        "closes": sum(tale.closes for tale in hit),
        "bad_debt": {symbol: amount for symbol, amount in bad.items() if amount},
        "funds": {symbol: balance.fund for symbol, balance in scenario.balances.items()},
        "recovered_left_alone": sum(seen and healthy for seen, healthy in alone),
    }


def _health(one: Sums) -> float:
    return one.weighted_collateral / one.weighted_debt


def _left_alone(legs: tuple[HeldLeg, ...], path: Sequence[Units]) -> tuple[bool, bool]:
    """Return whether it is ever liquidatable, and whether it is healthy at the end, when nobody touches it."""
    verdicts = [sums(legs, units).liquidatable for units in path]
    return any(verdicts), not verdicts[-1]


def _tale(position: PlacedPosition, path: Sequence[Units]) -> _Tale:
    tale, legs = _Tale(), position.legs
    for units in path:
        total = sums(legs, units)
        if total.liquidatable:
            tale.under_water |= total.under_water
            legs = _liquidate(tale, legs, units)
    return tale


def _liquidate(tale: _Tale, legs: tuple[HeldLeg, ...], units: Units) -> tuple[HeldLeg, ...]:
    """Close the best pair again and again until it is healthy or nothing is left to take."""
    for _ in range(MOST_CLOSES_A_STEP):
        found = closes(legs, units)
        if not found:
            break
        best = max(found, key=lambda close: close.gain)
        if not tale.liquidatable:
            _first_close(tale, found, best, units)
        if tale.unprofitable:
            return legs
        tale.closes += 1
        legs = best.legs
    if legs and all(leg.debt for leg in legs):
        for leg in legs:
            tale.bad_debt[leg.symbol] += leg.tokens
        legs = ()
    return legs


def _first_close(tale: _Tale, found: list[Close], best: Close, units: Units) -> None:
    tale.liquidatable = True
    tale.unprofitable = best.gain < WORTHLESS_ATTO_USD
    tale.stays_after_best = sums(best.legs, units).liquidatable
    tale.stays_after_any = all(sums(close.legs, units).liquidatable for close in found)
