"""What a worker decided to do about a position, with the figures it expects."""

from dataclasses import dataclass
from typing import Literal

PlanKind = Literal["liquidate", "write_off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One liquidation of one debt leg against one collateral leg, or the write-off of debt that has no collateral."""

    kind: PlanKind
    protocol: str
    position: str
    owner: str
    market: str
    debt_reserve: str
    debt_mint: str
    collateral_reserve: str | None  # None for a write-off
    collateral_mint: str | None
    repay_amount: int  # the most the instruction may take, debt mint
    min_seize: int  # the least it must give, collateral mint
    expected_version: int
    expected_repaid: int
    expected_seized: int  # net of the protocol fee
    expected_protocol_fee: int
    bonus_bps: int
    writes_off: tuple[str, ...]  # debt reserves whose rest becomes bad debt in the same transaction
    other_reserves: tuple[str, ...]  # of the position's further legs, which the program has to see
    covers: bool  # the insurance fund is asked to cover what is written off
    is_full_liquidation: bool
    health_factor_before: float | None  # for display
    health_factor_after: float | None
    repaid_micro_usd: int
    seized_micro_usd: int
    fee_micro_usd: int
    profit_micro_usd: int
    debt_unit_atto_usd: int  # prices of the moment: 10^-18 USD per smallest unit
    collateral_unit_atto_usd: int  # 0 for a write-off
    sol_price_micro_usd: int
    slot: int  # of the state it was made from
    state_digest: str  # of the material fields of that state
    loan_fee_micro_usd: int = 0  # of a flash loan within the transaction
