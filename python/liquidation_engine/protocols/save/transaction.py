"""A whole liquidation: flash loan, refreshes, the liquidation itself, repayment, in their order."""

from collections.abc import Mapping, Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine import _core
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Adapter, Clock, Plan
from liquidation_engine.protocols.onchain import Liquidation, Wallet
from liquidation_engine.protocols.save import instructions as build
from liquidation_engine.protocols.save.accounts import Market, Obligation, Reserve
from liquidation_engine.protocols.save.addresses import market_authority

WAD = 10**18
FLASH_LOANS_OFF = 2**64 - 1
BASE_UNITS, UNITS_PER_RESERVE = 220_000, 75_000
"""Compute: up to 60,000 to refresh a reserve that was not touched for months; the rest for the other instructions."""
MOST_UNITS = 1_400_000


def flash_fee(reserve: Reserve, amount: int) -> int | None:
    """Return the fee of a flash loan, None where the reserve gives none; rounded half up, at least one unit for each part."""
    if reserve.flash_fee_wad == FLASH_LOANS_OFF or amount > reserve.available:
        return None
    if reserve.flash_fee_wad == 0 or amount == 0:
        return 0
    least = 2 if reserve.host_fee_percent else 1
    fee = max(amount * reserve.flash_fee_wad, least * WAD)
    return None if fee >= amount * WAD else (fee + WAD // 2) // WAD


def liquidation(
    accounts: Mapping[str, Account],
    clock: Clock,
    plan: Plan,
    wallet: Wallet,
    *,
    flash: bool = False,
    swap: Sequence[Instruction] = (),
    first: int = 2,
) -> Liquidation:
    """Return the transaction of a plan, whose amounts are taken as they are: everything has to land in one slot."""
    position, debt, collateral = (
        Pubkey.from_string(it) for it in (plan.position, plan.debt_reserve, plan.collateral_reserve)
    )
    obligation = Obligation.decode(_data(accounts, position))
    reserves = {key: Reserve.decode(_data(accounts, key)) for key in (*obligation.reserves, debt, collateral)}
    authority = market_authority(obligation.market, Market.decode(_data(accounts, obligation.market)).bump)
    repaid, seized = reserves[debt], reserves[collateral]
    source = wallet.account(repaid.mint)
    steps = [build.refresh_reserve(key, reserve) for key, reserve in reserves.items()]
    steps.append(build.refresh_obligation(position, obligation))
    steps.append(
        build.liquidate_and_redeem(
            wallet.pubkey,
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
    )
    steps += swap
    borrowed = _repaid(accounts, clock, plan) if flash else 0
    fee = _fee(debt, repaid, borrowed) if borrowed else 0
    if borrowed:
        # The deployed program accrues interest before it lends, so the refreshes behind it change nothing more.
        steps.insert(0, build.flash_borrow(debt, repaid, borrowed, authority=authority, destination=source))
        host = repaid.fee_receiver
        steps.append(
            build.flash_repay(wallet.pubkey, debt, repaid, borrowed, borrowed_at=first, source=source, host=host)
        )
    return Liquidation(
        instructions=tuple(steps),
        compute_units=min(MOST_UNITS, BASE_UNITS + UNITS_PER_RESERVE * len(reserves)),
        setup=wallet.setup(repaid.mint, seized.share_mint, seized.mint),
        borrowed=borrowed,
        loan_fee=fee,
    )


def _repaid(accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> int:
    prediction = plan.prediction or Adapter("save").predict(accounts, clock, plan)
    if prediction.error is not None:
        raise _core.ArgumentError(f"the program would refuse this plan with error {prediction.error}: nothing to lend")
    return prediction.repaid


def _fee(address: Pubkey, reserve: Reserve, borrowed: int) -> int:
    fee = flash_fee(reserve, borrowed)
    if fee is None:
        raise _core.ArgumentError(f"reserve {address} gives no flash loan of {borrowed}: it has {reserve.available}")
    return fee


def _data(accounts: Mapping[str, Account], key: Pubkey) -> bytes:
    try:
        return bytes(accounts[str(key)].data)
    except KeyError:
        raise MissingAccounts([str(key)]) from None
