"""The goals table judges what the benches measured."""

import pytest

from benches.goals import goals, judged


@pytest.mark.parametrize(
    ("name", "value", "ok", "at_goal"),
    [
        ("G1_numpy", 30.0, True, True),
        ("G1_numpy", 18.0, True, False),
        ("G1_numpy", 17.9, False, False),
        ("G1_bytes", 1.5, True, True),
        ("G1_bytes", 2.5, True, False),
        ("G1_bytes", 2.6, False, False),
        ("G12_us", 5.0, True, False),
        ("G1_numba", None, None, None),
    ],
)
def test_a_ratio_passes_at_six_tenths_of_its_goal(
    name: str, value: float | None, ok: bool | None, at_goal: bool | None
) -> None:
    row = judged({name: value}, "avx512")[name]
    assert (row["value"], row["ok"], row["at_goal"]) == (value, ok, at_goal)


def test_the_sweeps_goals_follow_the_kernel() -> None:
    assert [goals(kernel)["G1_numpy"].value for kernel in ("avx512", "avx2", "portable")] == [30, 18, 18]
