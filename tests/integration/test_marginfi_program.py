"""marginfi's real program in a Solana VM, where LIQ_PROGRAMS names a folder with its binary."""

import itertools
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from liquidation_engine import protocols
from liquidation_engine.chain.lookup_table import LOOKUP_TABLE_PROGRAM, compile_with_tables
from liquidation_engine.chain.transaction import PACKET_BYTES
from liquidation_engine.protocols import Liquidation, Plan, Policy, Wallet
from liquidation_engine.protocols.marginfi import MarginAccount
from tests.differential import marginfi as differential
from tests.differential import marginfi_new as newer
from tests.differential import marginfi_new_states as newer_states
from tests.differential.marginfi_accounts import ONE, PROGRAM, TOKEN, Bank, key, kind, token
from tests.differential.marginfi_native import DRIVER, run
from tests.differential.marginfi_new_states import RECEIVER
from tests.differential.marginfi_states import AUTHORITY, GROUP, LIQUIDATOR, POSITION, State, state
from tests.differential.marginfi_vm import BINARY, Vm

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


def owned(plan: Plan, given: State) -> Wallet:
    """Return the liquidator's wallet with a token account for each leg."""
    legs = ((plan.collateral_reserve, ASSET_TOKENS), (plan.debt_reserve, DEBT_TOKENS))
    mints = {str(bank.address): str(bank.mint) for bank in given.banks}
    return Wallet(str(AUTHORITY), {mints[bank]: str(account) for bank, account in legs})


def ready(given: State, plan: Plan) -> Liquidation:
    """Return the flash-loan liquidation of a plan."""
    accounts = differential.given_accounts(given)
    clock = differential.clock_of(given)
    return protocols.program("marginfi").liquidation(accounts, clock, plan, owned(plan, given), flash=True)


def sent(vm: Vm, given: Liquidation, tables: Sequence[AddressLookupTableAccount] = ()) -> int:
    """Have a transaction land within its compute limit; returns its length."""
    message = compile_with_tables(
        str(AUTHORITY), given.instructions, str(Hash.default()), given.compute_units, 1, tables
    )
    transaction = VersionedTransaction.populate(message, [Signature.default()])
    answer: Any = vm.svm.send_transaction(transaction)
    assert type(answer).__name__ == "TransactionMetadata", answer.meta().logs()[-4:]
    return len(bytes(transaction))


def ended_as_predicted(vm: Vm, plan: Plan) -> None:
    """Hold position, tokens and the liquidator's empty account against the prediction."""
    assert plan.prediction is not None
    assert vm.data(POSITION) == plan.prediction.accounts_after[str(POSITION)]
    assert plan.amount - balance(vm, ASSET_TOKENS) in (0, 1)  # as shares: rounded down
    assert RICH - balance(vm, DEBT_TOKENS) == plan.prediction.repaid + 1  # the rest of a unit is paid in full
    assert MarginAccount.decode(LIQUIDATOR, vm.data(LIQUIDATOR)).banks() == ()


def test_a_liquidation_lands_as_one_transaction_on_a_flash_loan() -> None:
    vm, sizes = Vm(PROGRAMS), dict[int, int]()
    for given, plan in itertools.islice(liquidatable(), 40):
        legs = [given.banks[given.named(Pubkey.from_string(it))] for it in (plan.collateral_reserve, plan.debt_reserve)]
        prepared(vm, given, *legs)
        liquidation = ready(given, plan)
        table = AddressLookupTableAccount(key(9000), [Pubkey.from_string(it) for it in liquidation.lookup])
        tables = [] if len(given.banks) == 2 else [table]
        if tables:
            use_table(vm, table)
        size = sent(vm, liquidation, tables)
        assert size <= PACKET_BYTES
        sizes[len(given.banks)] = max(size, sizes.get(len(given.banks), 0))
        ended_as_predicted(vm, plan)
    assert set(sizes) == {2, 3, 4, 5}


