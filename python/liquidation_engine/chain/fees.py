"""What to pay for landing: compute limit, compute price, network fee. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

BPS = 10_000
MICRO_LAMPORTS = 1_000_000
LAMPORTS_PER_SIGNATURE = 5_000
MAX_COMPUTE_UNITS = 1_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeLadder:
    """Bid for each attempt, in micro-lamports per compute unit."""

    base: int
    cap: int = 2_000_000

    def bid(self, attempt: int) -> int:
        """Return the bid for `attempt`, counted from 0."""
        return min(self.base * (attempt + 1), self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeePolicy:
    """The ladder, raised to what others paid of late, never above its cap."""

    ladder: FeeLadder
    percentile_bps: int = 7_500
    compute_margin_bps: int = 1_500
    compute_floor: int = 20_000  # a state that moved since the simulation may take another path
    _limit_cap: int = field(default=MAX_COMPUTE_UNITS, repr=False)

    def price(self, attempt: int, recent_fees: Sequence[int] = ()) -> int:
        """Return micro-lamports per compute unit for `attempt`, counted from 0."""
        return min(max(self.ladder.bid(attempt), percentile(recent_fees, self.percentile_bps)), self.ladder.cap)

    def limit(self, simulated_units: int) -> int:
        """Return the compute limit for what the simulation used, margin included, rounded up."""
        with_margin = -(-simulated_units * (BPS + self.compute_margin_bps) // BPS)
        return min(max(with_margin, self.compute_floor), self._limit_cap)


def percentile(fees: Sequence[int], share_bps: int) -> int:
    """Return the smallest fee that at least `share_bps` of all fees do not exceed; 0 of none."""
    if not fees:
        return 0
    rank = -(-len(fees) * share_bps // BPS)
    return sorted(fees)[max(rank, 1) - 1]


def network_fee_lamports(limit: int, price_micro_lamports: int, signatures: int = 1) -> int:
    """Return what the chain charges: 5000 lamports a signature and the priority fee, rounded up."""
    return signatures * LAMPORTS_PER_SIGNATURE + -(-limit * price_micro_lamports // MICRO_LAMPORTS)
