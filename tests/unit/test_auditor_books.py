"""The auditor's accounting: each way in which books can be wrong is seen, and right books are not complained about."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from auditor_builder import MARKET, PROGRAM, named, token_data, usual_town
from liquidation_auditor.books import BooksVerdict, check
from liquidation_auditor.database import BadDebtRow, Books, Entry, FundMove, FundRow, IntentRow, LiquidationRow
from liquidation_auditor.decode import TOKEN_PROGRAM
from liquidation_auditor.prices import Prices
from liquidation_auditor.recording import AccountRow
from liquidation_auditor.replay import Act, Executed
from liquidation_auditor.state import ChainState
from liquidation_auditor.witness import Chain

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
    before = {"native": 10**9 + 2 * 10**7, str(COL.mint): 1_000, str(DEBT.mint): 1_000}  # two purses' rent in it
    prices = Prices()
    prices.note(99, state)
    return Chain(
        state=state,
        wallets=frozenset([bytes(WALLET)]),
        engine=[failed, landed],
        others=[],
        wallet_before=before,
        fund_openings={str(COL.mint): 10**9},
        prices=prices,
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
        fee_lamports=FEE,
        repaid_micro_usd=REPAID,
        seized_micro_usd=RECEIVED,
        reward_micro_usd=RECEIVED - REPAID,
        profit_micro_usd=RECEIVED - REPAID,
        bad_debt=0,
        bad_debt_covered=0,
        is_full_liquidation=True,
        error_message=None,
    )
    nothing = replace(
        row,
        signature=FAILED,
        repaid=0,
        seized=0,
        protocol_fee=0,
        repaid_micro_usd=0,
        seized_micro_usd=0,
        reward_micro_usd=0,
        profit_micro_usd=0,
        is_full_liquidation=False,
        error_message="healthy again",
    )
    return Books(
        genesis_hash="genesis",
        ledger=[
            Entry(executed.signature, accounts[address], address, mint, amount, executed.slot)
            for executed in chain().engine
            for (address, mint), amount in executed.deltas.items()
        ],
        liquidations=[row, nothing, replace(nothing, signature=EXPIRED, fee_lamports=0, error_message="expired")],
        failed=[],
        intents={
            LANDED: IntentRow("landed", 105, 104),
            FAILED: IntentRow("landed_failed", 104, 103),
            EXPIRED: IntentRow("expired", None, 103),
        },
        funds=[FundRow(str(COL.mint), str(COL.fund_vault), 10**9 + INTO_FUND, 99, 10**9)],
        fund_moves=[FundMove(LANDED, str(COL.mint), INTO_FUND, "fee", 105)],
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
        Entry("nowhere", "wallet", str(WALLET), "native", -1, 105),
        Entry("nowhere", "external", str(ALICE.owner), "native", 1, 105),
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
    return replace(books, intents=books.intents | {signature: replace(books.intents[signature], state=state)})


def late(books: Books) -> Books:
    intent = replace(books.intents[LANDED], landed_slot=106)
    return replace(books, intents=books.intents | {LANDED: intent})


def booked_in_another_slot(books: Books) -> Books:
    return replace(books, ledger=[replace(books.ledger[0], slot=books.ledger[0].slot + 1), *books.ledger[1:]])


def vault_named(name: str, address: object) -> Callable[[Books], Books]:
    """Book one address under another account's name."""

    def spoil(books: Books) -> Books:
        return replace(
            books,
            ledger=[replace(entry, account=name) if entry.address == str(address) else entry for entry in books.ledger],
        )

    return spoil


def fund_moves(*moves: FundMove) -> Callable[[Books], Books]:
    return lambda books: replace(books, fund_moves=[*books.fund_moves, *moves])


