"""How far the engine's own rows may excuse it."""

from datetime import UTC, datetime, timedelta

import pytest
from solders.hash import Hash
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from auditor_builder import WALLET, named
from liquidation_auditor.chain_walk import Refusal
from liquidation_auditor.claims import claims, last_signed_ns, refusals
from liquidation_auditor.database import Books, FailedRow
from liquidation_auditor.duplicates import Submission
from liquidation_auditor.recording import SendRow, SlotRow

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


def fee_taken(claimed: int, most_paid: int | None) -> int:
    rows = books(unprofitable(min_profit_micro_usd=70, fee_lamports=claimed))
    return refusals(rows, None, most_paid)[bytes(ALICE)][0].fee_lamports


def test_a_refusal_is_taken_with_its_numbers_up_to_the_policy() -> None:
    rows = books(unprofitable(min_profit_micro_usd="70", fee_lamports="6000"))
    assert refusals(rows, None) == {bytes(ALICE): [Refusal(5, 70, 6_000)]}
    assert refusals(rows, 50)[bytes(ALICE)][0].min_profit_micro_usd == 50


@pytest.mark.parametrize(
    ("claimed", "most_paid", "taken"),
    [
        (6_000, None, 6_000),
        (10_000_000, None, 100_000),  # nothing was paid: a ten-thousandth SOL at most
        (6_000, 5_000, 6_000),
        (10_000_000, 5_000, 6_250),  # what was really paid, and a quarter for the next bid
        (10_000_000, 10_000_000, 100_000),  # paying one absurd fee does not make fees absurd
    ],
)
def test_a_claimed_fee_counts_up_to_what_fees_really_were(claimed: int, most_paid: int | None, taken: int) -> None:
    assert fee_taken(claimed, most_paid) == taken


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


@pytest.mark.parametrize(("seconds_after", "believed"), [(-30, True), (0.9, True), (1.1, False), (600, False)])
def test_a_stop_is_believed_only_where_nothing_was_signed_after_it(seconds_after: float, believed: bool) -> None:
    signed_ns = int((NOON.timestamp() + 3 + seconds_after) * 1e9)
    made = claims(books(stopped_at=NOON + timedelta(seconds=3)), [], SLOTS, signed_ns)
    assert (made.stopped_slot == 3) == believed


def send(seq: int, signature: int, wallet: Pubkey, unix_ns: int, verdict: str = "accepted") -> SendRow:
    message = Message.new_with_blockhash([], wallet, Hash.default())
    made = VersionedTransaction.populate(message, [Signature(signature.to_bytes(64, "big"))])
    return SendRow(seq, 1, str(signature), bytes(made), 100, verdict, unix_ns)


def test_the_last_signature_is_the_wallets_own_and_its_resends_do_not_count() -> None:
    wallets = frozenset([bytes(WALLET)])
    sends = [
        send(1, 1, WALLET, 10),
        send(2, 2, WALLET, 20, "preflight"),
        send(3, 1, WALLET, 30, "duplicate"),
        send(4, 3, ALICE, 40),
        send(5, 4, WALLET, 50, "invalid"),
    ]
    assert last_signed_ns(sends, wallets) == 20
    assert last_signed_ns([], wallets) is None
