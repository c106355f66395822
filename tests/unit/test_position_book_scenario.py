"""What-if from Python: what the sums mean, how prices are shocked, who is told of the progress, and how a run is stopped."""

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import liquidation_engine
from generic_reference import columns
from liquidation_engine import PositionBook

SOL, USDC = 0, 1
DOLLAR = 100_000_000


def book() -> PositionBook:
    """Return 10 SOL at 100 USD, weighted 80 %, against 700, 790 and 900 USD, and a position without debt."""
    book = PositionBook(["SOL", "USDC"], np.array([9, 6], np.uint8), np.array([-8, -8], np.int8))
    book.set_weights(np.array([8_000, 9_000], np.uint32), np.array([12_000, 10_000], np.uint32))
    book.tick(np.array([100 * DOLLAR, DOLLAR]), 1, 1)
    positions = {
        name: [(2 * SOL, 10 * 10**9), (2 * USDC + 1, debt * 10**6)] for name, debt in ((5, 700), (4, 790), (3, 900))
    }
    book.set_positions(*columns(positions | {1: [(2 * SOL, 10**9)]}))
    return book


def large(count: int) -> PositionBook:
    """Return so many positions on the way to their limit."""
    dice, book = np.random.default_rng(1), PositionBook(["A", "B"], np.array([6, 6], np.uint8), np.zeros(2, np.int8))
    book.tick(np.array([1_000, 1_000]), 1, 1)
    amounts = np.stack([np.full(count, 10**6), dice.integers(500_000, 990_000, count)], 1).astype(np.uint64).ravel()
    slots, offsets = np.tile(np.array([0, 3], np.uint16), count), np.arange(0, 2 * count + 1, 2, dtype=np.uint32)
    book.set_positions(np.arange(count, dtype=np.uint64), offsets, slots, amounts)
    return book


def test_money_is_counted_at_the_market_and_the_verdict_with_weights() -> None:
    shocks = np.array([[0, 0], [-0.02, 0], [-0.25, 0], [-0.5, 0], [-1, 0], [0, -1], [0.5, 0]])
    counts, debt_at_risk, shortfall = book().scenario(shocks)
    assert counts.tolist() == [1, 2, 3, 3, 3, 0, 0]
    assert debt_at_risk.tolist() == [900, 900 + 790, 2_390, 2_390, 2_390, 0, 0]
    assert shortfall.tolist() == [0, 0, 150 + 40, 400 + 290 + 200, 2_390, 0, 0]
    assert (counts.dtype, debt_at_risk.dtype, shortfall.dtype) == (np.uint64, np.float64, np.float64)


def test_ids_come_scenario_by_scenario_ascending() -> None:
    answer = book().scenario(np.array([[-0.02, 0], [0.5, 0], [-0.25, 0]]), ids=True)
    offsets, ids = answer[3:]
    assert (offsets.tolist(), ids.tolist()) == ([0, 2, 2, 5], [3, 4, 3, 4, 5])
    assert (offsets.dtype, ids.dtype, len(answer)) == (np.uint64, np.uint64, 5)


@pytest.mark.parametrize("price", [1, 7, 100_000_000, 123_456_789, 2**53 - 1, 2**53 + 1, 2**62])
@pytest.mark.parametrize("shock", [-0.3, -0.1, 1 / 3, -1 / 3, -1e-9, 0.1, -0.999_999_999, 0.999])
def test_a_price_is_shocked_as_numpy_does_it(price: int, shock: float) -> None:
    expected = int(np.floor(np.array([price]) * (1 + np.array([shock]))).astype(np.int64)[0])
    market = PositionBook(["A", "B"], np.array([0, 0], np.uint8), np.array([-18, -18], np.int8))
    market.tick(np.array([price, 1]), 1, 1)
    both = [(0, 1), (3, expected)], [(0, 1), (3, expected + 1)]
    market.set_positions(*columns(dict(enumerate(both))))
    ids = market.scenario(np.array([[shock, 0.0]]), ids=True)[4]
    assert ids.tolist() == [1]  # worth exactly the expected price: that much debt is covered, one unit more is not


