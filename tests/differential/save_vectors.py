"""What the deployed program did, as a file: `python -m tests.differential.save_vectors` writes it, the tests replay it.

One zlib stream: a line with program, sha256, first seed and number of trials, then the trials; numbers little-endian.
"""

import argparse
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FILE = Path(__file__).parents[1] / "vectors" / "save.z"
LANDED = 2**63 - 1  # as an error: none


@dataclass(frozen=True)
class Trial:
    """One transaction: what went in and what the program made of it."""

    slot: int
    time: int
    position: bytes
    debt: bytes
    collateral: bytes
    amount: int
    liquidator: bytes
    accounts: dict[bytes, tuple[bytes, bytes]]  # address -> owner, data
    error: int | None
    numbers: tuple[int, int, int, int, int]  # repaid, seized, collateral tokens left, protocol fee, bonus in 10^-18
    after: dict[bytes, bytes]  # what changed


def pack(trial: Trial) -> bytes:
    """Return a trial's bytes."""
    legs = trial.position + trial.debt + trial.collateral
    parts = [struct.pack("<Qq", trial.slot, trial.time), legs, struct.pack("<Q", trial.amount), trial.liquidator]
    parts.append(struct.pack("<H", len(trial.accounts)))
    for address, (owner, data) in trial.accounts.items():
        parts += [address, owner, struct.pack("<I", len(data)), data]
    *small, bonus = trial.numbers
    error = LANDED if trial.error is None else trial.error
    parts += [struct.pack("<q4Q", error, *small), bonus.to_bytes(16, "little"), struct.pack("<H", len(trial.after))]
    for address, data in trial.after.items():
        parts += [address, struct.pack("<I", len(data)), data]
    return b"".join(parts)


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

    def trial(self) -> Trial:
        """Return the next trial."""
        slot, time = self.numbers("<Qq")
        position, debt, collateral = (self.take(32) for _ in range(3))
        (amount,), liquidator = self.numbers("<Q"), self.take(32)
        accounts = {self.take(32): (self.take(32), self.blob()) for _ in range(self.numbers("<H")[0])}
        error, repaid, seized, left, fee = self.numbers("<q4Q")
        bonus = int.from_bytes(self.take(16), "little")
        after = {self.take(32): self.blob() for _ in range(self.numbers("<H")[0])}
        numbers = (repaid, seized, left, fee, bonus)
        outcome = None if error == LANDED else error
        return Trial(slot, time, position, debt, collateral, amount, liquidator, accounts, outcome, numbers, after)


def read(path: Path = FILE) -> tuple[str, Iterator[Trial]]:
    """Return the heading and the trials."""
    heading, _, data = zlib.decompress(path.read_bytes()).partition(b"\n")
    reader = Reader(data)

    def trials() -> Iterator[Trial]:
        while reader.at < len(reader.data):
            yield reader.trial()

    return heading.decode(), trials()


def record(programs: Path, trials: int, seed: int) -> bytes:
    """Return the stream of `trials` states from `seed` on, run by the program in the folder."""
    from tests.differential.save import bonus  # here, because a replay needs neither solders nor a program
    from tests.differential.save_accounts import PROGRAM, TOKEN, WAD
    from tests.differential.save_states import state
    from tests.differential.save_vm import Vm

    vm = Vm(programs)
    digest = sha256((programs / "solend.so").read_bytes()).hexdigest()
    parts = [f"save {PROGRAM} sha256={digest} seed={seed} trials={trials}\n".encode()]
    for number in range(seed, seed + trials):
        given, chain = state(number), None
        chain = vm.run(given)
        kept = {k: (o, d) for k, (o, d) in given.accounts.items() if o != TOKEN or len(d) not in (82, 165)}
        after = {bytes(k): d for k, d in (chain.after or {}).items() if d != given.accounts[k][1]}
        ratio = 0 if chain.after is None else bonus(given, chain.after)
        numbers = (chain.paid, max(0, chain.received), chain.shares, chain.fee, int(ratio * WAD))
        trial = Trial(
            slot=given.slot,
            time=given.time,
            position=bytes(given.obligation),
            debt=bytes(given.debt),
            collateral=bytes(given.collateral),
            amount=given.amount,
            liquidator=bytes(given.liquidator),
            accounts={bytes(address): (bytes(owner), data) for address, (owner, data) in kept.items()},
            error=chain.error,
            numbers=numbers,
            after=after,
        )
        parts.append(pack(trial))
    return zlib.compress(b"".join(parts), 9)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=500_000)
    asked = parser.parse_args()
    data = record(Path(os.environ["LIQ_PROGRAMS"]), asked.trials, asked.seed)
    FILE.write_bytes(data)
    print(f"{FILE}: {asked.trials} trials, {len(data):,} bytes")


if __name__ == "__main__":
    main()
