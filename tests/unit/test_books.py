"""The books of a transaction come from its balances before and after."""

from collections import defaultdict
from dataclasses import replace

import pytest

from liquidation_engine.execute.books import ledger_of, settle_expired, settle_landed, settle_landed_failed
from liquidation_engine.model import NATIVE, LedgerEntry, TokenBalance
from liquidation_engine.model.settlement import BadDebtEntry
from liquidation_engine.testing import FakeLending, landed_record, plan
from liquidation_engine.testing.time import START

ROLES = FakeLending().roles


def settled(record=None, made=None, written_off=None, covered=None):  # type: ignore[no-untyped-def]
    """Return the books of a landed record."""
    return settle_landed(
        record or landed_record(),
        made or plan(),
        ROLES,
        written_off=written_off or {},
        is_full=(made or plan()).is_full_liquidation,
        confirmed_at=START,
        covered=covered,
    )


def fund_vault(before: int, after: int, address: str = "fund-vault-sol") -> TokenBalance:
    """Return what the fund of mint-sol held before and after."""
    return TokenBalance(address=address, mint="mint-sol", owner="fund-sol", before=before, after=after)


def entry(account: str, address: str, mint: str, amount: int) -> LedgerEntry:
    """Return one entry."""
    return LedgerEntry(account=account, address=address, mint=mint, amount=amount)  # type: ignore[arg-type]


def test_every_balance_that_moved_is_an_entry_of_its_account() -> None:
    assert set(ledger_of(landed_record(), ROLES)) == {
        entry("wallet", "wallet-usdc", "mint-usdc", -1_000_000),
        entry("reserve_vault", "vault-usdc", "mint-usdc", 1_000_000),
        entry("wallet", "wallet-sol", "mint-sol", 6_993),
        entry("reserve_vault", "vault-sol", "mint-sol", -7_000),
        entry("insurance_fund", "fund-vault-sol", "mint-sol", 7),
        entry("wallet", "wallet", NATIVE, -5_090),
        entry("network_fees", "network", NATIVE, 5_090),
    }


def test_lamports_of_wrapped_sol_are_booked_as_tokens_and_not_again_as_lamports() -> None:
    before, after = list(landed_record().lamports_before), list(landed_record().lamports_after)
    after[2], after[4], after[5] = before[2] + 6_993, before[4] - 7_000, before[5] + 7
    wrapped = landed_record(lamports_after=tuple(after))
    assert set(ledger_of(wrapped, ROLES)) == set(ledger_of(landed_record(), ROLES))


def test_lamports_of_strangers_are_external() -> None:
    record = landed_record()
    after = (record.lamports_after[0] - 40, *record.lamports_after[1:-1], 41)
    entries = ledger_of(replace(record, lamports_after=after), ROLES)
    assert entry("external", "program", NATIVE, 40) in entries
    assert entry("wallet", "wallet", NATIVE, -5_130) in entries


def test_tokens_of_strangers_are_external() -> None:
    moved = TokenBalance(address="theirs", mint="mint-usdc", owner="stranger", before=5, after=0)
    assert entry("external", "theirs", "mint-usdc", -5) in ledger_of(landed_record(token_balances=(moved,)), ROLES)


def test_what_a_program_burned_is_a_change_of_the_mints_supply() -> None:
    burned = TokenBalance(address="shares", mint="mint-shares", owner="authority", before=9, after=2)
    record = landed_record(token_balances=(*landed_record().token_balances, burned))
    named = replace(
        record,
        addresses=(*record.addresses, "mint-shares"),
        lamports_before=(*record.lamports_before, 1),
        lamports_after=(*record.lamports_after, 1),
    )
    assert entry("external", "mint-shares", "mint-shares", 7) in ledger_of(named, ROLES)
    assert sum(one.amount for one in ledger_of(named, ROLES) if one.mint == "mint-shares") == 0
    assert sum(one.amount for one in ledger_of(record, ROLES) if one.mint == "mint-shares") == -7  # nobody says who


def test_a_fee_payer_that_is_a_token_account_is_refused() -> None:
    odd = TokenBalance(address="wallet", mint="mint-sol", owner="wallet", before=1, after=1)
    with pytest.raises(ValueError, match="fee payer wallet is a token account"):
        ledger_of(landed_record(token_balances=(odd,)), ROLES)


def test_a_landed_liquidation_is_valued_by_what_moved_and_not_by_its_plan() -> None:
    books = settled(made=plan(expected_repaid=5, expected_seized=6, repaid_micro_usd=7, seized_micro_usd=8))
    assert (books.repaid, books.seized, books.protocol_fee) == (1_000_000, 6_993, 7)
    assert (books.repaid_micro_usd, books.seized_micro_usd) == (1_000_000, 1_048_950)
    assert books.profit_micro_usd == 1_048_950 - 1_000_000 - 763  # the fee's 5 090 lamports
    assert (books.slot, books.fee_lamports, books.error_message, books.confirmed_at) == (105, 5_090, None, START)


