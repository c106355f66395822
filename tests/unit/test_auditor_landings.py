"""What counts as a liquidation, and what is only a gesture that leaves the position to be liquidated still."""

import pytest

from auditor_builder import MARKET, PROGRAM, named, usual_town
from liquidation_auditor.chain_walk import allowed
from liquidation_auditor.judge import landings
from liquidation_auditor.replay import Act, Executed
from liquidation_auditor.state import ChainState

ALICE = bytes(named("alice's position"))
MICRO_USD = 10**12


def executed(*acts: Act, ours: bool = True) -> Executed:
    return Executed(
        signature="signature",
        slot=100,
        seq=1,
        succeeded=True,
        fee_lamports=5_000,
        wallets=frozenset([bytes(named("wallet"))] if ours else []),
        verbs=("liquidate",) * len(acts),
        positions=(ALICE,),
        deltas={},
        acts=acts,
    )


def liquidated(repaid: int, received: int, most: tuple[int, int] | None, still_liquidatable: bool = True) -> Act:
    """Return a liquidation where the best pair allowed `most`: repaid value and profit in micro-USD."""
    best = (most[0] * MICRO_USD, most[1] * MICRO_USD) if most else None
    return Act(
        "liquidate",
        ALICE,
        bytes(named("DEBT")),
        repaid,
        MICRO_USD,
        collateral_mint=bytes(named("COL")),
        received=received,
        collateral_price=MICRO_USD,
        still_liquidatable=still_liquidatable,
        allowed=best,
    )


@pytest.mark.parametrize(
    ("act", "counts"),
    [
        (liquidated(1_000, 1_050, (1_000, 50)), True),
        (liquidated(500, 525, (1_000, 50)), True),
        (liquidated(499, 523, (1_000, 50)), False),
        (liquidated(1, 1, (1_000, 50)), False),
        (liquidated(1, 1, (1_000, 50), still_liquidatable=False), True),  # healthy or gone right after
        (liquidated(300, 330, (1_000, 50)), True),  # a smaller pair with the greater bonus
        (liquidated(1, 1, (1_000, -50)), False),
        (liquidated(1, 1, None), True),  # nothing else could be done
    ],
)
def test_half_of_what_the_best_pair_allowed_is_a_liquidation(act: Act, counts: bool) -> None:
    assert [event.counts for event in landings(executed(act))] == [counts]
    assert [event.counts for event in landings(executed(act, ours=False))] == [counts]


def test_several_liquidations_in_one_transaction_are_taken_together() -> None:
    acts = [liquidated(300, 315, (1_000, 50)), liquidated(250, 262, (1_000, 50))]
    assert [event.counts for event in landings(executed(*acts))] == [True]


def test_what_is_allowed_is_the_pair_that_earns_most_within_its_collateral() -> None:
    town = usual_town()
    col, debt = town.assets
    col.price = 850_000
    state = ChainState(bytes(PROGRAM), bytes(MARKET))
    state.apply(town.rows(100))
    position = state.positions[bytes(town.borrowers[0].address)]
    repaid, profit = allowed(state, position, 100) or (0, 0)
    assert repaid == 350_000_000 * MICRO_USD  # half of the debt
    assert 0 < profit < repaid // 10
    town.borrowers[0].collateral = [(col, 1_000)]
    state.apply(town.rows(101))
    thin, _ = allowed(state, state.positions[bytes(town.borrowers[0].address)], 101) or (0, 0)
    assert 0 < thin < 1_000 * MICRO_USD
    debt.price = 1
    state.apply(town.rows(102))
    assert allowed(state, position, 102) is None  # healthy
