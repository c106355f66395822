"""Takes one candidate through the pipeline. The order of the steps is what makes money move at most once.

Postgres decides who may create an intent, the intent's row comes before the send, whoever meets a live intent re-sends its bytes, and the
books come before the acknowledgement.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

import structlog

from liquidation_engine.clock import Clock
from liquidation_engine.errors import MinContextSlotNotReached, RpcError, ServerError, SigningPaused, SigningRefused
from liquidation_engine.execute.failures import (
    ALREADY_LIQUIDATED,
    BLOCKHASH_EXPIRED,
    HEALTHY_AGAIN,
    UNPROFITABLE,
    describe,
    phrase_of,
)
from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy, choose
from liquidation_engine.execute.ports import Failures, Guards, Intents, Leases, Lending, Stages
from liquidation_engine.execute.retry import BackOff, attempt_delay_seconds
from liquidation_engine.model import (
    AlreadyLiquidated,
    Candidate,
    Claim,
    Expired,
    FenceLost,
    GaveUp,
    Healthy,
    Intent,
    KillSwitchOn,
    Landed,
    LandedFailed,
    LiveIntentExists,
    Outcome,
    Plan,
    Reading,
    Rejected,
    Simulated,
    Unprofitable,
    outcome_name,
)

log = structlog.get_logger(__name__)

MOST_LANDINGS = 32  # in a row on one candidate, so that nothing keeps a worker for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPolicy:
    """The worker's limits."""

    plan: PlanPolicy
    back_off: BackOff
    retry_attempts: int = 3  # signed attempts at one state of the position
    retry_budget: int = 5  # failures in a row after which the entry becomes a dead letter
    dry_run: bool = True


@dataclass(frozen=True, slots=True)
class Deferred:
    """Nothing was decided. `settled` tells whether the stream entry has served its purpose all the same."""

    reason: str
    settled: bool


def _always() -> bool:
    return True


