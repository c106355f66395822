"""Save's deployed program against the engine, live; runs where LIQ_PROGRAMS names a folder with `solend.so`."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.clock import Clock
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine import protocols
from liquidation_engine._core import ArgumentError
from liquidation_engine.chain.lookup_table import compile_with_tables, create_table, extend_table, read_table
from liquidation_engine.chain.transaction import PACKET_BYTES
from liquidation_engine.protocols import Kind, Plan, Wallet
from liquidation_engine.protocols.save import Reserve, flash_fee
from tests.differential.save import run
from tests.differential.save_accounts import PROGRAM, TOKEN, token
from tests.differential.save_states import PAYER, State, key, state
from tests.differential.save_vm import Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "solend.so").is_file(), reason="LIQ_PROGRAMS names no folder with solend.so"
)

WALLET = PAYER.pubkey()


def given(world: State) -> dict[str, Account]:
    """Return a state's accounts as a client reads them."""
    return {str(at): Account(10**10, data, owner) for at, (owner, data) in world.accounts.items()}


def liquidatable(count: int, *, flash: bool, reserves: range = range(2, 6)) -> list[tuple[State, Plan]]:
    """Return ordinary states with the engine's best plan for each, whose debt reserve can lend what is repaid."""
    found = []
    for seed in range(10_000):
        world = state(seed)
        if world.kind != "ordinary" or len({*world.deposits, *world.borrows}) not in reserves:
            continue
        policy = {"position": str(world.obligation), "liquidator": str(WALLET), "min_profit": -(10**30)}
        plan = protocols.get("save").best_plan(given(world), clock(world), policy)
        if not isinstance(plan, Plan) or plan.amount < 1_000 or plan.debt_reserve == plan.collateral_reserve:
            continue
        if plan.prediction is None or plan.prediction.seized == 0:
            continue  # the fee, at least one unit, would be due from a wallet that got nothing
        available = struct.unpack_from("<Q", world.accounts[Pubkey.from_string(plan.debt_reserve)][1], 171)[0]
        if not flash or max(plan.amount, plan.prediction.repaid) <= available:
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
        accounts[str(mint)] = key(8_000 + number)
        vm.set(accounts[str(mint)], TOKEN, token(mint, WALLET, amount))
    return Wallet(str(WALLET), {mint: str(account) for mint, account in accounts.items()})


def send(
    vm: Vm,
    instructions: Sequence[Instruction],
    tables: Sequence[AddressLookupTableAccount] = (),
    units: int = 200_000,
) -> None:
    """Have a transaction land that fits into a packet and its compute limit."""
    message = compile_with_tables(str(WALLET), instructions, str(vm.svm.latest_blockhash()), units, 1, tables)
    transaction = VersionedTransaction(message, [PAYER])
    assert len(bytes(transaction)) <= PACKET_BYTES
    answer = vm.svm.send_transaction(transaction)
    assert type(answer).__name__ == "TransactionMetadata", answer.meta().logs()


def test_random_states_end_as_predicted() -> None:
    tally = run(PROGRAMS, 500, seed=9_000_000)
    assert tally.mismatches == []
    assert 100 < tally.landed < 400


def test_a_flash_loan_liquidates_in_one_transaction_as_predicted() -> None:
    vm = Vm(PROGRAMS)
    for world, plan in liquidatable(40, flash=True, reserves=range(2, 4)):
        accounts = given(world)
        vm.prepare(world)
        debt, collateral = (Reserve.decode(accounts[at].data) for at in (plan.debt_reserve, plan.collateral_reserve))
        fee = flash_fee(debt, plan.amount)
        assert fee is not None
        # The seized collateral would be swapped for the debt: here the wallet holds what the swap would bring, and the fee.
        owns = wallet(vm, debt, collateral, cash=plan.amount + fee)
        ready = protocols.program("save").liquidation(accounts, clock(world), plan, owns, flash=True)
        assert (ready.borrowed, ready.loan_fee, ready.setup) == (plan.amount, fee, ())
        send(vm, ready.instructions, units=ready.compute_units)
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


