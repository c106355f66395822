"""Margined (perpetual) positions: margin ratio, what to close, and the liquidation price, in exact fractions.

Equity E = collateral + unrealised profit; the margin ratio is E / (size * price). A position is liquidatable iff that ratio is
below the maintenance margin of its leverage, so that at equality it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from liquidation_engine.errors import ConfigError

# (highest leverage, maintenance margin)
MAINTENANCE: Sequence[tuple[int, Fraction]] = (
    (20, Fraction(25, 1_000)),
    (50, Fraction(1, 100)),
    (100, Fraction(5, 1_000)),
    (500, Fraction(25, 10_000)),
    (1_000, Fraction(1, 1_000)),
)


def maintenance_margin(leverage: int) -> Fraction:
    """Return the maintenance margin of a leverage.

    Raises ConfigError for leverage outside 1 to 1000, and for one whose initial margin (1 / leverage) is below its
    maintenance margin (401 to 500), because such a position would be liquidatable when it is opened.
    """
    if leverage < 1:
        raise ConfigError(f"found leverage {leverage}, expected 1 to {MAINTENANCE[-1][0]}")
    for highest, margin in MAINTENANCE:
        if leverage <= highest:
            if Fraction(1, leverage) < margin:
                raise ConfigError(
                    f"found leverage {leverage}: its initial margin 1/{leverage} is below its maintenance margin {margin}"
                )
            return margin
    raise ConfigError(f"found leverage {leverage}, expected 1 to {MAINTENANCE[-1][0]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginedPosition:
    """A long or short position; amounts in whole units, prices in quote per unit, all exact."""

    is_long: bool
    size: Fraction
    entry_price: Fraction
    collateral: Fraction
    leverage: int

    def equity(self, price: Fraction) -> Fraction:
        """Return collateral plus unrealised profit or loss."""
        change = price - self.entry_price if self.is_long else self.entry_price - price
        return self.collateral + self.size * change

    def ratio(self, price: Fraction) -> Fraction:
        """Return the margin ratio E / (size * price); ConfigError without size or price."""
        if self.size <= 0 or price <= 0:
            raise ConfigError(f"found size {self.size} at price {price}, expected both above 0")
        return self.equity(price) / (self.size * price)

    def is_liquidatable(self, price: Fraction) -> bool:
        """Tell whether the margin ratio is below the maintenance margin; a position without size never is."""
        return self.size > 0 and self.ratio(price) < maintenance_margin(self.leverage)

    def liquidation_price(self) -> Fraction:
        """Return the price at which the ratio equals the maintenance margin; a long is liquidatable below, a short above.

        Long (S P0 - C) / (S (1 - m)), short (S P0 + C) / (S (1 + m)); not above 0 means no price reaches it.
        """
        margin = maintenance_margin(self.leverage)
        cost = self.size * self.entry_price
        if self.is_long:
            return (cost - self.collateral) / (self.size * (1 - margin))
        return (cost + self.collateral) / (self.size * (1 + margin))

    def liquidation_mantissa(self, exponent: int) -> int | None:
        """Return the price mantissa nearest to the healthy side at which the position is liquidatable, None if there is none."""
        exact = self.liquidation_price() / Fraction(10) ** exponent
        if self.is_long:
            below = -(-exact.numerator // exact.denominator) - 1  # the greatest integer below
            return below if below > 0 else None
        return exact.numerator // exact.denominator + 1  # the least integer above

    def to_close(self, price: Fraction, *, target: Fraction, fee: Fraction) -> Fraction:
        """Return how much of the size to close so that what is left has the target ratio after the fee.

        q = (m* S p - E) / (p (m* - f)), only where m* > f and q <= S; else all of it, and nothing at or above the target.
        """
        missing = target * self.size * price - self.equity(price)
        if missing <= 0:
            return Fraction(0)
        if target <= fee:
            return self.size
        closed = missing / (price * (target - fee))
        return closed if closed <= self.size else self.size

    def bad_debt(self, price: Fraction) -> Fraction:
        """Return what closing everything leaves unpaid: max(0, -E)."""
        return max(Fraction(0), -self.equity(price))


def check_terms(*, target: Fraction, fee: Fraction, leverage: int) -> None:
    """Refuse terms that cannot work: a fee that reaches the maintenance margin, or a target below it."""
    margin = maintenance_margin(leverage)
    if fee >= margin:
        raise ConfigError(
            f"found fee {fee}, expected below the maintenance margin {margin}: closing a part would only harm"
        )
    if target < margin:
        raise ConfigError(f"found target margin {target}, expected at least the maintenance margin {margin}")
