"""The arithmetic of `liquidate`, slowly, in exact fractions, written from `docs/reference-program.md` alone.

Nothing here is shared with the engine or the program: three witnesses are worth more than one.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

WAD = 10**18
BPS = 10**4
SLOTS_PER_YEAR = 78_840_000
U64 = 2**64


class Refused(Exception):
    """A refusal, by its name in the contract."""


@dataclass(frozen=True)
class ModelReserve:
    """What the arithmetic needs of a reserve and its oracle."""

    ltv: int
    threshold: int
    borrow_factor: int
    min_bonus: int
    max_bonus: int
    close_factor: int
    protocol_fee: int
    max_confidence: int
    rate: int
    max_age: int
    dust_micro_usd: int
    index: int
    accrued_slot: int
    decimals: int
    exponent: int
    price: int
    confidence: int
    price_slot: int


@dataclass(frozen=True)
class ModelLeg:
    """A reserve's part of a position: tokens of collateral, shares of debt."""

    reserve: ModelReserve
    is_debt: bool
    amount: int


@dataclass(frozen=True)
class ModelResult:
    """What a liquidation does, in the order of its return data, and what leaves the position."""

    repaid: int
    received: int
    fee: int
    bonus: int
    debt_left: int
    shares: int
    seized: int


def index_at(reserve: ModelReserve, now: int) -> int:
    """Return the index at `now`."""
    slots = max(0, now - reserve.accrued_slot)
    return reserve.index + ceil(Fraction(reserve.index * reserve.rate * slots, BPS * SLOTS_PER_YEAR))


def unit(reserve: ModelReserve, now: int) -> Fraction:
    """Return atto-USD per smallest unit, at a price that may be believed."""
    if reserve.price == 0 or now - reserve.price_slot > reserve.max_age:
        raise Refused("StalePrice")
    if Fraction(reserve.confidence, reserve.price) > Fraction(reserve.max_confidence, BPS):
        raise Refused("UncertainPrice")
    return Fraction(10) ** (reserve.exponent - reserve.decimals + 18) * reserve.price


def tokens(leg: ModelLeg, now: int) -> int:
    """Return a leg's tokens: what it holds, or what it owes."""
    return ceil(Fraction(leg.amount * index_at(leg.reserve, now), WAD)) if leg.is_debt else leg.amount


@dataclass(frozen=True)
class ModelHealth:
    """Weighted and unweighted sums."""

    collateral: Fraction
    debt: Fraction
    weighted_collateral: int
    weighted_debt: int

    @property
    def liquidatable(self) -> bool:
        """Whether the position may be liquidated."""
        return self.weighted_collateral < self.weighted_debt


def health(legs: list[ModelLeg], now: int) -> ModelHealth:
    """Return the sums over a position."""
    values = [(leg, tokens(leg, now) * unit(leg.reserve, now)) for leg in legs]
    return ModelHealth(
        collateral=sum((value for leg, value in values if not leg.is_debt), Fraction()),
        debt=sum((value for leg, value in values if leg.is_debt), Fraction()),
        weighted_collateral=sum(
            floor(value * Fraction(leg.reserve.threshold, BPS)) for leg, value in values if not leg.is_debt
        ),
        weighted_debt=sum(
            ceil(value * Fraction(leg.reserve.borrow_factor, BPS)) for leg, value in values if leg.is_debt
        ),
    )


def liquidate(
    legs: list[ModelLeg], debt: ModelLeg, collateral: ModelLeg, amount: int, min_seize: int, now: int
) -> ModelResult:
    """Return what liquidating at most `amount` of `debt` against `collateral` does (steps 1 to 7)."""
    sums = health(legs, now)
    if not sums.liquidatable:
        raise Refused("Healthy")
    shares, index, unit_debt = debt.amount, index_at(debt.reserve, now), unit(debt.reserve, now)
    held, unit_collateral = collateral.amount, unit(collateral.reserve, now)
    least, most = collateral.reserve.min_bonus, collateral.reserve.max_bonus
    cover = sums.collateral / sums.debt

    whole = cover <= 1 + Fraction(least, BPS)
    if whole:
        bonus = least
    else:
        shortfall = Fraction(sums.weighted_debt - sums.weighted_collateral, sums.weighted_debt)
        bonus = min(max(floor(shortfall * BPS), least), most)
        bonus = min(bonus, floor((cover - 1) * BPS))

    def owed(count: int) -> int:
        return ceil(Fraction(count * index, WAD))

    def is_dust(left: int) -> bool:
        return owed(left) * unit_debt < debt.reserve.dust_micro_usd * 10**12

    def worth(count: int) -> int:
        removed = floor(Fraction(count * index, WAD))
        return floor(removed * unit_debt * Fraction(BPS + bonus, BPS) / unit_collateral)

    limit = shares
    if not whole:
        part = floor(Fraction(shares * debt.reserve.close_factor, BPS))
        limit = shares if is_dust(shares - part) else part
    takes_all = worth(limit) >= held
    if takes_all:
        need = ceil(held * unit_collateral / (unit_debt * Fraction(BPS + bonus, BPS)))
        limit = min(limit, ceil(Fraction(need * WAD, index)))

    count = limit if amount >= owed(limit) else floor(Fraction(amount * WAD, index))
    if count == 0 or (whole and count < limit):
        raise Refused("AmountTooSmall")
    if not whole and count < limit and is_dust(shares - count):
        raise Refused("DustLeft")
    seized = held if takes_all and count == limit else worth(count)
    if seized == 0:
        raise Refused("AmountTooSmall")
    principal = floor(seized / Fraction(BPS + bonus, BPS))
    fee = ceil((seized - principal) * Fraction(collateral.reserve.protocol_fee, BPS))
    if seized - fee < min_seize:
        raise Refused("SeizeBelowMinimum")
    return ModelResult(
        repaid=owed(count),
        received=seized - fee,
        fee=fee,
        bonus=bonus,
        debt_left=owed(shares - count),
        shares=count,
        seized=seized,
    )
