"""What follows an outcome, and the names of what went wrong."""

from datetime import timedelta
from typing import get_args

import pytest

from liquidation_engine.execute.failures import custom_code, describe, phrase_of
from liquidation_engine.execute.pool import describe_outcome
from liquidation_engine.execute.retry import BackOff, attempt_delay_seconds
from liquidation_engine.model import (
    AlreadyLiquidated,
    Expired,
    GaveUp,
    Healthy,
    Landed,
    LandedFailed,
    Outcome,
    Rejected,
    Unprofitable,
    outcome_name,
)
from liquidation_engine.testing import FakeLending, landed_record

# Outcome, rest in seconds after the fourth such ending in a row, name.
ENDINGS: list[tuple[Outcome, float | None, str]] = [
    (Landed(landed_record()), None, "landed"),
    (LandedFailed(landed_record(), "slippage"), 8.0, "landed_failed"),
    (Healthy(1), None, "healthy"),
    (AlreadyLiquidated(1), None, "already_liquidated"),
    (Rejected("slippage", 1), 8.0, "rejected"),
    (Expired("signature-1"), 8.0, "expired"),
    (Unprofitable(1), 5.0, "unprofitable"),
    (GaveUp("too often"), 8.0, "gave_up"),
]


def test_the_table_holds_every_outcome() -> None:
    assert {type(outcome) for outcome, *_ in ENDINGS} == set(get_args(Outcome))


@pytest.mark.parametrize(("outcome", "seconds", "name"), ENDINGS)
def test_each_outcome_has_its_name_and_its_rest(outcome: Outcome, seconds: float | None, name: str) -> None:
    rest = BackOff().rest(outcome, 4)
    assert (rest.total_seconds() if rest else None) == seconds
    assert outcome_name(outcome) == name


@pytest.mark.parametrize(("outcome", "_", "name"), ENDINGS)
def test_results_name_the_signature_where_there_is_one_and_the_reason(outcome: Outcome, _: object, name: str) -> None:
    signature = "signature-1" if isinstance(outcome, Landed | LandedFailed | Expired) else None
    reason = getattr(outcome, "reason", None)
    assert describe_outcome(outcome) == (name, signature, {} if reason is None else {"reason": reason})


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (2_000, 60)])
def test_the_rest_doubles_up_to_its_cap(failures: int, seconds: int) -> None:
    assert BackOff(base_seconds=1, cap_seconds=60).rest(GaveUp(""), failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.08, 0.12), (2, 0.16, 0.24), (3, 0.32, 0.48)])
def test_an_attempt_waits_twice_as_long_as_the_one_before_give_or_take_a_fifth(
    attempt: int, least: float, most: float
) -> None:
    assert attempt_delay_seconds(attempt, 0.0) == pytest.approx(least)
    assert attempt_delay_seconds(attempt, 1.0) == pytest.approx(most)


def custom(code: int) -> object:
    """Return the JSON of a program's own error."""
    return {"InstructionError": [2, {"Custom": code}]}


OURS, TOKENS = "Program program failed: custom program error", "Program tokens failed: custom program error: 0x1"


@pytest.mark.parametrize(
    ("error", "logs", "phrase"),
    [
        (custom(6011), (OURS,), "healthy again"),
        (custom(6012), (OURS,), "slippage"),
        (custom(6013), (OURS,), "already liquidated"),
        (custom(6099), (OURS,), "program error 6099"),
        (custom(1), (TOKENS, OURS), "insufficient funds"),
        (custom(1), (OURS,), "program error 1"),
        (custom(1), (), "program error 1"),
        ("BlockhashNotFound", (), "blockhash expired"),
        ("InsufficientFundsForFee", (), "insufficient funds"),
        ({"InsufficientFundsForRent": {"account_index": 0}}, (), "insufficient funds"),
        (
            {"InstructionError": [2, "ProgramFailedToComplete"]},
            ("Program program failed: exceeded CUs meter at BPF instruction",),
            "exceeded CUs",
        ),
        ({"InstructionError": [2, "ComputationalBudgetExceeded"]}, ("exceeded CUs meter",), "exceeded CUs"),
        ({"InstructionError": [2, "ProgramFailedToComplete"]}, ("Program program failed: panicked",), None),
        ("AccountInUse", (), "program error AccountInUse"),
    ],
)
def test_each_failure_has_its_phrase(error: object, logs: tuple[str, ...], phrase: str | None) -> None:
    found = describe(error, logs, FakeLending.error_names, FakeLending.program)
    assert found == (phrase or f"program error {error}")


@pytest.mark.parametrize(
    "error",
    [None, "AccountInUse", {}, {"InstructionError": None}, {"InstructionError": [1]}, {"InstructionError": [1, "X"]}],
)
def test_only_a_programs_own_error_has_a_code(error: object) -> None:
    assert custom_code(error) is None


@pytest.mark.parametrize(
    ("refusal", "phrase"),
    [
        ("Healthy", "healthy again"),
        ("UncertainPrice", "stale oracle: the price is uncertain"),
        ("X", "program error: X"),
    ],
)
def test_a_refusal_has_its_phrase(refusal: str, phrase: str) -> None:
    assert phrase_of(refusal) == phrase
