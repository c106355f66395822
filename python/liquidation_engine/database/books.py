"""Closes an intent: outcome, liquidation, ledger, fund and guard in one transaction, once; anew where a fork executed it again."""

from collections import Counter
from collections.abc import Sequence

import asyncpg

from liquidation_engine.database.funds import move_fund, unbook_fund
from liquidation_engine.database.pool import Database, Transaction
from liquidation_engine.database.rows import to_json
from liquidation_engine.errors import LedgerError
from liquidation_engine.model import Expired, FundEntry, Intent, Landed, LandedFailed, LedgerEntry, Settlement

_STATES = {Landed: "landed", LandedFailed: "landed_failed", Expired: "expired"}


def check_balanced(ledger: Sequence[LedgerEntry]) -> None:
    """Raise LedgerError unless the entries sum to zero for every mint."""
    sums: Counter[str] = Counter()
    for entry in ledger:
        sums[entry.mint] += entry.amount
    unbalanced = {mint: total for mint, total in sums.items() if total}
    if unbalanced:
        raise LedgerError(f"ledger entries must sum to 0 for each mint, found {unbalanced}")


async def close_intent(
    database: Database,
    intent: Intent,
    outcome: Landed | LandedFailed | Expired,
    books: Settlement,
    retry_count: int,
) -> bool:
    """Write everything that follows from `outcome`; return False, having written nothing, if the intent was closed before."""
    check_balanced(books.ledger)
    landed_slot = None if isinstance(outcome, Expired) else outcome.record.slot
    async with database.transaction() as transaction:
        await transaction.row("lock_guard", intent.position)
        closed = await transaction.row("close_intent", intent.id, _STATES[type(outcome)], landed_slot)
        if closed is None:
            return False
        await transaction.run("settle_guard", intent.position, landed_slot or 0, isinstance(outcome, Landed))
        error = _error_message(outcome, books)
        await _write_liquidation(transaction, intent, books, retry_count, error, accepted_at=closed["accepted_at"])
        if error is not None:
            await _write_failure(transaction, intent, outcome, books, retry_count, error)
        await _write_ledger(transaction, intent, books)
        await _write_bad_debts(transaction, intent, books)
        for entry in sorted(books.fund, key=_fund_order):
            await move_fund(transaction, intent.signed.signature, books.slot, entry)
    return True


async def resettle_intent(
    database: Database, intent: Intent, outcome: Landed | LandedFailed, books: Settlement, retry_count: int
) -> bool:
    """Write down what a settled transaction did on the fork that stays; return False, having written nothing, if it is final.

    The same bytes may have moved other amounts there, or failed. The ledger keeps its entries and gets the difference.
    """
    check_balanced(books.ledger)
    signature = intent.signed.signature
    async with database.transaction() as transaction:
        await transaction.row("lock_guard", intent.position)
        moved = await transaction.row("move_intent", intent.id, _STATES[type(outcome)], outcome.record.slot)
        if moved is None:
            return False
        await transaction.run("settle_guard", intent.position, outcome.record.slot, isinstance(outcome, Landed))
        for forgotten in ("forget_liquidation", "forget_failure", "forget_bad_debts"):
            await transaction.run(forgotten, intent.id)
        error = _error_message(outcome, books)
        await _write_liquidation(transaction, intent, books, retry_count, error, accepted_at=moved["accepted_at"])
        if error is not None:
            await _write_failure(transaction, intent, outcome, books, retry_count, error)
        await transaction.run("move_ledger", signature, books.slot)
        await transaction.run("correct_ledger", signature, intent.id, books.slot, *_columns(books))
        await _write_bad_debts(transaction, intent, books)
        await unbook_fund(transaction, signature)
        for entry in sorted(books.fund, key=_fund_order):
            await move_fund(transaction, signature, books.slot, entry)
    return True


def _error_message(outcome: Landed | LandedFailed | Expired, books: Settlement) -> str | None:
    match outcome:
        case Landed():
            return None
        case LandedFailed():
            return books.error_message or outcome.reason
        case Expired():
            return books.error_message or "blockhash expired"


async def _write_liquidation(
    transaction: Transaction,
    intent: Intent,
    books: Settlement,
    retry_count: int,
    error: str | None,
    *,
    accepted_at: object,
) -> None:
    plan = intent.plan
    await transaction.run(
        "insert_liquidation", intent.id, plan.position, plan.owner, plan.protocol, plan.market, plan.debt_mint,
        plan.collateral_mint, books.repaid, books.seized, books.protocol_fee, books.seized_micro_usd - books.repaid_micro_usd,
        books.profit_micro_usd, books.repaid_micro_usd, books.seized_micro_usd, books.fee_lamports, books.bad_debt,
        books.bad_debt_covered, plan.health_factor_before, books.health_factor_after, books.is_full_liquidation, retry_count,
        intent.signed.signature, error, intent.first_seen_at, accepted_at, books.confirmed_at,
    )  # fmt: skip


async def _write_failure(
    transaction: Transaction,
    intent: Intent,
    outcome: Landed | LandedFailed | Expired,
    books: Settlement,
    retry_count: int,
    error: str,
) -> None:
    details = to_json(
        {"signature": intent.signed.signature, "fee_lamports": books.fee_lamports, "attempt": intent.attempt}
    )
    await transaction.run(
        "insert_failure", intent.position, intent.candidate_id, intent.id, _STATES[type(outcome)], error, retry_count,
        intent.plan.slot, details,
    )  # fmt: skip


async def _write_ledger(transaction: Transaction, intent: Intent, books: Settlement) -> None:
    if not books.ledger:
        return
    try:
        await transaction.run("insert_ledger", intent.signed.signature, intent.id, books.slot, *_columns(books))
    except asyncpg.UniqueViolationError as error:
        raise LedgerError(f"an account would be booked twice for one mint: {error.detail}") from error


def _columns(books: Settlement) -> list[list[object]]:
    return [[getattr(entry, name) for entry in books.ledger] for name in ("account", "address", "mint", "amount")]


async def _write_bad_debts(transaction: Transaction, intent: Intent, books: Settlement) -> None:
    if books.bad_debts:
        columns = zip(*((debt.mint, debt.written_off, debt.covered) for debt in books.bad_debts), strict=True)
        await transaction.run("insert_bad_debts", intent.id, *map(list, columns))


def _fund_order(entry: FundEntry) -> tuple[str, str]:
    """Order by mint, the same for everyone, so that closers never wait in a circle."""
    return entry.mint, entry.transaction_type
