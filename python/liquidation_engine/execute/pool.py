"""Runs a worker over the stream: reads entries, handles several at once, renews what is in work, takes over what was left lying.

An entry is acknowledged only after its outcome is written down. Cancelled in the middle, it stays pending and is reclaimed; a live intent
is adopted by whoever comes next.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.execute.ports import Intents, Stages
from liquidation_engine.execute.worker import Deferred, Worker
from liquidation_engine.model import (
    Candidate,
    GaveUp,
    Intent,
    Landed,
    LandedFailed,
    Outcome,
    Rejected,
    outcome_name,
)

log = structlog.get_logger(__name__)

RUNS = ("read", "reclaim")  # the loops whose passes count as runs


class Entry(Protocol):
    """A candidate as delivered."""

    @property
    def stream_id(self) -> str: ...
    @property
    def candidate(self) -> Candidate: ...


EntryType = TypeVar("EntryType", bound=Entry)
EntryOut = TypeVar("EntryOut", bound=Entry, covariant=True)


class Taken(Protocol[EntryOut]):
    """What was taken over, and how many pending ids the stream no longer holds."""

    @property
    def entries(self) -> Sequence[EntryOut]: ...
    @property
    def deleted(self) -> int: ...


class Consumer(Protocol[EntryType]):
    """A worker's end of the stream."""

    async def read(self, count: int | None = None) -> Sequence[EntryType]: ...
    async def reclaim(self) -> Taken[EntryType]: ...
    async def renew(self, stream_ids: Sequence[str]) -> None: ...
    async def hand_back(self, stream_ids: Sequence[str]) -> None: ...
    async def acknowledge(self, stream_id: str) -> None: ...
    async def dead_letter(self, entry: EntryType, reason: str) -> None: ...
    async def result(
        self, position: str, outcome: str, signature: str | None, fields: Mapping[str, str] | None = None
    ) -> None: ...


