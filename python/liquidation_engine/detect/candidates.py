"""Makes candidates from what the book says of a position."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from liquidation_engine.model import Candidate, CandidateReason


@dataclass(frozen=True, slots=True, kw_only=True)
class BookPosition:
    """A position as the book holds it."""

    position: str
    owner: str
    assets: tuple[str, ...]
    candidate_id: str  # of the position and the digest of its material fields
    slot: int


class Book(Protocol):
    """What detection asks of a market's book."""

    @property
    def protocol(self) -> str: ...
    @property
    def market(self) -> str: ...
    @property
    def slot(self) -> int: ...
    def liquidatable(self) -> list[str]: ...
    def position(self, address: str) -> BookPosition | None: ...
    def worth(self, address: str) -> int: ...
    def rearm(self, address: str) -> None: ...


class Producer(Protocol):
    """The stream's end that takes candidates."""

    async def publish(self, candidates: Sequence[Candidate]) -> int: ...
    async def publish_each(self, candidates: Sequence[Candidate]) -> list[bool]: ...


def make_candidate(book: Book, address: str, reason: CandidateReason, seen_ms: int) -> Candidate | None:
    """Return the candidate for a position, None where the book does not hold it any more."""
    held = book.position(address)
    if held is None:
        return None
    return Candidate(
        position=address,
        protocol=book.protocol,
        market=book.market,
        owner=held.owner,
        assets=held.assets,
        reason=reason,
        slot=max(held.slot, book.slot),  # the prices that judged it are as new as the book
        ts=seen_ms,
        id=held.candidate_id,
    )


def most_profitable_first(book: Book, addresses: Iterable[str]) -> list[str]:
    """Return positions in the order to publish them: what finds no room on the stream is what is worth least."""
    return sorted(addresses, key=lambda address: (-book.worth(address), address))


class FirstSeen:
    """When each standing need was first seen, so that a scan that recovers a lost one tells its true age."""

    def __init__(self) -> None:
        self._milliseconds: dict[str, int] = {}

    def note(self, position: str, now_ms: int, *, again: bool) -> int:
        """Return when the need was first seen; `again` starts it anew (a crossing, a new version of the position)."""
        if again:
            self._milliseconds[position] = now_ms
        return self._milliseconds.setdefault(position, now_ms)

    def forget(self, positions: Sequence[str]) -> None:
        """Drop needs that are over."""
        for position in positions:
            self._milliseconds.pop(position, None)

    def ages_ms(self, now_ms: int) -> Mapping[str, int]:
        """Return how long each standing need has been known."""
        return {position: now_ms - since for position, since in self._milliseconds.items()}
