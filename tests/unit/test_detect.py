"""The watcher publishes what crossed; the scanner publishes whatever stands, with nobody's help."""

from typing import Any

import pytest

from liquidation_engine.detect.candidates import BookPosition, FirstSeen, make_candidate
from liquidation_engine.detect.rounds import Rounds, shard_of
from liquidation_engine.detect.scanner import Scanner
from liquidation_engine.detect.watcher import Watcher
from liquidation_engine.testing import MemoryDatabase, MemoryStream


class ListedBook:
    """A book whose verdicts the test writes: position -> digest of its state."""

    protocol, market, slot = "reference", "market-1", 50

    def __init__(self, *positions: str) -> None:
        self.needs = dict.fromkeys(positions, "state-1")
        self.worths: dict[str, int] = {}

    def liquidatable(self) -> list[str]:
        """Return those listed."""
        return list(self.needs)

    def position(self, address: str) -> BookPosition | None:
        """Return a listed position."""
        state = self.needs.get(address)
        if state is None:
            return None
        return BookPosition(
            position=address, owner="owner-1", assets=("mint-usdc",), candidate_id=f"{address} {state}", slot=49
        )

    def worth(self, address: str) -> int:
        """Return what the test says."""
        return self.worths.get(address, 0)

    def rearm(self, address: str) -> None:
        """Do nothing."""


class Desk:
    """Watcher and scanner of one instance."""

    def __init__(self, *positions: str, shards: int = 1) -> None:
        self.book, self.stream, self.guards = ListedBook(*positions), MemoryStream(), MemoryDatabase()
        self.first_seen, self.leads = FirstSeen(), True
        parts: dict[str, Any] = {"publishing": lambda: self.leads}
        self.watcher = Watcher(self.book, self.stream, self.first_seen, **parts)
        self.scanner = Scanner(
            self.book, self.stream, self.guards, self.first_seen, republish_seconds=10.0, shards=shards, **parts
        )

    @property
    def published(self) -> list[tuple[str, str, int]]:
        """What was published: position, reason, when first seen."""
        return [(one.position, one.reason, one.ts) for one in self.stream.published]


def test_a_candidate_says_what_the_book_says() -> None:
    made = make_candidate(ListedBook("p"), "p", "scan", 7)
    assert made is not None
    assert (made.position, made.protocol, made.market, made.owner) == ("p", "reference", "market-1", "owner-1")
    assert (made.assets, made.reason, made.slot, made.ts, made.id) == (("mint-usdc",), "scan", 50, 7, "p state-1")


def test_a_position_that_is_gone_makes_no_candidate() -> None:
    assert make_candidate(ListedBook(), "p", "scan", 7) is None


# The watcher.


async def test_what_crossed_is_published_at_once() -> None:
    desk = Desk("p", "q")
    assert await desk.watcher.on_change(("p", "q"), (), "price-move", 1_000) == 2
    assert desk.published == [("p", "price-move", 1_000), ("q", "price-move", 1_000)]


async def test_a_position_that_crosses_again_is_a_new_need() -> None:
    desk = Desk("p")
    for now in (1_000, 5_000):
        await desk.watcher.on_change(("p",), (), "price-move", now)
    assert [ts for *_, ts in desk.published] == [1_000, 5_000]


async def test_nothing_crossed_publishes_nothing() -> None:
    desk = Desk("p")
    assert await desk.watcher.on_change((), ("p",), "price-move", 1_000) == 0
    assert desk.stream.published == []


async def test_what_crossed_and_is_gone_again_is_left_out() -> None:
    desk = Desk("p")
    assert await desk.watcher.on_change(("gone", "p"), (), "account", 1_000) == 1


async def test_a_standby_keeps_time_and_stays_silent() -> None:
    desk = Desk("p")
    desk.leads = False
    assert await desk.watcher.on_change(("p",), (), "price-move", 1_000) == 0
    assert desk.stream.published == []
    assert desk.first_seen.ages_ms(1_500) == {"p": 500}


# The scanner.


async def test_a_scan_publishes_whatever_stands() -> None:
    desk = Desk("p", "q")
    assert await desk.scanner.scan(60_000) == 2
    assert desk.published == [("p", "scan", 60_000), ("q", "scan", 60_000)]


async def test_an_empty_book_asks_nobody() -> None:
    desk = Desk()
    assert await desk.scanner.scan(60_000) == 0


