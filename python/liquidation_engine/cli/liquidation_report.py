"""How `liquidate` and `explain` show what they found: health with each term, the plan, its profit step by step, the ending."""

from collections.abc import Mapping
from typing import assert_never

import typer

from liquidation_engine.cli.output import print_table
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import (
    AlreadyLiquidated,
    Expired,
    GaveUp,
    Healthy,
    Landed,
    LandedFailed,
    Plan,
    Rejected,
    Simulated,
    Unprofitable,
    outcome_name,
)
from liquidation_engine.protocols import Term
from liquidation_engine.runner.liquidate import Ending, Report
from liquidation_engine.runner.position import Explained

MICRO = 10**6


def show_explained(explained: Explained) -> None:
    """Print the position's health and its terms."""
    place, health = explained.place, explained.health
    typer.echo(f"{explained.protocol} position {explained.position} of {place.owner}, slot {explained.slot:,}")
    verdict = "liquidatable" if health.liquidatable else "not liquidatable"
    ratio = f"{health.numerator / health.denominator:.6f}" if health.denominator else "no debt"
    typer.echo(f"health {ratio} = {health.numerator} / {health.denominator}: {verdict}, {health.reason}\n")
    rows = [(term.section, term.name, figure(term), term.rounding, term.note) for term in explained.terms]
    print_table("terms", ("part", "term", "figure", "rounding", "how"), rows)


def show(report: Report, *, live: bool) -> None:
    """Print everything, and the next step."""
    show_explained(report.explained)
    if isinstance(report.decision, Plan):
        _show_plan(report.decision)
    if isinstance(report.simulated, Simulated):
        typer.echo(f"simulation: succeeds, {report.simulated.units:,} compute units")
    if report.moved:
        moved = [(entry.mint, entry.address, f"{entry.amount:+,}") for entry in report.moved]
        print_table("what the wallet lost and gained", ("mint", "account", "smallest units"), moved)
    typer.echo(conclusion(report, live=live))


def _show_plan(plan: Plan) -> None:
    typer.echo("")
    rows = [
        ("repay", plan.debt_reserve, f"{plan.expected_repaid:,}", usd(plan.repaid_micro_usd), why(plan)),
        (
            "receive",
            plan.collateral_reserve or "-",
            f"{plan.expected_seized:,}",
            usd(plan.seized_micro_usd),
            bonus(plan),
        ),
    ]
    print_table("plan", ("", "reserve", "smallest units", "USD", ""), rows)
    print_table("profit", ("step", "USD"), [(name, usd(value)) for name, value in waterfall(plan).items()])


def waterfall(plan: Plan) -> Mapping[str, int]:
    """Return the steps from what is received to what is left, micro-USD."""
    return {
        "received": plan.seized_micro_usd,
        "- repaid": -plan.repaid_micro_usd,
        "- flash loan fee": -plan.loan_fee_micro_usd,
        "- network fee": -plan.fee_micro_usd,
        "= profit": plan.profit_micro_usd,
    }


def why(plan: Plan) -> str:
    """Say why this amount."""
    if plan.kind == "write_off":
        return "no collateral is left: the debt is written off"
    return "the whole debt leg" if plan.is_full_liquidation else "as much as the program and the wallet allow"


def bonus(plan: Plan) -> str:
    """Say what the bonus is, and what the protocol keeps of it."""
    return f"bonus {plan.bonus_bps / 100:.2f} %, protocol fee {plan.expected_protocol_fee:,}"


def conclusion(report: Report, *, live: bool) -> str:
    """Return the last line: how it ended, and the next step."""
    if report.sent is not None:
        return _sent(report)
    if isinstance(report.simulated, Simulated):
        return "nothing was sent; add --live to send this liquidation once"
    if isinstance(report.decision, Plan):
        if report.simulated is None:
            return "nothing was sent, nor simulated: give --keypair FILE, the liquidator's key, and later --live"
        return f"nothing was sent: the simulation says {ending(report.simulated)}"
    return f"nothing {'was sent' if live else 'to send'}: {ending(report.decision)}"


def _sent(report: Report) -> str:
    assert report.sent is not None
    books = "its books are in the database" if report.in_database else "no database holds its books"
    if isinstance(report.sent, Landed):
        record = report.sent.record
        return f"landed in slot {record.slot:,}, fee {record.fee_lamports:,} lamports, {books}: {record.signature}"
    return f"not liquidated: {ending(report.sent)}"


