"""Which legs, how much, and whether it pays."""

from typing import Any

import pytest

from liquidation_engine.execute.plan import PlanPolicy, choose, network_fee_micro_usd
from liquidation_engine.model import Plan, Unprofitable
from liquidation_engine.testing import plan, quote, view

POLICY = PlanPolicy(min_profit_micro_usd=1_000)
FEE = {"fee_lamports": 5_200, "sol_price_micro_usd": 150_000_000}  # 780 micro-USD


def chosen(*quotes: Any, policy: PlanPolicy = POLICY, **changes: Any) -> Plan:
    """Return the plan for quotes of a changed view; fails where there is none."""
    found = choose(view(**changes), quotes, policy, **FEE)
    assert isinstance(found, Plan), found
    return found


def refused(*quotes: Any, policy: PlanPolicy = POLICY, **changes: Any) -> Unprofitable:
    """Return why nothing pays."""
    found = choose(view(**changes), quotes, policy, **FEE)
    assert isinstance(found, Unprofitable), found
    return found


def test_a_plan_carries_the_figures_of_its_quote() -> None:
    assert chosen(quote()) == plan()


def test_the_pair_of_highest_profit_is_taken() -> None:
    pairs = [quote(seized_micro_usd=1_000_000 + gain, seized=gain) for gain in (30_000, 50_000, 40_000)]
    assert chosen(*pairs).expected_seized == 50_000


def test_of_equal_profits_the_larger_repayment_is_taken() -> None:
    small = quote(repaid_micro_usd=100_000, seized_micro_usd=150_000, repaid=1)
    large = quote(repaid_micro_usd=900_000, seized_micro_usd=950_000, repaid=9)
    assert chosen(small, large).expected_repaid == chosen(large, small).expected_repaid == 9


@pytest.mark.parametrize(("gain", "pays"), [(1_780, True), (1_779, False)])
def test_a_plan_must_leave_the_least_profit_after_its_fee(gain: int, pays: bool) -> None:
    found = choose(view(), [quote(seized_micro_usd=1_000_000 + gain)], POLICY, **FEE)
    assert isinstance(found, Plan) is pays


def test_a_loss_can_be_asked_for_by_the_policy() -> None:
    assert (
        chosen(quote(seized_micro_usd=1_000_000), policy=PlanPolicy(min_profit_micro_usd=-780)).profit_micro_usd == -780
    )


def test_what_does_not_pay_says_by_how_much() -> None:
    why = refused(quote(seized_micro_usd=1_000_500), quote(repaid=99_000_000))
    assert why.slot == 101
    assert why.details == {
        "fee_lamports": 5_200,
        "fee_micro_usd": 780,
        "min_profit_micro_usd": 1_000,
        "best_profit_micro_usd": -280,
        "pairs": 2,
        "affordable_pairs": 1,
    }


def test_a_pair_that_the_wallet_cannot_pay_for_is_left_out() -> None:
    best = quote(repaid=10_000_001, seized_micro_usd=9_000_000)
    assert chosen(best, quote()).expected_repaid == 1_000_000
    assert refused(best).details["best_profit_micro_usd"] is None


def test_the_wallets_whole_balance_may_be_spent() -> None:
    assert chosen(quote(repaid=10_000_000)).expected_repaid == 10_000_000


def test_a_wallet_without_an_account_of_the_mint_has_nothing() -> None:
    assert refused(quote(), wallet_balance={}).details["affordable_pairs"] == 0


@pytest.mark.parametrize(("balance", "offered"), [(5_000_000, 5_000_000), (2**64 + 5, 2**64 - 1)])
def test_the_instruction_may_take_all_the_wallet_has_up_to_a_u64(balance: int, offered: int) -> None:
    assert chosen(quote(), wallet_balance={"mint-usdc": balance}).repay_amount == offered


@pytest.mark.parametrize(
    ("slippage", "seized", "least"), [(500, 10_000, 9_500), (500, 19, 18), (0, 7, 7), (10_000, 7, 0)]
)
def test_the_least_seizure_is_the_expected_one_less_the_slippage_rounded_down(
    slippage: int, seized: int, least: int
) -> None:
    policy = PlanPolicy(min_profit_micro_usd=0, slippage_bps=slippage)
    assert chosen(quote(seized=seized), policy=policy).min_seize == least


def test_no_pairs_pay_nothing() -> None:
    assert refused().details["pairs"] == 0


