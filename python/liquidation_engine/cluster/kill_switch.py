"""Whether this process may sign, kept fresh enough that a stop is felt everywhere within a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from liquidation_engine.cluster.waiting import stopped_within
from liquidation_engine.redis_keys import KILL_SWITCH_CHANNEL
from liquidation_engine.stream.connection import translated
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)

UNKNOWN_AFTER_SECONDS = 1.0
POLL_SECONDS = 0.25
READ_TIMEOUT_SECONDS = 1.0
STOP_WORD, RESUME_WORD = b"stop", b"resume"

ReadState = Callable[[], Awaitable[tuple[bool, str | None]]]


async def announce(redis: Redis, *, stopped: bool) -> None:
    """Tell all instances that the switch in Postgres has been turned, so that they need not wait for their poll."""
    with translated("announce the kill switch"):
        await redis.publish(KILL_SWITCH_CHANNEL, STOP_WORD if stopped else RESUME_WORD)


class KillSwitchCache:
    """The last known state of the kill switch. Postgres has the truth; Redis only makes a change known sooner.

    A word on the channel can stop signing but never allow it: only a read of Postgres that began after it can.
    """

    def __init__(
        self, read_state: ReadState, *, redis: Redis | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what reads (stopped, reason) from Postgres."""
        self._read_state = read_state
        self._redis = redis
        self._monotonic = monotonic
        self._known_at = float("-inf")  # when the last read that answered began
        self._stopped = True
        self._reason: str | None = None
        self._wake = asyncio.Event()
        self._words = 0

    def may_sign(self) -> bool:
        """Return False while stopped, and while the state is unknown for more than a second."""
        return not self._stopped and self._monotonic() - self._known_at <= UNKNOWN_AFTER_SECONDS

    @property
    def refusal(self) -> str | None:
        """Say why signing is refused, or None."""
        if self.may_sign():
            return None
        if self._monotonic() - self._known_at > UNKNOWN_AFTER_SECONDS:
            return "the kill switch's state is unknown for more than a second"
        return f"the kill switch is on: {self._reason or 'no reason given'}"

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the state fresh until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(self._listen_until(stop)) if self._redis else None
            while not stop.is_set():
                self._wake.clear()
                await self.refresh()
                await self._wake_or_stop(stop)
            if listener:
                listener.cancel()

    async def refresh(self) -> None:
        """Read Postgres once; a read that fails leaves the state to grow old."""
        began, words = self._monotonic(), self._words
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                stopped, reason = await self._read_state()
        except Exception as error:  # whatever keeps us from knowing also keeps us from signing
            log.warning("Kill switch could not be read", error=str(error) or type(error).__name__)
            return
        if stopped != self._stopped and self._known_at > float("-inf"):
            log.warning("Kill switch changed", stopped=stopped, reason=reason)
        if words == self._words or stopped:
            self._known_at, self._stopped, self._reason = began, stopped, reason

    async def _wake_or_stop(self, stop: asyncio.Event) -> None:
        waits = {asyncio.create_task(self._wake.wait()), asyncio.create_task(stop.wait())}
        _, pending = await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()

    async def _listen_until(self, stop: asyncio.Event) -> None:
        """Listen on the channel; without Redis the poll alone keeps the promise."""
        while not stop.is_set():
            try:
                await self._listen()
            except Exception as error:  # its task's outermost loop: the fast path may fail, the poll goes on
                log.warning("Kill switch channel lost", error=str(error) or type(error).__name__)
            await stopped_within(stop, POLL_SECONDS)

    async def _listen(self) -> None:
        assert self._redis is not None
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(KILL_SWITCH_CHANNEL)
            while True:
                message = await channel.get_message(timeout=1.0)
                if message is not None:
                    self._heard(message["data"])

    def _heard(self, word: bytes) -> None:
        self._words += 1
        if word == STOP_WORD:
            self._stopped, self._reason = True, "stop was announced"
        self._wake.set()
