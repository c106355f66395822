"""The program's arithmetic in slow plain integers, for previews of a scenario (`docs/reference-program.md`)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from liquidation_engine.localnet.scenarios.assets import BY_SYMBOL
from liquidation_engine.protocols.reference.accounts import WAD

BPS = 10_000
ATTO_PER_MICRO = 10**12

Units = Mapping[str, int]  # symbol -> atto-USD per smallest unit


@dataclass(frozen=True, slots=True)
class HeldLeg:
    """A leg as the program holds it: tokens of collateral or shares of debt."""

    symbol: str
    amount: int
    debt: bool

    @property
    def tokens(self) -> int:
        """Tokens held or owed, at the index the scenario starts with."""
        return up(self.amount * BY_SYMBOL[self.symbol].borrow_index, WAD) if self.debt else self.amount


@dataclass(frozen=True, slots=True)
class Sums:
    """A position's values in atto-USD."""

    weighted_collateral: int
    weighted_debt: int
    collateral: int
    debt: int

    @property
    def liquidatable(self) -> bool:
        """Whether the program lets it be liquidated."""
        return self.weighted_collateral < self.weighted_debt

    @property
    def under_water(self) -> bool:
        """Whether its collateral is worth less than its debt."""
        return self.collateral < self.debt


@dataclass(frozen=True, slots=True)
class Close:
    """One liquidation at its limit and what it leaves."""

    debt: str
    collateral: str
    repaid: int
    received: int
    fee: int
    gain: int  # atto-USD: received − repaid
    legs: tuple[HeldLeg, ...]


def up(value: int, divisor: int) -> int:
    """Divide, rounding up."""
    return -(-value // divisor)


def units_at(prices: Mapping[str, int]) -> dict[str, int]:
    """Return each symbol's unit at these prices."""
    return {symbol: BY_SYMBOL[symbol].unit(price) for symbol, price in prices.items()}


def sums(legs: tuple[HeldLeg, ...], units: Units) -> Sums:
    """Return Cw, Dw, C and D."""
    cw = dw = c = d = 0
    for leg in legs:
        config, value = BY_SYMBOL[leg.symbol].config, leg.tokens * units[leg.symbol]
        if leg.debt:
            d, dw = d + value, dw + up(value * config.borrow_factor_bps, BPS)
        else:
            c, cw = c + value, cw + value * config.liquidation_threshold_bps // BPS
    return Sums(cw, dw, c, d)


def closes(legs: tuple[HeldLeg, ...], units: Units) -> list[Close]:
    """Return what liquidating each pair at its limit does; pairs that the program refuses are left out."""
    total = sums(legs, units)
    if not total.liquidatable:
        return []
    found = [
        _close(legs, units, total, debt, collateral)
        for debt in legs
        if debt.debt
        for collateral in legs
        if not collateral.debt
    ]
    return [close for close in found if close is not None]


def _close(legs: tuple[HeldLeg, ...], units: Units, total: Sums, debt: HeldLeg, collateral: HeldLeg) -> Close | None:
    d, c = BY_SYMBOL[debt.symbol], BY_SYMBOL[collateral.symbol]
    ud, uc, index = units[debt.symbol], units[collateral.symbol], d.borrow_index
    whole = total.collateral * BPS <= total.debt * (BPS + c.config.min_bonus_bps)
    bonus = c.config.min_bonus_bps if whole else _partial_bonus(total, c.config.min_bonus_bps, c.config.max_bonus_bps)
    limit = debt.amount if whole else debt.amount * d.config.close_factor_bps // BPS
    rest = up((debt.amount - limit) * index, WAD) * ud
    if rest < d.config.dust_limit_micro_usd * ATTO_PER_MICRO:
        limit = debt.amount
    seize = limit * index // WAD * ud * (BPS + bonus) // (BPS * uc)
    if seize >= collateral.amount:
        need = up(collateral.amount * uc * BPS, ud * (BPS + bonus))
        limit, seize = min(limit, up(need * WAD, index)), collateral.amount
    repaid = up(limit * index, WAD)
    fee = up((seize - seize * BPS // (BPS + bonus)) * c.config.protocol_fee_bps, BPS)
    if limit == 0 or seize == 0:
        return None
    left = {debt.symbol: limit, collateral.symbol: seize}
    after = (replace(leg, amount=leg.amount - left.get(leg.symbol, 0)) for leg in legs)
    gain = (seize - fee) * uc - repaid * ud
    rest_of_it = tuple(leg for leg in after if leg.amount)
    return Close(debt.symbol, collateral.symbol, repaid, seize - fee, fee, gain, rest_of_it)


def _partial_bonus(total: Sums, least: int, most: int) -> int:
    earned = (total.weighted_debt - total.weighted_collateral) * BPS // total.weighted_debt
    return min(max(earned, least), most, (total.collateral - total.debt) * BPS // total.debt)
