"""Vectors of marginfi: what its real program did with random states, one compressed file for each version.

`python -m tests.differential.marginfi_vectors --seed N` writes `tests/vectors/marginfi.z` (0.1.1, its binary) and
`marginfi-0.1.9.z` (its source, compiled natively); both need LIQ_PROGRAMS. `read` gives them back. No number of the
engine's goes into them: the least repayment of a receivership is searched with the program itself.

After zlib: one line of text (program, version, sha256, seed, count), then each trial: position, liquidator, debt bank, collateral
bank (32 bytes each), slot, time, amount, error (i64; 0 for none), fee, repaid (receivership), way (u8: 1 classic, 2 receivership),
counts of accounts before and after (u8 each); an account is address, owner, length (u32) and bytes; one afterwards is address,
count of changed runs (u16), and of each run offset (u16), length (u16), bytes.
"""

import argparse
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parents[1] / "vectors" / "marginfi.z"
NEW_FILE = FILE.with_name("marginfi-0.1.9.z")
HEAD = struct.Struct("<32s32s32s32sQqQqQQBBB")


@dataclass
class Trial:
    """One state, and what the program did with it."""

    position: bytes
    liquidator: bytes
    debt: bytes
    collateral: bytes
    slot: int
    time: int
    amount: int
    error: int
    fee: int
    repaid: int
    way: int
    before: dict[bytes, tuple[bytes, bytes]]
    after: dict[bytes, bytes]

    def pack(self) -> bytes:
        """Return its bytes."""
        names = (self.position, self.liquidator, self.debt, self.collateral)
        counts = (self.way, len(self.before), len(self.after))
        figures = (self.slot, self.time, self.amount, self.error, self.fee, self.repaid, *counts)
        accounts = [key + owner + struct.pack("<I", len(data)) + data for key, (owner, data) in self.before.items()]
        changed = [key + runs(self.before[key][1], data) for key, data in self.after.items()]
        return HEAD.pack(*names, *figures) + b"".join(accounts + changed)


def runs(before: bytes, after: bytes) -> bytes:
    """Return where two accounts differ."""
    places = [at for at in range(len(after)) if before[at] != after[at]]
    found: list[list[int]] = []
    for at in places:
        if found and at - found[-1][1] <= 4:
            found[-1][1] = at
        else:
            found.append([at, at])
    parts = [struct.pack("<HH", first, last + 1 - first) + after[first : last + 1] for first, last in found]
    return struct.pack("<H", len(parts)) + b"".join(parts)


def read(file: Path = FILE) -> tuple[str, Iterator[Trial]]:
    """Return the file's first line and its trials."""
    data = zlib.decompress(file.read_bytes())
    line, _, rest = data.partition(b"\n")
    return line.decode(), trials(rest)


def trials(data: bytes) -> Iterator[Trial]:
    """Return the trials that follow the first line."""
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return data[at - length : at]

    while at < len(data):
        *names, slot, time, amount, error, fee, repaid, way, known, changed = HEAD.unpack(take(HEAD.size))
        before, after = {}, {}
        for _ in range(known):
            key, owner = take(32), take(32)
            before[key] = owner, take(int.from_bytes(take(4), "little"))
        for _ in range(changed):
            key = take(32)
            account = bytearray(before[key][1])
            for _ in range(int.from_bytes(take(2), "little")):
                offset, length = struct.unpack("<HH", take(4))
                account[offset : offset + length] = take(length)
            after[key] = bytes(account)
        position, liquidator, debt, collateral = names
        figures = (slot, time, amount, error, fee, repaid, way)
        yield Trial(position, liquidator, debt, collateral, *figures, before, after)


def make(programs: Path, seed: int, count: int) -> bytes:
    """Return the file's content before compression."""
    from tests.differential.marginfi_accounts import PROGRAM, TOKEN, vault
    from tests.differential.marginfi_states import POSITION, state
    from tests.differential.marginfi_vm import BINARY, Vm

    vm = Vm(programs)
    digest = hashlib.sha256((programs / BINARY).read_bytes()).hexdigest()
    parts = [f"marginfi {PROGRAM} 0.1.1 sha256 {digest} seed {seed} trials {count}\n".encode()]
    for number in range(seed, seed + count):
        given = state(number)
        chain = vm.run(given)
        kept = vault("liquidity_vault", given.banks[given.debt].address)[0] if given.kind == "no vault" else None
        before = {
            bytes(key): (bytes(owner), data)
            for key, (owner, data) in given.accounts.items()
            if owner != TOKEN or len(data) == 82 or key == kept
        }
        after = {bytes(key): data for key, data in (chain.after or {}).items() if data != given.accounts[key][1]}
        names = (POSITION, given.liquidator_address, given.banks[given.debt].address, given.banks[given.asset].address)
        figures = (given.slot, given.time, given.amount, chain.error or 0, chain.fee, 0, 1)
        parts.append(Trial(*map(bytes, names), *figures, before, after).pack())
    return b"".join(parts)


def make_new(programs: Path, seed: int, count: int) -> bytes:
    """Return the newer version's content before compression."""
    from tests.differential.marginfi_accounts import PROGRAM, TOKEN
    from tests.differential.marginfi_native import DRIVER
    from tests.differential.marginfi_new_vectors import trials_of

    digest = hashlib.sha256((programs / DRIVER).read_bytes()).hexdigest()
    parts = [
        f"marginfi {PROGRAM} 0.1.9 source 1f1f7a69, native build sha256 {digest} seed {seed} trials {count}\n".encode()
    ]
    for trial in trials_of(programs, seed, count):
        trial.before = {at: it for at, it in trial.before.items() if it[0] != bytes(TOKEN) or len(it[1]) == 82}
        parts.append(trial.pack())
    return b"".join(parts)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=500_000)
    asked = parser.parse_args()
    for file, content in ((FILE, make), (NEW_FILE, make_new)):
        data = content(Path(os.environ["LIQ_PROGRAMS"]), asked.seed, asked.trials)
        file.write_bytes(zlib.compress(data, 9))
        print(f"{file}: {asked.trials} trials, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
