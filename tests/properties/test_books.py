"""The ledger of any transaction that conserves what it moves sums to zero for every mint, and tells every change."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from liquidation_engine.execute.books import ledger_of, settle_landed, settle_landed_failed
from liquidation_engine.model import NATIVE, ChainRoles, TokenBalance, TransactionRecord
from liquidation_engine.testing import plan
from liquidation_engine.testing.time import START

SOL, USDC, ETH = "So11111111111111111111111111111111111111112", "mint-usdc", "mint-eth"
OWNERS = ("wallet", "market-1", "fund-sol", "stranger")
ROLES = ChainRoles(wallet="wallet", market_authorities=frozenset({"market-1"}), funds={"fund-sol": SOL})
RENT, PLENTY = 2_039_280, 10**12

moves = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 10**9)), max_size=8)


@st.composite
def records(draw: st.DrawFn) -> TransactionRecord:
    """Tokens move among accounts of one mint and lamports among the others; the first account pays the fee."""
    tokens = draw(st.lists(st.tuples(st.sampled_from([SOL, USDC, ETH]), st.sampled_from(OWNERS)), max_size=8))
    people = ["wallet", *(f"person-{number}" for number in range(draw(st.integers(0, 3))))]
    change: dict[int, int] = defaultdict(int)
    for source, target, amount in draw(moves):
        if tokens and tokens[source % len(tokens)][0] == tokens[target % len(tokens)][0]:
            change[source % len(tokens)] -= amount
            change[target % len(tokens)] += amount
    fee = draw(st.integers(0, 10**7))
    lamports = dict.fromkeys(people, PLENTY)
    lamports["wallet"] -= fee
    for source, target, amount in draw(moves):
        lamports[people[source % len(people)]] -= amount
        lamports[people[target % len(people)]] += amount
    wrapped = [change[n] if mint == SOL else 0 for n, (mint, _) in enumerate(tokens)]
    return TransactionRecord(
        signature="signature-1",
        slot=5,
        error=None,
        fee_lamports=fee,
        compute_units=1,
        addresses=(*people, *(f"token-{n}" for n in range(len(tokens)))),
        lamports_before=(*(PLENTY for _ in people), *(RENT + PLENTY for _ in tokens)),
        lamports_after=(*lamports.values(), *(RENT + PLENTY + delta for delta in wrapped)),
        token_balances=tuple(
            TokenBalance(address=f"token-{n}", mint=mint, owner=owner, before=PLENTY, after=PLENTY + change[n])
            for n, (mint, owner) in enumerate(tokens)
        ),
        logs=(),
    )


@given(records())
def test_the_ledger_sums_to_zero_per_mint(record: TransactionRecord) -> None:
    totals: dict[str, int] = defaultdict(int)
    for entry in ledger_of(record, ROLES):
        totals[entry.mint] += entry.amount
    assert set(totals.values()) <= {0}


@given(records())
def test_every_change_is_told_once_and_no_entry_is_empty(record: TransactionRecord) -> None:
    ledger = ledger_of(record, ROLES)
    told = {(entry.address, entry.mint): entry.amount for entry in ledger}
    assert len(told) == len(ledger)
    assert 0 not in told.values()
    for balance in record.token_balances:
        assert told.get((balance.address, balance.mint), 0) == balance.after - balance.before
    people = [address for address in record.addresses if not address.startswith("token-")]
    for address, before, after in zip(people, record.lamports_before, record.lamports_after, strict=False):
        assert told.get((address, NATIVE), 0) == after - before


@given(records(), st.sampled_from(["liquidate", "write_off"]))
def test_fund_entries_are_exactly_what_the_fund_gained_and_lost(record: TransactionRecord, kind: str) -> None:
    books = settle_landed(
        record,
        plan(kind=kind, debt_mint=USDC, collateral_mint=SOL if kind == "liquidate" else None),
        ROLES,
        written_off={},
        is_full=False,
        confirmed_at=START,
    )
    signs = {"fee": 1, "cover_bad_debt": -1}
    assert all(entry.amount > 0 for entry in books.fund)
    for mint in (SOL, USDC, ETH):
        gained = sum(b.after - b.before for b in record.token_balances if b.owner == "fund-sol" and b.mint == mint)
        assert sum(signs[e.transaction_type] * e.amount for e in books.fund if e.mint == mint) == gained


@given(records())
def test_a_failed_transactions_loss_is_its_fee(record: TransactionRecord) -> None:
    books = settle_landed_failed(record, plan(sol_price_micro_usd=10**9), ROLES, "slippage", at=START)
    assert (books.fee_lamports, books.profit_micro_usd, books.fund) == (record.fee_lamports, -record.fee_lamports, ())