class Runs(Protocol):
    """Counts runs: completed read and reclaim passes, empty or not, and those that failed."""

    def ran(self) -> None: ...
    def failed(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How much at once, and how often the housekeeping runs."""

    concurrency: int = 8
    renew_seconds: float = 1.5
    reclaim_seconds: float = 2.0
    adopt_after_seconds: float = 5.0
    patience_seconds: float = 30.0  # how long an entry waits for a position that another worker holds
    look_again_seconds: float = 0.2
    set_aside_seconds: float = 30.0
    drain_seconds: float = 2.0  # how long a stop waits for candidates in work
    hand_back_seconds: float = 1.0  # and for Redis, to hand back those that are not done


def _takes_all(_: Candidate) -> bool:
    return True


class Pool(Generic[EntryType]):
    """One instance's workers over one stream."""

    def __init__(
        self,
        consumer: Consumer[EntryType],
        worker: Worker,
        intents: Intents,
        stages: Stages,
        *,
        limits: PoolLimits,
        may_begin: Callable[[], bool],
        ended: Callable[[Candidate, Outcome | Deferred, float], None],
        runs: Runs | None = None,
        takes: Callable[[Candidate], bool] = _takes_all,
    ) -> None:
        """Take what is told of each candidate's end, with the seconds a worker was at it, and of each run.

        `takes` tells which candidates are this instance's; the others are handed back for somebody else.
        """
        self._takes = takes
        self._runs = runs
        self._consumer, self._worker, self._intents = consumer, worker, intents
        self._stages, self._limits, self._may_begin, self._ended = stages, limits, may_begin, ended
        self._in_work: dict[str, asyncio.Task[None]] = {}  # stream id -> task
        self._free = asyncio.Semaphore(limits.concurrency)
        self._set_aside: dict[int, float] = {}  # intents that could not be finished -> when to try again

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then let what is in work finish for a moment; what does not is handed back, still pending.

        Raises what a loop died of: an instance that no longer works has to end.
        """
        loops = [
            asyncio.create_task(self._forever("read", self._read_once, 0.0)),
            asyncio.create_task(self._forever("renew", self._renew_once, self._limits.renew_seconds)),
            asyncio.create_task(self._forever("reclaim", self._reclaim_once, self._limits.reclaim_seconds)),
            asyncio.create_task(self._forever("adopt", self._adopt_once, self._limits.reclaim_seconds)),
        ]
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await _end([loops[0], *loops[2:]])
        if self._in_work:
            await asyncio.wait(self._in_work.values(), timeout=self._limits.drain_seconds)
        unfinished = dict(self._in_work)
        await _end([loops[1], *unfinished.values()])
        await self._give_up(list(unfinished))
        for loop in loops:
            if not loop.cancelled():
                loop.result()

    async def _give_up(self, stream_ids: Sequence[str]) -> None:
        """Let another worker have what we did not finish at once, instead of when it has lain idle for long."""
        if not stream_ids:
            return
        try:
            async with asyncio.timeout(self._limits.hand_back_seconds):
                await self._consumer.hand_back(stream_ids)
        except (LiquidationEngineError, TimeoutError) as error:
            log.warning("Entries not handed back, they will be reclaimed", count=len(stream_ids), error=str(error))

    async def _forever(self, name: str, once: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await once()
            except LiquidationEngineError as error:
                # Redis or Postgres is away: nothing is lost by waiting, the stream and the guards keep what they hold.
                log.error("Worker loop interrupted", loop=name, error=str(error))
                if self._runs is not None and name in RUNS:
                    self._runs.failed()
                await asyncio.sleep(1.0)
            await asyncio.sleep(pause)

    async def _read_once(self) -> None:
        room = self._limits.concurrency * 4 - len(self._in_work)  # some of them only wait for their position
        if room <= 0 or self._free.locked() or not self._may_begin():
            await asyncio.sleep(0.005)
            return
        await self._take(await self._consumer.read(min(room, self._limits.concurrency)))
        self._completed()

    async def _reclaim_once(self) -> None:
        taken = await self._consumer.reclaim()
        if taken.deleted:
            log.warning(
                "Pending entries were deleted from the stream; the next scan publishes them", count=taken.deleted
            )
        await self._take(taken.entries)
        self._completed()

    async def _take(self, entries: Sequence[EntryType]) -> None:
        """Begin with what is ours; the rest waits for the next worker that looks for entries left lying."""
        foreign = [entry.stream_id for entry in entries if not self._takes(entry.candidate)]
        for entry in entries:
            if entry.stream_id not in foreign:
                self._begin(entry)
        if foreign:
            await self._consumer.hand_back(foreign)

    def _completed(self) -> None:
        if self._runs is not None:
            self._runs.ran()

    async def _renew_once(self) -> None:
        await self._consumer.renew(list(self._in_work))

    async def _adopt_once(self) -> None:
        """Finish live intents that nobody seems to work on; one that cannot be finished does not hold up the others."""
        now = time.monotonic()
        self._set_aside = {key: until for key, until in self._set_aside.items() if until > now}
        found = await self._intents.live(
            older_than_seconds=self._limits.adopt_after_seconds, limit=16, excluding=tuple(self._set_aside)
        )
        await asyncio.gather(*(self._adopt(intent) for intent in found))

    async def _adopt(self, intent: Intent) -> None:
        try:
            async with self._free, asyncio.timeout(self._limits.adopt_after_seconds):
                await self._worker.adopt(intent)
        except TimeoutError:
            log.warning("A live intent is still undecided", position=intent.position)
        except Exception:
            self._set_aside[intent.id] = time.monotonic() + self._limits.set_aside_seconds
            log.exception("A live intent could not be finished", position=intent.position)

    def _begin(self, entry: EntryType) -> None:
        if entry.stream_id in self._in_work:
            return  # delivered again while still in work
        task = asyncio.create_task(self._handle(entry), name=f"candidate {entry.stream_id}")
        self._in_work[entry.stream_id] = task
        task.add_done_callback(lambda _: self._in_work.pop(entry.stream_id, None))

    async def _when_free(self, candidate: Candidate) -> tuple[Outcome | Deferred, float]:
        """Handle the candidate, and say how many seconds that took.

        While another worker holds its position or nothing may be signed, it waits without taking up a place.
        """
        deadline = time.monotonic() + self._limits.patience_seconds
        while True:
            outcome: Outcome | Deferred
            async with self._free:
                started = time.perf_counter()
                if self._may_begin():
                    outcome = await self._worker.handle(candidate, may_stay=self._has_room)
                else:
                    outcome = Deferred("nothing may be signed", settled=False)
                seconds = time.perf_counter() - started
            if not isinstance(outcome, Deferred) or outcome.settled or time.monotonic() > deadline:
                return outcome, seconds
            await asyncio.sleep(self._limits.look_again_seconds)

    def _has_room(self) -> bool:
        """Tell whether a worker may stay with a position: not while others wait for their first turn."""
        return not self._free.locked()

    async def _handle(self, entry: EntryType) -> None:
        candidate = entry.candidate
        self._stages.observe("queue", candidate.position, max(0.0, time.time() * 1000 - _entry_ms(entry.stream_id)))
        try:
            outcome, seconds = await self._when_free(candidate)
            self._ended(candidate, outcome, seconds)
            if isinstance(outcome, Deferred):
                if outcome.settled:
                    await self._consumer.acknowledge(entry.stream_id)
                return
            with self._stages.stage("ack", candidate.position):
                await self._close(entry, outcome)
        except LiquidationEngineError as error:
            # It stays pending and is delivered again; nothing was decided.
            log.error("Candidate interrupted", position=candidate.position, error=str(error))
        except Exception:
            log.exception("Candidate failed unexpectedly", position=candidate.position)

    async def _close(self, entry: EntryType, outcome: Outcome) -> None:
        name, signature, fields = describe_outcome(outcome)
        await self._consumer.result(entry.candidate.position, name, signature, fields)
        if isinstance(outcome, GaveUp):
            await self._consumer.dead_letter(entry, outcome.reason)
        else:
            await self._consumer.acknowledge(entry.stream_id)


def describe_outcome(outcome: Outcome) -> tuple[str, str | None, dict[str, str]]:
    """Return the outcome's name, its signature where it has one, and its reason as fields."""
    name = outcome_name(outcome)
    match outcome:
        case Landed(record=record):
            return name, record.signature, {}
        case LandedFailed(record=record, reason=reason):
            return name, record.signature, {"reason": reason}
        case Rejected(reason=reason) | GaveUp(reason=reason):
            return name, None, {"reason": reason}
        case _:
            return name, getattr(outcome, "signature", None), {}


def _entry_ms(stream_id: str) -> int:
    return int(stream_id.split("-")[0])


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
