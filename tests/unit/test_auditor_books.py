"""The auditor's accounting: each way in which books can be wrong is seen, and right books are not complained about."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from auditor_builder import MARKET, PROGRAM, named, token_data, usual_town
from liquidation_auditor.books import BooksVerdict, Chain, check
from liquidation_auditor.database import Books, Entry, FundMove, FundRow, LiquidationRow
from liquidation_auditor.decode import TOKEN_PROGRAM
from liquidation_auditor.recording import AccountRow
from liquidation_auditor.replay import Act, Executed
from liquidation_auditor.state import ChainState

TOWN = usual_town()
COL, DEBT = TOWN.assets
ALICE = TOWN.borrowers[0]
WALLET, COL_PURSE, DEBT_PURSE = named("wallet"), named("wallet's COL"), named("wallet's DEBT")
LANDED, FAILED, EXPIRED = "landed signature", "failed signature", "expired signature"
FEE, REPAID, RECEIVED, INTO_FUND = 5_000, 300, 310, 3


def chain() -> Chain:
    """Return a chain on which the wallet liquidated ALICE once and failed once."""
    town = usual_town()
    town.assets[0].fund_tokens += INTO_FUND
    state = ChainState(bytes(PROGRAM), bytes(MARKET))
    state.apply(town.rows(100))
    purses = [(COL_PURSE, COL, 1_000 + RECEIVED), (DEBT_PURSE, DEBT, 1_000 - REPAID)]
    for purse, asset, amount in purses:
        data = token_data(asset.mint, WALLET, amount)
        state.apply([AccountRow(0, 100, bytes(purse), TOKEN_PROGRAM, 10**7, False, data)])
    state.apply([AccountRow(0, 100, bytes(WALLET), bytes(32), 10**9 - 2 * FEE, False, b"")])
    fees = {("network", "native"): FEE, (str(WALLET), "native"): -FEE}
    moved = fees | {
        (str(DEBT_PURSE), str(DEBT.mint)): -REPAID,
        (str(DEBT.vault), str(DEBT.mint)): REPAID,
        (str(COL.vault), str(COL.mint)): -RECEIVED - INTO_FUND,
        (str(COL_PURSE), str(COL.mint)): RECEIVED,
        (str(COL.fund_vault), str(COL.mint)): INTO_FUND,
    }
    act = Act(
        "liquidate",
        bytes(ALICE.address),
        bytes(DEBT.mint),
        REPAID,
        10**12,
        bytes(COL.mint),
        RECEIVED,
        INTO_FUND,
        10**12,
    )
    failed = Executed(
        signature=FAILED,
        slot=104,
        seq=4,
        succeeded=False,
        fee_lamports=FEE,
        wallets=frozenset([bytes(WALLET)]),
        verbs=("liquidate",),
        positions=(bytes(ALICE.address),),
        deltas=fees,
        acts=(),
    )
    landed = replace(failed, signature=LANDED, slot=105, succeeded=True, deltas=moved, acts=(act,))
    before = {"native": 10**9, str(COL.mint): 1_000, str(DEBT.mint): 1_000}
    return Chain(
        state=state,
        wallets=frozenset([bytes(WALLET)]),
        engine=[failed, landed],
        others=[],
        wallet_before=before,
        fund_openings={str(COL.mint): 10**9},
    )


def right_books() -> Books:
    """Return the books of that chain, without an error."""
    accounts = {
        str(WALLET): "wallet",
        str(COL_PURSE): "wallet",
        str(DEBT_PURSE): "wallet",
        "network": "network_fees",
        str(DEBT.vault): "reserve_vault",
        str(COL.vault): "reserve_vault",
        str(COL.fund_vault): "insurance_fund",
    }
    row = LiquidationRow(
        position=str(ALICE.address),
        signature=LANDED,
        debt_mint=str(DEBT.mint),
        collateral_mint=str(COL.mint),
        repaid=REPAID,
        seized=RECEIVED,
        protocol_fee=INTO_FUND,
        bad_debt=0,
        bad_debt_covered=0,
        error_message=None,
    )
    nothing = replace(row, signature=FAILED, repaid=0, seized=0, protocol_fee=0, error_message="healthy again")
    return Books(
        genesis_hash="genesis",
        ledger=[
            Entry(executed.signature, accounts[address], address, mint, amount)
            for executed in chain().engine
            for (address, mint), amount in executed.deltas.items()
        ],
        liquidations=[row, nothing, replace(nothing, signature=EXPIRED, error_message="blockhash expired")],
        failed=[],
        intents={LANDED: "landed", FAILED: "landed_failed", EXPIRED: "expired"},
        funds=[FundRow(str(COL.mint), str(COL.fund_vault), 10**9 + INTO_FUND, 99, 10**9)],
        fund_moves=[FundMove(LANDED, str(COL.mint), INTO_FUND, "fee")],
        stopped_at=None,
    )


def flags(verdict: BooksVerdict) -> set[str]:
    names = ("ledger_zero_sum", "ledger_matches_chain", "fund_matches_chain", "books_complete")
    return {name for name in names if not getattr(verdict, name)}


def off_by_one(books: Books) -> Books:
    entry = books.ledger[-1]
    return replace(books, ledger=[*books.ledger[:-1], replace(entry, amount=entry.amount + 1)])


def off_by_one_on_both_sides(books: Books) -> Books:
    """Shift one unit between two entries of a mint, so that only the chain can tell."""
    fee, wallet = books.ledger[0], books.ledger[1]
    return replace(
        books,
        ledger=[replace(fee, amount=fee.amount + 1), replace(wallet, amount=wallet.amount - 1), *books.ledger[2:]],
    )


def without_ledger(books: Books) -> Books:
    return replace(books, ledger=[entry for entry in books.ledger if entry.signature != LANDED])


def from_nowhere(books: Books) -> Books:
    pair = [
        Entry("nowhere", "wallet", str(WALLET), "native", -1),
        Entry("nowhere", "external", str(ALICE.owner), "native", 1),
    ]
    return replace(books, ledger=[*books.ledger, *pair])


def wrongly_named(books: Books) -> Books:
    return replace(books, ledger=[replace(books.ledger[0], account="external"), *books.ledger[1:]])


def fund_off_by_one(books: Books) -> Books:
    return replace(books, funds=[replace(books.funds[0], balance=books.funds[0].balance + 1)])


def fund_opened_wrongly(books: Books) -> Books:
    return replace(books, funds=[replace(books.funds[0], opening_balance=0)])


def fund_fee_left_out(books: Books) -> Books:
    return replace(books, fund_moves=[])


def row(books: Books, signature: str, **changes: object) -> Books:
    rows = [replace(found, **changes) if found.signature == signature else found for found in books.liquidations]  # type: ignore[arg-type]
    return replace(books, liquidations=rows)


def intent(books: Books, signature: str, state: str) -> Books:
    return replace(books, intents=books.intents | {signature: state})


WRONG: dict[str, tuple[Callable[[Books], Books], set[str]]] = {
    "a ledger off by one": (off_by_one, {"ledger_zero_sum", "ledger_matches_chain"}),
    "a ledger off by one on both sides": (off_by_one_on_both_sides, {"ledger_matches_chain"}),
    "a landed transaction that is not in the ledger": (without_ledger, {"ledger_matches_chain", "books_complete"}),
    "entries of a transaction that never was": (from_nowhere, {"ledger_matches_chain"}),
    "a fee booked as somebody's": (wrongly_named, {"ledger_matches_chain"}),
    "a fund off by one": (fund_off_by_one, {"fund_matches_chain"}),
    "a fund that opens with what was not there": (fund_opened_wrongly, {"fund_matches_chain"}),
    "a fee that the fund's movements lack": (fund_fee_left_out, {"fund_matches_chain"}),
    "a wrong repaid": (lambda books: row(books, LANDED, repaid=REPAID - 1), {"books_complete"}),
    "a wrong seized": (lambda books: row(books, LANDED, seized=RECEIVED + 1), {"books_complete"}),
    "bad debt that never was": (lambda books: row(books, LANDED, bad_debt=1), {"books_complete"}),
    "covered bad debt that was never paid": (lambda books: row(books, LANDED, bad_debt_covered=1), {"books_complete"}),
    "a landed row with an error": (lambda books: row(books, LANDED, error_message="timeout"), {"books_complete"}),
    "a failed row without an error": (lambda books: row(books, FAILED, error_message=None), {"books_complete"}),
    "an expired row without an error": (lambda books: row(books, EXPIRED, error_message=None), {"books_complete"}),
    "no row at all": (lambda books: replace(books, liquidations=books.liquidations[1:]), {"books_complete"}),
    "an intent still live": (lambda books: intent(books, LANDED, "live"), {"books_complete"}),
    "a landed intent called expired": (lambda books: intent(books, LANDED, "expired"), {"books_complete"}),
    "an expired intent called landed": (lambda books: intent(books, EXPIRED, "landed"), {"books_complete"}),
}


def test_right_books_have_no_fault() -> None:
    verdict = check(right_books(), chain())
    assert (verdict.faults, flags(verdict)) == ([], set())


@pytest.mark.parametrize("error", WRONG)
def test_the_judge_sees(error: str) -> None:
    spoil, expected = WRONG[error]
    verdict = check(spoil(right_books()), chain())
    assert flags(verdict) == expected
    assert verdict.faults


def test_a_wallet_that_lost_what_no_entry_names_is_seen() -> None:
    seen = chain()
    seen.state.apply([AccountRow(0, 106, bytes(WALLET), bytes(32), 10**9 - 2 * FEE - 1, False, b"")])
    assert flags(check(right_books(), seen)) == {"ledger_matches_chain"}
