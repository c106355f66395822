"""Localnet's recording: one SQLite file with everything that happens on the chain (docs/recording.md).

Rows are gathered during a slot and written by a thread of their own when it ends, one transaction a slot, so that
the disk never holds up the chain.
"""

import queue
import sqlite3
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from liquidation_engine.errors import ServerError

VERSION = 2
_QUEUED_SLOTS = 256
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE programs (program_id BLOB PRIMARY KEY, elf BLOB NOT NULL) STRICT;
CREATE TABLE slots (slot INTEGER PRIMARY KEY, block_height INTEGER NOT NULL, unix_time INTEGER NOT NULL,
    seq INTEGER NOT NULL) STRICT;
CREATE TABLE accounts (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, pubkey BLOB NOT NULL, owner BLOB NOT NULL,
    lamports INTEGER NOT NULL, executable INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE TABLE sends (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, unix_ns INTEGER NOT NULL, signature TEXT NOT NULL,
    transaction_bytes BLOB NOT NULL, last_valid_block_height INTEGER, verdict TEXT NOT NULL,
    endpoint TEXT NOT NULL) STRICT;
CREATE TABLE executions (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, position_in_slot INTEGER NOT NULL,
    signature TEXT NOT NULL, error TEXT, fee_lamports INTEGER NOT NULL, compute_units INTEGER NOT NULL,
    transaction_bytes BLOB NOT NULL) STRICT;
CREATE TABLE faults (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, kind TEXT NOT NULL, details TEXT NOT NULL) STRICT;
CREATE TABLE forks (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, kept_slot INTEGER NOT NULL) STRICT;
CREATE TABLE marks (seq INTEGER PRIMARY KEY, slot INTEGER NOT NULL, kind TEXT NOT NULL, details TEXT NOT NULL) STRICT;
"""
_INSERT = {
    "meta": "INSERT INTO meta VALUES (?, ?)",
    "programs": "INSERT OR REPLACE INTO programs VALUES (?, ?)",
    "slots": "INSERT INTO slots VALUES (?, ?, ?, ?)",
    "accounts": "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)",
    "sends": "INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "executions": "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "faults": "INSERT INTO faults VALUES (?, ?, ?, ?)",
    "forks": "INSERT INTO forks VALUES (?, ?, ?)",
    "marks": "INSERT INTO marks VALUES (?, ?, ?, ?)",
}
Batch = list[tuple[str, tuple[Any, ...]]]


class Recording:
    """Gathers rows and numbers them; with no path it numbers them and forgets."""

    def __init__(self, path: Path | None, meta: dict[str, str]) -> None:
        self._next_seq = count(1)
        self._batch: Batch = []
        self._queue: queue.Queue[Batch | threading.Event | None] = queue.Queue(_QUEUED_SLOTS)
        self._failure: Exception | None = None
        self._path = path
        self._opened = False
        self._thread: threading.Thread | None = None
        if path is None:
            return
        if path.exists():  # it is another chain's
            raise ServerError(f"the recording {path} exists already: name another file or remove it")
        for key, value in {"recording_version": str(VERSION), **meta}.items():
            self._add("meta", (key, value))

    def open(self) -> None:
        """Create the file; until then, and so when the server cannot start, there is none."""
        if self._path is None or self._opened:
            return
        _create(self._path)
        self._opened = True
        self._thread = threading.Thread(target=self._write, name="localnet-recording", daemon=True)
        self._thread.start()

    def program(self, program_id: bytes, elf: bytes) -> None:
        """Record a deployed binary."""
        self._add("programs", (program_id, elf))

    def account(self, slot: int, pubkey: bytes, owner: bytes, lamports: int, executable: bool, data: bytes) -> None:
        """Record an account's state at the end of a slot."""
        self._add("accounts", (next(self._next_seq), slot, pubkey, owner, lamports, int(executable), data))

    def send(
        self, slot: int, signature: str, raw: bytes, last_valid_block_height: int | None, verdict: str, endpoint: str
    ) -> None:
        """Record a transaction as it was received, and what became of it."""
        row = (next(self._next_seq), slot, time.time_ns(), signature, raw, last_valid_block_height, verdict, endpoint)
        self._add("sends", row)

    def execution(
        self, slot: int, position: int, signature: str, error: Any | None, fee: int, compute_units: int, raw: bytes
    ) -> None:
        """Record a transaction that a block holds."""
        text = None if error is None else orjson.dumps(error).decode()
        self._add("executions", (next(self._next_seq), slot, position, signature, text, fee, compute_units, raw))

    def fault(self, slot: int, kind: str, details: dict[str, Any]) -> None:
        """Record a fault that was injected."""
        self._add("faults", (next(self._next_seq), slot, kind, orjson.dumps(details).decode()))

    def fork(self, slot: int, kept_slot: int) -> None:
        """Record that the blocks above `kept_slot`, up to that of `slot`, were undone."""
        self._add("forks", (next(self._next_seq), slot, kept_slot))

    def mark(self, slot: int, kind: str, details: dict[str, Any]) -> None:
        """Record something the scenario did."""
        self._add("marks", (next(self._next_seq), slot, kind, orjson.dumps(details).decode()))

    def end_slot(self, slot: int, block_height: int, unix_time: int) -> None:
        """Record that a slot ended, and hand everything gathered to the writer."""
        self._add("slots", (slot, block_height, unix_time, next(self._next_seq)))
        self._hand_over()

    def flush(self) -> None:
        """Write what has been gathered and wait until it is on the disk's side of SQLite."""
        self._hand_over()
        if self._thread is None:
            return
        written = threading.Event()
        self._queue.put(written)
        written.wait()
        self._raise_failure()

    def close(self) -> None:
        """Write what is left and end the writer."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(self._batch)
        self._queue.put(None)
        thread.join()
        self._raise_failure()

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        if self._path is not None:
            self._batch.append((table, row))

    def _hand_over(self) -> None:
        self._raise_failure()
        self.open()
        if self._thread is not None and self._batch:
            batch, self._batch = self._batch, []
            self._queue.put(batch)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise ServerError(f"cannot write the recording {self._path}: {self._failure}") from self._failure

    def _write(self) -> None:
        assert self._path is not None
        database = sqlite3.connect(self._path)
        database.execute("PRAGMA synchronous = NORMAL")
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            elif self._failure is None:
                try:
                    _write_batch(database, item)
                except (sqlite3.Error, OverflowError) as error:
                    self._failure = error
        database.close()


def _create(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path)
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_SCHEMA)
        database.close()
    except (OSError, sqlite3.Error) as error:
        raise ServerError(f"cannot create the recording {path}: {error}") from error


def _write_batch(database: sqlite3.Connection, batch: Batch) -> None:
    with database:
        for table, row in batch:
            database.execute(_INSERT[table], row)
