"""Takes back the books of a transaction that was settled as landed and then vanished with its fork: nothing is erased."""

from liquidation_engine.database.funds import reverse_fund
from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import to_json

VANISHED = "vanished: it was confirmed on a fork that the chain has left, and can land no more"


async def reverse_intent(database: Database, intent_id: int, position: str) -> bool:
    """Write compensating entries and let the position be taken up again; return False, having written nothing, if it is done or final.

    The caller has the proof: the signature is unknown, and its blockhash expired at finalized. The intent ends as `expired`, which it is.
    """
    async with database.transaction() as transaction:
        await transaction.row("lock_guard", position)
        found = await transaction.row("reverse_intent", intent_id)
        if found is None:
            return False
        signature = found["signature"]
        await transaction.run("reverse_guard", position)
        await transaction.run("reverse_ledger", signature)
        await transaction.run("reverse_liquidation", intent_id, VANISHED)
        await transaction.run("reverse_bad_debts", intent_id)
        details = to_json({"signature": signature, "attempt": found["attempt"]})
        await transaction.run(
            "insert_failure", position, found["candidate_id"], intent_id, "vanished", VANISHED, found["attempt"],
            found["landed_slot"], details,
        )  # fmt: skip
        await reverse_fund(transaction, signature)
    return True
