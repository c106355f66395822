"""The lending program's arithmetic in plain integers, written from its contract alone.

Values are atto-USD (10⁻¹⁸ USD), amounts the smallest unit of their mint, shares basis points. Python integers have no
width, so an overflow of the program shows as a disagreement between program and judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from liquidation_auditor.decode import COLLATERAL, DEBT, Oracle, Position, Reserve

BPS = 10_000
WAD = 10**18
SLOTS_PER_YEAR = 78_840_000
U64_MAX = 2**64 - 1
ATTO_PER_MICRO_USD = 10**12


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide and round up.

    >>> ceil_div(7, 2), ceil_div(8, 2)
    (4, 4)
    """
    return -(-numerator // denominator)


def unit_price(reserve: Reserve, oracle: Oracle) -> int:
    """Return atto-USD per smallest unit of the reserve's mint."""
    power = oracle.exponent - reserve.decimals + 18
    scale: int = 10 ** abs(power)
    return oracle.price * scale if power >= 0 else oracle.price // scale


def refusal(reserve: Reserve, oracle: Oracle, now: int) -> str | None:
    """Return why the program refuses this price at slot `now`, None where it takes it."""
    if oracle.price == 0 or now - oracle.slot > reserve.max_oracle_age_slots:
        return "StalePrice"
    if oracle.confidence * BPS > oracle.price * reserve.max_confidence_bps:
        return "UncertainPrice"
    return None


def index_at(reserve: Reserve, now: int) -> int:
    """Return the borrow index projected to slot `now`: simple interest since the last accrual, rounded up."""
    elapsed = max(0, now - reserve.accrued_slot)
    grown = reserve.borrow_index * reserve.interest_rate_bps * elapsed
    return reserve.borrow_index + ceil_div(grown, BPS * SLOTS_PER_YEAR)


def index_bound(reserve: Reserve, until: int) -> int | None:
    """Return an index which the reserve cannot pass up to slot `until`, however often it is accrued on the way.

    With r·n the interest of n slots, compounding gives at most e^(r·n) − 1 ≤ 2·r·n while r·n ≤ 1, and every accrual
    rounds up by at most 1. None where the time is too long for that.
    """
    slots = max(0, until - reserve.accrued_slot)
    if reserve.interest_rate_bps * slots > BPS * SLOTS_PER_YEAR:
        return None
    return reserve.borrow_index + 2 * (index_at(reserve, until) - reserve.borrow_index) + slots


def debt_of(shares: int, index: int) -> int:
    """Return the tokens owed for `shares`, rounded up."""
    return ceil_div(shares * index, WAD)


@dataclass(frozen=True, slots=True)
class Health:
    """What a position is worth: weighted (`cw`, `dw`), which decides, and unweighted (`c`, `d`), in atto-USD."""

    cw: int
    dw: int
    c: int
    d: int

    @property
    def liquidatable(self) -> bool:
        """Whether the weighted collateral no longer carries the weighted debt."""
        return self.cw < self.dw


def health(
    position: Position, reserves: Mapping[bytes, Reserve], oracles: Mapping[bytes, Oracle], indexes: Mapping[bytes, int]
) -> Health:
    """Return the position's values with the given borrow indexes."""
    cw = dw = c = d = 0
    for leg in position.legs:
        reserve = reserves[leg.reserve]
        unit = unit_price(reserve, oracles[reserve.oracle])
        if leg.side == COLLATERAL:
            value = leg.amount * unit
            c += value
            cw += value * reserve.liquidation_threshold_bps // BPS
        else:
            value = debt_of(leg.amount, indexes[leg.reserve]) * unit
            d += value
            dw += ceil_div(value * reserve.borrow_factor_bps, BPS)
    return Health(cw, dw, c, d)


@dataclass(frozen=True, slots=True)
class Seizure:
    """What one liquidation of one pair moves; `received` and `fee` together leave the collateral vault."""

    repaid: int
    received: int
    fee: int
    bonus_bps: int
    debt_left: int


def bonus(worth: Health, collateral: Reserve) -> tuple[int, bool]:
    """Return the bonus in basis points, and whether even the least one does not fit: then the pair is closed whole."""
    if worth.c * BPS <= worth.d * (BPS + collateral.min_bonus_bps):
        return collateral.min_bonus_bps, True
    gap = (worth.dw - worth.cw) * BPS // worth.dw
    wanted = max(collateral.min_bonus_bps, min(gap, collateral.max_bonus_bps))
    return min(wanted, (worth.c - worth.d) * BPS // worth.d), False


@dataclass(frozen=True, slots=True)
class Pair:
    """One debt leg against one collateral leg, with all that the arithmetic reads."""

    debt: Reserve
    shares: int
    index: int
    debt_unit: int
    collateral: Reserve
    tokens: int
    collateral_unit: int


def liquidate(pair: Pair, worth: Health, amount: int = U64_MAX) -> Seizure | str:
    """Return what `liquidate` of the pair for at most `amount` moves, or the error that refuses it (steps 1 to 7)."""
    if pair.debt_unit == 0 or pair.collateral_unit == 0:
        return "StalePrice"
    if not worth.liquidatable:
        return "Healthy"
    bonus_bps, whole = bonus(worth, pair.collateral)
    rate = BPS + bonus_bps
    dust = pair.debt.dust_limit_micro_usd * ATTO_PER_MICRO_USD

    def rest_is_dust(closed: int) -> bool:
        return debt_of(pair.shares - closed, pair.index) * pair.debt_unit < dust

    def collateral_for(closed: int) -> int:
        return (closed * pair.index // WAD) * pair.debt_unit * rate // (BPS * pair.collateral_unit)

    limit = pair.shares if whole else pair.shares * pair.debt.close_factor_bps // BPS
    if not whole and rest_is_dust(limit):
        limit = pair.shares
    collateral_is_limit = collateral_for(limit) >= pair.tokens
    if collateral_is_limit:
        need = ceil_div(pair.tokens * pair.collateral_unit * BPS, pair.debt_unit * rate)
        limit = min(limit, ceil_div(need * WAD, pair.index))
    closed = limit if amount >= debt_of(limit, pair.index) else amount * WAD // pair.index
    if closed == 0 or (whole and closed < limit):
        return "AmountTooSmall"
    if not whole and closed < limit and rest_is_dust(closed):
        return "DustLeft"
    seize = pair.tokens if collateral_is_limit and closed == limit else collateral_for(closed)
    if seize == 0:
        return "AmountTooSmall"
    fee = ceil_div((seize - seize * BPS // rate) * pair.collateral.protocol_fee_bps, BPS)
    return Seizure(
        repaid=debt_of(closed, pair.index),
        received=seize - fee,
        fee=fee,
        bonus_bps=bonus_bps,
        debt_left=debt_of(pair.shares - closed, pair.index),
    )


def pairs(
    position: Position, reserves: Mapping[bytes, Reserve], oracles: Mapping[bytes, Oracle], indexes: Mapping[bytes, int]
) -> list[Pair]:
    """Return every debt leg against every collateral leg, in the position's order."""
    made = []
    for debt in position.of(DEBT):
        for collateral in position.of(COLLATERAL):
            d, c = reserves[debt.reserve], reserves[collateral.reserve]
            made.append(
                Pair(
                    debt=d,
                    shares=debt.amount,
                    index=indexes[debt.reserve],
                    debt_unit=unit_price(d, oracles[d.oracle]),
                    collateral=c,
                    tokens=collateral.amount,
                    collateral_unit=unit_price(c, oracles[c.oracle]),
                )
            )
    return made
