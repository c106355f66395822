"""Kamino's program against the engine, live; runs where LIQ_PROGRAMS names a folder with a build of it."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.clock import Clock
from solders.instruction import Instruction
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine import protocols
from liquidation_engine._core import ArgumentError
from liquidation_engine.chain.lookup_table import compile_with_tables, create_table, extend_table, read_table
from liquidation_engine.chain.transaction import PACKET_BYTES
from liquidation_engine.protocols import Plan, Wallet
from liquidation_engine.protocols.kamino import Obligation, Reserve, flash_fee
from tests.differential.kamino import BUILDS, VERSION, trial
from tests.differential.kamino_accounts import PROGRAM, TOKEN_PROGRAM, tokens
from tests.differential.kamino_states import Draw
from tests.differential.kamino_vm import Machine
from tests.differential.kamino_world import LIQUIDATOR, World

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
FOUND = [PROGRAMS / name for name in BUILDS if (PROGRAMS / name).is_file()]
pytestmark = pytest.mark.skipif(not FOUND, reason="LIQ_PROGRAMS names no folder with a build of Kamino's program")

WALLET = LIQUIDATOR.pubkey()
KEPT_FEE = 1 << 50  # a flash loan's fee, about 0.1 %


def given(world: World) -> dict[str, Account]:
    """Return a state's accounts as a client reads them."""
    return {str(at): account for at, account in world.accounts.items()}


def clock(world: World) -> Clock:
    """Return a state's clock."""
    return Clock(world.slot, 0, 0, 0, world.time)


def liquidatable(count: int, *, legs: range = range(1, 9)) -> list[tuple[World, Plan]]:
    """Return states with the engine's best plan for each, whose debt reserve can lend what is repaid, against a fee."""
    found = []
    for seed in range(3_000_000, 3_010_000):
        world = Draw(seed).world()
        for at, account in world.accounts.items():
            if len(account.data) == 8624:
                data = bytearray(account.data)
                struct.pack_into("<Q", data, 4904, KEPT_FEE)
                world.accounts[at] = Account(10**10, bytes(data), PROGRAM)
        policy = {"position": str(world.position), "min_profit": -(10**30), "version": VERSION}
        plan = protocols.get("kamino").best_plan(given(world), clock(world), policy)
        if not isinstance(plan, Plan) or plan.prediction is None or plan.debt_reserve == plan.collateral_reserve:
            continue
        if len(Obligation.decode(given(world)[plan.position].data).reserves) not in legs:
            continue
        lends = flash_fee(Reserve.decode(given(world)[plan.debt_reserve].data), plan.prediction.repaid)
        if plan.prediction.repaid > 1_000 and lends and plan.prediction.seized:
            found.append((world, plan))
        if len(found) == count:
            return found
    raise AssertionError(f"only {len(found)} of {count} states can be liquidated")


class Chain:
    """A chain with the program and one state, at its clock."""

    def __init__(self, world: World) -> None:
        self.svm = LiteSVM()
        self.svm.set_account(WALLET, Account(10**15, b"", Pubkey.default()))
        self.svm.add_program(PROGRAM, FOUND[0].read_bytes())
        for key, account in world.accounts.items():
            self.svm.set_account(key, account)
        self.to(world.slot, world.time)

    def to(self, slot: int, time: int) -> None:
        """Set slot and time."""
        self.svm.warp_to_slot(slot)
        now = self.svm.get_clock()
        now.slot, now.unix_timestamp = slot, time
        self.svm.set_clock(now)

    def give(self, at: Pubkey, mint: Pubkey, amount: int) -> None:
        """Set a token account of the liquidator's."""
        self.svm.set_account(at, tokens(mint, WALLET, amount))

    def data(self, at: Pubkey) -> bytes:
        """Return an account's bytes."""
        account = self.svm.get_account(at)
        assert account is not None, at
        return bytes(account.data)

    def balance(self, at: Pubkey) -> int:
        """Return a token account's balance."""
        return int(struct.unpack_from("<Q", self.data(at), 64)[0])

    def send(
        self,
        instructions: Sequence[Instruction],
        tables: Sequence[AddressLookupTableAccount] = (),
        units: int = 200_000,
    ) -> None:
        """Have a transaction land that fits into a packet and its compute limit."""
        blockhash = self.svm.latest_blockhash()
        message = compile_with_tables(str(WALLET), instructions, str(blockhash), units, 1, tables)
        transaction = VersionedTransaction(message, [LIQUIDATOR])
        assert len(bytes(transaction)) <= PACKET_BYTES
        answer = self.svm.send_transaction(transaction)
        assert type(answer).__name__ == "TransactionMetadata", (str(answer.err()), answer.meta().logs()[-9:])