def test_the_protocol_fee_goes_into_the_fund() -> None:
    (fee,) = settled().fund
    assert (fee.mint, fee.amount, fee.transaction_type) == ("mint-sol", 7, "fee")
    assert (fee.market, fee.position) == ("market-1", "position-1")


def test_a_fund_that_covers_bad_debt_pays_out() -> None:
    covered = landed_record(
        token_balances=(
            TokenBalance(address="fund-vault", mint="mint-usdc", owner="fund-sol", before=900, after=600),
            TokenBalance(address="vault-usdc", mint="mint-usdc", owner="market-1", before=0, after=300),
        )
    )
    books = settled(covered, plan(kind="write_off", collateral_mint=None), {"mint-usdc": 450})
    (paid,) = books.fund
    assert (paid.amount, paid.transaction_type) == (300, "cover_bad_debt")
    assert (books.bad_debt, books.bad_debt_covered) == (450, 300)
    assert (books.repaid, books.seized, books.protocol_fee) == (0, 0, 0)
    assert books.profit_micro_usd == -763


def test_bad_debt_of_another_mint_is_not_added_to_this_ones() -> None:
    assert settled(written_off={"mint-eth": 9}).bad_debt == 0


def test_bad_debt_of_every_mint_is_told_with_its_cover() -> None:
    covered = landed_record(token_balances=(fund_vault(900, 600),))
    books = settled(
        covered, plan(writes_off=("r-usdc", "r-sol", "r-eth")), {"mint-usdc": 5, "mint-sol": 450, "mint-eth": 9}
    )
    assert books.bad_debts == (
        BadDebtEntry(mint="mint-eth", written_off=9, covered=0),
        BadDebtEntry(mint="mint-sol", written_off=450, covered=300),
        BadDebtEntry(mint="mint-usdc", written_off=5, covered=0),
    )
    assert (books.bad_debt, books.bad_debt_covered) == (5, 0)


def test_a_liquidation_without_bad_debt_tells_none() -> None:
    assert settled().bad_debts == ()


@pytest.mark.parametrize(
    ("after", "covered", "moves"),
    [
        (80, 30, [("fee", 10), ("cover_bad_debt", 30)]),
        (100, 30, [("fee", 30), ("cover_bad_debt", 30)]),  # the balance did not move, and yet both happened
        (70, 30, [("cover_bad_debt", 30)]),
        (110, 0, [("fee", 10)]),
        (60, 30, [("cover_bad_debt", 40)]),  # the program cannot have paid less than what left: the balances decide
    ],
)
def test_fee_and_cover_of_one_fund_stand_apart(after: int, covered: int, moves: list[tuple[str, int]]) -> None:
    books = settled(landed_record(token_balances=(fund_vault(100, after),)), covered={"mint-sol": covered})
    assert [(move.transaction_type, move.amount) for move in books.fund] == moves


def test_a_movement_says_whose_books_it_opens_and_what_was_there_before() -> None:
    (fee,) = settled().fund
    assert (fee.address, fee.vault, fee.held_before) == ("fund-sol", "fund-vault-sol", 100)


def test_two_accounts_of_one_fund_are_one_movement() -> None:
    record = landed_record(token_balances=(fund_vault(100, 107), fund_vault(5, 8, "second")))
    (fee,) = settled(record).fund
    assert (fee.amount, fee.held_before) == (10, 105)


def test_a_failed_transaction_books_its_fee_and_nothing_else() -> None:
    failed = landed_record(token_balances=(), error="X")
    books = settle_landed_failed(failed, plan(), ROLES, "slippage", at=START)
    assert set(books.ledger) == {
        entry("wallet", "wallet", NATIVE, -5_090),
        entry("network_fees", "network", NATIVE, 5_090),
    }
    assert (books.fund, books.profit_micro_usd, books.error_message) == ((), -763, "slippage")


def test_an_expired_intent_moved_nothing() -> None:
    books = settle_expired(101, "blockhash expired")
    assert (books.ledger, books.fund, books.fee_lamports, books.slot) == ((), (), 0, 101)
    assert books.error_message == "blockhash expired"


def test_the_ledger_of_a_liquidation_balances_per_mint() -> None:
    totals: dict[str, int] = defaultdict(int)
    for one in settled().ledger:
        totals[one.mint] += one.amount
    assert dict(totals) == {"mint-usdc": 0, "mint-sol": 0, NATIVE: 0}


@pytest.mark.parametrize("full", [True, False])
def test_whether_it_was_full_is_what_the_chain_says_not_what_was_planned(full: bool) -> None:
    books = settle_landed(
        landed_record(), plan(is_full_liquidation=not full), ROLES, written_off={}, is_full=full, confirmed_at=START
    )
    assert books.is_full_liquidation is full