class Worker:
    """Handles candidates; as many at once as its caller likes, one per position by the lease."""

    def __init__(
        self,
        *,
        instance_id: str,
        guards: Guards,
        intents: Intents,
        failures: Failures,
        lending: Lending,
        finisher: Finisher,
        leases: Leases,
        stages: Stages,
        clock: Clock,
        policy: WorkerPolicy,
    ) -> None:
        self._instance_id = instance_id
        self._guards, self._intents, self._failures = guards, intents, failures
        self._lending, self._finisher, self._leases = lending, finisher, leases
        self._stages, self._clock, self._policy = stages, clock, policy

    async def handle(self, candidate: Candidate, *, may_stay: Callable[[], bool] = _always) -> Outcome | Deferred:
        """Return how `candidate` ended, with everything that follows from it written down.

        `may_stay` is asked after each landing whether to go on with a position that is still liquidatable, or to leave it to the queue.
        """
        with self._stages.stage("lease", candidate.position):
            lease = await self._leases(candidate.position)
        if lease is None:
            return Deferred("another worker holds the position", settled=False)
        async with lease:
            claim = await self._guards.claim(candidate.position, self._instance_id)
            if claim.live is None and claim.resting:
                return Deferred(f"in back-off: {claim.backoff_reason}", settled=True)
            outcome = await self._pursued(candidate, claim, may_stay)
            if isinstance(outcome, Deferred):
                return outcome
            return await self._follow_up(candidate, claim, outcome)

    async def adopt(self, intent: Intent) -> Landed | LandedFailed | Expired | None:
        """Bring somebody's live intent to its end, or return None while another worker holds its position."""
        lease = await self._leases(intent.position)
        if lease is None:
            return None
        async with lease:
            claim = await self._guards.claim(intent.position, self._instance_id)
            if claim.live is None or claim.live.id != intent.id:
                return None
            log.info("Adopted a live intent", position=intent.position, signature=intent.signed.signature)
            return await self._finisher.finish(claim.live)

    async def _pursued(self, candidate: Candidate, claim: Claim, may_stay: Callable[[], bool]) -> Outcome | Deferred:
        """Pursue the candidate; what nobody planned for is a rejection, so that it rests, is counted and is seen."""
        try:
            return await self._pursue(candidate, claim, may_stay)
        except (ServerError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("Candidate failed unexpectedly", position=candidate.position)
            return Rejected(f"unexpected {type(error).__name__}: {error}", candidate.slot)

    async def _pursue(self, candidate: Candidate, claim: Claim, may_stay: Callable[[], bool]) -> Outcome | Deferred:
        """Attempt until nothing is left to do.

        A partial close often leaves the position liquidatable: it is taken up again at once, under a new claim and from a fresh read.
        A definite failure or an expiry is tried again a few times, each time later.
        """
        outcome: Outcome | Deferred = await self._attempt(candidate, claim)
        failed, landed = 0, 0
        while True:
            if isinstance(outcome, LandedFailed | Expired) and failed + 1 < self._policy.retry_attempts:
                failed += 1
                await asyncio.sleep(attempt_delay_seconds(failed, random.random()))  # noqa: S311 - jitter
            elif isinstance(outcome, Landed) and landed < MOST_LANDINGS and may_stay():
                failed, landed = 0, landed + 1
                candidate = replace(candidate, ts=int(self._clock.now().timestamp() * 1000))
            else:
                return outcome
            following = await self._attempt(candidate, await self._guards.claim(candidate.position, self._instance_id))
            if isinstance(outcome, Landed) and isinstance(following, Healthy | Deferred):
                return outcome  # done, and that is no failure
            outcome = following

    async def _attempt(self, candidate: Candidate, claim: Claim) -> Outcome | Deferred:
        if claim.live is not None:
            log.info("Adopted a live intent", position=claim.live.position, signature=claim.live.signed.signature)
            return await self._finish(claim.live)
        position = candidate.position
        with self._stages.stage("read", position):
            reading = await self._read(candidate, claim)
        if isinstance(reading, Rejected):
            return reading
        with self._stages.stage("plan", position):
            decision = decide(reading, self._policy.plan, self._lending)
        if not isinstance(decision, Plan):
            return decision
        with self._stages.stage("simulate", position):
            simulated = await simulate(decision, self._lending)
        if not isinstance(simulated, Simulated):
            return simulated
        log.info(
            "LIQUIDATION TRIGGERED",
            position=position,
            healthFactor=decision.health_factor_before,
            profit_micro_usd=decision.profit_micro_usd,
            dry_run=self._policy.dry_run,
        )
        if self._policy.dry_run:
            await self._guards.back_off(position, failures_add=0, rest=timedelta(seconds=60), reason="dry run")
            return Deferred("dry run", settled=True)
        return await self._commit(candidate, claim, decision, simulated)

    async def _read(self, candidate: Candidate, claim: Claim) -> Reading | Rejected:
        """Read at or after everything known of the position; a node that lags is asked again for a while."""
        floor = max(candidate.slot, claim.last_settled_slot)
        for _ in range(20):
            try:
                return await self._lending.read(candidate, min_context_slot=floor)
            except MinContextSlotNotReached:
                await asyncio.sleep(0.1)
            except RpcError as error:
                return Rejected(f"rpc unavailable: {error}", floor)
        return Rejected(f"rpc unavailable: no endpoint has reached slot {floor}", floor)

    async def _commit(self, candidate: Candidate, claim: Claim, plan: Plan, simulated: Simulated) -> Outcome | Deferred:
        """Sign, write the intent down, and bring it to its end.

        Not while an earlier transaction of the position is booked as landed, and its fork was left: its bytes may land again.
        """
        if claim.last_settled_slot:
            try:
                if await self._finisher.in_doubt(plan.position):
                    return Deferred("an earlier transaction has vanished and may land again", settled=False)
            except RpcError as error:
                return Rejected(f"rpc unavailable: {error}", plan.slot)
        # Only a number that makes this intent unique and its bid higher: how often to try is up to the rounds and the back-off.
        attempt = await self._intents.attempts_for(plan.position, plan.state_digest)
        with self._stages.stage("sign", plan.position):
            try:
                signed = await self._lending.sign(
                    plan, units=simulated.units, attempt=attempt % self._policy.retry_attempts
                )
            except SigningPaused as error:
                return Deferred(str(error), settled=False)
            except SigningRefused as error:
                return Rejected(f"signing refused: {error}", plan.slot)
            except RpcError as error:
                return Rejected(f"rpc unavailable: {error}", plan.slot)
        with self._stages.stage("intent", plan.position):
            intent = await self._intents.insert(
                position=plan.position,
                fence=claim.fence,
                candidate_id=candidate.id,
                plan=plan,
                signed=signed,
                attempt=attempt,
                instance_id=self._instance_id,
                first_seen_at=datetime.fromtimestamp(candidate.ts / 1000, UTC),
            )
        match intent:
            case Intent():
                return await self._finish(intent)
            case FenceLost() | LiveIntentExists():
                return Deferred("another worker took the position up", settled=False)
            case KillSwitchOn(reason=reason):
                return Deferred(f"stopped: {reason}", settled=False)

    async def _finish(self, intent: Intent) -> Landed | LandedFailed | Expired | Deferred:
        """Bring a live intent to its end. What goes wrong on the way leaves it live, in Postgres, for whoever adopts it."""
        try:
            return await self._finisher.finish(intent)
        except ServerError:
            raise  # Postgres or Redis is away: the entry stays as well
        except Exception:
            log.exception("A live intent could not be finished", position=intent.position)
            return Deferred("its live intent is left to be adopted", settled=True)

    async def _follow_up(self, candidate: Candidate, claim: Claim, outcome: Outcome) -> Outcome:
        """Write down what follows, and return the outcome: GaveUp where the failure budget ended with it."""
        failures = claim.failures + 1
        if isinstance(outcome, Rejected) and failures >= self._policy.retry_budget:
            outcome = GaveUp(f"{failures} failures in a row, the last: {outcome.reason}")
        reason, slot, details = _what_happened(outcome, failures)
        rest = self._policy.back_off.rest(outcome, failures)
        if rest is not None:
            add = 0 if isinstance(outcome, Unprofitable) else 1
            await self._guards.back_off(candidate.position, failures_add=add, rest=rest, reason=reason)
        elif claim.failures or claim.backoff_until is not None:
            await self._guards.clear_back_off(candidate.position)
        if not isinstance(outcome, Landed | LandedFailed | Expired):  # theirs were written when the intent was closed
            await self._record(candidate, outcome, reason, slot, details)
        if isinstance(outcome, Rejected | GaveUp):
            log.error("Liquidation failed", position=candidate.position, reason=reason, outcome=outcome_name(outcome))
        return outcome

    async def _record(
        self, candidate: Candidate, outcome: Outcome, message: str, slot: int | None, details: dict[str, object]
    ) -> None:
        await self._failures.record(
            candidate.position,
            candidate_id=candidate.id,
            outcome=outcome_name(outcome),
            error_message=message,
            retry_count=0,
            slot=slot,
            details=details,
        )


def decide(reading: Reading, policy: PlanPolicy, lending: Lending) -> Plan | Healthy | Rejected | Unprofitable:
    """Return what to do about a position as it was read, or why nothing is done."""
    if reading.refusal is not None:
        phrase = phrase_of(reading.refusal)
        return Healthy(reading.slot) if phrase == HEALTHY_AGAIN else Rejected(phrase, reading.slot)
    if reading.view is None:
        return Healthy(reading.slot)
    return choose(
        reading.view,
        reading.quotes,
        policy,
        fee_lamports=lending.fee_estimate_lamports(0),
        sol_price_micro_usd=reading.sol_price_micro_usd,
    )


async def simulate(plan: Plan, lending: Lending) -> Simulated | Healthy | AlreadyLiquidated | Rejected:
    """Run a plan on the node's newest state; an error there is an ending."""
    try:
        simulated = await lending.simulate(plan, min_context_slot=plan.slot)
    except RpcError as error:
        return Rejected(f"rpc unavailable: {error}", plan.slot)
    if simulated.error is None:
        return simulated
    reason = describe(simulated.error, simulated.logs, lending.error_names, lending.program)
    if reason == HEALTHY_AGAIN:
        return Healthy(plan.slot)
    if reason == ALREADY_LIQUIDATED:
        return AlreadyLiquidated(plan.slot)
    return Rejected(reason, plan.slot)


def _what_happened(outcome: Outcome, failures: int) -> tuple[str, int | None, dict[str, object]]:
    """Return the phrase, the slot of the state that was judged, and what else is worth keeping."""
    match outcome:
        case Landed(record=record):
            return "landed", record.slot, {}
        case LandedFailed(record=record, reason=reason):
            return reason, record.slot, {}
        case Expired():
            return BLOCKHASH_EXPIRED, None, {}
        case Healthy(slot=slot):
            return HEALTHY_AGAIN, slot, {}
        case AlreadyLiquidated(slot=slot):
            return ALREADY_LIQUIDATED, slot, {}
        case Unprofitable(slot=slot, details=details):
            return UNPROFITABLE, slot, details
        case Rejected(reason=reason, slot=slot):
            return reason, slot, {"failures": failures}
        case GaveUp(reason=reason):
            return reason, None, {"failures": failures}
        case _:
            assert_never(outcome)
