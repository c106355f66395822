"""Price paths: how each scenario moves the market, seeded, in steps every few slots."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from liquidation_engine.errors import ConfigError
from liquidation_engine.localnet.scenarios.assets import ASSETS, BY_SYMBOL, VOLATILE

Path = dict[str, list[float]]  # symbol -> price as a multiple of the first, one for each step

GAPPING = "BONK"  # the most volatile asset
STABLE_NOISE = 0.0003


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStep:
    """The prices that the oracles say from `slot` on."""

    slot: int  # counted from the scenario's start until it has begun, then the chain's
    prices: Mapping[str, int]  # every symbol's price, in its asset's exponent
    gap: bool = False


def price_steps(name: str, rng: random.Random, move_slots: int, step_slots: int = 4) -> tuple[PriceStep, ...]:
    """Return the steps of a scenario; ConfigError for one that does not exist, with those that do."""
    shape = SHAPES.get(name)
    if shape is None:
        raise ConfigError(f"there is no scenario {name!r}; choose one of: {', '.join(sorted(SHAPES))}")
    slots = _slots(rng, move_slots, step_slots)
    path, gaps = shape(rng, len(slots))
    slots = _with_wick(slots) if name == "recovery" else slots
    return tuple(
        PriceStep(
            slot=slot,
            prices={asset.symbol: round(asset.price * path[asset.symbol][place]) for asset in ASSETS},
            gap=place in gaps,
        )
        for place, slot in enumerate(slots)
    )


def _slots(rng: random.Random, move_slots: int, step_slots: int) -> list[int]:
    """Return slots `step_slots` apart, one more or less, from 0 on."""
    slots = [0]
    while slots[-1] < move_slots:
        slots.append(slots[-1] + rng.randint(step_slots - 1, step_slots + 1))
    return slots


def _with_wick(slots: list[int]) -> list[int]:
    """Let the step after the trough follow within one slot: faster than anybody can liquidate."""
    after = _trough(len(slots)) + 1
    return [*slots[:after], slots[after - 1] + 1, *slots[after + 1 :]]


def _trough(steps: int) -> int:
    return int(steps * 0.45)


def _crash(rng: random.Random, steps: int) -> tuple[Path, frozenset[int]]:
    """Falls of 20 to 45 %: four waves carry most of them, a gap of the most volatile asset comes late."""
    waves = _places(steps, (0.2, 0.48, 0.74))
    gap = min(max(round(steps * 0.9), 1), steps - 1)
    falls = {"SOL": 0.36, "JitoSOL": 0.37, "ETH": 0.30, "BTC": 0.24, "PYTH": 0.40}
    path = {symbol: _fall(rng, steps, fall + rng.uniform(-0.02, 0.02), waves) for symbol, fall in falls.items()}
    gap_share = rng.uniform(0.22, 0.25)
    before = 1 - (1 - rng.uniform(0.42, 0.445)) / (1 - gap_share)
    bonk = _fall(rng, steps, before, waves)
    path[GAPPING] = [price * (1 - gap_share) if place >= gap else price for place, price in enumerate(bonk)]
    return _with_stable(rng, path, steps), frozenset({gap})


def _slide(rng: random.Random, steps: int) -> tuple[Path, frozenset[int]]:
    """Falls as deep as a crash's, a little with every step: need for liquidation comes evenly."""
    falls = {"SOL": 0.36, "JitoSOL": 0.37, "ETH": 0.30, "BTC": 0.24, "PYTH": 0.40, GAPPING: 0.42}
    path = {symbol: _fall(rng, steps, fall, (), noise=0.001) for symbol, fall in falls.items()}
    return _with_stable(rng, path, steps), frozenset()


def _calm(rng: random.Random, steps: int) -> tuple[Path, frozenset[int]]:
    """Falls of three percent without waves."""
    path = {symbol: _fall(rng, steps, 0.03 + rng.uniform(-0.003, 0.003), (), noise=0.0012) for symbol in VOLATILE}
    return _with_stable(rng, path, steps), frozenset()


def _recovery(rng: random.Random, steps: int) -> tuple[Path, frozenset[int]]:
    """Falls of a quarter up to a wick of one slot, then a rise to 6 % below the start."""
    down = _trough(steps)
    path: Path = {}
    for symbol in VOLATILE:
        fall = 0.24 + rng.uniform(-0.03, 0.03)
        falling = _fall(rng, down + 1, fall, _places(down + 1, (0.4, 0.8)))
        bottom, end = falling[-1], 0.94 + rng.uniform(-0.01, 0.01)
        falling[-1] = bottom * 0.93
        rising = steps - down - 1
        rise = [bottom * (end / bottom) ** (place / max(rising - 1, 1)) for place in range(rising)]
        path[symbol] = falling + rise
    return _with_stable(rng, path, steps), frozenset({down})


Shape = Callable[[random.Random, int], tuple[Path, frozenset[int]]]
SHAPES: dict[str, Shape] = {"calm": _calm, "crash": _crash, "recovery": _recovery, "slide": _slide}


def _places(steps: int, shares: Sequence[float]) -> tuple[int, ...]:
    return tuple(min(max(round(share * steps), 1), steps - 1) for share in shares)


def _fall(
    rng: random.Random, steps: int, fall: float, waves: Sequence[int], *, noise: float = 0.003, wave_share: float = 0.92
) -> list[float]:
    """Return a path from 1 to `1 − fall`: single-step waves carry `wave_share` of it, drift the rest, noise between."""
    total = math.log(1 - fall)
    last = max(steps - 1, 1)
    in_waves = total * wave_share if waves else 0.0
    drift = (total - in_waves) / last
    moves = [0.0] + [
        drift + (waves.count(place) * in_waves / len(waves) if waves else 0.0) for place in range(1, steps)
    ]
    walk = [0.0]
    for _ in range(1, steps):
        walk.append(walk[-1] + rng.gauss(0, noise))
    path, height = [], 0.0
    for place, move in enumerate(moves):
        height += move
        path.append(math.exp(height + walk[place] - walk[-1] * place / last))  # a bridge: it ends where it should
    return path


def _with_stable(rng: random.Random, path: Path, steps: int) -> Path:
    for symbol, asset in BY_SYMBOL.items():
        if asset.stable:
            path[symbol] = [1 + rng.uniform(-STABLE_NOISE, STABLE_NOISE) for _ in range(steps)]
    path["USDC"] = [1.0] * steps
    return path