@pytest.mark.parametrize(
    ("lamports", "price", "value"), [(0, 150_000_000, 0), (5_200, 150_000_000, 780), (1, 1, 1), (10**9, 7, 7)]
)
def test_the_fee_is_valued_rounded_up(lamports: int, price: int, value: int) -> None:
    assert network_fee_micro_usd(lamports, price) == value


THREE = {
    "debt_reserves": ("reserve-usdc", "reserve-eth"),
    "mint_of": {"reserve-usdc": "mint-usdc", "reserve-sol": "mint-sol", "reserve-eth": "mint-eth"},
}


def test_the_further_legs_are_named_for_the_program_to_see() -> None:
    assert chosen(quote(), **THREE).other_reserves == ("reserve-eth",)


@pytest.mark.parametrize(("is_full", "left"), [(False, ("reserve-usdc", "reserve-eth")), (True, ("reserve-eth",))])
def test_debt_that_a_liquidation_leaves_without_collateral_is_written_off_with_it(
    is_full: bool, left: tuple[str, ...]
) -> None:
    assert chosen(quote(is_full=is_full, leaves_bad_debt=True), **THREE).writes_off == left
    assert chosen(quote(is_full=is_full), **THREE).writes_off == ()


@pytest.mark.parametrize(
    ("fund", "covers"),
    [
        ({}, False),
        ({"mint-usdc": 1}, False),
        ({"mint-usdc": 0, "mint-eth": 1}, False),
        ({"mint-usdc": 1, "mint-eth": 1}, True),
    ],
)
def test_the_fund_is_asked_only_where_it_has_something_of_each(fund: dict[str, int], covers: bool) -> None:
    assert chosen(quote(leaves_bad_debt=True), fund_balance=fund, **THREE).covers is covers


def test_a_fund_with_money_is_not_asked_where_nothing_is_written_off() -> None:
    assert chosen(quote(), fund_balance={"mint-usdc": 9}).covers is False


@pytest.mark.parametrize("fund", [0, 500])
def test_debt_without_collateral_is_written_off_whatever_it_costs(fund: int) -> None:
    found = chosen(collateral_reserves=(), fund_balance={"mint-usdc": fund})
    assert (found.kind, found.writes_off, found.covers) == ("write_off", ("reserve-usdc",), fund > 0)
    assert (found.repay_amount, found.expected_repaid, found.profit_micro_usd) == (0, 0, -780)
    assert (found.collateral_reserve, found.collateral_mint) == (None, None)


@pytest.mark.parametrize(("loss", "pays"), [(10_000, True), (10_001, False)])
def test_a_speck_of_collateral_is_taken_at_a_bounded_loss_where_it_frees_bad_debt(loss: int, pays: bool) -> None:
    speck = quote(seized_micro_usd=1_000_780 - loss, leaves_bad_debt=True)
    found = choose(view(), [speck], POLICY, **FEE)
    assert isinstance(found, Plan) is pays
    if isinstance(found, Plan):
        assert (found.profit_micro_usd, found.writes_off) == (-loss, ("reserve-usdc",))


def test_the_smallest_loss_is_taken_to_free_bad_debt() -> None:
    pairs = [quote(seized_micro_usd=1_000_780 - loss, seized=loss, leaves_bad_debt=True) for loss in (900, 700, 800)]
    assert chosen(*pairs).profit_micro_usd == -700


@pytest.mark.parametrize("collateral", [("reserve-sol",), ()])
def test_no_more_is_written_off_at_once_than_fits_into_one_packet(collateral: tuple[str, ...]) -> None:
    reserves = tuple(f"reserve-{number}" for number in range(8))
    mints = {reserve: f"mint-{reserve}" for reserve in (*reserves, "reserve-sol")}
    units = dict.fromkeys(mints.values(), 10**12)
    changes = {"debt_reserves": reserves, "mint_of": mints, "collateral_reserves": collateral, "unit_atto_usd": units}
    quotes = [quote(debt_reserve="reserve-0", is_full=True, leaves_bad_debt=True)] if collateral else []
    found = chosen(*quotes, wallet_balance={"mint-reserve-0": 10**9}, **changes)
    assert found.writes_off == (reserves[1:4] if collateral else reserves[:5])


def test_collateral_without_debt_is_no_ones_business() -> None:
    refused(debt_reserves=())
