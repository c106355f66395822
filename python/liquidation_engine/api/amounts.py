"""Rows as JSON: amounts stay whole numbers and get a `_str` twin, for readers whose numbers end at 2^53."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

AMOUNTS: Final = frozenset(
    {
        "amount",
        "amount_raw",
        "tokens",
        "repaid",
        "seized",
        "protocol_fee",
        "reward",
        "profit",
        "bad_debt",
        "bad_debt_covered",
        "balance",
        "balance_after",
        "opening_balance",
        "total_contributions",
        "total_bad_debt_covered",
        "total_fees",
        "total_withdrawals",
    }
)
AMOUNT_ENDINGS: Final = ("_micro_usd", "_lamports")


def presentable(value: object) -> object:
    """Return `value` with twins beside all amounts in it, times as ISO 8601, and no infinity, which JSON does not have."""
    match value:
        case Mapping():
            return _row(value)
        case list() | tuple():
            return [presentable(item) for item in value]
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


def _row(row: Mapping[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in row.items():
        shown[name] = presentable(value)
        if _is_amount(name) and isinstance(value, int) and not isinstance(value, bool):
            shown[f"{name}_str"] = str(value)
    return shown


def _is_amount(name: str) -> bool:
    return name in AMOUNTS or name.endswith(AMOUNT_ENDINGS)
