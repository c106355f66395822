"""Whatever the quotes: a plan is affordable, pays, and none of the others would have paid more."""

from hypothesis import given
from hypothesis import strategies as st

from liquidation_engine.execute.plan import PlanPolicy, choose, network_fee_micro_usd
from liquidation_engine.model import PairQuote, Plan
from liquidation_engine.testing import quote, view

amounts = st.one_of(st.integers(1, 100), st.integers(1, 2**64 - 1))
quotes = st.builds(
    quote,
    repaid=amounts,
    seized=amounts,
    fee=amounts,
    repaid_micro_usd=amounts,
    seized_micro_usd=amounts,
    is_full=st.booleans(),
    leaves_bad_debt=st.booleans(),
)


@given(
    pairs=st.lists(quotes, max_size=6),
    balance=st.integers(0, 2**65),
    fund=st.integers(0, 5),
    fee=st.integers(0, 10**9),
    price=st.integers(1, 10**10),
    least=st.integers(-(10**6), 10**6),
    slippage=st.integers(0, 10_000),
)
def test_the_choice_is_affordable_pays_and_is_the_best(
    pairs: list[PairQuote], balance: int, fund: int, fee: int, price: int, least: int, slippage: int
) -> None:
    seen = view(wallet_balance={"mint-usdc": balance}, fund_balance={"mint-usdc": fund})
    policy = PlanPolicy(min_profit_micro_usd=least, slippage_bps=slippage)
    costs = network_fee_micro_usd(fee, price)
    paying = [
        profit
        for pair in pairs
        if pair.repaid <= balance and (profit := pair.seized_micro_usd - pair.repaid_micro_usd - costs) >= least
    ]
    last = [
        profit
        for pair in pairs
        if pair.repaid <= balance
        and pair.leaves_bad_debt
        and (profit := pair.seized_micro_usd - pair.repaid_micro_usd - costs) >= -policy.max_loss_micro_usd
    ]
    found = choose(seen, pairs, policy, fee_lamports=fee, sol_price_micro_usd=price)
    assert isinstance(found, Plan) is bool(paying or last)
    if isinstance(found, Plan):
        assert found.profit_micro_usd == max(paying or last)
        assert found.expected_repaid <= found.repay_amount <= min(balance, 2**64 - 1)
        assert 0 <= found.min_seize <= found.expected_seized
        assert not found.covers or (found.writes_off and fund)


@given(fee=st.integers(0, 10**12), price=st.integers(1, 10**12))
def test_the_fee_is_never_valued_below_what_it_is(fee: int, price: int) -> None:
    value = network_fee_micro_usd(fee, price)
    assert 0 <= value * 10**9 - fee * price < 10**9
