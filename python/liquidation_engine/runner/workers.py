"""Puts the worker role together: consumer, leases, guards, intents, chain."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import structlog

from liquidation_engine.chain import (
    Confirmer,
    FeeLadder,
    FeePolicy,
    Signer,
    allowed_programs,
)
from liquidation_engine.cluster import PositionLease
from liquidation_engine.database import Failures, Funds, Guards, Intents, Timeline
from liquidation_engine.errors import ConfigError
from liquidation_engine.execute.finality import Finality
from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy
from liquidation_engine.execute.pool import Pool, PoolLimits
from liquidation_engine.execute.ports import Lending
from liquidation_engine.execute.retry import BackOff
from liquidation_engine.execute.worker import Worker, WorkerPolicy
from liquidation_engine.model import Candidate
from liquidation_engine.protocols.reference.lending import ReferenceLending
from liquidation_engine.runner.engine import Instance
from liquidation_engine.runner.faults import LossyConsumer
from liquidation_engine.runner.rpc_chain import RpcChain
from liquidation_engine.runner.sabotage import ImpatientChain, SecondSend, SignsAgain, WrongLedger
from liquidation_engine.runner.timeline import TimelineWatch
from liquidation_engine.runner.venues import Desk, ReferenceVenue
from liquidation_engine.stream import CandidateConsumer

log = structlog.get_logger(__name__)

RECLAIM_IDLE_MS = 6_000  # above the lease's life, so that a reclaimed entry finds the position free
LEASE_SECONDS = 5.0
FINALIZED_POLL_SECONDS = 5.0
SABOTAGED: Mapping[str, type[ReferenceLending]] = {"blind-second-send": SecondSend, "sign-again-on-timeout": SignsAgain}


async def run_workers(instance: Instance, stop: asyncio.Event) -> None:
    """Work on candidates until `stop`."""
    settings = instance.settings
    async with AsyncExitStack() as stack:
        confirmer = await stack.enter_async_context(Confirmer(instance.rpc, settings.websocket_urls))
        lending = _lending(instance)
        await _open_funds(instance, lending)
        intents = WrongLedger(instance.database) if _sabotaged(instance, "wrong-ledger") else Intents(instance.database)
        chain = RpcChain(instance.rpc, confirmer)
        if isinstance(lending, SignsAgain):
            chain = ImpatientChain(instance.rpc, confirmer, lending)
        finisher = Finisher(
            intents=intents,
            chain=chain,
            lending=lending,
            stages=instance.observation,
            clock=instance.clock,
            may_send=instance.kill_switch.may_sign,
        )
        worker = Worker(
            instance_id=settings.instance_id,
            guards=Guards(instance.database),
            intents=intents,
            failures=Failures(instance.database),
            lending=lending,
            finisher=finisher,
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
        timeline = TimelineWatch(
            Timeline(instance.database),
            expires_above=lambda: instance.blockhashes.current().expires_above,
            finalized_height=instance.rpc.block_height,
        )
        pool = Pool(
            consumer,
            worker,
            intents,
            instance.observation,
            limits=PoolLimits(concurrency=settings.worker_concurrency),
            may_begin=(lambda: True)
            if settings.dry_run
            else lambda: instance.kill_switch.may_sign() and not timeline.resting,
            ended=instance.observation.ended,
            runs=instance.observation,
            takes=takes(settings.tiers),
        )
        finality = asyncio.create_task(_watch_finality(instance, chain, finisher))
        instance.observation.mark_ready("worker")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(timeline.run(stop), name="database timeline")
                await pool.run(stop)
        finally:
            finality.cancel()
            await asyncio.gather(finality, return_exceptions=True)


def takes(tiers: Sequence[str]) -> Callable[[Candidate], bool]:
    """Return which candidates an instance takes up: those of a market, protocol or mint that TIERS names; all without it."""
    wanted = frozenset(tiers)

    def ours(candidate: Candidate) -> bool:
        return not wanted or not wanted.isdisjoint((candidate.market, candidate.protocol, *candidate.assets))

    return ours


def _lending(instance: Instance) -> Lending:
    settings, wallet = instance.settings, instance.wallet
    signer = None
    if not settings.dry_run:
        if wallet is None:
            raise ConfigError("a live worker needs a key: set WALLET_PATH")
        signer = Signer(wallet, allowed_programs(settings.program_id), instance.kill_switch.may_sign)
    desk = Desk(
        rpc=instance.rpc,
        wallet=wallet.pubkey if wallet else None,
        signer=signer,
        blockhashes=instance.blockhashes,
        fees=FeePolicy(ladder=FeeLadder(base=settings.base_priority_fee, cap=settings.max_priority_fee)),
        sol_price_micro_usd=settings.sol_price_micro_usd,
        flash_loan=settings.flash_loan,
        lookup_tables=settings.lookup_tables,
        liquidator=settings.liquidator_account,
        version=settings.program_version,
    )
    which, program = instance.venue, settings.program_id
    if isinstance(which, ReferenceVenue) and instance.sabotage is not None:
        kind = SABOTAGED.get(instance.sabotage.kind, ReferenceLending)
        return which.lending(desk, program, instance.market, kind)
    return which.lending(desk, program, instance.market)


def _sabotaged(instance: Instance, kind: str) -> bool:
    return instance.sabotage is not None and instance.sabotage.kind == kind


async def _open_funds(instance: Instance, lending: Lending) -> None:
    """Open the books of each insurance fund with its balance on chain, unless they are open."""
    if not isinstance(lending, ReferenceLending):
        return  # no other program has funds of ours
    funds = Funds(instance.database)
    slot, balances = await lending.fund_balances()
    for mint, balance in balances.items():
        address, vault = lending.funds[mint]
        await funds.open(mint, address, vault, balance, slot)


async def _watch_finality(instance: Instance, chain: RpcChain, finisher: Finisher) -> None:
    """Look at landed intents again until they are finalized, or taken back."""
    finality = Finality(
        Intents(instance.database),
        chain,
        settle_again=finisher.settle_again,
        may_send=instance.kill_switch.may_sign,
    )
    while True:
        await asyncio.sleep(FINALIZED_POLL_SECONDS)
        try:
            await finality.check()
        except Exception:
            log.exception("Finality could not be checked", instance=instance.settings.instance_id)
