"""The poller: nothing is lost between two looks, nothing is told twice, and the first look of all tells nobody."""

import asyncio
from typing import Any

import pytest

from liquidation_engine.errors import RpcUnavailable
from liquidation_engine.ingest.observed import OVERLAP_SLOTS, LiquidationPoller
from liquidation_engine.model import ObservedLiquidation
from liquidation_engine.testing import FakeTransactions, MemoryObserved

FAR = 10 * OVERLAP_SLOTS


class Bench:
    """A poller, what it looks at, and who listens."""

    def __init__(self, **settings: Any) -> None:
        self.source, self.memory = FakeTransactions(), MemoryObserved()
        self.snapshots: list[list[str]] = []
        self.new: list[str] = []
        self.settings = settings
        self.poller = self.restarted()

    def restarted(self) -> LiquidationPoller:
        """Return a poller that remembers nothing itself."""
        self.poller = LiquidationPoller(
            self.source,
            self.memory,
            self.memory,
            address="Market1",
            on_liquidations=lambda batch: self.snapshots.append(names(batch)),
            on_new_liquidations=self._told,
            **{"limit": 5, **self.settings},
        )
        return self.poller

    async def _told(self, batch: list[ObservedLiquidation]) -> None:
        self.new += names(batch)


def names(batch: list[ObservedLiquidation]) -> list[str]:
    return [one.id for one in batch]


async def begun(**settings: Any) -> Bench:
    """Return a bench after its first look, which found one liquidation at slot 100."""
    bench = Bench(**settings)
    bench.source.add("first", 100, "P0")
    await bench.poller.poll()
    return bench


async def test_the_first_look_of_all_is_stored_and_told_to_nobody() -> None:
    bench = await begun()
    assert list(bench.memory.stored) == ["first:0"]
    assert (bench.new, bench.memory.published) == ([], [])
    assert bench.snapshots == [["first:0"]]


async def test_the_first_look_is_told_where_that_is_asked_for() -> None:
    bench = await begun(ignore_bootstrap=False)
    assert bench.new == bench.memory.published == ["first:0"]


async def test_the_first_look_reads_one_page_and_not_the_whole_history() -> None:
    bench = Bench()
    for number in range(50):
        bench.source.add(f"s{number}", number, f"P{number}")
    found = await bench.poller.poll()
    assert names(found.snapshot) == [f"s{number}:0" for number in range(45, 50)]
    assert len(bench.source.pages) == 1


async def test_more_than_a_page_between_two_looks_is_found_whole_and_in_order() -> None:
    bench = await begun()
    for number in range(23):
        bench.source.add(f"s{number}", FAR + number, f"P{number}")
    found = await bench.poller.poll()
    assert names(found.new) == [f"s{number}:0" for number in range(23)]
    assert bench.new == bench.memory.published == names(found.new)


async def test_a_look_that_finds_nothing_new_tells_the_snapshot_only() -> None:
    bench = await begun()
    found = await bench.poller.poll()
    assert (found.snapshot, found.new, bench.new) == ([], [], [])
    assert bench.snapshots == [["first:0"], []]
    assert bench.source.read == ["first"]  # not read again


async def test_several_liquidations_of_one_transaction_are_several_events() -> None:
    bench = await begun()
    bench.source.add("both", FAR, "P1", "P2")
    await bench.poller.poll()
    assert bench.new == ["both:0", "both:1"]


async def test_a_transaction_that_failed_is_not_even_read() -> None:
    bench = await begun()
    bench.source.add("failed", FAR, "P1", error={"InstructionError": [0, "Custom"]})
    await bench.poller.poll()
    assert bench.new == []
    assert "failed" not in bench.source.read


async def test_one_that_the_node_lists_late_is_still_found() -> None:
    bench = await begun()
    bench.source.add("newer", FAR + 5, "P2")
    await bench.poller.poll()
    bench.source.add("late", FAR, "P1")
    bench.source.listed.sort(key=lambda one: one.slot)
    await bench.poller.poll()
    assert bench.new == ["newer:0", "late:0"]