COL_MINT = str(COL.mint)
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
    "a wrong protocol fee": (lambda books: row(books, LANDED, protocol_fee=INTO_FUND + 1), {"books_complete"}),
    "a wrong network fee": (lambda books: row(books, LANDED, fee_lamports=FEE - 1), {"books_complete"}),
    "a failed landing without its fee": (lambda books: row(books, FAILED, fee_lamports=0), {"books_complete"}),
    "a repaid value that no price explains": (
        lambda books: row(
            books, LANDED, repaid_micro_usd=REPAID - 3, reward_micro_usd=RECEIVED - REPAID + 3, profit_micro_usd=13
        ),
        {"books_complete"},
    ),
    "a seized value that no price explains": (
        lambda books: row(
            books, LANDED, seized_micro_usd=RECEIVED + 3, reward_micro_usd=RECEIVED - REPAID + 3, profit_micro_usd=13
        ),
        {"books_complete"},
    ),
    "a reward that is not the difference": (
        lambda books: row(books, LANDED, reward_micro_usd=30, profit_micro_usd=30),
        {"books_complete"},
    ),
    "a profit out of nothing": (lambda books: row(books, LANDED, profit_micro_usd=10**6), {"books_complete"}),
    "a full liquidation called partial": (
        lambda books: row(books, LANDED, is_full_liquidation=False),
        {"books_complete"},
    ),
    "an entry in another slot": (booked_in_another_slot, {"ledger_matches_chain"}),
    "a landing in another slot": (late, {"books_complete"}),
    "a reserve's vault booked as a third party's": (vault_named("external", COL.vault), {"ledger_matches_chain"}),
    "a fund's vault booked as a reserve's": (vault_named("reserve_vault", COL.fund_vault), {"ledger_matches_chain"}),
    "a wallet's tokens booked as a reserve's": (
        vault_named("reserve_vault", COL_PURSE),
        {"ledger_matches_chain"},
    ),
    "a contribution and a withdrawal that never were": (
        fund_moves(
            FundMove("nowhere", COL_MINT, 7, "contribution", 105), FundMove("nowhere", COL_MINT, 7, "withdrawal", 105)
        ),
        {"fund_matches_chain"},
    ),
    "the same pair under a signature of ours": (
        fund_moves(
            FundMove(FAILED, COL_MINT, 7, "contribution", 104), FundMove(FAILED, COL_MINT, 7, "withdrawal", 104)
        ),
        {"fund_matches_chain"},
    ),
    "a fee called a contribution": (
        lambda books: replace(books, fund_moves=[FundMove(LANDED, COL_MINT, INTO_FUND, "contribution", 105)]),
        {"fund_matches_chain"},
    ),
    "a fund movement in another slot": (
        lambda books: replace(books, fund_moves=[FundMove(LANDED, COL_MINT, INTO_FUND, "fee", 104)]),
        {"fund_matches_chain"},
    ),
    "bad debt of a mint that was never written off": (
        lambda books: replace(books, bad_debts=[BadDebtRow(LANDED, COL_MINT, 1, 0)]),
        {"books_complete"},
    ),
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


def test_an_external_address_cannot_be_booked_as_a_vault() -> None:
    """A payment out of the wallet must not hide behind the name of a vault."""
    seen, books = chain(), right_books()
    somebody = str(named("somebody"))
    seen.engine[1].deltas[somebody, str(COL.mint)] = 5
    seen.engine[1].deltas[str(COL_PURSE), str(COL.mint)] -= 5
    seen.wallet_before[str(COL.mint)] += 5
    entries = [
        replace(entry, amount=entry.amount - 5)
        if (entry.signature, entry.address) == (LANDED, str(COL_PURSE))
        else entry
        for entry in books.ledger
    ]
    paid = Entry(LANDED, "external", somebody, str(COL.mint), 5, 105)
    assert [fault.why for fault in check(replace(books, ledger=[*entries, paid]), seen).faults] == [
        f"the wallets lost 5 of {COL.mint} beyond what the program and the network took"
    ]
    for name in ("reserve_vault", "insurance_fund", "wallet", "network_fees"):
        faults = check(replace(books, ledger=[*entries, replace(paid, account=name)]), seen).faults
        assert f"{somebody} is booked as {name}, expected external" in [fault.why for fault in faults]


def test_every_transaction_that_a_wallet_signed_must_be_booked() -> None:
    seen = chain()
    seen.others.append(replace(seen.engine[0], signature="a transfer", verbs=(), positions=()))
    faults = check(right_books(), seen).faults
    assert [(fault.kind, fault.position) for fault in faults] == [("unbooked_wallet_transaction", "a transfer")]


