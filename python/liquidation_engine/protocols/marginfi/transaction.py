"""A liquidation as one transaction: the classic one on a flash loan, or a receivership.

Inside a flash loan the liquidator's margin is not checked: take the position's collateral and debt, withdraw the collateral,
swap it, pay the debt back, and the account is as empty as before when the loan ends. The loan is free. A receivership moves tokens
out of the position itself and needs no margin account at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine import _core
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Adapter, Clock, Plan, Prediction
from liquidation_engine.protocols.marginfi import addresses, receivership
from liquidation_engine.protocols.marginfi import instructions as build
from liquidation_engine.protocols.marginfi.accounts import FEE_STATE, FEE_STATE_SIZE, MarginAccount, checked
from liquidation_engine.protocols.marginfi.observations import NEW, Observer
from liquidation_engine.protocols.marginfi.watch import observer_of
from liquidation_engine.protocols.onchain import Liquidation, Wallet

BASE_UNITS, UNITS_PER_BALANCE, MOST_UNITS = 350_000, 45_000, 1_400_000
"""Compute: what the five instructions took with two balances a side, and what each further balance adds wherever it is read."""


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
    """Return the transaction of a plan, whose amounts are taken as they are."""
    position = MarginAccount.decode(Pubkey.from_string(plan.position), data_of(accounts, plan.position))
    observer = observer_of(accounts, plan.version or NEW)
    legs = _Legs(observer, wallet, Pubkey.from_string(plan.collateral_reserve), Pubkey.from_string(plan.debt_reserve))
    if plan.instruction == "v2":
        return _received(accounts, _predicted(accounts, clock, plan), plan, position, legs, swap)
    liquidator = _liquidator(accounts, plan, wallet)
    take = build.liquidate(observer, liquidator, position, legs.asset, legs.debt, plan.amount)
    steps = (take, *swap)
    if flash:
        steps = _on_a_loan(liquidator, _predicted(accounts, clock, plan), plan.amount, take, legs, swap, first)
    return Liquidation(
        instructions=steps,
        compute_units=_units(len(position.banks()) * 2 + len(liquidator.opened(legs.asset, legs.debt)) * 2),
        setup=legs.setup() if flash else (),
    )


@dataclass(frozen=True, slots=True)
class _Legs:
    """The two banks of a liquidation, and where the wallet keeps their tokens."""

    observer: Observer
    wallet: Wallet
    asset: Pubkey
    debt: Pubkey

    def tokens(self, bank: Pubkey) -> Pubkey:
        """Return the wallet's token account of a bank's mint."""
        return self.wallet.account(self.observer.bank(bank).mint, self.observer.token_program(bank))

    def setup(self) -> tuple[Instruction, ...]:
        """Return what makes both token accounts where they are not there yet."""
        banks = [
            bank
            for bank in (self.asset, self.debt)
            if str(self.observer.bank(bank).mint) not in self.wallet.token_accounts
        ]
        return tuple(
            self.wallet.create(self.observer.bank(bank).mint, self.observer.token_program(bank)) for bank in banks
        )


def _on_a_loan(
    liquidator: MarginAccount,
    prediction: Prediction,
    amount: int,
    take: Instruction,
    legs: _Legs,
    swap: Sequence[Instruction],
    first: int,
) -> tuple[Instruction, ...]:
    """Return the loan around the liquidation: what it opened is emptied before it ends."""
    observer, asset, debt = legs.observer, legs.asset, legs.debt
    held, owed = liquidator.balance(asset), liquidator.balance(debt)
    if (held is not None and held.is_debt) or (owed is not None and owed.is_deposit):
        raise _core.ArgumentError(
            f"liquidator {liquidator.address} owes in the collateral's bank or has deposits in the debt's: take an account without them"
        )
    opened = [bank for bank, balance in ((asset, held), (debt, owed)) if balance is None]
    left = tuple(bank for bank in liquidator.banks() if bank not in opened)
    whole, full = asset in opened, debt in opened
    out = build.withdraw(observer, liquidator, asset, legs.tokens(asset), 0 if whole else amount, everything=whole)
    back = build.repay(observer, liquidator, debt, legs.tokens(debt), 0 if full else prediction.repaid, everything=full)
    return (
        build.start_flashloan(liquidator, first + 4 + len(swap)),
        take,
        out,
        *swap,
        back,
        build.end_flashloan(observer, liquidator, left),
    )


def _received(
    accounts: Mapping[str, Account],
    prediction: Prediction,
    plan: Plan,
    position: MarginAccount,
    legs: _Legs,
    swap: Sequence[Instruction],
) -> Liquidation:
    """Return a receivership; the position's record is made in a transaction before, where there is none."""
    receiver = legs.wallet.pubkey
    steps = receivership.liquidation(
        legs.observer,
        position,
        receiver,
        _fee_wallet(accounts),
        asset=legs.asset,
        debt=legs.debt,
        seized=plan.amount,
        repaid=prediction.repaid,
        destination=legs.tokens(legs.asset),
        source=legs.tokens(legs.debt),
        swap=swap,
    )
    record = () if position.liquidation_record else (receivership.init_record(position, receiver),)
    return Liquidation(
        instructions=tuple(steps),
        compute_units=_units(len(position.banks()) * 4),
        setup=(*record, *legs.setup()),
    )


def _units(balances: int) -> int:
    return min(MOST_UNITS, BASE_UNITS + UNITS_PER_BALANCE * balances)


def _predicted(accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> Prediction:
    prediction = plan.prediction or Adapter("marginfi").predict(accounts, clock, plan)
    if prediction.error is not None:
        raise _core.ArgumentError(f"the program would refuse this plan with error {prediction.error}: nothing to repay")
    return prediction


def _liquidator(accounts: Mapping[str, Account], plan: Plan, wallet: Wallet) -> MarginAccount:
    """Return the margin account that takes over: the plan's, or the wallet's only one among the accounts."""
    if plan.liquidator is not None:
        return MarginAccount.decode(Pubkey.from_string(plan.liquidator), data_of(accounts, plan.liquidator))
    named = [
        MarginAccount.decode(Pubkey.from_string(at), bytes(it.data))
        for at, it in accounts.items()
        if MarginAccount.is_one(it)
    ]
    own = [it for it in named if it.authority == wallet.pubkey and str(it.address) != plan.position]
    if len(own) != 1:
        raise _core.ArgumentError(
            f"found {len(own)} margin accounts of {wallet.key}, expected one: name the liquidator"
        )
    return own[0]


def _fee_wallet(accounts: Mapping[str, Account]) -> Pubkey:
    data = data_of(accounts, str(addresses.fee_state()))
    checked("fee state", data, FEE_STATE, FEE_STATE_SIZE)
    return Pubkey(data[72:104])


def data_of(accounts: Mapping[str, Account], address: str) -> bytes:
    """Return an account's bytes; MissingAccounts where it is not there."""
    try:
        return bytes(accounts[address].data)
    except KeyError:
        raise MissingAccounts([address]) from None
