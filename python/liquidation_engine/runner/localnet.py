"""Serves a localnet with, if asked for, a scenario's market on it; prints one line of JSON when it is ready."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from liquidation_engine._core import to_base58
from liquidation_engine.errors import ConfigError
from liquidation_engine.localnet import Localnet
from liquidation_engine.localnet.scenarios import Scenario, ScenarioSettings
from liquidation_engine.localnet.settings import FaultSettings, LocalnetSettings
from liquidation_engine.protocols.reference import addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalnetOptions:
    """The command's options."""

    port: int
    slot_ms: int
    stepped: bool
    confirmed_lag: int
    finalized_lag: int
    recording: Path | None
    latency_ms: int
    drop_sends: float
    lose_notifications: int
    scenario: str | None
    positions: int
    seed: int
    liquidator: str | None
    hold: bool
    move_slots: int = 90
    tail_slots: int = 55
    step_slots: int = 4


async def serve_localnet(options: LocalnetOptions) -> None:
    """Serve until SIGTERM or SIGINT; raises `ConfigError` or `AddressInUse` for what keeps it from starting."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    scenario = _scenario(options)
    localnet = Localnet(_settings(options))
    if scenario is not None:
        scenario.install(localnet.chain)
        localnet.on_slot(scenario.play)
        localnet.on_fork(scenario.forked)
        if options.lose_notifications:
            localnet.faults.lose_notifications(every=options.lose_notifications, pubkeys=scenario.position_addresses)
    async with localnet:
        _announce(localnet, scenario)
        if scenario is not None:
            if options.hold:
                await _line_or_stop(stop)
            scenario.start(localnet.chain.slot)
            _say({"last_slot": scenario.last_slot})
        closed = asyncio.create_task(localnet.wait_closed())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({closed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if closed.done():
            await closed
        closed.cancel()


def _settings(options: LocalnetOptions) -> LocalnetSettings:
    try:
        return LocalnetSettings(
            port=options.port,
            slot_milliseconds=options.slot_ms,
            stepped=options.stepped,
            confirmed_lag=options.confirmed_lag,
            finalized_lag=options.finalized_lag,
            recording=options.recording,
            faults=FaultSettings(latency_milliseconds=options.latency_ms, drop_probability=options.drop_sends),
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _scenario(options: LocalnetOptions) -> Scenario | None:
    if options.scenario is None:
        return None
    liquidator = addresses.parse(options.liquidator or to_base58(os.urandom(32)))
    settings = ScenarioSettings(
        name=options.scenario,
        positions=options.positions,
        seed=options.seed,
        slot_milliseconds=options.slot_ms,
        move_slots=options.move_slots,
        tail_slots=options.tail_slots,
        step_slots=options.step_slots,
    )
    return Scenario.build(settings, liquidator=liquidator)


def _announce(localnet: Localnet, scenario: Scenario | None) -> None:
    line: dict[str, object] = {"url": localnet.url, "ws_url": localnet.ws_url}
    if scenario is not None:
        line |= {
            "program": str(scenario.program_id),
            "market": str(scenario.market),
            "statement": scenario.statement,
            "price_steps": len(scenario.price_steps),
        }
    _say(line)


def _say(line: Mapping[str, object]) -> None:
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


async def _line_or_stop(stop: asyncio.Event) -> None:
    """Wait for a line on stdin (or its end), or for `stop`."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    waiting = {asyncio.create_task(reader.readline()), asyncio.create_task(stop.wait())}
    _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