@pytest.mark.parametrize("why", ["resting", "live"])
async def test_a_position_that_is_taken_care_of_is_left_out(why: str) -> None:
    desk = Desk("p", "q")

    async def in_back_off_or_live(positions: object) -> set[str]:
        return {"p"}

    desk.guards.in_back_off_or_live = in_back_off_or_live  # type: ignore[method-assign, assignment]
    assert await desk.scanner.scan(60_000) == 1
    assert [position for position, *_ in desk.published] == ["q"]


async def test_the_same_need_is_published_again_only_after_the_interval() -> None:
    desk = Desk("p")
    counts = [await desk.scanner.scan(now) for now in (60_000, 65_000, 69_999, 70_000, 75_000, 80_000)]
    assert counts == [1, 0, 0, 1, 0, 1]


async def test_a_position_in_a_new_state_is_a_new_need() -> None:
    desk = Desk("p")
    await desk.scanner.scan(60_000)
    desk.book.needs["p"] = "state-2"
    assert await desk.scanner.scan(61_000) == 1


async def test_a_need_that_the_stream_lost_is_found_with_its_true_age() -> None:
    desk = Desk("p")
    await desk.watcher.on_change(("p",), (), "price-move", 55_000)
    desk.stream.published.clear()  # the entry is lost
    await desk.scanner.scan(60_000)
    assert desk.published == [("p", "scan", 55_000)]


async def test_a_standby_scans_in_silence_and_publishes_at_once_when_it_leads() -> None:
    desk = Desk("p")
    desk.leads = False
    assert await desk.scanner.scan(60_000) == 0
    assert desk.stream.published == []
    desk.leads = True
    assert await desk.scanner.scan(60_001) == 1
    assert desk.published == [("p", "scan", 60_000)]


async def test_a_scan_that_could_not_publish_tries_again_at_once() -> None:
    desk = Desk("p")
    publish = desk.stream.publish_each

    async def fails(candidates: object) -> list[bool]:
        raise ConnectionError

    desk.stream.publish_each = fails  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        await desk.scanner.scan(60_000)
    desk.stream.publish_each = publish  # type: ignore[method-assign]
    assert await desk.scanner.scan(60_001) == 1


async def test_a_need_that_stands_long_without_a_reason_is_overdue() -> None:
    desk = Desk("p", "q")
    await desk.scanner.scan(60_000)
    assert desk.scanner.overdue == 0
    await desk.scanner.scan(90_001)
    assert desk.scanner.overdue == 2

    async def in_back_off_or_live(positions: object) -> set[str]:
        return {"p"}

    desk.guards.in_back_off_or_live = in_back_off_or_live  # type: ignore[method-assign, assignment]
    await desk.scanner.scan(95_000)
    assert desk.scanner.overdue == 1


def test_a_candidate_is_as_new_as_the_newest_of_its_state_and_its_prices() -> None:
    book = ListedBook("p")
    book.slot = 12
    made = make_candidate(book, "p", "scan", 7)
    assert made is not None
    assert made.slot == 49


# When a need was first seen.


def test_a_need_keeps_the_time_it_was_first_seen() -> None:
    seen = FirstSeen()
    assert [seen.note("p", now, again=False) for now in (5, 9)] == [5, 5]


def test_a_new_crossing_starts_anew() -> None:
    seen = FirstSeen()
    assert [seen.note("p", now, again=True) for now in (5, 9)] == [5, 9]


def test_a_need_that_is_over_is_forgotten() -> None:
    seen = FirstSeen()
    seen.note("p", 5, again=False)
    seen.forget(["p", "never known"])
    assert seen.note("p", 9, again=False) == 9
    assert seen.ages_ms(10) == {"p": 1}


async def test_a_need_that_a_marker_swallowed_is_tried_again_by_the_next_scan() -> None:
    desk = Desk("p", "q")
    desk.stream.marked = {"p"}
    assert await desk.scanner.scan(60_000) == 1
    desk.stream.marked = set()
    assert await desk.scanner.scan(62_000) == 1
    assert desk.published == [("q", "scan", 60_000), ("p", "scan", 60_000)]


async def test_a_leader_elected_anew_publishes_again_what_stands() -> None:
    desk = Desk("p")
    assert [await desk.scanner.scan(now) for now in (60_000, 62_000)] == [1, 0]
    desk.scanner.forget()
    assert await desk.scanner.scan(64_000) == 1


def scanner_beside_a_watcher(desk: Desk) -> Scanner:
    return Scanner(desk.book, desk.stream, desk.guards, desk.first_seen, publishing=lambda: True, watched_seconds=2.0)


