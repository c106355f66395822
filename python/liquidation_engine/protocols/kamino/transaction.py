"""A whole liquidation: flash loan, refreshes, the liquidation itself, repayment, in their order.

The first form demands that the refreshes of the collateral's reserve, the debt's, the obligation and the farms stand directly before it
in this order, and the farms' once more directly behind it.
"""

from collections.abc import Mapping, Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine import _core
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Adapter, Clock, Plan
from liquidation_engine.protocols.kamino import farms
from liquidation_engine.protocols.kamino import instructions as build
from liquidation_engine.protocols.kamino.accounts import Obligation, Reserve
from liquidation_engine.protocols.kamino.instructions import Leg
from liquidation_engine.protocols.onchain import TOKEN_PROGRAM, Liquidation, Wallet

ONE = 1 << 60
FLASH_LOANS_OFF = 2**64 - 1
BASE_UNITS, UNITS_PER_RESERVE, UNITS_PER_FARM = 260_000, 70_000, 120_000
"""Compute: a reserve's refresh and its part of the obligation's; a farm is refreshed twice; the rest for the other instructions."""
MOST_UNITS = 1_400_000


def flash_fee(reserve: Reserve, amount: int) -> int | None:
    """Return the fee of a flash loan, None where the reserve gives none; rounded half up, at least one unit where there is a fee."""
    if reserve.obsolete or reserve.flash_fee == FLASH_LOANS_OFF or amount > reserve.available:
        return None
    if reserve.flash_fee == 0:
        return 0
    return max((amount * reserve.flash_fee + ONE // 2) // ONE, 1)


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
    position = Pubkey.from_string(plan.position)
    obligation = Obligation.decode(_data(accounts, position))
    debt, collateral = (_leg(accounts, wallet, key) for key in (plan.debt_reserve, plan.collateral_reserve))
    others = {
        key: Reserve.decode(_data(accounts, key))
        for key in obligation.reserves
        if key not in (debt.address, collateral.address)
    }
    last = {leg.address: leg.reserve for leg in (collateral, debt)}
    steps = [build.refresh_reserve(key, reserve) for key, reserve in (others | last).items()]
    steps.append(build.refresh_obligation(position, obligation))
    steps += _liquidate(plan, position, obligation, wallet, debt, collateral)
    steps += swap
    borrowed = _repaid(accounts, clock, plan) if flash else 0
    fee = _fee(debt, borrowed)
    if borrowed:
        steps.insert(0, build.flash_borrow(wallet.pubkey, debt, borrowed))
        steps.append(build.flash_repay(wallet.pubkey, debt, borrowed, borrowed_at=first))
    rewarded = (collateral.reserve.collateral_farm is not None) + (debt.reserve.debt_farm is not None)
    units = BASE_UNITS + UNITS_PER_RESERVE * len(others | last) + UNITS_PER_FARM * rewarded
    seized = collateral.reserve
    created = {debt.reserve.mint: debt.reserve.token_program, seized.share_mint: TOKEN_PROGRAM}
    created[seized.mint] = seized.token_program
    return Liquidation(
        instructions=tuple(steps),
        compute_units=min(MOST_UNITS, units),
        setup=tuple(wallet.create(mint, of) for mint, of in created.items() if str(mint) not in wallet.token_accounts),
        borrowed=borrowed,
        loan_fee=fee,
    )


def _liquidate(
    plan: Plan, position: Pubkey, obligation: Obligation, wallet: Wallet, debt: Leg, collateral: Leg
) -> list[Instruction]:
    """Return the liquidation in the plan's form, the first without a name, with the refreshes of farms that it needs."""
    if plan.instruction not in (None, "v1", "v2"):
        raise _core.ArgumentError(f"found instruction {plan.instruction!r}, expected v1 or v2")
    second = plan.instruction == "v2"
    around = [] if second else farms.refreshes(wallet.pubkey, position, obligation, collateral=collateral, debt=debt)
    taken = farms.taken_along(position, collateral=collateral, debt=debt) if second else None
    liquidate = build.liquidate(
        wallet.pubkey,
        position,
        obligation,
        (plan.amount, plan.min_received),
        debt=debt,
        collateral=collateral,
        shares=wallet.account(collateral.reserve.share_mint),
        farms=taken,
    )
    return [*around, liquidate, *around]


def _leg(accounts: Mapping[str, Account], wallet: Wallet, address: str) -> Leg:
    key = Pubkey.from_string(address)
    reserve = Reserve.decode(_data(accounts, key))
    return Leg(key, reserve, wallet.account(reserve.mint, reserve.token_program))


def _repaid(accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> int:
    prediction = plan.prediction or Adapter("kamino").predict(accounts, clock, plan)
    if prediction.error is not None:
        raise _core.ArgumentError(f"the program would refuse this plan with error {prediction.error}: nothing to lend")
    return prediction.repaid


def _fee(debt: Leg, borrowed: int) -> int:
    fee = flash_fee(debt.reserve, borrowed) if borrowed else 0
    if fee is None:
        raise _core.ArgumentError(
            f"reserve {debt.address} gives no flash loan of {borrowed}: it has {debt.reserve.available}"
        )
    return fee


def _data(accounts: Mapping[str, Account], key: Pubkey) -> bytes:
    try:
        return bytes(accounts[str(key)].data)
    except KeyError:
        raise MissingAccounts([str(key)]) from None
