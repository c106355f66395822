"""Intents: written down before they are sent, closed once by whoever finds out how they ended."""

from collections.abc import Collection
from datetime import datetime

import asyncpg

from liquidation_engine.database import rows
from liquidation_engine.database.books import close_intent, resettle_intent
from liquidation_engine.database.pool import Database, Interrupted
from liquidation_engine.database.reversal import reverse_intent
from liquidation_engine.errors import ServerError
from liquidation_engine.model import (
    Expired,
    FenceLost,
    Intent,
    KillSwitchOn,
    Landed,
    LandedFailed,
    LiveIntentExists,
    Plan,
    Settlement,
    SignedTransaction,
)
from liquidation_engine.model.settlement import Unfinal


class Intents:
    """The table that decides what may be sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attempts_for(self, position: str, state_digest: str) -> int:
        """Return the number that the next intent for this state of the position takes."""
        return int(await self._database.value("attempts_for", position, state_digest))

    async def insert(
        self,
        *,
        position: str,
        fence: int,
        candidate_id: str,
        plan: Plan,
        signed: SignedTransaction,
        attempt: int,
        instance_id: str,
        first_seen_at: datetime,
    ) -> Intent | FenceLost | LiveIntentExists | KillSwitchOn:
        """Write an intent down, durably, if the position is still claimed under `fence`.

        Raises ServerError when it is not known whether it was written. It may then turn up as live later: whoever claims the
        position adopts it, which sends these same bytes at most.
        """
        try:
            row = await self._database.row(
                "insert_intent", position, fence, candidate_id, plan.kind, plan.state_digest, attempt, signed.signature,
                signed.transaction, signed.blockhash, signed.expires_above, rows.plan_to_json(plan), signed.compute_unit_limit,
                signed.compute_unit_price_micro_lamports, signed.fee_lamports, instance_id, first_seen_at,
            )  # fmt: skip
        except Interrupted as error:
            return await self._find_unanswered(position, fence, signed.signature, instance_id, error)
        except asyncpg.UniqueViolationError as error:
            raise ServerError(f"this intent repeats an earlier one: {error.detail or error}") from error
        if row is None:
            raise ServerError(f"inserting an intent for {position} returned nothing")
        match row["verdict"]:
            case "inserted":
                return Intent(
                    id=row["id"], position=position, fence=fence, candidate_id=candidate_id, attempt=attempt, plan=plan,
                    signed=signed, instance_id=instance_id, first_seen_at=first_seen_at, created_at=row["created_at"],
                    accepted_at=None,
                )  # fmt: skip
            case "fence_lost":
                return FenceLost(found=row["found_fence"], expected=fence)
            case "kill_switch_on":
                return KillSwitchOn(row["reason"])
            case "live_intent_exists":
                return LiveIntentExists()
            case verdict:
                raise ServerError(f"inserting an intent for {position} returned {verdict!r}")

    async def mark_accepted(self, intent_id: int, at: datetime) -> None:
        """Note when an RPC node first accepted it; later ones change nothing."""
        await self._database.run("mark_accepted", intent_id, at)

    async def live(self, *, older_than_seconds: float, limit: int, excluding: Collection[int] = ()) -> list[Intent]:
        """Return live intents that nobody closed for that long, oldest first, without those whose ids are `excluding`."""
        found = await self._database.rows("live_intents", older_than_seconds, limit, list(excluding))
        return [rows.intent(row) for row in found]

    async def close(
        self, intent: Intent, outcome: Landed | LandedFailed | Expired, books: Settlement, retry_count: int
    ) -> bool:
        """Write outcome and books in one transaction; return False, having written nothing, if it was closed before.

        After a ServerError it is safe, and right, to call this again: a commit whose answer was lost then returns False.
        """
        return await close_intent(self._database, intent, outcome, books, retry_count)

    async def landed_not_finalized(self, limit: int, after: tuple[int, int] = (0, 0)) -> list[Unfinal]:
        """Return what landed and was not yet seen finalized, in the order of (landed slot, id), from behind `after` on."""
        return [Unfinal(**row) for row in await self._database.rows("landed_not_finalized", limit, *after)]

    async def unfinal_signatures(self, position: str) -> list[str]:
        """Return what of a position is booked as landed, well or failed, and may still vanish."""
        return [row["signature"] for row in await self._database.rows("unfinal_signatures", position)]

    async def transaction_of(self, intent_id: int) -> bytes:
        """Return an intent's signed bytes."""
        return bytes(await self._database.value("transaction_of_intent", intent_id))

    async def load(self, intent_id: int) -> Intent:
        """Return an intent, whatever its state."""
        row = await self._database.row("intent", intent_id)
        if row is None:
            raise ServerError(f"there is no intent {intent_id}")
        return rows.intent(row)

    async def resettle(
        self, intent: Intent, outcome: Landed | LandedFailed, books: Settlement, retry_count: int
    ) -> bool:
        """Write down what a settled transaction did where it was executed again; False, having written nothing, if it is final."""
        return await resettle_intent(self._database, intent, outcome, books, retry_count)

    async def mark_finalized(self, intent_id: int, slot: int) -> None:
        """Note that a landed intent was seen again at finalized, and in which slot."""
        await self._database.run("mark_finalized", intent_id, slot)

    async def reverse(self, intent_id: int, position: str) -> bool:
        """Take back the books of a landed intent that vanished; return False if it is no longer landed, or final."""
        return await reverse_intent(self._database, intent_id, position)

    async def _find_unanswered(
        self, position: str, fence: int, signature: str, instance_id: str, error: Interrupted
    ) -> Intent:
        """Look on a new connection whether the intent whose commit went unanswered is there, live and ours.

        Locking the guard first waits for a commit that is still under way.
        """
        async with self._database.new_connection() as transaction:
            await transaction.row("lock_guard", position)
            row = await transaction.row("live_intent_of_fence", signature, position, fence, instance_id)
        if row is None:
            raise ServerError(f"the intent {signature} for {position} was not written: {error}") from error
        return rows.intent(row)
