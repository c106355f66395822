"""Holds every row of `liquidations`, and of `bad_debts`, against what its transaction did on chain."""

from collections import Counter
from collections.abc import Iterable

from liquidation_auditor.database import Books, LiquidationRow
from liquidation_auditor.decode import base58
from liquidation_auditor.faults import Fault
from liquidation_auditor.prices import ROUNDING_MICRO_USD, Prices
from liquidation_auditor.replay import NATIVE, Act, Executed
from liquidation_auditor.witness import Chain

LONGEST_FLIGHT_SLOTS = 170  # a blockhash is good for 150 blocks, and not every slot has one
CONFIRMATION_SLOTS = 4  # a landing is seen, and may be valued, only once it is confirmed

Difference = tuple[str, object, object]


def row_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """Return what is wrong in `liquidations`, column by column."""
    on_chain = {executed.signature: executed for executed in chain.engine}
    for row in books.liquidations:
        executed = on_chain.get(row.signature)
        landed = executed is not None and executed.succeeded
        slots = [executed.slot] if executed else []
        if landed != (row.error_message is None):
            ending = "landed" if landed else "did not land"
            why = f"error_message is {row.error_message!r}, but the transaction {ending}"
            yield Fault("books_complete", row.signature, slots, why)
        wrong = list(_amounts(row, executed))
        if executed is not None:
            intent = books.intents.get(row.signature)
            planned = intent.plan_slot if intent else None
            wrong += _values(row, executed, planned, chain.prices)
        for name, said, right in wrong:
            why = f"liquidations.{name} is {said}, by the chain {right}"
            yield Fault("books_complete", row.signature, slots, why)


def _acts(row: LiquidationRow, executed: Executed | None, verb: str) -> list[Act]:
    """Return the transaction's acts of one kind; those that name a position only for the row's."""
    return [
        act
        for act in (executed.acts if executed else ())
        if act.verb == verb and (act.position is None or base58(act.position) == row.position)
    ]


def _amounts(row: LiquidationRow, executed: Executed | None) -> list[Difference]:
    """Return the exact columns that differ; nothing moved where the transaction failed or never came to be."""
    closing, written = _acts(row, executed, "liquidate"), _acts(row, executed, "write_off")
    covered = _acts(row, executed, "cover_bad_debt")
    full = all(act.debt_left == 0 for act in closing) if closing else bool(written)
    pairs: list[Difference] = [
        ("repaid", row.repaid, sum(act.paid for act in closing)),
        ("seized", row.seized, sum(act.received for act in closing)),
        ("protocol_fee", row.protocol_fee, sum(act.fee for act in closing)),
        ("fee_lamports", row.fee_lamports, executed.fee_lamports if executed else 0),
        ("bad_debt", row.bad_debt, _of_mint(written, row.debt_mint)),
        ("bad_debt_covered", row.bad_debt_covered, _of_mint(covered, row.debt_mint)),
        ("is_full_liquidation", row.is_full_liquidation, full),
    ]
    if executed is not None:
        named = row.position if row.position in map(base58, executed.positions) else None
        pairs.append(("position_pubkey", row.position, named))
    for act in closing:
        pairs.append(("debt_mint", row.debt_mint, base58(act.mint)))
        pairs.append(("collateral_mint", row.collateral_mint, base58(act.collateral_mint or b"")))
    return [pair for pair in pairs if pair[1] != pair[2]]


def _of_mint(acts: Iterable[Act], mint: str) -> int:
    return sum(act.paid for act in acts if base58(act.mint) == mint)


def _values(row: LiquidationRow, executed: Executed, planned: int | None, prices: Prices) -> Iterable[Difference]:
    """Yield the micro-USD columns that no price in force between plan and confirmation explains."""
    landed, last = executed.slot, executed.slot + CONFIRMATION_SLOTS
    first = landed if planned is None else min(landed, max(planned, landed - LONGEST_FLIGHT_SLOTS))
    repaid = prices.worth(row.debt_mint, row.repaid, first, last)
    seized = prices.worth(row.collateral_mint or row.debt_mint, row.seized, first, last)
    fee = prices.worth(NATIVE, row.fee_lamports, first, last)
    reward = row.seized_micro_usd - row.repaid_micro_usd
    columns: list[tuple[str, int, tuple[int, int]]] = [
        ("repaid_micro_usd", row.repaid_micro_usd, repaid),
        ("seized_micro_usd", row.seized_micro_usd, seized),
        ("reward", row.reward_micro_usd, (reward - ROUNDING_MICRO_USD, reward + ROUNDING_MICRO_USD)),
        ("profit", row.profit_micro_usd, (row.reward_micro_usd - fee[1], row.reward_micro_usd - fee[0])),
    ]
    for name, said, (least, most) in columns:
        if not least <= said <= most:
            yield name, said, f"{least} to {most}"


def bad_debt_faults(books: Books, chain: Chain) -> Iterable[Fault]:
    """Return where bad debt written off or covered is not booked mint by mint.

    `bad_debts` has a row for each mint; in a database without that table only the debt mint of each row is known.
    """
    booked: Counter[tuple[str, str, str]] = Counter()
    if books.bad_debts is None:
        for row in books.liquidations:
            booked[row.signature, row.debt_mint, "written off"] += row.bad_debt
            booked[row.signature, row.debt_mint, "covered"] += row.bad_debt_covered
    else:
        for debt in books.bad_debts:
            booked[debt.signature, debt.mint, "written off"] += debt.written_off
            booked[debt.signature, debt.mint, "covered"] += debt.covered
    done: Counter[tuple[str, str, str]] = Counter()
    for executed in chain.engine:
        for act in executed.acts:
            if act.verb in ("write_off", "cover_bad_debt"):
                what = "written off" if act.verb == "write_off" else "covered"
                done[executed.signature, base58(act.mint), what] += act.paid
    for signature, mint, what in sorted(booked.keys() | done.keys()):
        said, right = booked[signature, mint, what], done[signature, mint, what]
        if said != right:
            why = f"bad debt {what} of {mint}: booked {said}, by the chain {right}"
            yield Fault("books_complete", signature, [], why)