async def test_one_that_cannot_be_read_yet_holds_the_cursor_and_is_found_at_the_next_look() -> None:
    bench = await begun()
    bench.source.add("one", FAR, "P1")
    bench.source.add("two", 2 * FAR, "P2")
    bench.source.add("three", 3 * FAR, "P3")
    bench.source.not_known_yet = {"two"}
    await bench.poller.poll()
    assert bench.new == ["one:0"]
    cursor = await bench.memory.cursor("Market1")
    assert cursor is not None
    assert cursor.signature == "one"
    bench.source.not_known_yet = set()
    await bench.poller.poll()
    assert bench.new == ["one:0", "two:0", "three:0"]


async def test_a_restart_forgets_nothing_and_tells_nothing_twice() -> None:
    bench = await begun()
    bench.source.add("before", FAR, "P1")
    await bench.poller.poll()
    bench.source.add("during", FAR + 1, "P2")
    found = await bench.restarted().poll()
    assert not found.bootstrap
    assert bench.new == ["before:0", "during:0"]


async def test_with_redis_emptied_it_goes_on_from_what_is_stored() -> None:
    bench = await begun()
    bench.source.add("before", FAR, "P1")
    await bench.poller.poll()
    bench.memory.empty()
    for number in range(9):
        bench.source.add(f"after{number}", 2 * FAR + number, "P2")
    found = await bench.restarted().poll()
    assert not found.bootstrap
    assert [name for name in bench.new if name.startswith("after")] == [f"after{number}:0" for number in range(9)]
    assert len(bench.memory.stored) == 11  # each once


async def test_a_cursor_that_a_fork_took_back_does_not_send_it_through_all_history() -> None:
    bench = Bench()
    for number in range(1_000):
        bench.source.add(f"s{number}", number, f"P{number}")
    await bench.memory.note("Market1", 990, "vanished")
    await bench.poller.poll()
    assert len(bench.source.pages) < 15


async def test_the_owner_is_named_where_the_position_still_exists() -> None:
    bench = await begun()
    bench.source.owned = {"P1": "Alice"}
    bench.source.add("s", FAR, "P1", "P2")
    await bench.poller.poll()
    assert [bench.memory.stored[name].user for name in ("s:0", "s:1")] == ["Alice", "P2"]


async def test_what_fails_before_the_cursor_moves_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await begun()
    bench.source.add("s", FAR, "P1")

    async def away(*_: object, **__: object) -> list[ObservedLiquidation]:
        raise RpcUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(bench.memory, "diff", away)
        with pytest.raises(RpcUnavailable):
            await bench.poller.poll()
    await bench.poller.poll()
    assert bench.new == ["s:0"]


async def test_a_listener_that_fails_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    bench = await begun()

    def broken(_: object) -> None:
        raise ValueError("no")

    bench.poller._on_liquidations = broken
    bench.source.add("s", FAR, "P1")
    await bench.poller.poll()
    assert bench.new == ["s:0"]
    assert "A listener of observed liquidations failed" in capsys.readouterr().err


async def test_the_log_has_the_lines_that_operators_search_for(capsys: pytest.CaptureFixture[str]) -> None:
    bench = await begun()
    bench.source.add("s", FAR, "P1")
    await bench.poller.poll()
    text = capsys.readouterr().err
    assert "liquidation snapshot size=1 new=1 totalSeen=2" in text
    assert "new liquidation IDs: s:0" in text


async def test_it_looks_when_woken_and_goes_on_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    bench = await begun()
    stop, wake = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(bench.poller.run(stop, interval_seconds=60, wake=wake))
    await asyncio.sleep(0.01)
    bench.source.add("s", FAR, "P1")
    listing, bench.source.signatures = bench.source.signatures, failing  # type: ignore[method-assign,assignment]
    for _ in range(2):
        wake.set()
        await asyncio.sleep(0.01)
    bench.source.signatures = listing  # type: ignore[method-assign]
    wake.set()
    await asyncio.sleep(0.01)
    assert bench.new == ["s:0"]
    assert capsys.readouterr().err.count("could not be looked for") == 1  # told once, not at every look
    stop.set()
    await running


async def failing(**_: object) -> list[object]:
    raise RpcUnavailable("no endpoint")