async def test_what_the_watcher_published_is_left_to_it_while_its_marker_lives_and_scanned_right_after() -> None:
    desk = Desk("p")
    scanner = scanner_beside_a_watcher(desk)
    await desk.watcher.on_change(("p",), (), "price-move", 100_000)
    for now in (101_000, 101_999, 102_000):  # not ten seconds later, as if the first scan had published it
        await scanner.scan(now)
    assert desk.published == [("p", "price-move", 100_000), ("p", "scan", 100_000)]


async def test_a_need_that_only_the_scan_found_does_not_wait() -> None:
    desk = Desk("p")
    assert await scanner_beside_a_watcher(desk).scan(100_000) == 1


# What is worth most goes first, and everybody has a turn.


async def test_what_is_worth_most_is_published_first() -> None:
    desk = Desk("p", "q", "r")
    desk.book.worths = {"p": 5, "q": 900, "r": 70}
    await desk.watcher.on_change(("p", "q", "r"), (), "price-move", 55_000)
    await desk.scanner.scan(60_000)
    assert [position for position, *_ in desk.published] == ["q", "r", "p"] * 2


def of_shard(shard: int, shards: int) -> str:
    """Return the name of a position that belongs to a shard."""
    return next(name for name in map(str, range(1_000)) if shard_of(name, shards) == shard)


async def test_a_scan_of_a_shard_publishes_its_positions_alone_and_all_shards_are_everybody() -> None:
    names = [of_shard(shard, 4) for shard in range(4)]
    desk = Desk(*names, shards=4)
    assert [await desk.scanner.scan(60_000, {shard}) for shard in (2, 0)] == [1, 1]
    assert [position for position, *_ in desk.published] == [names[2], names[0]]
    assert await desk.scanner.scan(60_001) == 2


async def test_what_found_no_room_is_tried_again_with_any_shard_by_its_worth() -> None:
    low, high = of_shard(0, 2), of_shard(1, 2)
    desk = Desk(low, high, shards=2)
    desk.book.worths = {low: 1, high: 9}
    desk.stream.marked = {low, high}
    await desk.scanner.scan(60_000, {0})
    desk.stream.marked = set()
    assert await desk.scanner.scan(60_500, {1}) == 2
    assert [position for position, *_ in desk.published] == [high, low]


async def test_overdue_positions_are_counted_over_all_shards() -> None:
    names = [of_shard(shard, 2) for shard in range(2)]
    desk = Desk(*names, shards=2)
    await desk.scanner.scan(60_000)
    await desk.scanner.scan(95_000, {0})
    assert desk.scanner.overdue == 1
    await desk.scanner.scan(95_000, {1})
    assert desk.scanner.overdue == 2
    del desk.book.needs[names[0]]
    await desk.scanner.scan(96_000, {0})
    assert desk.scanner.overdue == 1


def rounds_asked(seconds: list[float]) -> list[set[int]]:
    """Return what is due each time, where everything is done at once."""
    rounds, found = Rounds(4, 8.0), []
    for now in seconds:
        found.append(set(rounds.due(now).shards))
        rounds.done(frozenset(found[-1]))
    return found


@pytest.mark.parametrize(
    ("seconds", "shards"),
    [
        ([100.0], [{0, 1, 2, 3}]),  # the first time, everybody
        ([96.0, 98.0, 100.0, 102.0, 104.0], [{0, 1, 2, 3}, {1}, {2}, {3}, {0}]),
        ([96.0, 96.5, 97.9], [{0, 1, 2, 3}, set(), set()]),
        ([96.0, 101.0], [{0, 1, 2, 3}, {1, 2}]),  # late: all that became due meanwhile
        ([96.0, 196.0], [{0, 1, 2, 3}, {0, 1, 2, 3}]),
    ],
)
def test_each_shard_is_due_once_per_period_whenever_one_asks(seconds: list[float], shards: list[set[int]]) -> None:
    assert rounds_asked(seconds) == shards


def test_a_shard_that_was_not_scanned_stays_due() -> None:
    rounds = Rounds(4, 8.0)
    rounds.done(rounds.due(96.0).shards)
    assert rounds.due(98.0).shards == {1}
    assert rounds.due(100.0).shards == {1, 2}  # the scan of the first failed


def test_a_round_ends_once_per_period() -> None:
    rounds = Rounds(4, 8.0)
    assert [rounds.due(float(now)).ends_round for now in range(96, 114, 2)] == [True, *[False, False, False, True] * 2]
