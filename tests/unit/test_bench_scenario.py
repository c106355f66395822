"""The what-if bench compares like with like: numpy's sums are the book's, and a difference ends it."""

import numpy as np
import pytest

from benches.scenario import measure, same, shocks


def test_the_bench_measures_only_what_agrees() -> None:
    figures, kernel = measure(3_000, 30, 3)
    assert figures["scenario_numpy"] > 1
    assert figures["liquidatable_share"] > 0.01
    assert kernel in {"avx512", "avx2", "portable"}


@pytest.mark.parametrize("other", [(13, 5.0, 1.0), (10, 5.1, 1.0), (10, 5.0, 1.1)])
def test_sums_that_differ_end_the_bench(other: tuple[int, float, float]) -> None:
    same((10, 5.0, 1.0), (10, 5.0 + 1e-10, 1.0))
    with pytest.raises(SystemExit, match="numpy found"):
        same((10, 5.0, 1.0), other)


def test_shocks_leave_every_asset_a_price() -> None:
    rows = shocks(500)
    assert (rows > -1).all()
    assert (np.median(rows, axis=1) < -0.1).any()
