"""What has to be on chain before a position can be liquidated: token accounts, the program's records, a lookup table."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction

from liquidation_engine._core import ArgumentError
from liquidation_engine.chain.fees import MAX_COMPUTE_UNITS
from liquidation_engine.chain.transaction import TransactionTooLarge, build_transaction
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Clock, Plan, Prediction
from liquidation_engine.protocols.lending import NOBODY, Terms, made_by
from liquidation_engine.protocols.onchain import Liquidation, Program, Wallet
from liquidation_engine.protocols.reading import State

_SOMETHING = Prediction(
    repaid=10**6,
    debt_relieved=None,
    seized=10**6,
    seized_shares=0,
    protocol_fee=0,
    bonus=Fraction(0),
    bonus_bps=0,
    error=None,
    accounts_after={},
)
"""Only which accounts are named matters here; amounts do not."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """What is not there yet."""

    setup: tuple[Instruction, ...]  # each makes an account
    addresses: tuple[str, ...]  # for a lookup table; none where everything fits


def lacking(
    program: Program,
    state: State,
    position: str,
    wallet: Wallet,
    terms: Terms,
    tables: Sequence[AddressLookupTableAccount],
) -> Lacking:
    """Return what the liquidations of any debt against any collateral of the position lack."""
    unnamed = [name for name in program.accounts_of(position, state.accounts) if name not in state.asked]
    if unnamed:
        raise MissingAccounts(unnamed)
    every = _every(program, state.accounts, state.clock, position, wallet, terms)
    made = {str(made_by(one)): one for ready in every for one in ready.setup}
    unread = [address for address in made if address not in state.asked]
    if unread:
        raise MissingAccounts(unread)
    large = [ready for ready in every if not _fits(ready, wallet, tables)]
    known = {str(address) for table in tables for address in table.addresses}
    wanted = dict.fromkeys(address for ready in large for address in ready.lookup if address not in known)
    return Lacking(tuple(one for address, one in made.items() if address not in state.accounts), tuple(wanted))


def _every(
    program: Program, accounts: Mapping[str, Account], clock: Clock, position: str, wallet: Wallet, terms: Terms
) -> list[Liquidation]:
    holding = program.holding(position, accounts)
    pairs = [(debt, collateral) for debt in holding.debts for collateral in holding.collateral]
    plans = [
        Plan(
            position=position,
            debt_reserve=debt,
            collateral_reserve=collateral,
            amount=1,
            liquidator=terms.liquidator or wallet.key,
            version=terms.version,
            prediction=_SOMETHING,
        )
        for debt, collateral in pairs
    ]
    every = []
    for plan in plans:
        with suppress(ArgumentError):  # a reserve that gives no loan
            every.append(program.liquidation(accounts, clock, plan, wallet, flash=terms.flash_loan))
    return every


def _fits(ready: Liquidation, wallet: Wallet, tables: Sequence[AddressLookupTableAccount]) -> bool:
    try:
        build_transaction(wallet.key, ready.instructions, NOBODY, MAX_COMPUTE_UNITS, 1, tables)
    except TransactionTooLarge:
        return False
    return True
