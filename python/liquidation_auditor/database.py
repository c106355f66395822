"""The engine's rows, read once in one read-only snapshot; every number becomes a Python integer."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from liquidation_auditor.errors import BadInput

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger."""

    signature: str
    account: str
    address: str
    mint: str
    amount: int
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationRow:
    """A row of `liquidations`."""

    position: str
    signature: str
    debt_mint: str
    collateral_mint: str | None
    repaid: int
    seized: int
    protocol_fee: int
    fee_lamports: int
    repaid_micro_usd: int
    seized_micro_usd: int
    reward_micro_usd: int
    profit_micro_usd: int
    bad_debt: int
    bad_debt_covered: int
    is_full_liquidation: bool
    error_message: str | None


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row of `failed_liquidations`."""

    position: str
    outcome: str
    slot: int | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FundRow:
    """A row of `insurance_funds`; at the end of `read_slot` the vault held what the books began with."""

    mint: str
    vault: str
    balance: int
    read_slot: int
    opening_balance: int


@dataclass(frozen=True, slots=True)
class FundMove:
    """A row of `insurance_fund_transactions`; one that takes another back has a negative amount."""

    signature: str
    mint: str
    amount: int
    kind: str
    slot: int


@dataclass(frozen=True, slots=True)
class IntentRow:
    """A row of `intents`; `plan_slot` is the slot of the state it was planned on."""

    state: str
    landed_slot: int | None
    plan_slot: int | None


@dataclass(frozen=True, slots=True)
class BadDebtRow:
    """A row of `bad_debts`, under the signature of its intent."""

    signature: str
    mint: str
    written_off: int
    covered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that the auditor reads of the database."""

    genesis_hash: str | None
    ledger: list[Entry]
    liquidations: list[LiquidationRow]
    failed: list[FailedRow]
    intents: dict[str, IntentRow]
    funds: list[FundRow]
    fund_moves: list[FundMove]
    stopped_at: datetime | None
    bad_debts: list[BadDebtRow] | None = None


def read_books(url: str) -> Books:
    """Return the database's books as they stand now."""
    try:
        return asyncio.run(_read(url))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise BadInput(
            f"cannot read the engine's database: {error}; check --database and that it was migrated"
        ) from error


async def _read(url: str) -> Books:
    connection = await asyncpg.connect(url, timeout=TIMEOUT_SECONDS, command_timeout=TIMEOUT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _rows(connection)
    finally:
        await connection.close()


async def _rows(connection: "asyncpg.Connection[asyncpg.Record]") -> Books:
    ledger = await connection.fetch(
        "SELECT signature, account, address, mint, amount, slot FROM ledger_entries ORDER BY id"
    )
    liquidations = await connection.fetch(
        "SELECT position_pubkey, tx_signature, debt_mint, collateral_mint, repaid, seized, protocol_fee,"
        " fee_lamports, repaid_micro_usd, seized_micro_usd, reward, profit, bad_debt, bad_debt_covered,"
        " is_full_liquidation, error_message FROM liquidations ORDER BY id"
    )
    failed = await connection.fetch(
        "SELECT position_pubkey, outcome, slot, details FROM failed_liquidations ORDER BY id"
    )
    funds = await connection.fetch(
        "SELECT mint, vault, balance, coalesce((to_jsonb(f) ->> 'read_slot')::bigint, opened_slot), opening_balance"
        " FROM insurance_funds f"  # an older schema has only opened_slot
    )
    moves = await connection.fetch(
        "SELECT signature, mint, amount, transaction_type, slot FROM insurance_fund_transactions ORDER BY id"
    )
    intents = await connection.fetch(
        "SELECT signature, state, landed_slot, CASE WHEN jsonb_typeof(plan->'slot') = 'number'"
        " THEN (plan->>'slot')::bigint END FROM intents ORDER BY id"
    )
    return Books(
        genesis_hash=await connection.fetchval("SELECT genesis_hash FROM chain_binding"),
        ledger=[Entry(row[0], row[1], row[2], row[3], int(row[4]), row[5]) for row in ledger],
        liquidations=[
            LiquidationRow(
                position=row[0],
                signature=row[1],
                debt_mint=row[2],
                collateral_mint=row[3],
                repaid=int(row[4]),
                seized=int(row[5]),
                protocol_fee=int(row[6]),
                fee_lamports=int(row[7]),
                repaid_micro_usd=int(row[8]),
                seized_micro_usd=int(row[9]),
                reward_micro_usd=int(row[10]),
                profit_micro_usd=int(row[11]),
                bad_debt=int(row[12]),
                bad_debt_covered=int(row[13]),
                is_full_liquidation=row[14],
                error_message=row[15],
            )
            for row in liquidations
        ],
        failed=[FailedRow(row[0], row[1], row[2], json.loads(row[3])) for row in failed],
        intents={row[0]: IntentRow(row[1], row[2], row[3]) for row in intents},
        bad_debts=await _bad_debts(connection),
        funds=[FundRow(row[0], row[1], int(row[2]), row[3], int(row[4])) for row in funds],
        fund_moves=[FundMove(row[0], row[1], int(row[2]), row[3], row[4]) for row in moves],
        stopped_at=await connection.fetchval("SELECT changed_at FROM kill_switch WHERE stopped"),
    )


async def _bad_debts(connection: "asyncpg.Connection[asyncpg.Record]") -> list[BadDebtRow] | None:
    """Return the rows of `bad_debts`, None where the schema is older than that table."""
    if await connection.fetchval("SELECT to_regclass('bad_debts')") is None:
        return None
    rows = await connection.fetch(
        "SELECT i.signature, b.mint, b.written_off, b.covered FROM bad_debts b JOIN intents i ON i.id = b.intent_id"
        " ORDER BY i.id, b.mint"
    )
    return [BadDebtRow(row[0], row[1], int(row[2]), int(row[3])) for row in rows]