def use_table(vm: Vm, table: AddressLookupTableAccount) -> None:
    """Put a lookup table on the chain that was filled long ago."""
    head = struct.pack("<IQQB?32s", 1, 2**64 - 1, 1, 0, True, bytes(AUTHORITY)).ljust(56, b"\0")
    program = Pubkey.from_string(LOOKUP_TABLE_PROGRAM)
    vm.set(table.key, program, head + b"".join(bytes(it) for it in table.addresses))


def test_a_thousand_fresh_states_agree_with_the_program() -> None:
    tally = differential.run(PROGRAMS, 1_000, 3_000_000)
    assert tally.mismatches == []
    assert tally.landed > 300
    assert tally.trials - tally.landed > 300


@pytest.mark.skipif(not (PROGRAMS / DRIVER).exists(), reason=f"LIQ_PROGRAMS names no folder with {DRIVER}")
def test_a_thousand_fresh_states_agree_with_the_source_of_the_newer_program() -> None:
    tally = newer.compare(PROGRAMS, 1_000, 4_000_000)
    assert tally.mismatches == []
    assert tally.outcomes["classic         liquidated"] > 100
    assert tally.outcomes["receivership    liquidated"] > 100
    assert tally.trials - tally.landed > 300


@pytest.mark.skipif(not (PROGRAMS / DRIVER).exists(), reason=f"LIQ_PROGRAMS names no folder with {DRIVER}")
def test_the_newer_source_takes_a_liquidation_on_a_flash_loan_and_a_receivership_as_they_are_built() -> None:
    landed = dict[str, int]()
    for seed in range(5_000_000, 5_000_600):
        given = newer_states.state(seed)
        if given.kind != "ordinary":
            continue
        way = "v1" if seed % 2 else "v2"
        taker = LIQUIDATOR if way == "v1" else RECEIVER
        given.accounts[LIQUIDATOR] = (PROGRAM, empty_account(flags=2))
        accounts, clock = differential.given_accounts(given), differential.clock_of(given)
        policy = Policy(position=str(POSITION), liquidator=str(taker), instruction=way, version="0.1.9")
        plan = protocols.get("marginfi").best_plan(accounts, clock, policy)
        if not isinstance(plan, Plan) or plan.prediction is None or plan.prediction.repaid < 1_000:
            continue
        if way == "v1" and any(bank.tag > 2 and str(bank.address) == plan.collateral_reserve for bank in given.banks):
            continue  # another protocol's deposits are withdrawn by that protocol's own instruction
        debt = given.banks[given.named(Pubkey.from_string(plan.debt_reserve))]
        if plan.prediction.repaid > debt.debts // ONE // 2:
            continue  # more than the random bank says that all owe together
        given.accounts[LIQUIDATOR] = (PROGRAM, empty_account(flags=0))
        mints = {str(bank.address): str(bank.mint) for bank in given.banks}
        tokens = {mints[plan.collateral_reserve]: newer.DESTINATION, mints[plan.debt_reserve]: newer.SOURCE}
        wallet = Wallet(str(AUTHORITY if way == "v1" else RECEIVER), {mint: str(it) for mint, it in tokens.items()})
        liquidation = protocols.program("marginfi").liquidation(
            accounts, clock, plan, wallet, flash=way == "v1", first=0
        )
        chain = next(run(PROGRAMS, [newer.trial_of(given, list(liquidation.instructions))]))
        if chain.error == 6026:
            continue  # the bank has lent out what would be withdrawn
        assert chain.error is None, (seed, way, chain.error)
        assert chain.after[POSITION] == plan.prediction.accounts_after[str(POSITION)]
        if way == "v1":
            assert MarginAccount.decode(LIQUIDATOR, chain.after[LIQUIDATOR]).banks() == ()
        landed[way] = landed.get(way, 0) + 1
    assert landed["v1"] > 15, landed
    assert landed["v2"] > 15, landed
