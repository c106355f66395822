"""Who borrows: positions with a stated distribution of health, drawn from a seed.

The kinds follow each other in a fixed pattern of 200, so that their shares are exact whatever the seed.
"""

import math
import random
from dataclasses import dataclass

from liquidation_engine.localnet.scenarios.assets import BY_SYMBOL, STABLE, VOLATILE

FLOOR_HEALTH = 1.01
MEAN_EXCESS = 0.95  # health above the floor is exponential with this mean
MEDIAN_DEBT_USD = 2_000.0
SIGMA = 1.6
SMALLEST_USD, LARGEST_USD = 50.0, 200_000.0
BPS = 10_000


@dataclass(frozen=True, slots=True)
class DrawnLeg:
    """A leg in tokens; a debt leg's tokens become shares when the reserve's index is applied."""

    symbol: str
    tokens: int
    debt: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A position as it is drawn, before it has an address."""

    kind: str
    legs: tuple[DrawnLeg, ...]


# Of 200 positions: how many of each kind.
KINDS: dict[str, int] = {"long": 112, "meme": 18, "mixed": 34, "short": 22, "wide": 8, "dust": 5, "tiny": 1}


def _pattern() -> list[str]:
    """Spread the kinds evenly over 200 places: each next place goes to the kind that lags most behind its share."""
    total = sum(KINDS.values())
    placed = dict.fromkeys(KINDS, 0)
    pattern: list[str] = []
    for place in range(1, total + 1):
        kind = max(KINDS, key=lambda name: KINDS[name] * place / total - placed[name])
        placed[kind] += 1
        pattern.append(kind)
    return pattern


PATTERN = tuple(_pattern())


def draw(rng: random.Random, count: int) -> list[Drawn]:
    """Return `count` borrowers, all of them healthy."""
    return [_draw_one(rng, PATTERN[place % len(PATTERN)]) for place in range(count)]


def _draw_one(rng: random.Random, kind: str) -> Drawn:
    collateral, debt = _symbols(rng, kind)
    debt_usd, health = _size(rng, kind), _health(rng, kind)
    debt_weights, weights = _weights(rng, len(debt)), _weights(rng, len(collateral))
    if kind == "meme":
        weights = _weights_with_first(rng, len(collateral), 0.9)
    owed = [(symbol, debt_usd * weight) for symbol, weight in zip(debt, debt_weights, strict=True)]
    weighted_debt = sum(usd * BY_SYMBOL[symbol].config.borrow_factor_bps / BPS for symbol, usd in owed)
    average = sum(
        weight * BY_SYMBOL[symbol].config.liquidation_threshold_bps / BPS
        for symbol, weight in zip(collateral, weights, strict=True)
    )
    held_usd = health * weighted_debt / average
    held = [(symbol, held_usd * weight) for symbol, weight in zip(collateral, weights, strict=True)]
    legs = [DrawnLeg(symbol, _tokens(symbol, usd, up=True), False) for symbol, usd in held]
    legs += [DrawnLeg(symbol, _tokens(symbol, usd, up=False), True) for symbol, usd in owed]
    return Drawn(kind, tuple(legs))


def _symbols(rng: random.Random, kind: str) -> tuple[list[str], list[str]]:
    """Choose collateral and debt; a reserve is never both."""
    sound = [symbol for symbol in VOLATILE if symbol != "BONK"]
    match kind:
        case "meme":
            others = rng.sample(sound, rng.choice((0, 0, 1)))
            return ["BONK", *others], [rng.choice(STABLE)]
        case "short":
            return rng.sample(STABLE, rng.choice((1, 1, 2))), rng.sample(sound, rng.choice((1, 1, 2)))
        case "mixed":
            chosen = rng.sample(sound, 3)
            collateral = [*chosen[: rng.choice((1, 2))], rng.choice(STABLE)]
            left = [symbol for symbol in (*STABLE, chosen[2]) if symbol not in collateral]
            return collateral, rng.sample(left, rng.choice((1, 2)))
        case "wide":
            everything = rng.sample(list(BY_SYMBOL), len(BY_SYMBOL))
            legs = rng.choice((6, 7, 8))
            debts = rng.choice((2, 3))
            return everything[debts:legs], everything[:debts]
        case "tiny":
            return [rng.choice(("SOL", "JitoSOL"))], ["USDC"]
        case _:
            return rng.sample(sound, rng.choice((1, 1, 2, 3))), rng.sample(STABLE, rng.choice((1, 1, 1, 2)))


def _size(rng: random.Random, kind: str) -> float:
    """Return the debt in USD: lognormal, save for dust (under the dust limit) and tiny (worth less than a fee)."""
    if kind == "tiny":
        return rng.uniform(0.001, 0.003)
    if kind == "dust":
        return rng.uniform(0.8, 4.0)
    return min(max(rng.lognormvariate(math.log(MEDIAN_DEBT_USD), SIGMA), SMALLEST_USD), LARGEST_USD)


def _health(rng: random.Random, kind: str) -> float:
    if kind == "tiny":
        return rng.uniform(1.02, 1.1)  # all of them fall in a crash, so that refusing them is seen to happen
    return FLOOR_HEALTH + rng.expovariate(1 / MEAN_EXCESS)


def _weights(rng: random.Random, count: int) -> list[float]:
    """Return shares of a whole, none under a third of an equal share."""
    parts = [0.5 + rng.random() for _ in range(count)]
    return [part / sum(parts) for part in parts]


def _weights_with_first(rng: random.Random, count: int, least: float) -> list[float]:
    if count == 1:
        return [1.0]
    return [least, *[(1 - least) * weight for weight in _weights(rng, count - 1)]]


def _tokens(symbol: str, usd: float, *, up: bool) -> int:
    asset = BY_SYMBOL[symbol]
    exact = usd * 10**18 / asset.unit(asset.price)
    return max(math.ceil(exact) if up else math.floor(exact), 1)
