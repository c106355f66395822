"""marginfi's real program in a Solana VM, where LIQ_PROGRAMS names a folder with its binary."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Policy
from liquidation_engine.protocols.marginfi import Liquidation, MarginAccount, Observer
from liquidation_engine.protocols.marginfi import accounts as decoded
from tests.differential import marginfi as differential
from tests.differential.marginfi_accounts import PROGRAM, TOKEN, Bank, key, kind, token
from tests.differential.marginfi_states import AUTHORITY, GROUP, LIQUIDATOR, POSITION, State, state
from tests.differential.marginfi_vm import BINARY, COMPUTE, Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nowhere"))
pytestmark = pytest.mark.skipif(not (PROGRAMS / BINARY).exists(), reason=f"LIQ_PROGRAMS names no folder with {BINARY}")
ASSET_TOKENS, DEBT_TOKENS, RICH = key(7001), key(7002), 10**17


def liquidatable() -> Iterator[tuple[State, Plan]]:
    """Return states with the plan of a liquidator that has nothing but a margin account."""
    for seed in range(2_000_000, 2_001_000):
        given = state(seed)
        if given.kind != "ordinary":
            continue
        given.liquidator = []
        given.flags = (0, 2)  # what the loan sets: margin is checked when it ends
        given.accounts[LIQUIDATOR] = (PROGRAM, empty_account(flags=2))
        policy = Policy(position=str(POSITION), liquidator=str(LIQUIDATOR), version="0.1.1")
        accounts = differential.given_accounts(given)
        plan = protocols.get("marginfi").best_plan(accounts, differential.clock_of(given), policy)
        if isinstance(plan, Plan) and plan.amount > 1000 and plan.prediction and plan.prediction.repaid > 1000:
            given.accounts[LIQUIDATOR] = (PROGRAM, empty_account(flags=0))
            yield given, plan


def empty_account(*, flags: int) -> bytes:
    """Return a margin account without balances."""
    head = kind("account", "MarginfiAccount") + bytes(GROUP) + bytes(AUTHORITY)
    return head.ljust(1800, b"\0") + struct.pack("<Q", flags) + bytes(504)


def observer(given: State) -> Observer:
    """Return an observer of the state's banks, whose Pyth accounts are not the sponsored ones."""
    banks = {bank.address: decoded.Bank.decode(bank.address, bank.data()) for bank in given.banks}
    prices = {bytes(bank.oracle_keys[0]): given.oracles[given.named(address)][0] for address, bank in banks.items()}
    return Observer(banks, "0.1.1", prices)


def built(given: State, plan: Plan) -> Liquidation:
    """Return the flash-loan liquidation of a plan."""
    assert plan.prediction is not None
    return Liquidation(
        liquidator=MarginAccount.decode(LIQUIDATOR, given.accounts[LIQUIDATOR][1]),
        position=MarginAccount.decode(POSITION, given.accounts[POSITION][1]),
        asset=Pubkey.from_string(plan.collateral_reserve),
        debt=Pubkey.from_string(plan.debt_reserve),
        amount=plan.amount,
        repaid=plan.prediction.repaid,
        asset_tokens=ASSET_TOKENS,
        debt_tokens=DEBT_TOKENS,
    )


def prepared(vm: Vm, given: State, asset: Bank, debt: Bank) -> None:
    """Set clock and accounts, with tokens of the debt in place of a swap."""
    clock = vm.svm.get_clock()
    clock.slot, clock.unix_timestamp = given.slot, given.time
    vm.svm.set_clock(clock)
    vm.set(AUTHORITY, Pubkey.default(), b"")
    for address, (owner, data) in given.accounts.items():
        vm.set(address, owner, data)
    vm.set(ASSET_TOKENS, TOKEN, token(asset.mint, AUTHORITY, 0))
    vm.set(DEBT_TOKENS, TOKEN, token(debt.mint, AUTHORITY, RICH))


def balance(vm: Vm, address: Pubkey) -> int:
    """Return a token balance."""
    return int(struct.unpack_from("<Q", vm.data(address), 64)[0])


def test_a_liquidation_lands_as_one_transaction_on_a_flash_loan() -> None:
    vm, landed = Vm(PROGRAMS), 0
    for given, plan in liquidatable():
        liquidation = built(given, plan)
        asset, debt = given.banks[given.named(liquidation.asset)], given.banks[given.named(liquidation.debt)]
        prepared(vm, given, asset, debt)
        instructions = liquidation.instructions(observer(given), before=[COMPUTE])
        message = MessageV0.try_compile(AUTHORITY, instructions, [], Hash.default())
        transaction = VersionedTransaction.populate(message, [Signature.default()])
        answer: Any = vm.svm.send_transaction(transaction)
        assert type(answer).__name__ == "TransactionMetadata", answer.meta().logs()[-4:]
        assert plan.prediction is not None
        assert vm.data(POSITION) == plan.prediction.accounts_after[str(POSITION)]
        assert plan.amount - balance(vm, ASSET_TOKENS) in (0, 1)  # as shares: rounded down
        assert RICH - balance(vm, DEBT_TOKENS) == plan.prediction.repaid + 1  # the rest of a unit is paid in full
        assert MarginAccount.decode(LIQUIDATOR, vm.data(LIQUIDATOR)).banks() == ()
        if len(given.banks) == 2:
            assert len(bytes(transaction)) <= 1232
        landed += 1
        if landed == 40:
            return
    pytest.fail(f"only {landed} states were liquidatable")


def test_a_thousand_fresh_states_agree_with_the_program() -> None:
    tally = differential.run(PROGRAMS, 1_000, 3_000_000)
    assert tally.mismatches == []
    assert tally.landed > 300
    assert tally.trials - tally.landed > 300
