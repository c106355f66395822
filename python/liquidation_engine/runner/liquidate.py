"""Liquidates one position that somebody named: looks, plans, simulates, and, only when told to, does what a worker does.

The live half is the worker itself, told to stop after one transaction: guard, fresh read, plan, simulation, intent, send, confirmation,
books. Without a database the intent lives in this process alone.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from liquidation_engine._core import candidate_id, from_base58
from liquidation_engine.chain import (
    BlockhashCache,
    Confirmer,
    FeeLadder,
    FeePolicy,
    RpcClient,
    Signer,
    Wallet,
    allowed_programs,
)
from liquidation_engine.clock import SystemClock
from liquidation_engine.config import Settings
from liquidation_engine.errors import ConfigError
from liquidation_engine.execute.books import ledger_of
from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy
from liquidation_engine.execute.ports import Lending
from liquidation_engine.execute.retry import BackOff
from liquidation_engine.execute.worker import Deferred, Worker, WorkerPolicy, decide, simulate
from liquidation_engine.model import (
    Candidate,
    Landed,
    LandedFailed,
    LedgerEntry,
    Outcome,
    Plan,
    Simulated,
)
from liquidation_engine.runner.engine import first_contact, wallet_of
from liquidation_engine.runner.observation import Observation
from liquidation_engine.runner.one_books import Books, open_books
from liquidation_engine.runner.position import Explained, client, explain
from liquidation_engine.runner.rpc_chain import RpcChain
from liquidation_engine.runner.venues import Desk, venue

Ending = Outcome | Deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found and done. `decision` is what was shown; a live run plans anew from a fresh read, as every worker does."""

    explained: Explained
    decision: Plan | Ending
    simulated: Simulated | Ending | None  # None without a plan, or without a key to simulate with
    sent: Ending | None  # None where nothing was tried
    moved: tuple[LedgerEntry, ...] = ()  # what the wallet lost and gained, by the chain's record
    in_database: bool = False

    @property
    def is_done(self) -> bool:
        """Whether what was asked for is so: landed, or, in a dry run, ready to be sent."""
        if self.sent is not None:
            return isinstance(self.sent, Landed)
        return isinstance(self.decision, Plan) and isinstance(self.simulated, Simulated | None)


async def explain_position(settings: Settings, position: str) -> Explained:
    """Return the position explained."""
    async with client(settings) as rpc:
        with first_contact():
            await rpc.genesis_hash()
        return await explain(rpc, venue(settings.protocol), settings, position)


async def liquidate_position(settings: Settings, position: str, *, say: Callable[[str], None]) -> Report:
    """Plan one liquidation and try it out; unless `settings` ask for a dry run, execute it as well."""
    wallet = wallet_of(settings)
    async with AsyncExitStack() as stack:
        rpc = await stack.enter_async_context(client(settings))
        with first_contact():
            genesis_hash = await rpc.genesis_hash()
        which = venue(settings.protocol)
        say(f"reading {position}")
        explained = await explain(rpc, which, settings, position)
        market = await which.load(rpc, settings.program_id, explained.place.market)
        books: Books | None = None
        if not settings.dry_run:
            books = await stack.enter_async_context(open_books(settings, genesis_hash, say))
        blockhashes = await stack.enter_async_context(BlockhashCache(rpc))
        desk = Desk(
            rpc=rpc,
            wallet=wallet.pubkey if wallet else None,
            signer=_signer(settings, wallet, books),
            blockhashes=blockhashes,
            fees=FeePolicy(ladder=FeeLadder(base=settings.base_priority_fee, cap=settings.max_priority_fee)),
            sol_price_micro_usd=settings.sol_price_micro_usd,
            flash_loan=settings.flash_loan,
            lookup_tables=settings.lookup_tables,
            liquidator=settings.liquidator_account,
            version=settings.program_version,
        )
        lending, candidate = which.lending(desk, settings.program_id, market), _candidate(explained)
        say("planning and simulating")
        decision, simulated = await _try_out(settings, lending, candidate)
        report = Report(
            explained=explained,
            decision=decision,
            simulated=simulated if wallet else None,
            sent=None,
            in_database=books is not None and books.in_database,
        )
        if books is None or not isinstance(simulated, Simulated):
            return report
        say("sending, and waiting until it is confirmed")
        sent = await _send(settings, rpc, lending, books, candidate)
        return Report(
            explained=explained,
            decision=decision,
            simulated=simulated,
            sent=sent,
            moved=_moved(sent, lending),
            in_database=books.in_database,
        )


def _signer(settings: Settings, wallet: Wallet | None, books: Books | None) -> Signer | None:
    if books is None:
        return None
    if wallet is None:
        raise ConfigError("--live needs a key: give --keypair FILE (JSON array of 64 bytes, mode 0600)")
    return Signer(wallet, allowed_programs(settings.program_id), books.may_sign)


def _candidate(explained: Explained) -> Candidate:
    place = explained.place
    position = explained.position
    return Candidate(
        position=position,
        protocol=explained.protocol,
        market=place.market,
        owner=place.owner,
        assets=place.assets,
        reason="manual",
        slot=explained.slot,
        ts=time.time_ns() // 1_000_000,
        id=candidate_id(from_base58(position), place.digest),
    )


def _plan_policy(settings: Settings) -> PlanPolicy:
    return PlanPolicy(min_profit_micro_usd=settings.min_profit, max_loss_micro_usd=settings.max_bad_debt_loss)


async def _try_out(
    settings: Settings, lending: Lending, candidate: Candidate
) -> tuple[Plan | Ending, Simulated | Ending | None]:
    reading = await lending.read(candidate, min_context_slot=candidate.slot)
    decision = decide(reading, _plan_policy(settings), lending)
    return decision, await simulate(decision, lending) if isinstance(decision, Plan) else None


async def _send(settings: Settings, rpc: RpcClient, lending: Lending, books: Books, candidate: Candidate) -> Ending:
    """Let a worker handle the candidate: one signature, one transaction, until its end is known and written down."""
    clock, stages = SystemClock(), Observation.of(settings)
    async with Confirmer(rpc, settings.websocket_urls) as confirmer:
        finisher = Finisher(
            intents=books.intents,
            chain=RpcChain(rpc, confirmer),
            lending=lending,
            stages=stages,
            clock=clock,
            may_send=books.may_sign,
        )
        worker = Worker(
            instance_id=settings.instance_id,
            guards=books.guards,
            intents=books.intents,
            failures=books.failures,
            lending=lending,
            finisher=finisher,
            leases=books.leases,
            stages=stages,
            clock=clock,
            policy=WorkerPolicy(
                plan=_plan_policy(settings),
                back_off=BackOff(),
                retry_attempts=1,
                retry_budget=settings.retry_budget,
                dry_run=False,
            ),
        )
        try:
            return await worker.handle(candidate, may_stay=lambda: False)
        finally:
            stages.close()


def _moved(sent: Ending | None, lending: Lending) -> tuple[LedgerEntry, ...]:
    """Return what the transaction changed in the wallet."""
    if not isinstance(sent, Landed | LandedFailed):
        return ()
    return tuple(entry for entry in ledger_of(sent.record, lending.roles) if entry.account == "wallet")
