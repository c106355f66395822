"""Save's deployed program against the engine, live; runs where LIQ_PROGRAMS names a folder with `solend.so`."""

import os
import struct
from pathlib import Path

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.protocols.save import Obligation, Reserve, Wallet, flash_fee, liquidation, needed
from tests.differential.save import run
from tests.differential.save_accounts import PROGRAM, TOKEN, token
from tests.differential.save_states import PAYER, State, key, state
from tests.differential.save_vm import Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "solend.so").is_file(), reason="LIQ_PROGRAMS names no folder with solend.so"
)

WALLET = PAYER.pubkey()
MOST_BYTES = 1232


def given(world: State) -> dict[str, Account]:
    """Return a state's accounts as a client reads them."""
    return {str(at): Account(10**10, data, owner) for at, (owner, data) in world.accounts.items()}


def liquidatable(count: int, *, flash: bool) -> list[tuple[State, Plan]]:
    """Return ordinary states with the engine's best plan for each, whose debt reserve can lend what is repaid."""
    found = []
    for seed in range(10_000):
        world = state(seed)
        if world.kind != "ordinary" or world.debt == world.collateral:
            continue
        policy = {"position": str(world.obligation), "liquidator": str(WALLET), "min_profit": -(10**30)}
        plan = protocols.get("save").best_plan(given(world), clock(world), policy)
        if not isinstance(plan, Plan) or plan.amount < 1_000 or plan.debt_reserve == plan.collateral_reserve:
            continue
        available = struct.unpack_from("<Q", world.accounts[Pubkey.from_string(plan.debt_reserve)][1], 171)[0]
        if not flash or plan.amount <= available:
            found.append((world, plan))
        if len(found) == count:
            return found
    raise AssertionError(f"only {len(found)} of {count} states can be liquidated")


def clock(world: State) -> Clock:
    """Return a state's clock."""
    return Clock(world.slot, 0, 0, 0, world.time)


def wallet(vm: Vm, debt: Reserve, collateral: Reserve, *, cash: int) -> Wallet:
    """Give the liquidator token accounts: `cash` of the debt, nothing of the rest."""
    accounts = {}
    for number, (mint, amount) in enumerate([(collateral.share_mint, 0), (collateral.mint, 0), (debt.mint, cash)]):
        accounts[mint] = key(8_000 + number)
        vm.set(accounts[mint], TOKEN, token(mint, WALLET, amount))
    return Wallet(WALLET, accounts)


def test_random_states_end_as_predicted() -> None:
    tally = run(PROGRAMS, 500, seed=9_000_000)
    assert tally.mismatches == []
    assert 100 < tally.landed < 400


def test_a_flash_loan_liquidates_in_one_transaction_as_predicted() -> None:
    vm = Vm(PROGRAMS)
    for world, plan in liquidatable(40, flash=True):
        accounts = given(world)
        vm.prepare(world)
        debt, collateral = (Reserve.decode(accounts[at].data) for at in (plan.debt_reserve, plan.collateral_reserve))
        fee = flash_fee(debt, plan.amount)
        assert fee is not None
        # The seized collateral would be swapped for the debt: here the wallet holds what the swap would bring, and the fee.
        owns = wallet(vm, debt, collateral, cash=plan.amount + fee)
        instructions = liquidation(accounts, plan, owns, flash=plan.amount)
        message = Message.new_with_blockhash(instructions, WALLET, vm.svm.latest_blockhash())
        transaction = Transaction([PAYER], message, vm.svm.latest_blockhash())
        assert len(bytes(transaction)) <= MOST_BYTES
        answer = vm.svm.send_transaction(transaction)
        assert type(answer).__name__ == "TransactionMetadata", answer
        expected = plan.prediction
        assert expected is not None
        assert vm.balance(owns.account(debt.mint)) == plan.amount - expected.repaid
        assert vm.balance(owns.account(collateral.mint)) == expected.seized
        assert vm.balance(owns.account(collateral.share_mint)) == expected.seized_shares
        for address, data in expected.accounts_after.items():
            found = vm.data(Pubkey.from_string(address))
            ignored = (
                9 if address == plan.debt_reserve else len(data)
            )  # the loan's end marks its reserve stale once more
            assert found[:ignored] + found[ignored + 1 :] == data[:ignored] + data[ignored + 1 :], address


def test_reading_what_is_needed_again_and_again_ends_with_an_answer() -> None:
    world, plan = liquidatable(1, flash=False)[0]
    chain, known = given(world), dict[str, Account]()
    rounds = 0
    while wanted := needed(known, str(world.obligation)):
        known |= {address: chain[address] for address in wanted}
        rounds += 1
    assert rounds == 3  # the obligation, its market and reserves, their oracles
    assert protocols.get("save").predict(known, clock(world), plan) == plan.prediction
    assert Obligation.decode(chain[str(world.obligation)].data).market == world.market
    assert str(PROGRAM) == str(chain[str(world.market)].owner)
