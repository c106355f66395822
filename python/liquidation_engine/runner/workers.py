"""Puts the worker role together: consumer, leases, guards, intents, chain."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog

from liquidation_engine.chain import (
    CannotLand,
    Confirmer,
    FeeLadder,
    FeePolicy,
    NotYet,
    RpcClient,
    Signer,
    StillPossible,
    allowed_programs,
)
from liquidation_engine.cluster import PositionLease
from liquidation_engine.database import Failures, Funds, Guards, Intents
from liquidation_engine.errors import ConfigError
from liquidation_engine.execute.finality import Finality, Seen
from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy
from liquidation_engine.execute.pool import Pool, PoolLimits
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.execute.retry import BackOff
from liquidation_engine.execute.worker import Worker, WorkerPolicy
from liquidation_engine.model import TransactionRecord
from liquidation_engine.protocols.reference.lending import ReferenceLending
from liquidation_engine.runner.engine import Instance
from liquidation_engine.runner.faults import LossyConsumer
from liquidation_engine.runner.sabotage import SecondSend, WrongLedger
from liquidation_engine.stream import CandidateConsumer

log = structlog.get_logger(__name__)

RECLAIM_IDLE_MS = 6_000  # above the lease's life, so that a reclaimed entry finds the position free
LEASE_SECONDS = 5.0
FINALIZED_POLL_SECONDS = 5.0


async def run_workers(instance: Instance, stop: asyncio.Event) -> None:
    """Work on candidates until `stop`."""
    settings = instance.settings
    async with AsyncExitStack() as stack:
        confirmer = await stack.enter_async_context(Confirmer(instance.rpc, settings.websocket_url))
        lending = _lending(instance)
        await _open_funds(instance, lending)
        intents = WrongLedger(instance.database) if _sabotaged(instance, "wrong-ledger") else Intents(instance.database)
        chain = RpcChain(instance.rpc, confirmer)
        worker = Worker(
            instance_id=settings.instance_id,
            guards=Guards(instance.database),
            intents=intents,
            failures=Failures(instance.database),
            lending=lending,
            finisher=Finisher(
                intents=intents,
                chain=chain,
                lending=lending,
                stages=instance.observation,
                clock=instance.clock,
                may_send=instance.kill_switch.may_sign,
            ),
            leases=lambda position: PositionLease.acquire(
                instance.redis, position, settings.instance_id, ttl_seconds=LEASE_SECONDS
            ),
            stages=instance.observation,
            clock=instance.clock,
            policy=WorkerPolicy(
                plan=PlanPolicy(
                    min_profit_micro_usd=settings.min_profit, max_loss_micro_usd=settings.max_bad_debt_loss
                ),
                back_off=BackOff(),
                retry_attempts=settings.retry_attempts,
                retry_budget=settings.retry_budget,
                dry_run=settings.dry_run,
            ),
        )
        consumer = (LossyConsumer if settings.lose_every_candidate else CandidateConsumer)(
            instance.redis,
            consumer=settings.instance_id,
            batch=settings.stream_batch,
            block_milliseconds=settings.stream_block_ms,
            reclaim_idle_milliseconds=RECLAIM_IDLE_MS,
        )
        if isinstance(consumer, LossyConsumer):
            consumer.every = settings.lose_every_candidate
        await consumer.start()
        pool = Pool(
            consumer,
            worker,
            intents,
            instance.observation,
            limits=PoolLimits(concurrency=settings.worker_concurrency),
            may_begin=(lambda: True) if settings.dry_run else instance.kill_switch.may_sign,
            ended=instance.observation.ended,
        )
        finality = asyncio.create_task(_watch_finality(instance, Intents(instance.database), chain))
        instance.observation.mark_ready("worker")
        try:
            await pool.run(stop)
        finally:
            finality.cancel()
            await asyncio.gather(finality, return_exceptions=True)


def _lending(instance: Instance) -> ReferenceLending:
    settings, wallet = instance.settings, instance.wallet
    signer = None
    if not settings.dry_run:
        if wallet is None:
            raise ConfigError("a live worker needs a key: set WALLET_PATH")
        signer = Signer(wallet, allowed_programs(settings.program_id), instance.kill_switch.may_sign)
    kind = SecondSend if _sabotaged(instance, "blind-second-send") else ReferenceLending
    return kind(
        instance.rpc,
        instance.market,
        program=settings.program_id,
        wallet=wallet.pubkey if wallet else None,
        signer=signer,
        blockhashes=instance.blockhashes,
        fees=FeePolicy(ladder=FeeLadder(base=settings.base_priority_fee, cap=settings.max_priority_fee)),
        sol_price_micro_usd=settings.sol_price_micro_usd,
    )


def _sabotaged(instance: Instance, kind: str) -> bool:
    return instance.sabotage is not None and instance.sabotage.kind == kind


async def _open_funds(instance: Instance, lending: ReferenceLending) -> None:
    """Open the books of each insurance fund with its balance on chain, unless they are open."""
    funds = Funds(instance.database)
    slot, balances = await lending.fund_balances()
    for mint, balance in balances.items():
        address, vault = lending.funds[mint]
        await funds.open(mint, address, vault, balance, slot)


class RpcChain:
    """The chain as execution wants it: sending, waiting, and the proof that nothing can land any more."""

    def __init__(self, rpc: RpcClient, confirmer: Confirmer) -> None:
        self._rpc, self._confirmer = rpc, confirmer

    async def send(self, transaction: bytes) -> str:
        """Send the same bytes to all endpoints."""
        return await self._rpc.send(transaction)

    async def wait(self, signature: str, *, expires_above: int, timeout_seconds: float) -> Executed | None:
        """Wait for the confirmation; None when there is none in time."""
        answer = await self._confirmer.wait(
            signature, expires_above=expires_above, timeout_seconds=timeout_seconds, commitment="confirmed"
        )
        return None if isinstance(answer, NotYet) else Executed(answer.slot, answer.error)

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        """Say whether it landed, may land, or can land no more."""
        match await self._rpc.fate(signature, expires_above=expires_above):
            case StillPossible():
                return NotExecuted.MAY_LAND
            case CannotLand():
                return NotExecuted.CANNOT_LAND
            case status if status.reached("confirmed"):
                return Executed(status.slot, status.error)
            case _:
                return NotExecuted.MAY_LAND  # executed on a fork that may still be left

    async def record(self, signature: str) -> TransactionRecord | None:
        """Return what it did, once the node knows at `confirmed`."""
        return await self._rpc.transaction(signature, commitment="confirmed")

    async def seen(self, signatures: Sequence[str]) -> list[Seen | None]:
        """Return where confirmed transactions stand, None where the node's whole history does not know one."""
        found = await self._rpc.signature_statuses(signatures, search_history=True)
        return [None if status is None else Seen(status.slot, status.reached("finalized")) for status in found]

    async def remembers(self, slot: int) -> bool:
        """Return whether the node's history reaches back to `slot`."""
        return int(await self._rpc.call("getFirstAvailableBlock")) <= slot


async def _watch_finality(instance: Instance, intents: Intents, chain: RpcChain) -> None:
    """Look at landed intents again until they are finalized, or taken back."""
    finality = Finality(intents, chain)
    while True:
        await asyncio.sleep(FINALIZED_POLL_SECONDS)
        try:
            await finality.check()
        except Exception:
            log.exception("Finality could not be checked", instance=instance.settings.instance_id)
