"""Signatures handed in while an earlier one for the position could still land, and liquidations landed twice."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from liquidation_auditor.decode import base58, liquidated_position, transaction
from liquidation_auditor.faults import Fault
from liquidation_auditor.recording import ExecutionRow, SendRow, SlotRow, UndoneRow, block_height_at

SUBMITTED = ("accepted", "dropped")


@dataclass(frozen=True, slots=True)
class Submission:
    """A signature's first acceptance, for one position."""

    position: bytes
    signature: str
    seq: int
    slot: int
    last_valid_block_height: int | None


def submissions(
    sends: Iterable[SendRow], program: bytes, wallets: frozenset[bytes], table: Callable[[bytes], bytes | None]
) -> list[Submission]:
    """Return what the wallets handed in to liquidate or write off positions, each signature once."""
    known: set[str] = set()
    found = []
    for send in sends:
        if send.verdict not in SUBMITTED or send.signature in known:
            continue
        known.add(send.signature)
        read = transaction(send.transaction_bytes, table)
        if not wallets & set(read.signers):
            continue
        positions = {liquidated_position(instruction, program) for instruction in read.instructions} - {None}
        found += [
            Submission(position, send.signature, send.seq, send.slot, send.last_valid_block_height)
            for position in positions
            if position
        ]
    return found


def duplicates(
    found: Iterable[Submission],
    executions: Iterable[ExecutionRow],
    slots: list[SlotRow],
    undone: Iterable[UndoneRow] = (),
) -> list[Fault]:
    """Return a fault for every submission made while an earlier one for the position was live.

    Live ends with execution, landed or failed, or when the block height at the later submission is above the last at
    which the earlier one was valid. Sending the same signature again is no second submission. A fork that undid the
    execution brings it back to life, until it is executed again.
    """
    executed = _Executed(executions, undone)
    earlier: dict[bytes, list[Submission]] = defaultdict(list)
    faults = []
    for submission in sorted(found, key=lambda submission: submission.seq):
        height = block_height_at(slots, submission.slot)
        alive = [
            before
            for before in earlier[submission.position]
            if not executed.by(before.signature, submission.seq)
            and (before.last_valid_block_height is None or height <= before.last_valid_block_height)
        ]
        if alive:
            why = f"{submission.signature} was handed in while {alive[0].signature} could still land"
            faults.append(Fault("duplicates", base58(submission.position), [alive[0].slot, submission.slot], why))
        # One that was executed may be undone: only what can land no more is forgotten.
        earlier[submission.position] = [
            before
            for before in [*earlier[submission.position], submission]
            if before.last_valid_block_height is None or height <= before.last_valid_block_height
        ]
    return faults


class _Executed:
    """From when to when each signature counted as executed."""

    def __init__(self, executions: Iterable[ExecutionRow], undone: Iterable[UndoneRow]) -> None:
        self._times: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for row in executions:
            self._times[row.signature].append((row.seq, float("inf")))
        for gone in undone:
            self._times[gone.signature].append((gone.seq, gone.undone_seq))

    def by(self, signature: str, seq: int) -> bool:
        """Whether the signature stood executed at `seq`."""
        return any(start < seq <= end for start, end in self._times.get(signature, ()))


def double_landings(landed: Iterable[tuple[bytes, int, str, int]]) -> list[Fault]:
    """Return a fault for every second success from one version: (position, version before, signature, slot)."""
    first: dict[tuple[bytes, int], tuple[str, int]] = {}
    faults = []
    for position, version, signature, slot in landed:
        before = first.setdefault((position, version), (signature, slot))
        if before[0] != signature:
            why = f"{signature} and {before[0]} both liquidated version {version}"
            faults.append(Fault("double_landings", base58(position), [before[1], slot], why))
    return faults
