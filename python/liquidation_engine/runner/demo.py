"""The demo: a whole cluster on this machine, a market in motion, and an independent judge at the end.

Servers, localnet, one leader, several workers and the API start as processes of their own; the prices move by slot and wait for nobody; the
auditor, which shares no code with the engine, judges the recording and the books. Whatever happens, everything started is ended.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from liquidation_engine.chain import RpcClient, Wallet
from liquidation_engine.config import Settings
from liquidation_engine.database import Database, History, Instances, Intents
from liquidation_engine.database.migrate import migrate
from liquidation_engine.database.scratch import drop_database, scratch_url
from liquidation_engine.errors import ConfigError, LiquidationEngineError, ServerError
from liquidation_engine.localnet.scenarios import NAMES as SCENARIOS
from liquidation_engine.runner.demo_report import Progress, show, summary
from liquidation_engine.runner.faults import DemoSetup, FaultPlan
from liquidation_engine.runner.processes import TERM_SECONDS, Child, Children, end, first_line, log_tail
from liquidation_engine.runner.sabotage import KINDS as SABOTAGES
from liquidation_engine.servers import EmbeddedServers, ServerUrls
from liquidation_engine.stream.scratch import borrow, give_back
from liquidation_engine.telemetry.stages import summarise

INTERRUPTED_SECONDS = 1.0  # a child gets no more after Ctrl-C, of the five that all may take
READY_SECONDS = 60.0
SILENCE_SECONDS = 20.0  # for which Postgres may be away
FINAL_SECONDS = 60.0  # a transaction that vanished may land again for 150 blocks
QUIET_SAMPLES = 8
SETTLE_SECONDS = 20.0  # after the last slot: what is in flight may still end
FINALIZED_LAG = 8
LOSE_NOTIFICATIONS_EVERY = 40
LOSE_CANDIDATES_EVERY = 25
SCAN_SECONDS = 2.0
SYNC_SECONDS = 8.0
RECORDING = "recording.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """The command's options."""

    positions: int
    workers: int
    scenario: str
    seed: int
    json: bool
    keep_running: bool
    missed_slots: int
    slot_ms: int
    port: int
    data_folder: Path | None
    sabotage: str | None


@dataclass(slots=True)
class Cluster:
    """What runs, and where."""

    options: DemoOptions
    folder: Path
    children: Children
    urls: ServerUrls
    wallet: str
    plan: FaultPlan
    setup: DemoSetup
    localnet: Child | None = None
    chain: dict[str, Any] = field(default_factory=dict)  # what localnet announced
    last_slot: int = 0


async def run_demo(options: DemoOptions) -> int:
    """Run the demo and return its exit code: 0 when the judge is content, 1 when not."""
    _check(options)
    task = asyncio.current_task()
    assert task is not None
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    progress = Progress(options.scenario, options.positions, options.workers)
    with progress, _folder(options) as folder:
        async with _cluster(options, folder, progress) as cluster:
            started = time.monotonic()
            report = await _play_and_judge(cluster, progress)
            result = summary(report, options, _latency(folder), cluster.children.pids("worker-"))
            progress.done(time.monotonic() - started)
            show(result, as_json=options.json)
            if options.keep_running:
                progress.say(f"still running; Ctrl-C ends it. Data: {folder}")
                await asyncio.Event().wait()
    return 0 if result["clean"] else 1


def _check(options: DemoOptions) -> None:
    if options.scenario not in SCENARIOS:
        raise ConfigError(f"unknown scenario {options.scenario!r}, expected one of {', '.join(SCENARIOS)}")
    if options.sabotage is not None and options.sabotage not in SABOTAGES:
        raise ConfigError(f"unknown sabotage {options.sabotage!r}, expected one of {', '.join(SABOTAGES)}")