def purse(chain: Chain, debt: Reserve, collateral: Reserve, *, cash: int) -> Wallet:
    """Give the liquidator token accounts: `cash` of the debt, nothing of the rest."""
    accounts = {}
    for number, (mint, amount) in enumerate([(collateral.share_mint, 0), (collateral.mint, 0), (debt.mint, cash)]):
        accounts[str(mint)] = Pubkey(bytes([90 + number] * 32))
        chain.give(accounts[str(mint)], mint, amount)
    return Wallet(str(WALLET), {mint: str(account) for mint, account in accounts.items()})


@pytest.mark.parametrize("program", FOUND, ids=lambda path: path.stem)
def test_random_states_end_as_predicted(program: Path) -> None:
    machine, landed = Machine(program), 0
    for seed in range(9_000_000, 9_000_250):
        one = trial(machine, seed)
        assert one.differences() == []
        landed += one.outcome.error is None
    assert 40 < landed < 200


def test_a_flash_loan_liquidates_in_one_transaction_as_predicted() -> None:
    for world, plan in liquidatable(30, legs=range(1, 3)):
        accounts, chain = given(world), Chain(world)
        debt, collateral = (Reserve.decode(accounts[at].data) for at in (plan.debt_reserve, plan.collateral_reserve))
        expected = plan.prediction
        assert expected is not None
        fee = flash_fee(debt, expected.repaid)
        assert fee is not None
        assert fee > 0
        # The seized collateral would be swapped for the debt: here the wallet holds what the swap would bring, and the fee.
        owns = purse(chain, debt, collateral, cash=expected.repaid + fee)
        ready = protocols.program("kamino").liquidation(accounts, clock(world), plan, owns, flash=True)
        assert (ready.borrowed, ready.loan_fee, ready.setup) == (expected.repaid, fee, ())
        chain.send(ready.instructions, units=ready.compute_units)
        assert chain.balance(owns.account(debt.mint)) == 0
        assert chain.balance(owns.account(collateral.mint)) == expected.seized
        assert chain.balance(owns.account(collateral.share_mint)) == expected.seized_shares
        after = expected.accounts_after[plan.position]
        assert chain.data(Pubkey.from_string(plan.position)) == after


def test_a_liquidation_too_large_for_a_packet_lands_with_a_lookup_table_and_new_token_accounts() -> None:
    landed = 0
    for world, plan in liquidatable(12, legs=range(4, 9)):
        accounts, chain = given(world), Chain(world)  # a chain where the liquidator has no token account yet
        owns = Wallet(str(WALLET))
        ready = protocols.program("kamino").liquidation(accounts, clock(world), plan, owns, flash=True)
        chain.send(ready.setup)
        debt, collateral = (Reserve.decode(accounts[at].data) for at in (plan.debt_reserve, plan.collateral_reserve))
        assert plan.prediction is not None
        source = owns.account(debt.mint)  # filled as a swap would
        chain.give(source, debt.mint, plan.prediction.repaid + ready.loan_fee)
        slot = world.slot - 10
        chain.svm.set_slot_hashes([(slot, chain.svm.latest_blockhash())])
        table, create = create_table(str(WALLET), slot)
        chain.to(world.slot - 1, world.time)
        for instruction in (create, *extend_table(table, str(WALLET), ready.lookup)):
            chain.send([instruction])
        chain.to(world.slot, world.time)
        held = read_table(table, chain.data(Pubkey.from_string(table)))
        chain.send(ready.instructions, [held], ready.compute_units)
        assert chain.balance(source) == 0
        assert chain.balance(owns.account(collateral.mint)) == plan.prediction.seized
        landed += 1
    assert landed == 12


def test_no_flash_loan_is_built_where_the_reserve_gives_none() -> None:
    world, plan = liquidatable(1)[0]
    accounts = given(world)
    for at, value in ((224, bytes(8)), (4904, b"\xff" * 8), (4856, b"\x01")):  # nothing to lend, loans off, obsolete
        data = bytearray(accounts[plan.debt_reserve].data)
        data[at : at + len(value)] = value
        changed = {**accounts, plan.debt_reserve: Account(10**10, bytes(data), PROGRAM)}
        with pytest.raises(ArgumentError, match="gives no flash loan"):
            protocols.program("kamino").liquidation(changed, clock(world), plan, Wallet(str(WALLET)), flash=True)


def test_reading_what_is_needed_again_and_again_ends_with_an_answer() -> None:
    world, plan = liquidatable(1)[0]
    chain, known = given(world), dict[str, Account]()
    program, rounds = protocols.program("kamino"), 0
    while wanted := program.accounts_of(str(world.position), known):
        known |= {address: chain[address] for address in wanted}
        rounds += 1
    assert rounds == 3  # the obligation, its market and reserves, their oracles
    assert protocols.get("kamino").predict(known, clock(world), plan) == plan.prediction
    holding = program.holding(str(world.position), known)
    assert holding.market == str(world.market)
    assert plan.debt_reserve in holding.debts
    assert plan.collateral_reserve in holding.collateral
    assert program.program_id == str(chain[str(world.market)].owner)
    assert str(TOKEN_PROGRAM) not in known
