"""Builds one instance of the engine from its settings and runs it until it is told to stop.

Everything concrete is named here and in `leader` and `workers`. Shutdown: stop producing, finish or release what is held, close clients.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from liquidation_engine.chain import BlockhashCache, RpcClient, Wallet
from liquidation_engine.clock import SystemClock
from liquidation_engine.cluster import KillSwitchCache
from liquidation_engine.config import Settings
from liquidation_engine.database import Database, KillSwitch, bind_chain, check_version
from liquidation_engine.errors import ConfigError, LiquidationEngineError, RpcError, ServerError
from liquidation_engine.runner.observation import Observation
from liquidation_engine.runner.sabotage import Sabotage
from liquidation_engine.runner.venues import Market, Venue, venue
from liquidation_engine.stream import Redis, connect
from liquidation_engine.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from liquidation_engine.runner.heartbeat import Signs

log = structlog.get_logger(__name__)

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What the roles of one instance share."""

    settings: Settings
    database: Database
    redis: Redis
    rpc: RpcClient
    blockhashes: BlockhashCache
    kill_switch: KillSwitchCache
    venue: Venue
    market: Market
    wallet: Wallet | None  # None in a dry run without a key
    clock: SystemClock
    observation: Observation
    sabotage: Sabotage | None


async def run_engine(settings: Settings, *, sabotage: str | None = None) -> None:
    """Run the instance until SIGTERM or SIGINT; raises `LiquidationEngineError` for what keeps it from starting."""
    configure_logs(settings.log_level)
    structlog.contextvars.bind_contextvars(instance=settings.instance_id)
    log.info("Starting Liquidation Engine", roles=",".join(settings.active_roles), dry_run=settings.dry_run)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with _instance(settings, sabotage) as instance:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(instance.kill_switch.run(stop), name="kill switch")
                group.create_task(instance.rpc.watch(stop), name="endpoints")
                group.create_task(_signs(instance).run(stop), name="heartbeat")
                if "api" not in settings.active_roles:
                    group.create_task(_run_role("operation", instance, stop), name="operation")
                for role in settings.active_roles:
                    group.create_task(_run_role(role, instance, stop), name=role)
        except* LiquidationEngineError as errors:
            for error in errors.exceptions:
                log.error("Engine stopped by an error", error=str(error))
            raise SystemExit(1) from errors
    log.info("Engine stopped")


async def _run_role(role: str, instance: Instance, stop: asyncio.Event) -> None:
    """Run one role; a role that ends before `stop` ends the instance."""
    # Imported here, so that an instance loads only what its roles need.
    if role == "leader":
        from liquidation_engine.runner.leader import run_leader

        await run_leader(instance, stop)
    elif role == "worker":
        from liquidation_engine.runner.workers import run_workers

        await run_workers(instance, stop)
    elif role == "operation":
        from liquidation_engine.runner.operation import run_operation

        await run_operation(instance, stop)
    else:
        from liquidation_engine.runner.api import run_api

        await run_api(instance, stop)
    if not stop.is_set():
        raise ServerError(f"the role {role} ended by itself")


def _signs(instance: Instance) -> "Signs":
    from liquidation_engine.runner.heartbeat import Signs

    return Signs(instance)


@asynccontextmanager
async def _instance(settings: Settings, sabotage: str | None) -> AsyncIterator[Instance]:
    wallet = wallet_of(settings)
    if wallet is None and not settings.dry_run and "worker" in settings.active_roles:
        raise ConfigError(
            "a live worker needs a key: set WALLET_PATH to a key file (JSON array of 64 bytes, mode 0600)"
        )
    which = venue(settings.protocol)
    if sabotage and settings.protocol != "reference":
        raise ConfigError(f"sabotage is for the reference program, and PROTOCOL is {settings.protocol}")
    sabotaged = Sabotage.named(sabotage, settings.rpc_urls) if sabotage else None
    async with AsyncExitStack() as stack:
        database = await Database.connect(
            settings.database_url.get_secret_value(), max_size=settings.database_pool_size
        )
        stack.push_async_callback(database.close)
        log.info("Database connected successfully")
        await check_version(database)
        client = await connect(settings.redis_url.get_secret_value())
        stack.push_async_callback(client.aclose)
        rpc = RpcClient(
            settings.rpc_urls,
            timeout_seconds=settings.rpc_timeout_ms / 1000,
            asked_for_fate=1 if sabotage == "trust-one-unknown" else 2,
        )
        stack.push_async_callback(rpc.close)
        with first_contact():
            genesis_hash = await rpc.genesis_hash()
        await bind_chain(database, genesis_hash, settings.program_id)
        log.info("monitoring program:", program=settings.program_id)
        with first_contact():
            market = await which.load(rpc, settings.program_id, settings.market)
        blockhashes = await stack.enter_async_context(BlockhashCache(rpc))
        # A connection of its own: whoever waits for a row must not keep this instance from knowing whether it may sign.
        switch_database = await Database.connect(settings.database_url.get_secret_value(), max_size=1)
        stack.push_async_callback(switch_database.close)
        kill_switch = KillSwitchCache(_switch_reader(switch_database), redis=client)
        await kill_switch.refresh()
        observation = Observation.of(settings)
        stack.callback(observation.close)
        yield Instance(
            settings=settings,
            database=database,
            redis=client,
            rpc=rpc,
            blockhashes=blockhashes,
            kill_switch=kill_switch,
            venue=which,
            market=market,
            wallet=wallet,
            clock=SystemClock(),
            observation=observation,
            sabotage=sabotaged,
        )


@contextmanager
def first_contact() -> Iterator[None]:
    """Turn a node's first failure into bad input; later ones are waited out."""
    try:
        yield
    except RpcError as error:
        raise ConfigError(f"{error}; check that the node runs and that SOLANA_RPC_URL points to it") from error


def wallet_of(settings: Settings) -> Wallet | None:
    """Return the wallet, None where no key is set."""
    if settings.wallet_path is not None:
        return Wallet.from_file(settings.wallet_path)
    if settings.liquidator_private_key is not None:
        log.warning("The key is in the environment, where other processes may read it; WALLET_PATH is safer")
        return Wallet.from_secret(settings.liquidator_private_key.get_secret_value())
    return None


def _switch_reader(database: Database) -> Callable[[], Awaitable[tuple[bool, str | None]]]:
    switch = KillSwitch(database)

    async def read() -> tuple[bool, str | None]:
        state = await switch.state()
        return state.stopped, state.reason

    return read
