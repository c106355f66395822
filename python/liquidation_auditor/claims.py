"""What the engine says in its rows about positions that it left alone, as far as the judge lets it be said."""

from collections import defaultdict
from collections.abc import Iterable

from liquidation_auditor.chain_walk import Refusal
from liquidation_auditor.database import Books
from liquidation_auditor.decode import from_base58, signers
from liquidation_auditor.duplicates import Submission
from liquidation_auditor.recording import SendRow, SlotRow
from liquidation_auditor.windows import Claims

MOST_FEE_LAMPORTS = 100_000
BASE_FEE_LAMPORTS = 5_000
NEXT_BID_PERCENT = 125  # a bid is reckoned with before it is paid, so it may be a little above the highest one paid
IN_FLIGHT_SECONDS = 1.0  # from writing an intent down to its first send


def refusals(books: Books, most_min_profit: int | None, most_fee_paid: int | None = None) -> dict[bytes, list[Refusal]]:
    """Return the rows that call a position unprofitable.

    The fee that a row reckons with counts up to the highest one that the wallets really paid and a quarter, and never
    above 0.0001 SOL; its least profit up to `most_min_profit` micro-USD where that is given. A row that names no slot
    or no least profit excuses nothing.
    """
    most_fee = MOST_FEE_LAMPORTS
    if most_fee_paid is not None:
        most_fee = min(most_fee, most_fee_paid * NEXT_BID_PERCENT // 100)
    found: dict[bytes, list[Refusal]] = defaultdict(list)
    for row in books.failed:
        wanted = row.details.get("min_profit_micro_usd")
        if row.outcome != "unprofitable" or row.slot is None or wanted is None:
            continue
        fee = min(int(row.details.get("fee_lamports") or BASE_FEE_LAMPORTS), most_fee)
        least = int(wanted) if most_min_profit is None else min(int(wanted), most_min_profit)
        found[from_base58(row.position, "failed_liquidations.position_pubkey")].append(Refusal(row.slot, least, fee))
    return dict(found)


def claims(
    books: Books, handed_in: Iterable[Submission], slots: Iterable[SlotRow], last_signed_ns: int | None = None
) -> Claims:
    """Return where the engine saw positions healthy again, where it was at work on them, and when it was stopped for
    good.

    A stop is believed only where the wallets handed in no new signature after it (`last_signed_ns` is the last one's
    time); bytes that were sent before may be sent again.
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
    return Claims(healthy=healthy, attended=attended, stopped_slot=_stopped_slot(books, slots, last_signed_ns))


def _stopped_slot(books: Books, slots: Iterable[SlotRow], last_signed_ns: int | None) -> int | None:
    if books.stopped_at is None:
        return None
    stopped = books.stopped_at.timestamp()
    if last_signed_ns is not None and last_signed_ns > (stopped + IN_FLIGHT_SECONDS) * 1e9:
        return None
    return min((slot.slot for slot in slots if slot.unix_time >= stopped), default=None)


def last_signed_ns(sends: Iterable[SendRow], wallets: frozenset[bytes]) -> int | None:
    """Return when the wallets handed in a signature for the first time last, whatever became of it."""
    first: dict[str, int] = {}
    for send in sends:
        if send.signature not in first and (send.verdict == "invalid" or not wallets & signers(send.transaction_bytes)):
            continue
        first.setdefault(send.signature, send.unix_ns)
    return max(first.values(), default=None)
