"""The auditor's arithmetic against examples worked by hand from the program's contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor_builder import MARKET, PROGRAM, Town, usual_town
from liquidation_auditor.arithmetic import Health, Seizure, health, index_at, index_bound, liquidate, pairs, refusal
from liquidation_auditor.chain_walk import best_profit_micro_usd
from liquidation_auditor.decode import Reserve
from liquidation_auditor.state import ChainState

USD = 10**18


def state_of(town: Town) -> ChainState:
    state = ChainState(bytes(PROGRAM), bytes(MARKET))
    state.apply(town.all_rows(100))
    return state


def closed(town: Town, amount: int = 2**64 - 1) -> Seizure | str:
    """Return what liquidating the first pair of the town's first position gives."""
    state = state_of(town)
    position = state.positions[bytes(town.borrowers[0].address)]
    indexes = state.indexes_at(100)
    worth = health(position, state.reserves, state.oracles, indexes)
    return liquidate(pairs(position, state.reserves, state.oracles, indexes)[0], worth, amount)


def crashed(price: int = 850_000) -> Town:
    town = usual_town()
    town.assets[0].price = price
    return town


def test_health_weighs_collateral_down_and_debt_up() -> None:
    town = crashed()
    town.assets[1].borrow_factor_bps = 11_000
    state = state_of(town)
    worth = health(next(iter(state.positions.values())), state.reserves, state.oracles, state.indexes_at(100))
    assert worth == Health(cw=680 * USD, dw=770 * USD, c=850 * USD, d=700 * USD)


def test_at_equality_a_position_is_healthy() -> None:
    assert closed(crashed(875_000)) == "Healthy"
    assert isinstance(closed(crashed(874_999)), Seizure)


def test_a_partial_close_takes_its_share_and_the_gap_as_bonus() -> None:
    # (700 − 680)/700 = 285 bps; 350 of 700 are closed for 350·1.0285/0.85 of collateral; fee ⌈a tenth of the bonus⌉
    assert closed(crashed()) == Seizure(
        repaid=350_000_000, received=422_326_470, fee=1_173_530, bonus_bps=285, debt_left=350_000_000
    )


def test_the_bonus_stops_at_its_maximum_and_at_what_the_collateral_bears() -> None:
    town = crashed(790_000)  # gap (700 − 632)/700 = 971 bps, bearable 790/700 − 1 = 1285 bps
    assert closed(town).bonus_bps == 971  # type: ignore[union-attr]
    town.assets[0].max_bonus_bps = 500
    assert closed(town).bonus_bps == 500  # type: ignore[union-attr]
    assert closed(crashed(730_000)).bonus_bps == 428  # type: ignore[union-attr]


def test_where_the_least_bonus_does_not_fit_the_pair_is_closed_whole() -> None:
    # C = D·1.02 exactly: whole; the collateral pays for 714/1.02 = 700
    assert closed(crashed(714_000)) == Seizure(
        repaid=700_000_000, received=998_039_215, fee=1_960_785, bonus_bps=200, debt_left=0
    )
    under_water = closed(crashed(510_000))
    assert under_water == Seizure(
        repaid=500_000_000, received=998_039_215, fee=1_960_785, bonus_bps=200, debt_left=200_000_000
    )


def test_a_rest_below_the_dust_limit_is_closed_too_but_not_left_by_hand() -> None:
    town = crashed()
    town.assets[1].dust_micro_usd = 350_000_001
    assert closed(town).debt_left == 0  # type: ignore[union-attr]
    town.assets[1].dust_micro_usd = 350_000_000
    assert closed(town).debt_left == 350_000_000  # type: ignore[union-attr]
    town.assets[1].dust_micro_usd = 350_000_001
    assert closed(town, amount=400_000_000) == "DustLeft"


def test_too_little_is_refused() -> None:
    assert closed(crashed(), amount=0) == "AmountTooSmall"
    assert closed(crashed(714_000), amount=699_999_999) == "AmountTooSmall"


def test_a_price_is_refused_when_stale_before_it_is_refused_as_uncertain() -> None:
    town = usual_town(max_age_slots=10, confidence=20_001)
    state = state_of(town)
    reserve = state.reserves[bytes(town.assets[0].reserve)]
    oracle = state.oracles[reserve.oracle]
    assert [refusal(reserve, oracle, slot) for slot in (50, 110, 111)] == [
        "UncertainPrice",
        "UncertainPrice",
        "StalePrice",
    ]


def test_interest_is_simple_between_accruals_and_rounds_up() -> None:
    town = usual_town()
    town.assets[1].interest_rate_bps = 1
    reserve = state_of(town).reserves[bytes(town.assets[1].reserve)]
    assert index_at(reserve, 100) == 10**18
    assert index_at(reserve, 101) == 10**18 + 1_268_392  # 10¹⁸ / (10⁴·78 840 000) = 1 268 391.6…, rounded up
    assert index_at(reserve, 103) == 10**18 + 3_805_176  # three times 1 268 391.67…


@given(
    rate=st.integers(0, 1_000_000),
    index=st.integers(10**18, 10**22),
    steps=st.lists(st.integers(1, 2_000), min_size=1, max_size=30),
)
def test_no_sequence_of_accruals_passes_the_bound(rate: int, index: int, steps: list[int]) -> None:
    town = usual_town()
    town.assets[1].interest_rate_bps, town.assets[1].index = rate, index
    reserve = state_of(town).reserves[bytes(town.assets[1].reserve)]
    until = 100 + sum(steps)
    bound = index_bound(reserve, until)
    if bound is None:
        assert rate * (until - 100) > 10_000 * 78_840_000
        return
    slot, accrued = 100, reserve
    for step in steps:
        slot += step
        accrued = _accrued(accrued, slot)
    assert accrued.borrow_index <= bound


def _accrued(reserve: Reserve, slot: int) -> Reserve:
    fields = {name: getattr(reserve, name) for name in Reserve.__slots__}
    return Reserve(**fields | {"borrow_index": index_at(reserve, slot), "accrued_slot": slot})


@pytest.mark.parametrize(("fee_lamports", "profit"), [(0, 8_977_499), (10**9, 8_977_499)])
def test_profit_is_received_less_repaid_less_the_fee_where_sol_has_a_price(fee_lamports: int, profit: int) -> None:
    state = state_of(crashed())
    assert best_profit_micro_usd(state, next(iter(state.positions.values())), 100, fee_lamports) == profit