def ending(outcome: Ending | Simulated) -> str:
    """Return an ending in words, with the next step."""
    match outcome:
        case Landed(record=record):
            return f"landed: {record.signature}"
        case LandedFailed(record=record, reason=reason):
            return f"landed and failed ({reason}), its fee is gone: {record.signature}"
        case Healthy():
            return "the position is healthy; there is nothing to do"
        case AlreadyLiquidated():
            return "somebody else has just liquidated it; run again to see what is left"
        case Rejected(reason=reason):
            return f"{reason}{_hint(reason)}"
        case Expired(signature=signature):
            return f"the transaction never landed and can land no more, run again: {signature}"
        case Unprofitable(details=details):
            return (
                f"it does not pay ({_worth(details)}); lower --min-profit, or give the wallet more of the debt's mint"
            )
        case GaveUp(reason=reason):
            return f"given up: {reason}"
        case Deferred(reason=reason):
            return f"left alone: {reason}; wait for whoever holds it, or see `liquidation-engine queue`"
        case Simulated():
            return "the simulation succeeds"
        case _:
            assert_never(outcome)


def _hint(reason: str) -> str:
    if reason.startswith("insufficient funds"):
        return (
            ": the wallet needs SOL for fees, the debt's mint to repay, and a token account of every mint in the plan"
        )
    if reason.startswith("stale oracle"):
        return ": wait for the oracle's next price, or refresh it"
    return ""


def _worth(details: Mapping[str, object]) -> str:
    best, least = details.get("best_profit_micro_usd"), details.get("min_profit_micro_usd")
    found = (
        usd(best) if isinstance(best, int) else f"{details.get('affordable_pairs', 0)} pairs of legs can be paid for"
    )
    return f"best profit {found}, asked for {usd(least) if isinstance(least, int) else '-'}"


def figure(term: Term) -> str:
    """Return a term's value as a decimal, all digits."""
    whole, rest = divmod(abs(term.value), term.scale)
    sign = "-" if term.value < 0 else ""
    if not rest:
        return f"{sign}{whole:,}"
    digits = len(str(term.scale - 1))
    return f"{sign}{whole:,}.{rest * 10**digits // term.scale:0{digits}d}".rstrip("0")


def usd(micro: int) -> str:
    """Return micro-USD as dollars."""
    return f"{'-' if micro < 0 else ''}{abs(micro) // MICRO:,}.{abs(micro) % MICRO:06d}"


def explained_json(explained: Explained) -> dict[str, object]:
    """Return the position explained as plain values; whole numbers that JSON readers may cut are text."""
    health = explained.health
    return {
        "protocol": explained.protocol,
        "program": explained.program,
        "position": explained.position,
        "owner": explained.place.owner,
        "market": explained.place.market,
        "slot": explained.slot,
        "unix_timestamp": explained.unix_timestamp,
        "health": {
            "numerator": str(health.numerator),
            "denominator": str(health.denominator),
            "liquidatable": health.liquidatable,
            "reason": health.reason,
        },
        "terms": [
            {
                "section": term.section,
                "name": term.name,
                "value": str(term.value),
                "scale": str(term.scale),
                "rounding": term.rounding,
                "note": term.note,
            }
            for term in explained.terms
        ],
    }


def as_json(report: Report, *, live: bool) -> dict[str, object]:
    """Return the report as plain values."""
    return {
        **explained_json(report.explained),
        "live": live,
        "plan": _plan_json(report.decision) if isinstance(report.decision, Plan) else None,
        "decision": "plan" if isinstance(report.decision, Plan) else _name(report.decision),
        "simulation": None if report.simulated is None else _name(report.simulated),
        "compute_units": report.simulated.units if isinstance(report.simulated, Simulated) else None,
        "outcome": None if report.sent is None else _name(report.sent),
        "signature": _signature(report.sent),
        "wallet": [{"mint": e.mint, "address": e.address, "amount": e.amount} for e in report.moved],
        "fee_lamports": report.sent.record.fee_lamports if isinstance(report.sent, Landed | LandedFailed) else 0,
        "in_database": report.in_database,
        "message": conclusion(report, live=live),
    }


def _plan_json(plan: Plan) -> dict[str, object]:
    return {
        "kind": plan.kind,
        "debt_reserve": plan.debt_reserve,
        "debt_mint": plan.debt_mint,
        "collateral_reserve": plan.collateral_reserve,
        "collateral_mint": plan.collateral_mint,
        "amount": plan.repay_amount,
        "repaid": plan.expected_repaid,
        "seized": plan.expected_seized,
        "protocol_fee": plan.expected_protocol_fee,
        "bonus_bps": plan.bonus_bps,
        "is_full": plan.is_full_liquidation,
        "profit_waterfall_micro_usd": {name.lstrip("-= ").replace(" ", "_"): v for name, v in waterfall(plan).items()},
    }


def _name(outcome: Ending | Simulated) -> str:
    if isinstance(outcome, Simulated):
        return "succeeds"
    return "deferred" if isinstance(outcome, Deferred) else outcome_name(outcome)


def _signature(sent: Ending | None) -> str | None:
    match sent:
        case Landed(record=record) | LandedFailed(record=record):
            return record.signature
        case Expired(signature=signature):
            return signature
        case _:
            return None
