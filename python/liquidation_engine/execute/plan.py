"""Chooses what to do about a liquidatable position: which legs, how much, and whether it pays. Pure.

The figures of every pair of legs come from the exact quote in Rust, the program's own arithmetic; this module only weighs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from liquidation_engine.model import PairQuote, Plan, PositionView, Unprofitable

LAMPORTS_PER_SOL = 1_000_000_000
U64_MAX = 2**64 - 1
# What fits into one packet of 1232 bytes, each with its cover; the next round does the rest.
MOST_WRITE_OFFS_BESIDE, MOST_WRITE_OFFS = 3, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """What must hold for a liquidation to be worth its costs."""

    min_profit_micro_usd: int
    max_loss_micro_usd: int = 10_000  # where liquidating at a loss lets bad debt be written off
    slippage_bps: int = 500  # of the expected seizure; the bonus, not this, protects the value


def network_fee_micro_usd(fee_lamports: int, sol_price_micro_usd: int) -> int:
    """Return the fee's value, rounded up."""
    return -(-fee_lamports * sol_price_micro_usd // LAMPORTS_PER_SOL)


def choose(
    view: PositionView, quotes: Sequence[PairQuote], policy: PlanPolicy, *, fee_lamports: int, sol_price_micro_usd: int
) -> Plan | Unprofitable:
    """Return the plan of highest profit, or why none pays.

    A position that has debt and no collateral is written off whatever it costs: its bad debt is known and only grows.
    """
    fee = network_fee_micro_usd(fee_lamports, sol_price_micro_usd)
    if view.debt_reserves and not view.collateral_reserves:
        return _write_off(view, fee, sol_price_micro_usd)
    affordable = [q for q in quotes if q.repaid <= view.wallet_balance.get(view.mint_of[q.debt_reserve], 0)]
    best = max(affordable, key=lambda quote: (_profit(quote, fee), quote.repaid_micro_usd), default=None)
    if best is not None and _profit(best, fee) >= policy.min_profit_micro_usd:
        return _liquidate(view, best, policy, fee, sol_price_micro_usd)
    # A speck of collateral must not keep bad debt from being written off.
    last = max((q for q in affordable if q.leaves_bad_debt), key=lambda quote: _profit(quote, fee), default=None)
    if last is not None and _profit(last, fee) >= -policy.max_loss_micro_usd:
        return _liquidate(view, last, policy, fee, sol_price_micro_usd)
    details: dict[str, object] = {
        "fee_lamports": fee_lamports,
        "fee_micro_usd": fee,
        "min_profit_micro_usd": policy.min_profit_micro_usd,
        "best_profit_micro_usd": None if best is None else _profit(best, fee),
        "pairs": len(quotes),
        "affordable_pairs": len(affordable),
    }
    return Unprofitable(view.slot, details)


def _profit(quote: PairQuote, fee_micro_usd: int) -> int:
    return quote.seized_micro_usd - quote.repaid_micro_usd - quote.loan_fee_micro_usd - fee_micro_usd


def _liquidate(view: PositionView, quote: PairQuote, policy: PlanPolicy, fee: int, sol_price: int) -> Plan:
    debt_mint = view.mint_of[quote.debt_reserve]
    rest = tuple(r for r in view.debt_reserves if r != quote.debt_reserve or not quote.is_full)
    writes_off = rest[:MOST_WRITE_OFFS_BESIDE] if quote.leaves_bad_debt else ()
    return Plan(
        kind="liquidate",
        protocol=view.protocol,
        position=view.position,
        owner=view.owner,
        market=view.market,
        debt_reserve=quote.debt_reserve,
        debt_mint=debt_mint,
        collateral_reserve=quote.collateral_reserve,
        collateral_mint=view.mint_of[quote.collateral_reserve],
        # As much as the program allows: interest and a falling price raise the limit between reading and landing.
        repay_amount=min(view.wallet_balance[debt_mint] if quote.amount is None else quote.amount, U64_MAX),
        min_seize=quote.seized * (10_000 - policy.slippage_bps) // 10_000,
        expected_version=view.version,
        expected_repaid=quote.repaid,
        expected_seized=quote.seized,
        expected_protocol_fee=quote.fee,
        bonus_bps=quote.bonus_bps,
        writes_off=writes_off,
        other_reserves=_others(view, quote),
        covers=_can_cover(view, writes_off),
        is_full_liquidation=quote.is_full,
        health_factor_before=view.health_factor,
        health_factor_after=quote.health_after,
        repaid_micro_usd=quote.repaid_micro_usd,
        seized_micro_usd=quote.seized_micro_usd,
        fee_micro_usd=fee,
        profit_micro_usd=_profit(quote, fee),
        loan_fee_micro_usd=quote.loan_fee_micro_usd,
        debt_unit_atto_usd=view.unit_atto_usd[debt_mint],
        collateral_unit_atto_usd=view.unit_atto_usd[view.mint_of[quote.collateral_reserve]],
        sol_price_micro_usd=sol_price,
        slot=view.slot,
        state_digest=view.state_digest,
    )


def _write_off(view: PositionView, fee: int, sol_price: int) -> Plan:
    reserve = view.debt_reserves[0]
    return Plan(
        kind="write_off",
        protocol=view.protocol,
        position=view.position,
        owner=view.owner,
        market=view.market,
        debt_reserve=reserve,
        debt_mint=view.mint_of[reserve],
        collateral_reserve=None,
        collateral_mint=None,
        repay_amount=0,
        min_seize=0,
        expected_version=view.version,
        expected_repaid=0,
        expected_seized=0,
        expected_protocol_fee=0,
        bonus_bps=0,
        writes_off=view.debt_reserves[:MOST_WRITE_OFFS],
        other_reserves=(),
        covers=_can_cover(view, view.debt_reserves[:MOST_WRITE_OFFS]),
        is_full_liquidation=True,
        health_factor_before=view.health_factor,
        health_factor_after=None,
        repaid_micro_usd=0,
        seized_micro_usd=0,
        fee_micro_usd=fee,
        profit_micro_usd=-fee,
        debt_unit_atto_usd=view.unit_atto_usd[view.mint_of[reserve]],
        collateral_unit_atto_usd=0,
        sol_price_micro_usd=sol_price,
        slot=view.slot,
        state_digest=view.state_digest,
    )


def _others(view: PositionView, quote: PairQuote) -> tuple[str, ...]:
    named = (quote.debt_reserve, quote.collateral_reserve)
    return tuple(r for r in (*view.debt_reserves, *view.collateral_reserves) if r not in named)


def _can_cover(view: PositionView, writes_off: Sequence[str]) -> bool:
    return bool(writes_off) and all(view.fund_balance.get(view.mint_of[reserve], 0) > 0 for reserve in writes_off)
