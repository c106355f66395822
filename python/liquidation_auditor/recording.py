"""The chain's recording, read-only: a SQLite file as docs/recording.md describes it, version 1."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from liquidation_auditor.errors import BadInput

TABLES = ("meta", "programs", "slots", "accounts", "sends", "executions", "faults", "marks")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account's state at the end of a slot that changed it; closed where it has neither lamports nor data."""

    seq: int
    slot: int
    pubkey: bytes
    owner: bytes
    lamports: int
    executable: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot that has a block."""

    slot: int
    block_height: int
    unix_time: int
    seq: int


@dataclass(frozen=True, slots=True)
class SendRow:
    """Bytes that somebody handed in, and what the chain's door said."""

    seq: int
    slot: int
    signature: str
    transaction_bytes: bytes
    last_valid_block_height: int | None
    verdict: str
    unix_ns: int = 0


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """A transaction that a block carries; `error` is None where it succeeded."""

    seq: int
    slot: int
    position_in_slot: int
    signature: str
    error: str | None
    fee_lamports: int
    transaction_bytes: bytes


class Recording:
    """An open recording; use it in a `with`."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"no recording at {path}: give the file that localnet wrote")
        try:
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            self._database.execute("BEGIN")  # one snapshot, should localnet still be writing
            found = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            raise BadInput(f"{path} is no recording that can be read: {error}") from error
        if missing := [name for name in TABLES if name not in found]:
            raise BadInput(f"{path} lacks the tables {', '.join(missing)}: it is no recording of version 1")
        self.meta: dict[str, str] = dict(self._database.execute("SELECT key, value FROM meta"))
        if self.meta.get("recording_version") != "1":
            raise BadInput(f"{path} has recording_version {self.meta.get('recording_version')}, expected 1")

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def elf(self, program: bytes) -> bytes | None:
        """Return the deployed binary of `program`, None where it was not recorded."""
        row = self._database.execute("SELECT elf FROM programs WHERE program_id = ?", (program,)).fetchone()
        return bytes(row[0]) if row else None

    def programs(self) -> list[tuple[bytes, bytes]]:
        """Return every recorded program and its binary."""
        return [
            (bytes(name), bytes(elf)) for name, elf in self._database.execute("SELECT program_id, elf FROM programs")
        ]

    def slots(self) -> list[SlotRow]:
        """Return the slots that have a block, in order."""
        rows = self._database.execute("SELECT slot, block_height, unix_time, seq FROM slots ORDER BY slot")
        return [SlotRow(slot, height, int(time), seq) for slot, height, time, seq in rows]

    def accounts(self) -> Iterator[AccountRow]:
        """Yield account states in the order in which they were written."""
        rows = self._database.execute(
            "SELECT seq, slot, pubkey, owner, lamports, executable, data FROM accounts ORDER BY seq"
        )
        for seq, slot, pubkey, owner, lamports, executable, data in rows:
            yield AccountRow(seq, slot, bytes(pubkey), bytes(owner), int(lamports), bool(executable), bytes(data))

    def sends(self) -> list[SendRow]:
        """Return what was handed in, in order."""
        rows = self._database.execute(
            "SELECT seq, slot, signature, transaction_bytes, last_valid_block_height, verdict, unix_ns FROM sends ORDER BY seq"
        )
        return [SendRow(*row) for row in rows]

    def marks(self, from_seq: int) -> dict[str, int]:
        """Return how often the scenario left each kind of mark from `from_seq` on."""
        rows = self._database.execute("SELECT kind, count(*) FROM marks WHERE seq >= ? GROUP BY kind", (from_seq,))
        return {str(kind): int(times) for kind, times in rows}

    def executions(self) -> list[ExecutionRow]:
        """Return what was executed, in order."""
        rows = self._database.execute(
            "SELECT seq, slot, position_in_slot, signature, error, fee_lamports, transaction_bytes FROM executions"
            " ORDER BY slot, position_in_slot, seq"
        )
        return [ExecutionRow(*row) for row in rows]


def block_height_at(slots: list[SlotRow], slot: int) -> int:
    """Return the block height current in `slot`: its own block's, or the one before where the slot has none."""
    low, high = 0, len(slots)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if slots[middle].slot <= slot else (low, middle)
    return slots[low - 1].block_height if low else 0
