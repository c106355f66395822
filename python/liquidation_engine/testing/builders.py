"""Builds the words of one small market: position-1 owes USDC against SOL. Keyword arguments change any field."""

from dataclasses import replace
from typing import Any

from liquidation_engine.model import (
    Candidate,
    Intent,
    PairQuote,
    Plan,
    PositionView,
    Reading,
    SignedTransaction,
    TokenBalance,
    TransactionRecord,
)
from liquidation_engine.testing.time import START

USDC, SOL = "mint-usdc", "mint-sol"
USDC_RESERVE, SOL_RESERVE = "reserve-usdc", "reserve-sol"
WALLET, AUTHORITY, SOL_FUND = "wallet", "market-1", "fund-sol"
SOL_PRICE_MICRO_USD = 150_000_000


def candidate(**changes: Any) -> Candidate:
    """Return the need to liquidate position-1, first seen at the clock's start."""
    made = Candidate(
        position="position-1",
        protocol="reference",
        market=AUTHORITY,
        owner="owner-1",
        assets=(USDC, SOL),
        reason="price-move",
        slot=100,
        ts=int(START.timestamp() * 1000),
        id="candidate-1",
    )
    return replace(made, **changes)


def view(**changes: Any) -> PositionView:
    """Return position-1 as freshly read, with a wallet that can pay for everything."""
    made = PositionView(
        protocol="reference",
        position="position-1",
        owner="owner-1",
        market=AUTHORITY,
        version=7,
        slot=101,
        state_digest="digest-1",
        debt_reserves=(USDC_RESERVE,),
        collateral_reserves=(SOL_RESERVE,),
        mint_of={USDC_RESERVE: USDC, SOL_RESERVE: SOL},
        wallet_balance={USDC: 10_000_000, SOL: 10_000_000},
        fund_balance={},
        unit_atto_usd={USDC: 10**12, SOL: 150 * 10**12},
        health_factor=0.97,
    )
    return replace(made, **changes)


def quote(**changes: Any) -> PairQuote:
    """Return a partial close worth 49 000 micro-USD before costs."""
    made = PairQuote(
        debt_reserve=USDC_RESERVE,
        collateral_reserve=SOL_RESERVE,
        repaid=1_000_000,
        seized=6_993,
        fee=7,
        bonus_bps=500,
        repaid_micro_usd=1_000_000,
        seized_micro_usd=1_049_000,
        health_after=1.02,
        is_full=False,
        leaves_bad_debt=False,
    )
    return replace(made, **changes)


def reading(**changes: Any) -> Reading:
    """Return a reading of position-1 with one profitable pair."""
    made = Reading(view=view(), quotes=(quote(),), refusal=None, slot=101, sol_price_micro_usd=SOL_PRICE_MICRO_USD)
    return replace(made, **changes)


def plan(**changes: Any) -> Plan:
    """Return the plan for `quote()`."""
    made = Plan(
        kind="liquidate",
        protocol="reference",
        position="position-1",
        owner="owner-1",
        market=AUTHORITY,
        debt_reserve=USDC_RESERVE,
        debt_mint=USDC,
        collateral_reserve=SOL_RESERVE,
        collateral_mint=SOL,
        repay_amount=10_000_000,
        min_seize=6_643,
        expected_version=7,
        expected_repaid=1_000_000,
        expected_seized=6_993,
        expected_protocol_fee=7,
        bonus_bps=500,
        writes_off=(),
        other_reserves=(),
        covers=False,
        is_full_liquidation=False,
        health_factor_before=0.97,
        health_factor_after=1.02,
        repaid_micro_usd=1_000_000,
        seized_micro_usd=1_049_000,
        fee_micro_usd=780,
        profit_micro_usd=48_220,
        debt_unit_atto_usd=10**12,
        collateral_unit_atto_usd=150 * 10**12,
        sol_price_micro_usd=SOL_PRICE_MICRO_USD,
        slot=101,
        state_digest="digest-1",
    )
    return replace(made, **changes)


def signed(signature: str = "signature-1", **changes: Any) -> SignedTransaction:
    """Return signed bytes; `FakeChain` reads the signature out of them."""
    made = SignedTransaction(
        signature=signature,
        transaction=signature.encode(),
        blockhash="blockhash-1",
        expires_above=1_150,
        compute_unit_limit=90_000,
        compute_unit_price_micro_lamports=1_000,
        fee_lamports=5_090,
    )
    return replace(made, **changes)


def intent(signature: str = "signature-1", **changes: Any) -> Intent:
    """Return a live intent of another instance."""
    made = Intent(
        id=1,
        position="position-1",
        fence=1,
        candidate_id="candidate-1",
        attempt=0,
        plan=plan(),
        signed=signed(signature),
        instance_id="instance-0",
        first_seen_at=START,
        created_at=START,
        accepted_at=None,
    )
    return replace(made, **changes)


def landed_record(signature: str = "signature-1", **changes: Any) -> TransactionRecord:
    """Return what the chain says of a landed `plan()`: 1 USDC against 6 993 + 7 of SOL, 5 090 lamports of fee."""
    made = TransactionRecord(
        signature=signature,
        slot=105,
        error=None,
        fee_lamports=5_090,
        compute_units=70_000,
        addresses=(WALLET, "wallet-usdc", "wallet-sol", "vault-usdc", "vault-sol", "fund-vault-sol", "program"),
        lamports_before=(1_000_000_000, 2_039_280, 2_039_280, 2_039_280, 2_039_280, 2_039_280, 1),
        lamports_after=(999_994_910, 2_039_280, 2_039_280, 2_039_280, 2_039_280, 2_039_280, 1),
        token_balances=(
            TokenBalance(address="wallet-usdc", mint=USDC, owner=WALLET, before=10_000_000, after=9_000_000),
            TokenBalance(address="wallet-sol", mint=SOL, owner=WALLET, before=0, after=6_993),
            TokenBalance(address="vault-usdc", mint=USDC, owner=AUTHORITY, before=50_000_000, after=51_000_000),
            TokenBalance(address="vault-sol", mint=SOL, owner=AUTHORITY, before=900_000, after=893_000),
            TokenBalance(address="fund-vault-sol", mint=SOL, owner=SOL_FUND, before=100, after=107),
        ),
        logs=(),
    )
    return replace(made, **changes)
