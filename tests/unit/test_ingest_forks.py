"""A fork is seen by the parents of new slots; a lagging node's old slots are none."""

import pytest

from liquidation_engine.chain import NewSlot
from liquidation_engine.ingest.forks import ForkWatch


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ([(10, 9), (11, 10), (12, 11)], [None, None, None]),
        ([(10, 9), (13, 10)], [None, None]),  # skipped slots
        ([(10, 9), (11, 10), (13, 9)], [None, None, 9]),
        ([(10, 9), (11, 10), (9, 8), (10, 9), (12, 11)], [None] * 5),  # another node, behind
        ([(10, 9), (20, 19)], [None, None]),  # a reconnect left slots out
    ],
)
def test_blocks_were_left_where_a_new_parent_lies_below_what_was_seen(
    told: list[tuple[int, int]], left: list[int | None]
) -> None:
    watch = ForkWatch()
    assert [watch.left(NewSlot(*one)) for one in told] == left