@contextlib.contextmanager
def _folder(options: DemoOptions) -> Iterator[Path]:
    """Give the demo its folder: the one asked for, or one that goes when all is well."""
    if options.data_folder is not None:
        options.data_folder.mkdir(parents=True, exist_ok=True)
        yield options.data_folder.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="liquidation-demo-"))
    folder.chmod(0o755)  # the embedded Postgres runs as another user when we are root
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def _cluster(options: DemoOptions, folder: Path, progress: Progress) -> AsyncIterator[Cluster]:
    plan, setup = FaultPlan.from_environment(os.environ), DemoSetup.from_environment(os.environ)

    def ended(child: Child, code: int) -> None:
        progress.child_ended(child, code)
        child.environment = {**child.environment, **plan.next_start(child.name)}

    children = Children(log_folder=folder, on_exit=ended)
    given = Given(os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL"))
    servers = EmbeddedServers(folder / "servers", database_url=given.database_url, redis_url=given.redis_url)
    patience = INTERRUPTED_SECONDS
    try:
        progress.say("starting Postgres and Valkey")
        await given.borrow()
        urls = await servers.start()
        await migrate(urls.database_url)
        wallet = Wallet.create(folder / "wallet.json").pubkey
        cluster = Cluster(options, folder, children, urls, wallet, plan, setup)
        await _start(cluster, progress)
        yield cluster
        patience = TERM_SECONDS
    finally:
        # In one piece, whatever interrupts us meanwhile: every child gets a moment, then the servers go.
        await asyncio.shield(_clean_up(children, given, servers, patience))


class Given:
    """Servers that were there before the demo: it uses a database of its own on them, and leaves nothing behind."""

    def __init__(self, database_url: str | None, redis_url: str | None) -> None:
        self.database_url = scratch_url(database_url) if database_url else None
        self.redis_url = redis_url
        self._borrowed = False

    async def borrow(self) -> None:
        """Make the database; refuse a Redis that an engine uses."""
        if self.redis_url:
            await borrow(self.redis_url)
        self._borrowed = True
        if self.database_url:
            await migrate(self.database_url)

    async def give_back(self) -> None:
        """Remove what the demo made."""
        if self._borrowed and self.redis_url:
            await give_back(self.redis_url)
        if self._borrowed and self.database_url:
            await drop_database(self.database_url)


async def _clean_up(children: Children, given: Given, servers: EmbeddedServers, patience: float) -> None:
    await children.stop(seconds=patience)
    with contextlib.suppress(LiquidationEngineError):
        await given.give_back()
    await servers.stop()


async def _start(cluster: Cluster, progress: Progress) -> None:
    options = cluster.options
    progress.say(f"building the market: {options.positions} positions, seed {options.seed}")
    cluster.localnet = await cluster.children.start("localnet", _localnet_arguments(cluster), {}, pipes=True)
    cluster.chain = orjson.loads(await first_line(cluster.localnet, seconds=READY_SECONDS))
    progress.say(cluster.chain["statement"])
    sabotage = ["--sabotage", options.sabotage] if options.sabotage else []
    instances = ["leader", *(f"worker-{number}" for number in range(1, options.workers + 1)), "api"]
    instances += [name for name in cluster.plan.instances if name not in instances]
    progress.say(f"starting leader, {options.workers} workers and the API")
    for name in instances:
        await cluster.children.start(
            name, ["run", "--live", *sabotage], _environment(cluster, name), restart=name != "api"
        )
    api = await _until_ready(cluster, set(instances))
    progress.say(f"API at {api}/docs, dashboard at {api}/")


def _localnet_arguments(cluster: Cluster) -> list[str]:
    options = cluster.options
    return [
        "localnet",
        "--port=0",
        f"--slot-ms={options.slot_ms}",
        f"--scenario={options.scenario}",
        f"--positions={options.positions}",
        f"--seed={options.seed}",
        f"--liquidator={cluster.wallet}",
        f"--recording={cluster.folder / RECORDING}",
        f"--finalized-lag={FINALIZED_LAG}",
        f"--move-slots={cluster.setup.move_slots}",
        f"--tail-slots={cluster.setup.tail_slots}",
        f"--step-slots={cluster.setup.step_slots}",
        f"--lose-notifications={LOSE_NOTIFICATIONS_EVERY}",
        "--hold",
    ]


def _environment(cluster: Cluster, name: str) -> dict[str, str]:
    return {
        "DATABASE_URL": cluster.urls.database_url,
        "REDIS_URL": cluster.urls.redis_url,
        "SOLANA_RPC_URL": cluster.setup.urls(cluster.chain["url"]),
        "SOLANA_WS_URL": cluster.setup.urls(cluster.chain["ws_url"]),
        "PROGRAM_ID": cluster.chain["program"],
        "MARKET": cluster.chain["market"],
        "WALLET_PATH": str(cluster.folder / "wallet.json"),
        "INSTANCE_ID": name,
        "ROLES": name.split("-")[0],
        "SERVER_PORT": str(cluster.options.port) if name == "api" else "0",
        "SCAN_INTERVAL_SECONDS": str(SCAN_SECONDS),
        "SYNC_INTERVAL_SECONDS": str(SYNC_SECONDS),
        "LOSE_EVERY_CANDIDATE": str(LOSE_CANDIDATES_EVERY),
        "STAGE_LOG": str(cluster.folder / f"{name}.stages"),
        "LOG_LEVEL": "INFO",
        **cluster.setup.environment_of(name),
        **cluster.plan.next_start(name),
    }


async def _until_ready(cluster: Cluster, expected: set[str]) -> str:
    """Wait until every instance says that all its roles work, and return the API's address."""
    database = await Database.connect(cluster.urls.database_url, max_size=1)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            rows = {str(row["instance_id"]): row for row in await Instances(database).all()}
            waiting = sorted(name for name in expected if name not in rows or not _is_ready(rows[name]))
            if not waiting:
                return str(rows["api"]["stats"]["api"])
            ended = cluster.children.first_ended()
            if ended is not None:
                raise ServerError(f"{ended.name} ended before it was ready: {log_tail(ended.log)}")
            if time.monotonic() > deadline:
                log = cluster.folder / f"{waiting[0]}.log"
                raise ServerError(f"{waiting[0]} was not ready in time: {log_tail(log)}")
            await asyncio.sleep(0.1)
    finally:
        await database.close()


def _is_ready(row: Mapping[str, object]) -> bool:
    stats = row["stats"]
    return isinstance(stats, dict) and bool(stats.get("ready"))


async def _play_and_judge(cluster: Cluster, progress: Progress) -> dict[str, Any]:
    assert cluster.localnet is not None
    assert cluster.localnet.process.stdin is not None
    cluster.localnet.process.stdin.write(b"play\n")
    await cluster.localnet.process.stdin.drain()
    cluster.last_slot = orjson.loads(await first_line(cluster.localnet, seconds=READY_SECONDS))["last_slot"]
    await _follow(cluster, progress)
    if not cluster.options.keep_running:
        # No new candidates first, then nothing in flight, and only then the chain ends: every transaction has its books.
        await cluster.children.stop_named("leader")
        await _until_quiet(cluster)
        if cluster.setup.until_final:
            await _until_final(cluster)
        await cluster.children.stop_named("worker-")
        await end(cluster.localnet, seconds=5.0)
    progress.say("the auditor judges the recording and the books")
    return await _audit(cluster)


async def _follow(cluster: Cluster, progress: Progress) -> None:
    """Show how it goes until the scenario is over and everything in flight has ended."""
    database = await Database.connect(cluster.urls.database_url, max_size=2)
    rpc = RpcClient([cluster.chain["url"]])
    history = History(database)
    first_slot = await rpc.slot()
    settled_by: float | None = None
    heard = time.monotonic()
    try:
        while True:
            slot = await rpc.slot()
            try:
                counts = await history.progress()
                heard = time.monotonic()
            except ServerError:
                if time.monotonic() - heard > SILENCE_SECONDS:
                    raise
                await asyncio.sleep(0.5)
                continue
            progress.at(slot - first_slot, cluster.last_slot - first_slot, counts)
            if slot >= cluster.last_slot:
                settled_by = settled_by or time.monotonic() + SETTLE_SECONDS
                if counts["live_intents"] == 0 or time.monotonic() > settled_by:
                    return
            await asyncio.sleep(0.25)
    except LiquidationEngineError as error:
        raise ServerError(f"the demo's cluster is gone: {error}") from error
    finally:
        await rpc.close()
        await database.close()


async def _until_quiet(cluster: Cluster) -> None:
    """Wait until no intent has been live for a while; one that stays live is the judge's to see."""
    database = await Database.connect(cluster.urls.database_url, max_size=1)
    history = History(database)
    try:
        quiet, deadline = 0, time.monotonic() + SETTLE_SECONDS
        while quiet < QUIET_SAMPLES and time.monotonic() < deadline:
            quiet = quiet + 1 if (await history.progress())["live_intents"] == 0 else 0
            await asyncio.sleep(0.1)
    finally:
        await database.close()


async def _until_final(cluster: Cluster) -> None:
    """Wait until nothing that is booked as landed can vanish any more."""
    database = await Database.connect(cluster.urls.database_url, max_size=1)
    intents, deadline = Intents(database), time.monotonic() + FINAL_SECONDS
    try:
        while await intents.landed_not_finalized(1) and time.monotonic() < deadline:  # noqa: ASYNC110 - other processes decide
            await asyncio.sleep(0.25)
    finally:
        await database.close()


async def _audit(cluster: Cluster) -> dict[str, Any]:
    """Run the auditor in a process of its own and return its report."""
    options = cluster.options
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "liquidation_auditor",
        f"--recording={cluster.folder / RECORDING}",
        f"--database={cluster.urls.database_url}",
        f"--wallet={cluster.wallet}",
        f"--program={cluster.chain['program']}",
        f"--market={cluster.chain['market']}",
        f"--missed-slots={options.missed_slots}",
        f"--min-profit-micro-usd={Settings.model_fields['min_profit'].default}",
        "--json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(cluster.setup.audit_seconds):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise ServerError(f"the auditor was not done after {cluster.setup.audit_seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (0, 1) or not output.strip():
        tail = errors.decode(errors="replace").strip().splitlines()[-5:]
        raise ServerError("the auditor could not judge: " + "\n".join(tail))
    report: dict[str, Any] = orjson.loads(output)
    return report


def _latency(folder: Path) -> dict[str, dict[str, float]]:
    return {
        stage: {"p50": round(row["p50"], 3), "p99": round(row["p99"], 3)}
        for stage, row in summarise(sorted(folder.glob("*.stages"))).items()
    }
