"""The recording holds everything that happened, in order, as docs/recording.md says."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest
from solders.keypair import Keypair
from solders.transaction import VersionedTransaction

from liquidation_engine.errors import ServerError
from liquidation_engine.localnet import Chain, FaultSettings
from liquidation_engine.localnet.answers import RpcFault
from localnet_kit import SOL, account, funded, key, pay, payment, signed, stepped


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.sqlite"


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as database:
        return database.execute(statement).fetchall()


def test_meta_names_the_chain(path: Path) -> None:
    chain = Chain(stepped(recording=path, first_slot=500, slot_milliseconds=200))
    chain.close()
    assert dict(rows(path, "SELECT key, value FROM meta")) == {
        "recording_version": "2",
        "genesis_hash": str(chain.genesis_hash),
        "first_slot": "500",
        "slot_milliseconds": "200",
        "blockhash_window": "150",
        "skip_every": "20",
        "lamports_per_signature": "5000",
    }


def test_each_slot_with_a_block_has_a_row_and_skipped_ones_have_none(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    chain.advance(25)
    chain.close()
    slots = rows(path, "SELECT slot, block_height, unix_time FROM slots ORDER BY seq")
    assert [slot for slot, _, _ in slots] == [slot for slot in range(1_000, 1_027) if slot != 1_020]
    assert [height for _, height, _ in slots] == list(range(950, 976))
    assert slots[-1][2] == 1_700_000_000 + 26 * 400 // 1_000


def test_accounts_hold_genesis_and_then_each_change_at_the_end_of_its_slot(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    payer, to, owner = funded(chain, 1), key(2).pubkey(), key(3).pubkey()
    chain.set_account(to, account(SOL, b"abc", owner))
    chain.advance(2)
    for amount in (1, 2):
        chain.submit(payment(chain, payer, to, amount * SOL))
    chain.advance(2)
    chain.set_account(to, account(0))
    chain.advance()
    chain.close()
    of_it = f"WHERE hex(pubkey) = '{bytes(to).hex().upper()}'"
    found = rows(path, f"SELECT slot, owner, lamports, executable, data FROM accounts {of_it} ORDER BY seq")
    assert found == [
        (1_000, bytes(owner), SOL, 0, b"abc"),
        (1_003, bytes(owner), 4 * SOL, 0, b"abc"),
        (1_004, bytes(32), 0, 0, b""),
    ]


def test_a_deployed_program_is_kept(path: Path) -> None:
    elf = (Path("/bin/true")).read_bytes()[:100]
    chain = Chain(stepped(recording=path))
    chain.recording.program(bytes(key(1).pubkey()), elf)
    chain.close()
    assert rows(path, "SELECT program_id, elf FROM programs") == [(bytes(key(1).pubkey()), elf)]


def verdicts(path: Path) -> list[tuple[str, int | None]]:
    return rows(path, "SELECT verdict, last_valid_block_height FROM sends ORDER BY seq")


def test_every_send_is_kept_with_what_became_of_it(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    payer, to = funded(chain, 1), key(2).pubkey()
    good = payment(chain, payer, to, SOL)
    false = VersionedTransaction.populate(
        VersionedTransaction.from_bytes(good).message, [Keypair().sign_message(b"something else")]
    )
    unknown = signed(payer, [pay(payer, to, 1)], Chain(stepped(seed=1)).latest_blockhash)
    poor = payment(chain, payer, to, 10**6 * SOL)
    for raw in (good, good, bytes(false), bytes(unknown), poor, b"not a transaction"):
        with contextlib.suppress(RpcFault):
            chain.submit(raw, "rpc", preflight=True)
    chain.advance()
    with pytest.raises(RpcFault, match="already been processed"):
        chain.submit(good, "rpc", preflight=True)
    chain.close()
    assert verdicts(path) == [
        ("accepted", 1_100),
        ("duplicate", 1_100),
        ("invalid", 1_100),
        ("invalid", None),
        ("preflight", 1_100),
        ("invalid", None),
        ("duplicate", 1_100),
    ]
    assert rows(path, "SELECT DISTINCT endpoint FROM sends") == [("rpc",)]
    assert rows(path, "SELECT transaction_bytes FROM sends LIMIT 1") == [(good,)]


def test_a_dropped_send_may_be_accepted_when_it_comes_again(path: Path) -> None:
    chain = Chain(stepped(recording=path, faults=FaultSettings(drop_every=2)))
    payer, to = funded(chain, 1), key(2).pubkey()
    first, second = payment(chain, payer, to, 1), payment(chain, payer, to, 2)
    for raw in (first, second, second):
        chain.submit(raw, "rpc")
    chain.advance()
    chain.close()
    assert [verdict for verdict, _ in verdicts(path)] == ["accepted", "dropped", "accepted"]
    assert [kind for (kind,) in rows(path, "SELECT kind FROM faults")] == ["send_dropped"]
    assert len(rows(path, "SELECT * FROM executions")) == 2


def test_the_scenarios_own_sends_are_recorded_and_never_dropped(path: Path) -> None:
    chain = Chain(stepped(recording=path, faults=FaultSettings(drop_every=1)))
    chain.submit(payment(chain, funded(chain, 1), key(2).pubkey(), 1))
    chain.close()
    assert rows(path, "SELECT verdict, endpoint FROM sends") == [("accepted", "scenario")]


def test_executions_hold_place_error_fee_and_units(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    rich, poor, to = funded(chain, 1), funded(chain, 2, SOL), key(3).pubkey()
    failing, landing = payment(chain, poor, to, 5 * SOL), payment(chain, rich, to, SOL, 1_000_000)
    chain.submit(failing)
    chain.submit(landing)
    chain.advance()
    chain.close()
    found = rows(
        path, "SELECT slot, position_in_slot, error, fee_lamports, compute_units, transaction_bytes FROM executions"
    )
    assert found[0] == (1_001, 0, None, 11_000, 300, landing)
    slot, position, error, fee, _, raw = found[1]
    assert (slot, position, fee, raw) == (1_001, 1, 5_000, failing)
    assert orjson.loads(error) == {"InstructionError": [0, {"Custom": 1}]}


def test_one_counter_orders_all_tables(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    payer, to = funded(chain, 1), key(2).pubkey()
    chain.submit(payment(chain, payer, to, 1))
    chain.advance()
    chain.mark("price_step", {"asset": "SOL"})
    chain.submit(payment(chain, payer, to, 2))
    chain.advance()
    chain.close()
    tables = ("accounts", "sends", "executions", "marks", "slots")
    order = sorted((seq, table) for table in tables for (seq,) in rows(path, f"SELECT seq FROM {table}"))
    assert [seq for seq, _ in order] == list(range(1, len(order) + 1))
    names = [table for _, table in order if table != "accounts"]
    assert names == ["sends", "slots", "executions", "marks", "sends", "slots", "executions", "slots"]
    assert rows(path, "SELECT slot, kind, details FROM marks") == [(1_001, "price_step", '{"asset":"SOL"}')]


def test_slots_that_ended_are_there_to_read_while_the_chain_goes_on(path: Path) -> None:
    chain = Chain(stepped(recording=path))
    chain.advance(3)
    chain.recording.flush()
    assert [slot for (slot,) in rows(path, "SELECT slot FROM slots ORDER BY slot")] == [1_000, 1_001, 1_002]
    chain.close()


def test_another_chains_recording_is_never_overwritten(path: Path) -> None:
    path.write_bytes(b"somebody's")
    with pytest.raises(ServerError, match="exists already"):
        Chain(stepped(recording=path))
    assert path.read_bytes() == b"somebody's"
