"""A whole liquidation: compute budget, flash loan, refreshes, the liquidation itself, repayment, in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Plan
from liquidation_engine.protocols.save import instructions as build
from liquidation_engine.protocols.save.accounts import Market, Obligation, Reserve
from liquidation_engine.protocols.save.addresses import market_authority, token_account

WAD = 10**18
FLASH_LOANS_OFF = 2**64 - 1
BASE_UNITS, UNITS_PER_RESERVE = 220_000, 75_000
"""Compute: up to 60,000 to refresh a reserve that was not touched for months; the rest for the other instructions."""
MOST_UNITS = 1_400_000


@dataclass(frozen=True, slots=True)
class Wallet:
    """Who liquidates, and its token accounts where they are not the associated ones."""

    key: Pubkey
    token_accounts: Mapping[Pubkey, Pubkey] | None = None  # mint -> account

    def account(self, mint: Pubkey) -> Pubkey:
        """Return the token account of a mint."""
        return (self.token_accounts or {}).get(mint) or token_account(self.key, mint)


def flash_fee(reserve: Reserve, amount: int) -> int | None:
    """Return the fee of a flash loan, None where the reserve gives none; rounded half up, at least one unit for each part."""
    if reserve.flash_fee_wad == FLASH_LOANS_OFF:
        return None
    if reserve.flash_fee_wad == 0 or amount == 0:
        return 0
    least = 2 if reserve.host_fee_percent else 1
    fee = max(amount * reserve.flash_fee_wad, least * WAD)
    return None if fee >= amount * WAD else (fee + WAD // 2) // WAD


def liquidation(
    accounts: Mapping[str, Account],
    plan: Plan,
    wallet: Wallet,
    *,
    flash: int | None = None,
    swap: Sequence[Instruction] = (),
    micro_lamports_per_unit: int = 0,
) -> list[Instruction]:
    """Return the instructions of a plan; `flash` is what a flash loan of the debt brings, `swap` turns collateral into it.

    Everything has to land in one slot, so it is one transaction. The amounts of `plan` are taken as they are.
    """
    position, debt, collateral = (
        Pubkey.from_string(it) for it in (plan.position, plan.debt_reserve, plan.collateral_reserve)
    )
    obligation = Obligation.decode(_data(accounts, position))
    reserves = {key: Reserve.decode(_data(accounts, key)) for key in (*obligation.reserves, debt, collateral)}
    authority = market_authority(obligation.market, Market.decode(_data(accounts, obligation.market)).bump)
    source, repaid, seized = wallet.account(reserves[debt].mint), reserves[debt], reserves[collateral]
    units = min(MOST_UNITS, BASE_UNITS + UNITS_PER_RESERVE * len(reserves))
    head = [set_compute_unit_limit(units)]
    if micro_lamports_per_unit:
        head.append(set_compute_unit_price(micro_lamports_per_unit))
    tail = list(swap)
    if flash is not None:
        # The deployed program accrues interest before it lends, so the refreshes behind it change nothing more.
        fee_account = repaid.fee_receiver
        give_back = build.flash_repay(
            wallet.key, debt, repaid, flash, borrowed_at=len(head), source=source, host=fee_account
        )
        head.append(build.flash_borrow(debt, repaid, flash, authority=authority, destination=source))
        tail.append(give_back)
    refreshes = [build.refresh_reserve(key, reserve) for key, reserve in reserves.items()]
    liquidate = build.liquidate_and_redeem(
        wallet.key,
        position,
        plan.amount,
        market=obligation.market,
        authority=authority,
        debt=(debt, repaid),
        collateral=(collateral, seized),
        source=source,
        shares=wallet.account(seized.share_mint),
        destination=wallet.account(seized.mint),
    )
    return [*head, *refreshes, build.refresh_obligation(position, obligation), liquidate, *tail]


def _data(accounts: Mapping[str, Account], key: Pubkey) -> bytes:
    try:
        return bytes(accounts[str(key)].data)
    except KeyError:
        raise MissingAccounts([str(key)]) from None
