"""A liquidation by anyone, as it was seen on chain."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedLiquidation:
    """One landed liquidation. `id` is its transaction's signature and its place among the liquidations in it."""

    id: str
    timestamp: int  # unix seconds, of the block
    user: str  # who owns the position; the position itself where it is gone
    liquidator: str
    signature: str
    slot: int
    protocol: str
    market: str
    position: str
    debt_mint: str | None  # None where the reserve is not known
    collateral_mint: str | None
    repaid: int  # debt mint, smallest units
    seized: int  # collateral mint, received by the liquidator
    fee: int  # collateral mint, into the insurance fund
    bonus_bps: int

    def event(self) -> dict[str, object]:
        """Return what listeners are sent."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