def test_a_liquidation_too_large_for_a_packet_lands_with_a_lookup_table_and_new_token_accounts() -> None:
    landed = 0
    for world, plan in liquidatable(30, flash=True, reserves=range(5, 6)):
        vm, accounts = Vm(PROGRAMS), given(world)  # a chain where nobody has any account yet
        vm.prepare(world)
        owns = Wallet(str(WALLET))
        ready = protocols.program("save").liquidation(accounts, clock(world), plan, owns, flash=True)
        plain = compile_with_tables(str(WALLET), ready.instructions, str(vm.svm.latest_blockhash()), 1_400_000, 1, [])
        if len(bytes(VersionedTransaction(plain, [PAYER]))) <= PACKET_BYTES:
            continue
        send(vm, ready.setup)
        debt = Reserve.decode(accounts[plan.debt_reserve].data)
        source = owns.account(debt.mint)  # filled as a swap would
        vm.set(source, TOKEN, token(debt.mint, WALLET, plan.amount + ready.loan_fee))
        landed, slot = landed + 1, world.slot - 10
        vm.svm.set_slot_hashes([(slot, vm.svm.latest_blockhash())])
        table, create = create_table(str(WALLET), slot)
        extensions = extend_table(table, str(WALLET), ready.lookup)
        vm.svm.warp_to_slot(world.slot - 1)
        for instruction in (create, *extensions):
            send(vm, [instruction])
        vm.svm.warp_to_slot(world.slot)
        at = vm.svm.get_clock()
        at.unix_timestamp = world.time
        vm.svm.set_clock(at)
        held = read_table(table, vm.data(Pubkey.from_string(table)))
        assert [str(it) for it in held.addresses] == list(ready.lookup)
        send(vm, ready.instructions, [held], ready.compute_units)
        assert plan.prediction is not None
        assert vm.balance(source) == plan.amount - plan.prediction.repaid
        collateral = Reserve.decode(accounts[plan.collateral_reserve].data)
        assert vm.balance(owns.account(collateral.mint)) == plan.prediction.seized
    assert landed >= 5


def test_no_flash_loan_is_built_where_the_reserve_gives_none() -> None:
    world, plan = liquidatable(1, flash=True)[0]
    accounts = given(world)
    for at, value in ((171, bytes(8)), (314, b"\xff" * 8)):  # nothing to lend, loans turned off
        data = bytearray(accounts[plan.debt_reserve].data)
        data[at : at + 8] = value
        changed = {**accounts, plan.debt_reserve: Account(10**10, bytes(data), PROGRAM)}
        with pytest.raises(ArgumentError, match="gives no flash loan"):
            protocols.program("save").liquidation(changed, clock(world), plan, Wallet(str(WALLET)), flash=True)
        without = protocols.program("save").liquidation(changed, clock(world), plan, Wallet(str(WALLET)))
        assert (without.borrowed, without.loan_fee) == (0, 0)


def test_reading_what_is_needed_again_and_again_ends_with_an_answer() -> None:
    world, plan = liquidatable(1, flash=False)[0]
    chain, known = given(world), dict[str, Account]()
    rounds = 0
    program = protocols.program("save")
    while wanted := program.accounts_of(str(world.obligation), known):
        known |= {address: chain[address] for address in wanted}
        rounds += 1
    assert rounds == 3  # the obligation, its market and reserves, their oracles
    assert protocols.get("save").predict(known, clock(world), plan) == plan.prediction
    holding = program.holding(str(world.obligation), known)
    assert holding.market == str(world.market)
    assert holding.debts == {str(it): str(world.reserves[it].mint) for it in world.borrows}
    assert holding.collateral == {str(it): str(world.reserves[it].mint) for it in world.deposits}
    assert program.program_id == str(chain[str(world.market)].owner)


def test_discovery_selects_what_the_program_owns() -> None:
    world, _ = liquidatable(1, flash=False)[0]
    program = protocols.program("save")
    kinds = {kind.name: kind for kind in program.discovery(str(world.market))}
    assert list(kinds) == ["position", "reserve", "market"]
    selected = {
        name: {
            str(at) for at, (owner, data) in world.accounts.items() if matches(kind, program.program_id, owner, data)
        }
        for name, kind in kinds.items()
    }
    assert selected["position"] == {str(world.obligation)}
    assert selected["reserve"] == {str(it) for it in world.reserves}
    assert selected["market"] == {str(world.market)}
    assert kinds["position"].data_slice is not None
    offset, length = kinds["position"].data_slice
    legs = world.accounts[world.obligation][1][offset : offset + length]
    assert tuple(legs[:2]) == (len(world.deposits), len(world.borrows))


def matches(kind: Kind, program: str, owner: Pubkey, data: bytes) -> bool:
    """Return whether a node would select an account."""
    if str(owner) != program:
        return False
    for each in kind.filters:
        if "dataSize" in each and len(data) != each["dataSize"]:
            return False
        if "memcmp" in each:
            wanted = bytes(Pubkey.from_string(each["memcmp"]["bytes"]))
            if data[each["memcmp"]["offset"] :][:32] != wanted:
                return False
    return True
