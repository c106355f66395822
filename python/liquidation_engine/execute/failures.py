"""Names for what went wrong: the closed set of phrases that `error_message` begins with.

The phrases are a contract with operators' searches and alerts (see the docs on operating).
"""

import re
from collections.abc import Mapping

TIMEOUT = "timeout"
EXCEEDED_COMPUTE = "exceeded CUs"
ALREADY_LIQUIDATED = "already liquidated"
INSUFFICIENT_FUNDS = "insufficient funds"
HEALTHY_AGAIN = "healthy again"
STALE_ORACLE = "stale oracle"
SLIPPAGE = "slippage"
BLOCKHASH_EXPIRED = "blockhash expired"
RPC_UNAVAILABLE = "rpc unavailable"
UNPROFITABLE = "unprofitable"
STOPPED = "stopped"
TOO_LARGE = "too large"

_PROGRAM_PHRASES = {
    "VersionMismatch": ALREADY_LIQUIDATED,
    "Healthy": HEALTHY_AGAIN,
    "StalePrice": STALE_ORACLE,
    "UncertainPrice": f"{STALE_ORACLE}: the price is uncertain",
    "SeizeBelowMinimum": SLIPPAGE,
    "Paused": "program error 6009: the market is paused",
}
_COMPUTE = re.compile(r"exceeded|ProgramFailedToComplete|ComputationalBudgetExceeded")


def describe(error: object, logs: tuple[str, ...], program_errors: Mapping[int, str], program: str) -> str:
    """Return the phrase for a TransactionError's JSON, the code's name behind it where the program has one.

    A custom code is only the lending program's when that program is the one whose failure the logs show: SPL Token counts its
    errors from 0 and calls insufficient funds 1.
    """
    code = custom_code(error)
    if code is not None:
        if _failed_in_token_program(logs, program) and code == 1:
            return INSUFFICIENT_FUNDS
        name = program_errors.get(code)
        return _PROGRAM_PHRASES.get(name or "", f"program error {code}" + (f": {name}" if name else ""))
    text = str(error)
    if text == "BlockhashNotFound":
        return BLOCKHASH_EXPIRED
    if "InsufficientFunds" in text:
        return INSUFFICIENT_FUNDS
    if _COMPUTE.search(text) and any("exceeded CUs" in line for line in logs):
        return EXCEEDED_COMPUTE
    return f"program error {text}"


def phrase_of(refusal: str) -> str:
    """Return the phrase for the program's own name of a refusal; what already is a phrase stays."""
    if refusal.startswith((INSUFFICIENT_FUNDS, TOO_LARGE)):
        return refusal
    return _PROGRAM_PHRASES.get(refusal, f"program error: {refusal}")


def custom_code(error: object) -> int | None:
    """Return the code of `{"InstructionError": [n, {"Custom": code}]}`, else None."""
    if isinstance(error, Mapping):
        detail = error.get("InstructionError")
        if isinstance(detail, list | tuple) and len(detail) == 2 and isinstance(detail[1], Mapping):
            code = detail[1].get("Custom")
            return code if isinstance(code, int) else None
    return None


def _failed_in_token_program(logs: tuple[str, ...], program: str) -> bool:
    """Tell whether the innermost program that failed is another than the lending program."""
    for line in logs:
        if line.startswith("Program ") and " failed: " in line:
            return not line.startswith(f"Program {program} ")
    return False
