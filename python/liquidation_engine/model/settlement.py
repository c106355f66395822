"""The books of one closed intent: ledger and fund entries, and the row of `liquidations`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from liquidation_engine.model.record import TokenBalance

LedgerAccount = Literal["wallet", "network_fees", "reserve_vault", "insurance_fund", "external"]
FundEntryType = Literal["contribution", "cover_bad_debt", "fee", "withdrawal"]

NATIVE = "native"  # the mint of lamports outside of token accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRoles:
    """Who is who among the owners of token accounts."""

    wallet: str
    market_authorities: frozenset[str]  # own the reserves' vaults
    funds: Mapping[str, str]  # fund PDA -> mint

    def of(self, balance: TokenBalance) -> LedgerAccount:
        """Return the ledger account that keeps this token account."""
        if balance.owner == self.wallet:
            return "wallet"
        if balance.owner in self.market_authorities:
            return "reserve_vault"
        return "insurance_fund" if balance.owner in self.funds else "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """The change of one chain account's balance of one mint in one transaction."""

    account: LedgerAccount
    address: str
    mint: str
    amount: int  # signed


@dataclass(frozen=True, slots=True, kw_only=True)
class FundEntry:
    """One movement of an insurance fund; the last three open the fund's books where nobody has."""

    mint: str
    amount: int  # above 0
    transaction_type: FundEntryType
    market: str | None
    position: str | None
    address: str = ""  # the fund's PDA
    vault: str = ""
    held_before: int = 0  # by the vault, before the transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDebtEntry:
    """What one transaction wrote off of one mint, and how much of that the insurance fund paid in it."""

    mint: str
    written_off: int
    covered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinal:
    """A settled intent that was not yet seen at finalized."""

    id: int
    position: str
    signature: str
    landed_slot: int
    expires_above: int  # finalized block height


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What closing an intent writes down, all in one transaction."""

    slot: int
    ledger: tuple[LedgerEntry, ...] = ()
    fund: tuple[FundEntry, ...] = ()
    repaid: int = 0
    seized: int = 0
    protocol_fee: int = 0
    bad_debt: int = 0  # of the plan's debt mint, as the next
    bad_debt_covered: int = 0
    bad_debts: tuple[BadDebtEntry, ...] = ()  # of every mint
    repaid_micro_usd: int = 0
    seized_micro_usd: int = 0
    profit_micro_usd: int = 0
    fee_lamports: int = 0
    health_factor_after: float | None = None
    is_full_liquidation: bool = False  # the debt leg is gone, as the chain says
    error_message: str | None = None  # None exactly when it landed
    confirmed_at: datetime | None = None
