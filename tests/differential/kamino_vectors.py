"""What Kamino's program did, as a file: `python -m tests.differential.kamino_vectors` writes it, tests replay it in Rust and in Python.

One zlib stream: a line with program, sha256, first seed and number of trials, then the trials. Little-endian: slot, time, position, debt,
collateral, amount, least received; accounts (address, owner, data); error (2^63-1 for none), repaid, seized, shares left, fee; accounts
that changed (address, data before xor after).
"""

import argparse
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FILE = Path(__file__).parents[1] / "vectors" / "kamino.z"
LANDED = 2**63 - 1


@dataclass(frozen=True)
class Vector:
    """One transaction: what went in and what the program made of it."""

    clock: tuple[int, int]
    legs: tuple[bytes, bytes, bytes]  # position, debt, collateral
    amounts: tuple[int, int]  # offered, least received
    accounts: dict[bytes, tuple[bytes, bytes]]  # address -> owner, data
    error: int | None
    numbers: tuple[int, ...]  # repaid, seized, collateral tokens left, protocol fee
    after: dict[bytes, bytes]

    def pack(self) -> bytes:
        """Return its bytes."""
        parts = [struct.pack("<Qq", *self.clock), *self.legs, struct.pack("<QQH", *self.amounts, len(self.accounts))]
        for address, (owner, data) in self.accounts.items():
            parts += [address, owner, struct.pack("<I", len(data)), data]
        error = LANDED if self.error is None else self.error
        parts.append(struct.pack("<q4QH", error, *self.numbers, len(self.after)))
        for address, data in self.after.items():
            parts += [address, struct.pack("<I", len(data)), _xor(data, self.accounts[address][1])]
        return b"".join(parts)


def _xor(data: bytes, other: bytes) -> bytes:
    both = int.from_bytes(data, "little") ^ int.from_bytes(other, "little")
    return both.to_bytes(len(data), "little")


class Reader:
    """Bytes from the front."""

    def __init__(self, data: bytes) -> None:
        """Start at the first."""
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, form: str) -> tuple[int, ...]:
        """Return the next numbers."""
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def blob(self) -> bytes:
        """Return bytes behind their length."""
        return self.take(self.numbers("<I")[0])

    def vector(self) -> Vector:
        """Return the next trial."""
        slot, time = self.numbers("<Qq")
        legs = (self.take(32), self.take(32), self.take(32))
        amount, least, count = self.numbers("<QQH")
        accounts = {self.take(32): (self.take(32), self.blob()) for _ in range(count)}
        error, *numbers, count = self.numbers("<q4QH")
        changed = {self.take(32): self.blob() for _ in range(count)}
        after = {address: _xor(change, accounts[address][1]) for address, change in changed.items()}
        outcome = None if error == LANDED else error
        return Vector((slot, time), legs, (amount, least), accounts, outcome, tuple(numbers), after)


def read(path: Path = FILE) -> tuple[str, Iterator[Vector]]:
    """Return the heading and the trials."""
    heading, _, data = zlib.decompress(path.read_bytes()).partition(b"\n")
    reader = Reader(data)

    def vectors() -> Iterator[Vector]:
        while reader.at < len(reader.data):
            yield reader.vector()

    return heading.decode(), vectors()


def record(program: Path, trials: int, seed: int) -> bytes:
    """Return the stream of `trials` states from `seed` on, run by the program."""
    from tests.differential.kamino_accounts import PROGRAM, TOKEN_PROGRAM  # here: a replay needs no solders
    from tests.differential.kamino_states import Draw
    from tests.differential.kamino_vm import Machine

    machine = Machine(program)
    digest = sha256(program.read_bytes()).hexdigest()
    parts = [f"kamino {PROGRAM} version=1.7 sha256={digest} seed={seed} trials={trials}\n".encode()]
    for number in range(seed, seed + trials):
        world = Draw(number).world()
        outcome = machine.run(world)
        kept = {bytes(key): it for key, it in world.accounts.items() if it.owner != TOKEN_PROGRAM}
        ours = [key for key, it in world.accounts.items() if it.owner == PROGRAM]
        landed = outcome.error is None
        after = {bytes(key): outcome.accounts[key] for key in ours if landed}
        vector = Vector(
            clock=(world.slot, world.time),
            legs=(bytes(world.position), bytes(world.debt), bytes(world.collateral)),
            amounts=(world.amount, world.min_received),
            accounts={key: (bytes(it.owner), bytes(it.data)) for key, it in kept.items()},
            error=outcome.error,
            numbers=outcome.numbers(world) if landed else (0, 0, 0, 0),
            after={key: data for key, data in after.items() if data != bytes(kept[key].data)},
        )
        parts.append(vector.pack())
    return zlib.compress(b"".join(parts), 9)


def main() -> None:
    """Write the file."""
    from tests.differential.kamino import build

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=500_000)
    asked = parser.parse_args()
    data = record(build(Path(os.environ["LIQ_PROGRAMS"])), asked.trials, asked.seed)
    FILE.write_bytes(data)
    print(f"{FILE}: {asked.trials} trials, {len(data):,} bytes")


if __name__ == "__main__":
    main()
