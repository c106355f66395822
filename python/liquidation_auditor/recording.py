"""The chain's recording, read-only: a SQLite file as docs/recording.md describes it, versions 1 and 2.

What a fork undid is left out everywhere but in `undone_executions`.
"""

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from liquidation_auditor.errors import BadInput

VERSIONS = ("1", "2")
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


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """A transaction that a block carried until a fork undid that block."""

    signature: str
    seq: int
    undone_seq: int


class Recording:
    """An open recording; use it in a `with`."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"no recording at {path}: give the file that localnet wrote")
        try:
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            self._database.execute("BEGIN")  # one snapshot, should localnet still be writing
            tables = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            raise BadInput(f"{path} is no recording that can be read: {error}") from error
        if missing := [name for name in TABLES if name not in tables]:
            raise BadInput(f"{path} lacks the tables {', '.join(missing)}: it is no recording")
        self.meta: dict[str, str] = dict(self._database.execute("SELECT key, value FROM meta"))
        if self.meta.get("recording_version") not in VERSIONS:
            found = self.meta.get("recording_version")
            raise BadInput(f"{path} has recording_version {found}, expected one of {', '.join(VERSIONS)}")
        self._forks: list[tuple[int, int, int]] = []
        if "forks" in tables:
            self._forks = self._database.execute("SELECT seq, slot, kept_slot FROM forks ORDER BY seq").fetchall()

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

    def _undone_at(self, slot: int, seq: int) -> int | None:
        """Return the seq of the fork that undid what happened in `slot` at `seq`, None where it stands."""
        for fork_seq, forked_slot, kept_slot in self._forks:
            if seq < fork_seq and kept_slot < slot <= forked_slot:
                return fork_seq
        return None

    def slots(self) -> list[SlotRow]:
        """Return the slots that have a block, in order."""
        rows = self._database.execute("SELECT slot, block_height, unix_time, seq FROM slots ORDER BY slot")
        return [
            SlotRow(slot, height, int(time), seq)
            for slot, height, time, seq in rows
            if self._undone_at(slot, seq) is None
        ]

    def accounts(self) -> Iterator[AccountRow]:
        """Yield account states in the order in which they were written."""
        rows = self._database.execute(
            "SELECT seq, slot, pubkey, owner, lamports, executable, data FROM accounts ORDER BY seq"
        )
        for seq, slot, pubkey, owner, lamports, executable, data in rows:
            if self._undone_at(slot, seq) is not None:
                continue
            yield AccountRow(seq, slot, bytes(pubkey), bytes(owner), int(lamports), bool(executable), bytes(data))

    def undone_accounts(self) -> list[tuple[AccountRow, int]]:
        """Return account states of blocks that a fork undid, each with the last slot of those blocks."""
        found = []
        for _, forked_slot, kept_slot in self._forks:
            rows = self._database.execute(
                "SELECT seq, slot, pubkey, owner, lamports, executable, data FROM accounts WHERE slot > ? AND slot <= ? ORDER BY seq",
                (kept_slot, forked_slot),
            )
            for seq, slot, pubkey, owner, lamports, executable, data in rows:
                if self._undone_at(slot, seq) is not None:
                    row = AccountRow(
                        seq, slot, bytes(pubkey), bytes(owner), int(lamports), bool(executable), bytes(data)
                    )
                    found.append((row, forked_slot))
        return found

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
        found = (ExecutionRow(*row) for row in rows)
        return [row for row in found if self._undone_at(row.slot, row.seq) is None]

    def undone_executions(self) -> list[UndoneRow]:
        """Return what was executed in blocks that a fork undid."""
        if not self._forks:
            return []
        rows = self._database.execute("SELECT signature, slot, seq FROM executions ORDER BY seq").fetchall()
        found = ((signature, seq, self._undone_at(slot, seq)) for signature, slot, seq in rows)
        return [
            UndoneRow(signature, seq, self._known_from(undone))
            for signature, seq, undone in found
            if undone is not None
        ]

    def _known_from(self, fork_seq: int) -> int:
        """Return from when on everybody can know of a fork: what arrives within two blocks after it was signed before."""
        rows = self._database.execute(
            "SELECT seq FROM slots WHERE seq > ? ORDER BY seq LIMIT 2", (fork_seq,)
        ).fetchall()
        return int(rows[-1][0]) if len(rows) == 2 else sys.maxsize


def block_height_at(slots: list[SlotRow], slot: int) -> int:
    """Return the block height current in `slot`: its own block's, or the one before where the slot has none."""
    low, high = 0, len(slots)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if slots[middle].slot <= slot else (low, middle)
    return slots[low - 1].block_height if low else 0
