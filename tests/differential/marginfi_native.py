"""marginfi 0.1.9 from its published source, compiled natively: many transactions at once through `marginfi_source/driver.rs`."""

import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from tests.differential.marginfi_accounts import TOKEN

DRIVER = "marginfi-0.1.9-native"
"""The driver's name in the folder of binaries; `marginfi_source/build` makes it."""
SYSVAR = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
SYSTEM = Pubkey.default()
LOADER = Pubkey(b"a program, whatever it is owned ")
Accounts = dict[Pubkey, tuple[Pubkey, bytes]]


@dataclass(frozen=True)
class Trial:
    """A transaction on a state."""

    time: int
    slot: int
    accounts: Accounts
    instructions: Sequence[Instruction]

    def named(self) -> Accounts:
        """Return the accounts, those among them that only the instructions name."""
        programs = dict.fromkeys((TOKEN, SYSTEM), (LOADER, b""))
        named = {meta.pubkey: (SYSTEM, b"") for it in self.instructions for meta in it.accounts}
        return named | {SYSVAR: (SYSTEM, b"")} | programs | self.accounts

    def pack(self) -> bytes:
        """Return its bytes."""
        accounts = self.named()
        places = {key: place for place, key in enumerate(accounts)}
        parts = [struct.pack("<qQI", self.time, self.slot, len(accounts))]
        parts += [bytes(key) + bytes(owner) + packed(data) for key, (owner, data) in accounts.items()]
        parts.append(struct.pack("<I", len(self.instructions)))
        for it in self.instructions:
            flags = [(places[meta.pubkey], meta.is_signer | meta.is_writable << 1) for meta in it.accounts]
            parts.append(struct.pack("<I", len(flags)) + b"".join(struct.pack("<IB", *each) for each in flags))
            parts.append(struct.pack("<I", len(bytes(it.data))) + bytes(it.data))
        return b"".join(parts)


@dataclass(frozen=True)
class Landed:
    """The first failing instruction's code, or None, and every account afterwards."""

    error: int | None
    after: dict[Pubkey, bytes]


def packed(data: bytes) -> bytes:
    """Return lamports, length and bytes of an account."""
    return struct.pack("<QI", 10**10, len(data)) + data


def run(programs: Path, trials: Sequence[Trial]) -> Iterator[Landed]:
    """Return what the program does with each trial."""
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder, "asked"), Path(folder, "told")
        asked.write_bytes(b"".join(trial.pack() for trial in trials))
        subprocess.run([programs / DRIVER, asked, told], check=True, stdout=subprocess.DEVNULL)
        answer, at = told.read_bytes(), 0
    for trial in trials:
        error = int(struct.unpack_from("<q", answer, at)[0])
        at += 8
        after = {}
        for key in trial.named():
            length = int(struct.unpack_from("<I", answer, at)[0])
            after[key] = answer[at + 4 : at + 4 + length]
            at += 4 + length
        yield Landed(error or None, after)
