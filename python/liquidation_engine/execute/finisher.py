"""Brings a live intent to its end: send its bytes, confirm, settle. Safe to repeat by anyone at any time.

Whoever meets a live intent comes here: the worker that signed it, one that adopted it, the recovery after a crash. The bytes never
change, so sending them again can land them at most once.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from liquidation_engine.clock import Clock
from liquidation_engine.errors import DecodeError, RpcError
from liquidation_engine.execute.books import settle_expired, settle_landed, settle_landed_failed
from liquidation_engine.execute.failures import BLOCKHASH_EXPIRED, describe
from liquidation_engine.execute.ports import Chain, Executed, Intents, Lending, NotExecuted, Stages
from liquidation_engine.model import Expired, Intent, Landed, LandedFailed, Settlement, TransactionRecord

log = structlog.get_logger(__name__)

RECORD_TRIES, RECORD_PAUSE_SECONDS = 20, 0.1


class Finisher:
    """Sends, confirms and settles one intent at a time; holds no state of its own."""

    def __init__(
        self,
        *,
        intents: Intents,
        chain: Chain,
        lending: Lending,
        stages: Stages,
        clock: Clock,
        may_send: Callable[[], bool],
        resend_seconds: float = 2.0,
    ) -> None:
        self._intents, self._chain, self._lending = intents, chain, lending
        self._stages, self._clock, self._may_send = stages, clock, may_send
        self._resend_seconds = resend_seconds

    async def finish(self, intent: Intent) -> Landed | LandedFailed | Expired:
        """Return how `intent` ended, after its books are written (by us or by whoever was faster)."""
        with self._stages.stage("send", intent.position):
            accepted_at = await self._send(intent, intent.accepted_at)
        while True:
            with self._stages.stage("confirm", intent.position):
                executed, accepted_at = await self._until_known(intent, accepted_at)
            with self._stages.stage("settle", intent.position):
                record = await self._record(intent.signed.signature) if executed is not None else None
                if executed is None or record is not None:
                    return await self._settle(intent, record, accepted_at)
            # It was executed on a fork that has been left, or a node claims what it cannot show: send again, and ask again.
            accepted_at = await self._send(intent, accepted_at)

    async def in_doubt(self, position: str) -> bool:
        """Tell whether something of the position that is booked as landed is not on the chain as it is now."""
        signatures = await self._intents.unfinal_signatures(position)
        return bool(signatures) and not await self._chain.all_known(signatures)

    async def _send(self, intent: Intent, accepted_at: datetime | None) -> datetime | None:
        """Send the bytes and return when they were first accepted. The kill switch ends sending, not settling."""
        if not self._may_send():
            return accepted_at
        try:
            await self._chain.send(intent.signed.transaction)
        except (RpcError, DecodeError) as error:
            # Refused, timed out or unreachable: it may have landed all the same, so only the chain can tell.
            log.warning("Send not accepted", signature=intent.signed.signature, error=str(error))
            return accepted_at
        if accepted_at is None:
            accepted_at = self._clock.now()
            milliseconds = (accepted_at - intent.first_seen_at).total_seconds() * 1000
            self._stages.observe("seen_to_sent", intent.position, milliseconds)
            await self._intents.mark_accepted(intent.id, accepted_at)
        return accepted_at

    async def _until_known(
        self, intent: Intent, accepted_at: datetime | None
    ) -> tuple[Executed | None, datetime | None]:
        """Return the execution, or None once the transaction can land no more; and when it was accepted. A timeout is neither."""
        signature, last = intent.signed.signature, intent.signed.expires_above
        while True:
            try:
                executed = await self._chain.wait(signature, expires_above=last, timeout_seconds=self._resend_seconds)
                if executed is not None:
                    return executed, accepted_at
                match await self._chain.fate(signature, expires_above=last):
                    case Executed() as executed:
                        return executed, accepted_at
                    case NotExecuted.CANNOT_LAND:
                        return None, accepted_at
                    case NotExecuted.MAY_LAND:
                        pass
            except (RpcError, DecodeError) as error:
                log.warning("Status unknown", signature=signature, error=str(error))
                await asyncio.sleep(self._resend_seconds)
            accepted_at = await self._send(intent, accepted_at)

    async def _settle(
        self, intent: Intent, record: TransactionRecord | None, accepted_at: datetime | None
    ) -> Landed | LandedFailed | Expired:
        outcome, books = self._ending(intent, record)
        closed = await self._intents.close(intent, outcome, books, retry_count=intent.attempt)
        if closed:
            self._report(intent, outcome, accepted_at)
        return outcome

    async def settle_again(self, intent_id: int) -> bool:
        """Book what a settled transaction did on the fork that stayed; False if no node shows it, or somebody was faster."""
        intent = await self._intents.load(intent_id)
        record = await self._chain.record(intent.signed.signature)
        if record is None:
            return False
        outcome, books = self._ending(intent, record)
        assert not isinstance(outcome, Expired)
        return await self._intents.resettle(intent, outcome, books, retry_count=intent.attempt)

    def _ending(
        self, intent: Intent, record: TransactionRecord | None
    ) -> tuple[Landed | LandedFailed | Expired, Settlement]:
        """Return how the intent ended, by the chain's record of it, and the books that follow."""
        now = self._clock.now()
        if record is None:
            return Expired(intent.signed.signature), settle_expired(intent.plan.slot, BLOCKHASH_EXPIRED)
        if record.error is not None:
            reason = describe(record.error, record.logs, self._lending.error_names, self._lending.program)
            return LandedFailed(record, reason), settle_landed_failed(
                record, intent.plan, self._lending.roles, reason, at=now
            )
        return Landed(record), settle_landed(
            record,
            intent.plan,
            self._lending.roles,
            written_off=self._lending.written_off(record, intent.plan),
            is_full=self._lending.is_full(record, intent.plan),
            covered=self._lending.covered(record, intent.plan),
            confirmed_at=now,
        )

    async def _record(self, signature: str) -> TransactionRecord | None:
        """Return the record of an executed transaction, None if no node has it for long; it may come a little after the status."""
        for _ in range(RECORD_TRIES):
            try:
                record = await self._chain.record(signature)
                if record is not None:
                    return record
            except (RpcError, DecodeError) as error:
                log.warning("Record not readable", signature=signature, error=str(error))
            await asyncio.sleep(RECORD_PAUSE_SECONDS)
        return None

    def _report(self, intent: Intent, outcome: Landed | LandedFailed | Expired, accepted_at: datetime | None) -> None:
        fields: dict[str, object] = {"position": intent.position, "signature": intent.signed.signature}
        match outcome:
            case Landed():
                seen_to_sent = None
                if accepted_at is not None:
                    seen_to_sent = round((accepted_at - intent.first_seen_at).total_seconds() * 1000, 1)
                log.info("Liquidation executed successfully", kind=intent.plan.kind, ms=seen_to_sent, **fields)
            case LandedFailed(reason=reason):
                log.error("Liquidation failed", reason=reason, **fields)
            case Expired():
                log.error("Liquidation failed", reason=BLOCKHASH_EXPIRED, **fields)
