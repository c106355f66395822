"""Notes what was called in which order; leases and stages that do no more than that."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager


class Journal(list[str]):
    """The calls so far, in order, by name."""

    def only(self, *names: str) -> list[str]:
        """Return the calls among `names`, in order."""
        return [call for call in self if call in names]


class RecordedStages:
    """Notes each stage as it begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.observed: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, name: str, position: str) -> Iterator[None]:
        """Note that a stage begins."""
        self.begun.append(name)
        yield

    def observe(self, name: str, position: str, milliseconds: float) -> None:
        """Note a duration."""
        self.observed.append((name, milliseconds))


class MemoryLeases:
    """One lease per position; positions in `elsewhere` are held by somebody else."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = Journal() if journal is None else journal
        self.held: set[str] = set()
        self.elsewhere: set[str] = set()

    async def __call__(self, position: str) -> AbstractAsyncContextManager[object] | None:
        """Return the lease of a position, None while it is held."""
        if position in self.held | self.elsewhere:
            return None
        self.held.add(position)
        self.journal.append("lease")
        return self._lease(position)

    @asynccontextmanager
    async def _lease(self, position: str) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self.held.discard(position)
            self.journal.append("release")
