"""A position freshly read, with what the program would do about it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PairQuote:
    """What the program would do with one debt leg and one collateral leg, in its own arithmetic."""

    debt_reserve: str
    collateral_reserve: str
    repaid: int  # debt mint
    seized: int  # collateral mint, net of the protocol fee
    fee: int  # collateral mint, into the insurance fund
    bonus_bps: int
    repaid_micro_usd: int
    seized_micro_usd: int
    health_after: float | None  # None without debt
    is_full: bool  # the debt leg is gone afterwards
    leaves_bad_debt: bool  # debt is left and no collateral
    amount: int | None = None  # what the instruction says; as much as the wallet holds without
    loan_fee_micro_usd: int = 0  # of a flash loan of the debt


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """The position as freshly read: what the plan names besides the figures."""

    protocol: str
    position: str
    owner: str
    market: str
    version: int
    slot: int
    state_digest: str
    debt_reserves: tuple[str, ...]
    collateral_reserves: tuple[str, ...]
    mint_of: Mapping[str, str]  # reserve -> mint
    wallet_balance: Mapping[str, int]  # mint -> smallest units
    fund_balance: Mapping[str, int]  # mint -> smallest units, of funds that the wallet may draw on
    unit_atto_usd: Mapping[str, int]  # mint -> price of its smallest unit, 10^-18 USD
    health_factor: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A position freshly read: its view, and what the program would do with each pair of its legs."""

    view: PositionView | None  # None: the account is gone, or there is a refusal
    quotes: tuple[PairQuote, ...]
    refusal: str | None  # the program's own name for why it would refuse any liquidation now
    slot: int
    sol_price_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What a simulation said."""

    error: object | None  # the TransactionError's JSON
    logs: tuple[str, ...]
    units: int
