"""A stream in memory: publishing, reading, reclaiming, acknowledging, dead letters."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquidation_engine.model import Candidate
from liquidation_engine.testing.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEntry:
    """A candidate as delivered."""

    stream_id: str
    candidate: Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTaken:
    """What was taken over."""

    entries: Sequence[MemoryEntry]
    deleted: int


class MemoryStream:
    """Fits `detect.candidates.Producer` and `execute.pool.Consumer`. What is delivered stays pending until acknowledged."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = Journal() if journal is None else journal
        self.published: list[Candidate] = []
        self.marked: set[str] = set()  # positions whose dedupe marker lives
        self.pending: dict[str, MemoryEntry] = {}
        self.left_lying: list[MemoryEntry] = []  # what the next reclaim takes over
        self.handed_back: list[str] = []
        self.acknowledged: list[str] = []
        self.dead: list[tuple[str, str]] = []
        self.results: list[tuple[str, str, str | None, Mapping[str, str]]] = []
        self.renewed: list[tuple[str, ...]] = []
        self._waiting: list[MemoryEntry] = []
        self._arrived = asyncio.Event()

    async def publish(self, candidates: Sequence[Candidate]) -> int:
        """Add candidates and return how many."""
        return sum(await self.publish_each(candidates))

    async def publish_each(self, candidates: Sequence[Candidate]) -> list[bool]:
        """Add candidates, but those whose position is `marked`, and return of each whether it was added."""
        new = [one for one in candidates if one.position not in self.marked]
        for one in new:
            self._waiting.append(MemoryEntry(stream_id=f"{1_000 + len(self.published)}-0", candidate=one))
            self.published.append(one)
        self._arrived.set()
        return [one.position not in self.marked for one in candidates]

    async def read(self, count: int | None = None) -> Sequence[MemoryEntry]:
        """Wait for entries and deliver up to `count` of them."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        delivered = self._waiting[:count]
        del self._waiting[: len(delivered)]
        self.pending.update((entry.stream_id, entry) for entry in delivered)
        return delivered

    async def reclaim(self) -> MemoryTaken:
        """Take over what was left lying."""
        taken, self.left_lying = self.left_lying, []
        self.pending.update((entry.stream_id, entry) for entry in taken)
        return MemoryTaken(entries=taken, deleted=0)

    async def renew(self, stream_ids: Sequence[str]) -> None:
        """Note who is still in work."""
        self.renewed.append(tuple(stream_ids))

    async def hand_back(self, stream_ids: Sequence[str]) -> None:
        """Let the next reclaim have these."""
        self.handed_back += stream_ids
        self.left_lying += [self.pending.pop(stream_id) for stream_id in stream_ids]

    async def acknowledge(self, stream_id: str) -> None:
        """Take an entry off the pending ones."""
        self.journal.append("acknowledge")
        self.pending.pop(stream_id, None)
        self.acknowledged.append(stream_id)

    async def dead_letter(self, entry: MemoryEntry, reason: str) -> None:
        """Put an entry among the dead letters, which acknowledges it."""
        self.journal.append("dead_letter")
        self.pending.pop(entry.stream_id, None)
        self.dead.append((entry.candidate.position, reason))

    async def result(
        self, position: str, outcome: str, signature: str | None, fields: Mapping[str, str] | None = None
    ) -> None:
        """Note how a candidate ended."""
        self.journal.append("result")
        self.results.append((position, outcome, signature, fields or {}))
