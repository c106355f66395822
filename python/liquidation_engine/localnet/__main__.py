"""`python -m liquidation_engine.localnet`: serve a chain until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.localnet.localnet import Localnet
from liquidation_engine.localnet.settings import FaultSettings, LocalnetSettings

EXIT_BAD_INPUT = 2


async def serve(settings: LocalnetSettings, scenario: Callable[[Localnet], None] | None = None) -> None:
    """Serve a chain until SIGINT or SIGTERM; `scenario` fills it and hooks itself in before it starts."""
    localnet = Localnet(settings)
    if scenario is not None:
        scenario(localnet)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with localnet:
        sys.stdout.write(f"localnet ready: {localnet.url} (websocket {localnet.ws_url})\n")
        sys.stdout.flush()
        waits = {asyncio.create_task(stop.wait()), asyncio.create_task(localnet.wait_closed())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        settings = _settings(_parser().parse_args(arguments))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (LiquidationEngineError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m liquidation_engine.localnet", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8899, help="0 takes a free one")
    add("--slot-ms", type=int, default=400, help="how long a slot lasts")
    add("--stepped", action="store_true", help="make blocks only when localnet_step is called")
    add("--first-slot", type=int, default=1_000)
    add("--skip-every", type=int, default=20, help="every n-th slot has no block; 0 skips none")
    add("--confirmed-lag", type=int, default=1, help="in slots")
    add("--finalized-lag", type=int, default=32, help="in slots")
    add("--recording", type=Path, help="SQLite file that everything is recorded in")
    add("--seed", type=int, help="the same seed gives the same genesis hash and blockhashes")
    add("--latency-ms", type=int, default=0, help="every answer waits for so long")
    add("--drop-every", type=int, default=0, help="drop every n-th send")
    add("--drop-sends", type=float, default=0.0, help="drop each send with this probability")
    add("--lose-every", type=int, default=0, help="lose every n-th account or program notification")
    return parser


def _settings(options: argparse.Namespace) -> LocalnetSettings:
    return LocalnetSettings(
        host=options.host,
        port=options.port,
        slot_milliseconds=options.slot_ms,
        stepped=options.stepped,
        first_slot=options.first_slot,
        skip_every=options.skip_every,
        confirmed_lag=options.confirmed_lag,
        finalized_lag=options.finalized_lag,
        recording=options.recording,
        seed=options.seed,
        faults=FaultSettings(
            latency_milliseconds=options.latency_ms,
            drop_every=options.drop_every,
            drop_probability=options.drop_sends,
            lose_every=options.lose_every,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
