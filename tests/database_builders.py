"""Builds what the database keeps: plans, signed bytes, outcomes and balanced books."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from liquidation_engine.database import Database, Guards, Intents
from liquidation_engine.model import (
    NATIVE,
    FenceLost,
    FundEntry,
    Intent,
    KillSwitchOn,
    Landed,
    LandedFailed,
    LedgerEntry,
    LiveIntentExists,
    Plan,
    Settlement,
    SignedTransaction,
    TransactionRecord,
)

SEEN_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
U64_MAX = 2**64 - 1
USDC, SOL = "mint-usdc", "So11111111111111111111111111111111111111112"

_PLAN = Plan(
    kind="liquidate",
    protocol="reference",
    position="position-1",
    owner="owner-1",
    market="market-1",
    debt_reserve="reserve-usdc",
    debt_mint=USDC,
    collateral_reserve="reserve-sol",
    collateral_mint=SOL,
    repay_amount=1_000,
    min_seize=900,
    expected_version=3,
    expected_repaid=1_000,
    expected_seized=1_040,
    expected_protocol_fee=10,
    bonus_bps=500,
    writes_off=(),
    other_reserves=("reserve-other-1", "reserve-other-2"),
    covers=False,
    is_full_liquidation=False,
    health_factor_before=0.97,
    health_factor_after=1.02,
    repaid_micro_usd=1_000_000,
    seized_micro_usd=1_040_000,
    fee_micro_usd=1_000,
    profit_micro_usd=39_000,
    debt_unit_atto_usd=10**12,
    collateral_unit_atto_usd=150 * 10**12,
    sol_price_micro_usd=150_000_000,
    slot=77,
    state_digest="digest-1",
)


def plan(**changes: Any) -> Plan:
    """Return a plan that liquidates a part of position-1."""
    return dataclasses.replace(_PLAN, **changes)


def signed(signature: str = "signature-1", **changes: Any) -> SignedTransaction:
    """Return signed bytes."""
    transaction = SignedTransaction(
        signature=signature,
        transaction=b"\x01\x00\xff" + signature.encode(),
        blockhash="blockhash-1",
        expires_above=1_150,
        compute_unit_limit=90_000,
        compute_unit_price_micro_lamports=2_000,
        fee_lamports=5_180,
    )
    return dataclasses.replace(transaction, **changes)


async def insert(
    database: Database, fence: int, *, signature: str = "signature-1", attempt: int = 0, **changes: Any
) -> Intent | FenceLost | LiveIntentExists | KillSwitchOn:
    """Try to write an intent down under `fence`; changes go to the plan."""
    made = plan(**changes)
    return await Intents(database).insert(
        position=made.position,
        fence=fence,
        candidate_id="candidate-1",
        plan=made,
        signed=signed(signature),
        attempt=attempt,
        instance_id="instance-1",
        first_seen_at=SEEN_AT,
    )


async def live_intent(
    database: Database, *, signature: str = "signature-1", attempt: int = 0, **changes: Any
) -> Intent:
    """Claim the position and write an intent down."""
    claim = await Guards(database).claim(plan(**changes).position, "instance-1")
    intent = await insert(database, claim.fence, signature=signature, attempt=attempt, **changes)
    assert isinstance(intent, Intent), intent
    return intent


def record(intent: Intent, *, slot: int = 80, error: object | None = None) -> TransactionRecord:
    """Return what the chain says of the intent's transaction."""
    return TransactionRecord(
        signature=intent.signed.signature,
        slot=slot,
        error=error,
        fee_lamports=5_180,
        compute_units=70_000,
        addresses=("wallet",),
        lamports_before=(1_000_000,),
        lamports_after=(994_820,),
        token_balances=(),
        logs=(),
    )


def landed(intent: Intent, *, slot: int = 80) -> Landed:
    """Return the outcome of a transaction that did what it should."""
    return Landed(record(intent, slot=slot))


def landed_failed(intent: Intent, *, slot: int = 80) -> LandedFailed:
    """Return the outcome of a transaction that was executed and failed."""
    return LandedFailed(
        record(intent, slot=slot, error={"InstructionError": [2, {"Custom": 6001}]}), "program error 6001"
    )


def books(**changes: Any) -> Settlement:
    """Return the balanced books of a landed liquidation: 1 000 of debt against 1 040 + 10 fee of collateral."""
    settlement = Settlement(
        slot=80,
        ledger=(
            *moved("wallet", "reserve-vault-usdc", USDC, 1_000, into="reserve_vault"),
            *moved("reserve-vault-sol", "wallet-sol", SOL, 1_040, out_of="reserve_vault", into="wallet"),
            *moved("wallet", "network", NATIVE, 5_180, into="network_fees"),
        ),
        repaid=1_000,
        seized=1_040,
        protocol_fee=10,
        repaid_micro_usd=1_000_000,
        seized_micro_usd=1_040_000,
        profit_micro_usd=39_000,
        fee_lamports=5_180,
        health_factor_after=1.02,
        confirmed_at=SEEN_AT,
    )
    return dataclasses.replace(settlement, **changes)


def moved(
    source: str, target: str, mint: str, amount: int, *, out_of: Any = "wallet", into: Any = "external"
) -> tuple[LedgerEntry, LedgerEntry]:
    """Return the two entries of one movement."""
    return (
        LedgerEntry(account=out_of, address=source, mint=mint, amount=-amount),
        LedgerEntry(account=into, address=target, mint=mint, amount=amount),
    )


def fund_entry(kind: Any, amount: int, mint: str = SOL) -> FundEntry:
    """Return one movement of a fund."""
    return FundEntry(mint=mint, amount=amount, transaction_type=kind, market="market-1", position="position-1")
