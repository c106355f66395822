"""How far the engine's own rows may excuse it."""

from datetime import UTC, datetime, timedelta

from auditor_builder import named
from liquidation_auditor.chain_walk import Refusal
from liquidation_auditor.claims import claims, refusals
from liquidation_auditor.database import Books, FailedRow
from liquidation_auditor.duplicates import Submission
from liquidation_auditor.recording import SlotRow

ALICE = named("alice")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLOTS = [SlotRow(slot, slot, int(NOON.timestamp()) + slot, slot) for slot in range(10)]


def books(*failed: FailedRow, stopped_at: datetime | None = None) -> Books:
    return Books(
        genesis_hash=None,
        ledger=[],
        liquidations=[],
        failed=list(failed),
        intents={},
        funds=[],
        fund_moves=[],
        stopped_at=stopped_at,
    )


def unprofitable(slot: int | None = 5, **details: object) -> FailedRow:
    return FailedRow(str(ALICE), "unprofitable", slot, details)


def test_a_refusal_is_taken_with_its_numbers_but_a_fee_of_at_most_a_hundredth_sol() -> None:
    rows = books(
        unprofitable(min_profit_micro_usd="70", fee_lamports="6000"),
        unprofitable(min_profit_micro_usd=70, fee_lamports=10**9),
    )
    assert refusals(rows, None) == {bytes(ALICE): [Refusal(5, 70, 6_000), Refusal(5, 70, 10_000_000)]}
    assert refusals(rows, 50)[bytes(ALICE)][0].min_profit_micro_usd == 50


def test_a_refusal_without_slot_or_numbers_excuses_nothing() -> None:
    rows = books(unprofitable(None, min_profit_micro_usd=1), unprofitable(), FailedRow(str(ALICE), "rejected", 5, {}))
    assert refusals(rows, None) == {}


def test_rows_and_sends_say_when_the_engine_was_at_work_and_what_it_saw() -> None:
    rows = books(FailedRow(str(ALICE), "rejected", 3, {}), FailedRow(str(ALICE), "healthy", 8, {}))
    made = claims(rows, [Submission(bytes(ALICE), "signature", 1, 2, None)], SLOTS)
    assert (made.attended, made.healthy) == ({bytes(ALICE): [2, 3, 8]}, {bytes(ALICE): [8]})
    assert made.stopped_slot is None


def test_a_stop_counts_from_the_first_slot_after_it() -> None:
    assert claims(books(stopped_at=NOON + timedelta(seconds=3.5)), [], SLOTS).stopped_slot == 4
    assert claims(books(stopped_at=NOON + timedelta(days=1)), [], SLOTS).stopped_slot is None