def test_no_shock_leaves_the_largest_price_as_it_is() -> None:
    market = PositionBook(["A"], np.array([0], np.uint8), np.array([0], np.int8))
    market.tick(np.array([2**63 - 1]), 1, 1)
    market.set_positions(*columns({1: [(0, 10**9), (1, 10**9 + 1)], 2: [(0, 1), (1, 1)]}))
    assert market.scenario(np.zeros((3, 1)))[0].tolist() == [1, 1, 1]


def test_the_book_is_the_same_afterwards_and_no_scenario_gives_no_rows(tmp_path: Path) -> None:
    market = book()
    market.snapshot(tmp_path / "before")
    market.scenario(np.full((200, 2), -0.5), ids=True)
    assert [column.shape for column in market.scenario(np.empty((0, 2)))] == [(0,), (0,), (0,)]
    market.snapshot(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()


def test_progress_rises_to_the_end_and_may_use_the_book() -> None:
    market, told = book(), []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        market.tick(np.array([DOLLAR, DOLLAR]), 2, 2)  # the run goes on with the prices it began with

    counts = market.scenario(np.zeros((300, 2)), progress=progress)[0]
    assert told == [(128, 300), (256, 300), (300, 300)]
    assert counts.tolist() == [1] * 300


def test_what_progress_raises_ends_the_run() -> None:
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        raise RuntimeError("enough")

    market = book()
    with pytest.raises(RuntimeError, match="enough"):
        market.scenario(np.zeros((300, 2)), progress=progress)
    assert told == [128]
    assert market.scenario(np.zeros((1, 2)))[0].tolist() == [1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("progress", "terminal", "drawn"),
    [
        (True, False, "\rscenarios: 128 of 200\rscenarios: 200 of 200\n"),
        (False, True, ""),
        (None, False, ""),
        (None, True, ""),  # over within a second
    ],
)
def test_a_line_is_drawn_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, progress: bool | None, terminal: bool, drawn: str
) -> None:
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    book().scenario(np.zeros((200, 2)), progress=progress)
    assert stderr.getvalue() == drawn


@pytest.mark.parametrize("stderr", [None, object()])
def test_without_a_usable_stderr_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch, stderr: object) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    assert book().scenario(np.zeros((200, 2)))[0].tolist() == [1] * 200


class SlowTerminal(io.StringIO):
    """A terminal that takes as long to say so as a long run."""

    def isatty(self) -> bool:
        time.sleep(1.01)
        return True


def test_a_run_of_over_a_second_draws_a_line_on_a_terminal_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = SlowTerminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    book().scenario(np.zeros((200, 2)))
    assert stderr.getvalue() == "\rscenarios: 128 of 200\rscenarios: 200 of 200\n"


def test_an_interrupt_ends_a_run_between_scenarios() -> None:
    market, shocks = large(50_000), np.zeros((4_000, 2))
    began = time.perf_counter()
    market.scenario(shocks, progress=False)
    whole = time.perf_counter() - began
    began, before = time.perf_counter(), signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, whole / 10)
        with pytest.raises(KeyboardInterrupt):
            market.scenario(shocks, progress=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - began < whole / 2
    assert market.scenario(shocks[:1])[0].tolist() == [0]


def test_what_if_needs_numpy_and_the_standard_library_alone() -> None:
    program = (
        "import sys, numpy as np\n"
        "from liquidation_engine import PositionBook\n"
        "book = PositionBook(['A'], np.zeros(1, np.uint8), np.zeros(1, np.int8))\n"
        "book.scenario(np.zeros((3, 1)), progress=True)\n"
        "print({'rich', 'tqdm'} & set(sys.modules))"
    )
    path = str(Path(liquidation_engine.__file__).parent.parent)
    run = [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr.strip()) == ("set()\n", "scenarios: 3 of 3")
