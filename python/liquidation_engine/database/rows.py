"""Turns rows into words and back: whole numbers stay exact, plans survive unchanged."""

import dataclasses
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from asyncpg import Record

from liquidation_engine.errors import DecodeError
from liquidation_engine.model import Intent, Plan, SignedTransaction


def plan_to_json(plan: Plan) -> str:
    """Return a plan as JSON. Python writes whole numbers exactly, and jsonb keeps them as numeric."""
    return to_json(dataclasses.asdict(plan))


def plan_from_json(text: str) -> Plan:
    """Return the plan that `plan_to_json` wrote; raise DecodeError for another release's fields."""
    # A plan's sequences are all tuples of text.
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
    }
    try:
        return Plan(**fields)
    except TypeError as error:
        raise DecodeError(f"a stored plan is not one of this release: {error}") from error


def to_json(value: Mapping[str, object]) -> str:
    """Return JSON that Postgres takes: no NaN and no infinity, which JSON does not have."""
    return json.dumps(_finite(value), default=str)


def intent(row: Record) -> Intent:
    """Return a row of `intents`."""
    return Intent(
        id=row["id"],
        position=row["position"],
        fence=row["fence"],
        candidate_id=row["candidate_id"],
        attempt=row["attempt"],
        plan=plan_from_json(row["plan"]),
        signed=SignedTransaction(
            signature=row["signature"],
            transaction=row["transaction"],
            blockhash=row["blockhash"],
            expires_above=row["expires_above"],
            compute_unit_limit=row["compute_unit_limit"],
            compute_unit_price_micro_lamports=row["compute_unit_price_micro_lamports"],
            fee_lamports=int(row["fee_lamports"]),
        ),
        instance_id=row["instance_id"],
        first_seen_at=row["first_seen_at"],
        created_at=row["created_at"],
        accepted_at=row["accepted_at"],
    )


def as_dict(row: Record, *, json_columns: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a row for the API: numeric columns, which are all whole, as int; jsonb decoded."""
    return {
        name: json.loads(value) if name in json_columns else int(value) if isinstance(value, Decimal) else value
        for name, value in row.items()
    }


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
