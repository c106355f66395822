"""The tracker that bots import: what is new, what is forgotten, and when."""

import pytest

from liquidation_engine.errors import ConfigError
from liquidation_engine.ingest import LiquidationTracker
from liquidation_engine.testing import observed


class Watch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ids(*names: str) -> list[dict[str, str]]:
    return [{"id": name} for name in names]


def new(tracker: LiquidationTracker, *names: str) -> list[str]:
    return [event["id"] for event in tracker.diff(ids(*names)).new_events]


def test_only_what_was_not_there_before_is_new() -> None:
    tracker = LiquidationTracker()
    assert new(tracker, "a", "b") == ["a", "b"]
    assert new(tracker, "b", "c") == ["c"]
    assert new(tracker) == []


def test_an_id_that_comes_twice_in_one_batch_is_new_once() -> None:
    tracker = LiquidationTracker()
    diff = tracker.diff(ids("a", "a", "b"))
    assert ([event["id"] for event in diff.new_events], diff.snapshot_size) == (["a", "b"], 3)


def test_events_may_be_mappings_or_have_an_id() -> None:
    tracker = LiquidationTracker()
    event = observed("x")
    assert tracker.diff([event]).new_events == [event]
    assert new(tracker, "x") == []


@pytest.mark.parametrize(
    ("pruning", "again"),
    [
        ("fifo", ["a"]),  # a was first, seen again or not
        ("lru", ["b"]),  # a was seen again, so b is the one not seen for longest
        ("ttl", ["a"]),
    ],
)
def test_beyond_its_limit_it_forgets_by_its_rule(pruning: str, again: list[str]) -> None:
    tracker = LiquidationTracker(max=3, pruning=pruning)  # type: ignore[arg-type]
    new(tracker, "a", "b", "c")
    new(tracker, "a")
    assert new(tracker, "d") == ["d"]
    assert tracker.stats().seen_total == 3
    assert [name for name in ("a", "b", "c", "d") if not tracker.knows(name)] == again
    assert new(tracker, *again) == again


def test_a_batch_larger_than_the_limit_is_new_as_a_whole_and_the_last_ones_stay() -> None:
    tracker = LiquidationTracker(max=2)
    assert new(tracker, "a", "b", "c") == ["a", "b", "c"]
    assert new(tracker, "b", "c") == []


def test_with_ttl_an_id_is_forgotten_so_long_after_it_was_first_seen() -> None:
    watch = Watch()
    tracker = LiquidationTracker(pruning="ttl", ttl_seconds=60, monotonic=watch)
    new(tracker, "a")
    watch.seconds = 59.9
    assert new(tracker, "a") == []  # seeing it again does not prolong its life
    watch.seconds = 60.0
    assert new(tracker, "a") == ["a"]


def test_stats_tell_what_passed() -> None:
    tracker = LiquidationTracker(max=2)
    new(tracker, "a", "b")
    new(tracker, "b", "c")
    stats = tracker.stats()
    assert (stats.seen_total, stats.new_total, stats.pruned_total, stats.max, stats.pruning) == (2, 3, 1, 2, "fifo")


@pytest.mark.parametrize(("arguments", "problem"), [({"max": 0}, "max is 0"), ({"pruning": "random"}, "'random'")])
def test_what_cannot_work_is_refused(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        LiquidationTracker(**arguments)  # type: ignore[arg-type]
