"""What the engine says in its rows about positions that it left alone, as far as the judge lets it be said."""

from collections import defaultdict
from collections.abc import Iterable

from liquidation_auditor.chain_walk import Refusal
from liquidation_auditor.database import Books
from liquidation_auditor.decode import from_base58
from liquidation_auditor.duplicates import Submission
from liquidation_auditor.recording import SlotRow
from liquidation_auditor.windows import Claims

MOST_FEE_LAMPORTS = 10_000_000
BASE_FEE_LAMPORTS = 5_000


def refusals(books: Books, most_min_profit: int | None) -> dict[bytes, list[Refusal]]:
    """Return the rows that call a position unprofitable.

    The fee that a row reckons with counts up to 0.01 SOL, its least profit up to `most_min_profit` micro-USD where that
    is given; a row that names no slot or no least profit excuses nothing.
    """
    found: dict[bytes, list[Refusal]] = defaultdict(list)
    for row in books.failed:
        wanted = row.details.get("min_profit_micro_usd")
        if row.outcome != "unprofitable" or row.slot is None or wanted is None:
            continue
        fee = min(int(row.details.get("fee_lamports") or BASE_FEE_LAMPORTS), MOST_FEE_LAMPORTS)
        least = int(wanted) if most_min_profit is None else min(int(wanted), most_min_profit)
        found[from_base58(row.position, "failed_liquidations.position_pubkey")].append(Refusal(row.slot, least, fee))
    return dict(found)


def claims(books: Books, handed_in: Iterable[Submission], slots: Iterable[SlotRow]) -> Claims:
    """Return where the engine saw positions healthy again, where it was at work on them, and when it was stopped for
    good.
    """
    healthy: dict[bytes, list[int]] = defaultdict(list)
    attended: dict[bytes, list[int]] = defaultdict(list)
    for submission in handed_in:
        attended[submission.position].append(submission.slot)
    for row in books.failed:
        if row.slot is not None:
            position = from_base58(row.position, "failed_liquidations.position_pubkey")
            attended[position].append(row.slot)
            if row.outcome == "healthy":
                healthy[position].append(row.slot)
    stopped = books.stopped_at
    after = [slot.slot for slot in slots if stopped is not None and slot.unix_time >= stopped.timestamp()]
    return Claims(healthy=healthy, attended=attended, stopped_slot=min(after, default=None))
