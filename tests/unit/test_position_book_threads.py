"""One book and several threads: nothing is lost between them, and Python runs on while Rust computes."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from generic_reference import columns
from liquidation_engine import PositionBook

COUNT = 200_000
CALM, LOW = np.array([1_000, 1_000]), np.array([990, 1_000])


def book(count: int) -> PositionBook:
    """Return positions of which those with an id that ends in 0 cross when the first price falls by 1 %."""
    book = PositionBook(["A", "B"], np.array([6, 6], np.uint8), np.zeros(2, np.int8))
    book.tick(CALM, 1, 1)
    book.set_positions(*market(count))
    return book


def market(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    ids = np.arange(count, dtype=np.uint64)
    debts = np.where(ids % 10 == 0, 995_000, 900_000)
    amounts = np.stack([np.full(count, 10**6), debts], 1).astype(np.uint64).ravel()
    return ids, np.arange(0, 2 * count + 1, 2, dtype=np.uint32), np.tile(np.array([0, 3], np.uint16), count), amounts


def test_every_crossing_is_told_to_one_thread_whoever_ticks_updates_and_reads() -> None:
    shared, count, rounds = book(2_000), 2_000, 60
    crossings: list[tuple[int, int]] = []
    faults: list[BaseException] = []
    start = threading.Barrier(6)

    def ticking() -> None:
        for step in range(rounds):
            crossed, recovered = shared.tick(LOW if step % 2 else CALM, step, step)
            crossings.append((crossed.size, recovered.size))

    def updating() -> None:
        for step in range(rounds):
            name = 2_000 + step % 7
            crossed, recovered = shared.set_positions(*columns({name: [(0, 10**6), (3, 995_000)]}))
            crossings.append((crossed.size, recovered.size))
            crossings.append((0, shared.remove(np.array([name], np.uint64))[1].size))

    def reading() -> None:
        for _ in range(rounds):
            assert shared.liquidatable().size in range(count // 10 + 2)
            assert np.isfinite(shared.health(np.arange(count, dtype=np.uint64))).all()
            counts, _, _ = shared.scenario(np.array([[0.0, 0.0], [-0.5, 0.0]]))
            assert counts[0] in range(count // 10 + 2)
            assert counts[1] in (count, count + 1)
            shared.reanchor(wait=False)

    def guarded(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            faults.append(error)

    threads = [
        threading.Thread(target=guarded, args=(work,)) for work in (ticking, ticking, ticking, updating, reading)
    ]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join()
    assert faults == []
    told = sum(crossed - recovered for crossed, recovered in crossings)
    assert told == shared.liquidatable().size  # each crossing was told once, and each recovery
    assert shared.liquidatable().tolist() == shared.sweep().tolist()
    assert sum(crossed for crossed, _ in crossings) >= count // 10


LONG: dict[str, Callable[[PositionBook, Path], object]] = {
    "set_positions": lambda shared, folder: shared.set_positions(*market(COUNT)),
    "remove": lambda shared, folder: shared.remove(np.arange(COUNT, dtype=np.uint64)),
    "tick": lambda shared, folder: shared.tick(np.array([500, 1_000]), 2, 2),
    "set_weights": lambda shared, folder: shared.set_weights(
        *(np.array(side, np.uint32) for side in ([5_000] * 2, [10_000] * 2))
    ),
    "health": lambda shared, folder: shared.health(np.arange(COUNT, dtype=np.uint64)),
    "nearest": lambda shared, folder: shared.nearest(COUNT),
    "histogram": lambda shared, folder: shared.histogram(np.array([0.0, 1.0, 2.0])),
    "reanchor": lambda shared, folder: shared.reanchor(),
    "snapshot": lambda shared, folder: shared.snapshot(folder / "book"),
    "restore": lambda shared, folder: PositionBook.restore(folder / "written"),
    "scenario": lambda shared, folder: shared.scenario(np.full((512, 2), -0.1)),
}


@pytest.mark.parametrize("call", LONG)
def test_python_runs_on_while_a_call_computes(tmp_path: Path, call: str) -> None:
    held = []
    for _ in range(4):  # a busy machine may take the processor away from us as well
        shared = book(COUNT)
        shared.snapshot(tmp_path / "written")
        held.append(longest_stop(lambda shared=shared: LONG[call](shared, tmp_path)))
        if held[-1] < 0.5:
            break
    assert min(held) < 0.5


def longest_stop(call: Callable[[], object]) -> float:
    """Return the longest time in which this thread could not run, as a share of another thread's call."""
    times: list[float] = []

    def timed() -> None:
        times.append(time.perf_counter())
        call()
        times.append(time.perf_counter())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # the interpreter takes the lock from nobody: a thread runs on until it lets go
    try:
        thread = threading.Thread(target=timed)
        thread.start()
        stamps = [time.perf_counter()]
        while thread.is_alive():
            time.sleep(0)
            stamps.append(time.perf_counter())
    finally:
        sys.setswitchinterval(interval)
    began, ended = times
    inside = [began, *(stamp for stamp in stamps if began < stamp < ended), ended]
    return float(np.diff(inside).max()) / (ended - began)
