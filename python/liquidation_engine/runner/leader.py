"""The leader role: keeps the book in step, watches, scans, mirrors what operators look at. A standby does all but publish."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from liquidation_engine.chain import (
    AccountUpdate,
    ChainAccount,
    Pulse,
    Reconnected,
    account_updates,
    program_updates,
    slots,
)
from liquidation_engine.cluster import LeaderLease
from liquidation_engine.database import Guards, Instances, PositionsTable
from liquidation_engine.database.positions import PositionRow
from liquidation_engine.detect.candidates import FirstSeen
from liquidation_engine.detect.scanner import Scanner
from liquidation_engine.detect.watcher import Watcher
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.ingest.accounts import AccountFeed
from liquidation_engine.ingest.forks import ForkWatch
from liquidation_engine.ingest.watched import WatchedAccounts
from liquidation_engine.model import CandidateReason
from liquidation_engine.runner.at_risk import AtRiskMirror
from liquidation_engine.runner.engine import Instance
from liquidation_engine.runner.market_book import BookRow, Crossings
from liquidation_engine.runner.observer import Observer
from liquidation_engine.runner.sabotage import OnceOnly
from liquidation_engine.runner.sweeps import SHARDS, Sweeps
from liquidation_engine.runner.venues import ReadBook, ReferenceMarket
from liquidation_engine.stream import AtRiskIndex, CandidateProducer

log = structlog.get_logger(__name__)

AT_RISK = 1.1
MIRROR_SECONDS = 1.0
MARKER_MARGIN_SECONDS = 0.25  # a need is noted a little before its marker is set
TRIM_SECONDS = 5.0
LAG_SECONDS = 2.0
RELUCTANT_SECONDS = 2.0  # for which a free lock is left to instances of LEADER_REGION
FORGET_SECONDS = 300.0


class Leader:
    """One instance's ingest, book, watcher and scanner."""

    def __init__(self, instance: Instance) -> None:
        settings = instance.settings
        self._instance = instance
        instance.observation.metrics.leader.set(0)
        once_only = instance.sabotage is not None and instance.sabotage.kind == "bit-never-cleared"
        self._book: ReadBook = instance.venue.book(settings.program_id, instance.market)
        if once_only:
            self._book = OnceOnly(settings.program_id, instance.market.address, self._book.watched)
        elsewhere = settings.leader_region not in (None, settings.region)
        self._lease = LeaderLease(
            instance.redis, settings.instance_id, reluctance_seconds=RELUCTANT_SECONDS if elsewhere else 0.0
        )
        self._stream = CandidateProducer(
            instance.redis, dedupe_seconds=settings.scan_interval_seconds, maxlen=settings.stream_maxlen
        )
        first_seen = FirstSeen()
        self._watcher = Watcher(self._book, self._stream, first_seen, publishing=self._publishing)
        self._scanner = Scanner(
            self._book,
            self._stream,
            Guards(instance.database),
            first_seen,
            publishing=self._publishing,
            shards=SHARDS,
            watched_seconds=settings.scan_interval_seconds + MARKER_MARGIN_SECONDS,
        )
        self._sweeps = Sweeps(
            self._scanner,
            self._read_watched,
            instance.observation,
            period_seconds=settings.scan_interval_seconds,
            positions=lambda: len(self._book),
            ready=lambda: self._ready.is_set(),
        )
        self._table = PositionsTable(instance.database)
        self._at_risk = AtRiskMirror(
            self._book,
            AtRiskIndex(instance.redis),
            assets=dict.fromkeys(instance.market.mint_of.values()),
            below=AT_RISK,
            active=lambda: self._ready.is_set() and self._lease.is_leader,
        )
        self._pulse = Pulse(lambda: instance.rpc.newest_slot)
        self._watched = WatchedAccounts(self._program_updates, self._account_updates)
        self._stop = asyncio.Event()
        self._touched: set[str] = set()  # changed accounts that the table does not show yet
        self._ready = asyncio.Event()

    def _publishing(self) -> bool:
        return self._lease.is_leader

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or stand by, until `stop`."""
        settings, self._stop = self._instance.settings, stop
        feed = AccountFeed(
            self._watched.updates,
            self._snapshot,
            self,
            sync_interval_seconds=settings.sync_interval_seconds,
            reread=self._reread,
            on_ready=self._on_ready,
        )
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(feed.run(stop)),
                group.create_task(self._advance(feed, stop)),
                group.create_task(self._mirror()),
                group.create_task(self._at_risk.run()),
                group.create_task(self._every(TRIM_SECONDS, self._stream.trim)),
                group.create_task(self._every(LAG_SECONDS, self._measure_lag)),
                group.create_task(self._every(FORGET_SECONDS, Instances(self._instance.database).forget_dead)),
            ]
            if isinstance(self._instance.market, ReferenceMarket):
                tasks.append(group.create_task(Observer(self._instance, leads=self._publishing).run(stop)))
            group.create_task(self._lease.run(self._elected, self._deposed, stop))
            if self._instance.sabotage is None or self._instance.sabotage.kind != "skip-scan":
                tasks.append(group.create_task(self._every(settings.scan_interval_seconds, self._sweeps.read_anew)))
                tasks.append(group.create_task(self._every(self._sweeps.turn_seconds, self._scan)))
            await stop.wait()
            for task in tasks:
                task.cancel()  # but not the lease, which hands leadership over

    async def on_updates(self, updates: Sequence[AccountUpdate], seen_ms: int) -> None:
        """Judge what changed and publish who crossed."""
        started = time.perf_counter_ns()
        self._instance.observation.reach("detect", "before")
        crossings = self._book.apply(updates)
        self._observe_detect(crossings, started)
        if crossings.crossed:
            self._instance.observation.reach("detect", "after")  # seen, and told to nobody
        self._touched.update(update.address for update in updates)
        positions = {update.address for update in updates}
        account = tuple(address for address in crossings.crossed if address in positions)
        price = tuple(address for address in crossings.crossed if address not in positions)
        await self._publish(Crossings(price, crossings.recovered), "price-move", seen_ms)
        await self._publish(Crossings(account, ()), "account", seen_ms)

    async def on_snapshot(self, slot: int, accounts: Sequence[ChainAccount], seen_ms: int) -> None:
        """Take a whole picture of the chain, unless the node left out the market itself."""
        if not any(account.address == self._book.market for account in accounts):
            log.error("Snapshot without the market ignored", accounts=len(accounts), slot=slot)
            return
        crossings = self._book.replace(slot, accounts)
        self._touched.update(account.address for account in accounts)
        await self._publish(crossings, "account", seen_ms)
        self._watched.watch(self._book.foreign)
        if self._book.foreign:
            try:
                await self._publish(await self._read_again(self._book.watched), "price-move", seen_ms)
            except LiquidationEngineError as error:
                log.warning(
                    "Oracles not read, they are read with the next look at what verdicts hang on", error=str(error)
                )

    async def _publish(self, crossings: Crossings, reason: CandidateReason, seen_ms: int) -> None:
        observation = self._instance.observation
        try:
            if crossings.crossed:
                observation.reach("queue", "before")
            await self._watcher.on_change(crossings.crossed, crossings.recovered, reason, seen_ms)
            if crossings.crossed:
                observation.reach("queue", "after")
        except LiquidationEngineError as error:
            # Redis is away: the scanner publishes what still stands when it is back.
            log.error("Candidates not published", crossed=len(crossings.crossed), error=str(error))

    def _observe_detect(self, crossings: Crossings, started_ns: int) -> None:
        milliseconds = (time.perf_counter_ns() - started_ns) / 1e6
        self._instance.observation.checked(crossings.evaluated)
        for address in crossings.crossed:
            self._instance.observation.observe("detect", address, milliseconds)

    def _program_updates(self) -> AsyncIterator[AccountUpdate | Reconnected]:
        settings = self._instance.settings
        return program_updates(
            settings.websocket_urls, settings.program_id, kinds=self._kinds(), stop=self._stop, pulse=self._pulse
        )

    def _account_updates(self, addresses: Sequence[str]) -> AsyncIterator[AccountUpdate | Reconnected]:
        urls = self._instance.settings.websocket_urls
        return account_updates(urls, addresses, stop=self._stop, pulse=self._pulse)

    def _kinds(self) -> Sequence[Sequence[Mapping[str, Any]]]:
        return self._instance.venue.kinds(self._instance.market)

    async def _snapshot(self) -> tuple[int, Sequence[ChainAccount]]:
        """Read the market's accounts; kinds are read one after the other, and each account tells its slot."""
        program, slots, accounts = self._instance.settings.program_id, [], list[ChainAccount]()
        for filters in self._kinds():
            slot, found = await self._instance.rpc.program_accounts(program, filters=filters)
            slots.append(slot)
            accounts += [account for _, account in found]
        return min(slots), accounts

    async def _reread(self, addresses: Sequence[str], slot: int) -> Sequence[ChainAccount]:
        _, found = await self._instance.rpc.accounts(addresses, min_context_slot=slot)
        return [account for account in found if account is not None]

    async def _advance(self, feed: AccountFeed, stop: asyncio.Event) -> None:
        """Let interest grow and prices age with every slot; take back what a fork undid."""
        forks = ForkWatch()
        async for new in slots(self._instance.settings.websocket_urls, stop, self._pulse):
            if (kept_slot := forks.left(new)) is not None:
                log.warning("Fork left", kept_slot=kept_slot, slot=new.slot)
                feed.left(kept_slot, new.slot)
            if self._ready.is_set():
                crossings = self._book.advance(new.slot)
                self._instance.observation.checked(crossings.evaluated)
                if crossings.crossed or crossings.recovered:
                    await self._publish(crossings, "price-move", _now_ms())

    async def _scan(self) -> None:
        await self._sweeps.turn()
        self._instance.observation.metrics.overdue_positions.set(self._scanner.overdue)

    async def _read_watched(self) -> None:
        """Take the accounts that everybody's verdict hangs on as a node shows them now."""
        crossings = await self._read_again(self._book.watched)
        self._watched.watch(self._book.foreign)
        await self._publish(crossings, "price-move", _now_ms())

    async def _read_again(self, addresses: Iterable[str]) -> Crossings:
        _, found = await self._instance.rpc.accounts(list(addresses))
        return self._book.apply([account for account in found if account is not None])

    async def _measure_lag(self) -> None:
        if self._ready.is_set():
            chain_slot = await self._instance.rpc.slot()
            self._instance.observation.metrics.slot_lag.set(max(0, chain_slot - self._book.slot))

    async def _mirror(self) -> None:
        """Show operators changed positions and the at-risk band, each second."""
        while True:
            await asyncio.sleep(MIRROR_SECONDS)
            if not self._ready.is_set() or not self._lease.is_leader:
                continue
            touched, self._touched = self._touched, set()
            rows = {row.position: row for row in self._book.rows(AT_RISK)}
            if touched:
                rows.update((row.position, row) for row in self._book.rows(among=touched))
            try:
                await self._table.upsert([self._row(row) for row in rows.values()])
            except LiquidationEngineError as error:
                log.warning("Positions not mirrored", error=str(error))
                self._touched |= touched
            self._instance.observation.positions_monitored(len(self._book))

    def _row(self, row: BookRow) -> PositionRow:
        return PositionRow(
            position_pubkey=row.position,
            owner_pubkey=row.owner,
            protocol=self._book.protocol,
            market=self._book.market,
            health_factor=row.health_factor,
            liquidatable=row.liquidatable,
            collateral_micro_usd=row.collateral_micro_usd,
            debt_micro_usd=row.debt_micro_usd,
            legs=self._book.legs(row.position),
            as_of_slot=max(row.slot, self._book.slot),
        )

    async def _every(self, seconds: float, act: Callable[[], Awaitable[object]]) -> None:
        while True:
            started = time.monotonic()
            try:
                await act()
            except LiquidationEngineError as error:
                log.error("Leader duty failed", duty=getattr(act, "__name__", "?"), error=str(error))
            await asyncio.sleep(max(0.0, seconds - (time.monotonic() - started)))

    async def _on_ready(self) -> None:
        self._ready.set()
        log.info("Book is warm", positions=len(self._book), slot=self._book.slot)
        self._instance.observation.mark_ready("leader")

    async def _elected(self) -> None:
        log.info("Elected leader", instance=self._instance.settings.instance_id)
        self._instance.observation.metrics.leader.set(1)
        # Whoever is liquidatable now is published by this leader, whatever its predecessor did or an emptied Redis forgot.
        self._scanner.forget()
        try:
            if self._ready.is_set():
                await self._scanner.scan(_now_ms())
        except LiquidationEngineError as error:
            log.error("First scan failed, the next one follows", error=str(error))

    async def _deposed(self) -> None:
        log.warning("No longer leader", instance=self._instance.settings.instance_id)
        self._instance.observation.metrics.leader.set(0)


async def run_leader(instance: Instance, stop: asyncio.Event) -> None:
    """Lead, or stand by, until `stop`."""
    await Leader(instance).run(stop)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