def test_a_strangers_contribution_must_be_booked_as_it_was() -> None:
    seen, books = chain(), right_books()
    seen.state.apply(
        [
            AccountRow(
                0, 106, bytes(COL.fund_vault), TOKEN_PROGRAM, 10**7, False, token_data(COL.mint, COL.fund, 10**9 + 10)
            )
        ]
    )
    given = {(str(COL.fund_vault), COL_MINT): 7}
    seen.strangers.append(replace(seen.engine[0], signature="gift", slot=106, wallets=frozenset(), deltas=given))
    move = FundMove("gift", COL_MINT, 7, "contribution", 106)
    right = replace(books, funds=[replace(books.funds[0], balance=10**9 + 10)], fund_moves=[*books.fund_moves, move])
    assert check(right, seen).faults == []
    split = [replace(move, amount=8), replace(move, amount=1, kind="withdrawal")]
    assert not check(replace(right, fund_moves=[*books.fund_moves, *split]), seen).fund_matches_chain


def test_bad_debt_is_compared_mint_by_mint_where_the_schema_has_a_table_for_it() -> None:
    seen, books = chain(), right_books()
    wiped = [
        Act("write_off", bytes(ALICE.address), bytes(DEBT.mint), 11, 10**12),
        Act("write_off", bytes(ALICE.address), bytes(COL.mint), 22, 10**12),
        Act("cover_bad_debt", None, bytes(DEBT.mint), 11, 10**12),
    ]
    deltas = seen.engine[1].deltas | {(str(DEBT.fund_vault), str(DEBT.mint)): -11}
    seen.engine[1] = replace(seen.engine[1], acts=(*seen.engine[1].acts, *wiped), deltas=deltas)
    books = row(books, LANDED, bad_debt=11, bad_debt_covered=11)
    rows = [BadDebtRow(LANDED, str(DEBT.mint), 11, 11), BadDebtRow(LANDED, COL_MINT, 22, 0)]

    def complete(books: Books) -> bool:
        return check(books, seen).books_complete

    assert complete(replace(books, bad_debts=rows))
    assert not complete(replace(books, bad_debts=rows[:1]))
    assert not complete(replace(books, bad_debts=[rows[0], replace(rows[1], covered=1)]))
    assert not complete(books)  # without the table the second mint's write-off is booked nowhere
    assert not complete(row(replace(books, bad_debts=rows), LANDED, bad_debt=33))


def test_what_was_booked_and_taken_back_again_is_nothing() -> None:
    """A transaction that vanished with its fork keeps its entries and gets them again with the opposite sign."""
    books = from_nowhere(right_books())
    undone = [replace(entry, amount=-entry.amount) for entry in books.ledger if entry.signature == "nowhere"]
    fee = FundMove("nowhere", COL_MINT, 7, "fee", 105)
    undone_books = replace(books, ledger=[*books.ledger, *undone])
    assert check(fund_moves(fee, replace(fee, amount=-7))(undone_books), chain()).faults == []
    assert not check(fund_moves(fee, replace(fee, amount=-6))(undone_books), chain()).fund_matches_chain
    assert not check(replace(books, ledger=[*books.ledger, *undone[:1]]), chain()).ledger_matches_chain


def test_a_fund_opened_late_holds_what_moved_before() -> None:
    books = right_books()
    late = replace(books, funds=[FundRow(COL_MINT, str(COL.fund_vault), 10**9 + INTO_FUND, 110, 10**9)])
    seen = replace(chain(), fund_openings={COL_MINT: 10**9 + INTO_FUND})
    assert check(late, seen).faults == []
    twice = replace(late, funds=[replace(late.funds[0], opening_balance=10**9 + INTO_FUND)])
    assert not check(twice, seen).fund_matches_chain


def test_what_lies_before_the_judged_part_is_left_alone() -> None:
    books = from_nowhere(right_books())
    assert check(books, replace(chain(), earlier=frozenset(["nowhere"]))).faults == []
