"""`stop` and `resume`: the kill switch, turned in Postgres and announced through Redis so that every instance feels it at once."""

import asyncio
import getpass
import socket
from pathlib import Path
from typing import Annotated

import typer

from liquidation_engine.cli.output import print_json
from liquidation_engine.cli.servers import AsJson, Config, DatabaseUrl, RedisUrl, database_of, redis_of
from liquidation_engine.cluster import announce
from liquidation_engine.database import KillSwitch, KillSwitchState
from liquidation_engine.errors import LiquidationEngineError


def stop(
    reason: Annotated[str, typer.Option(help="Shown wherever signing is refused.", show_default=False)],
    config_file: Config = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    json: AsJson = False,
) -> None:
    """Forbid new transactions on all instances, within a second. What was sent may still land, and is booked."""
    state, announced = asyncio.run(_turn(reason, database_url, redis_url, config_file))
    _tell(state, announced, json)


def resume(
    config_file: Config = None, database_url: DatabaseUrl = None, redis_url: RedisUrl = None, json: AsJson = False
) -> None:
    """Allow new transactions again."""
    state, announced = asyncio.run(_turn(None, database_url, redis_url, config_file))
    _tell(state, announced, json)


async def _turn(
    reason: str | None, database_url: str | None, redis_url: str | None, config_file: Path | None
) -> tuple[KillSwitchState, bool]:
    """Turn the switch on with a reason, or off; say whether it was announced. Postgres alone decides."""
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    async with database_of(database_url, config_file) as database:
        switch = KillSwitch(database)
        state = await (switch.resume(by) if reason is None else switch.stop(reason, by))
    try:
        async with redis_of(redis_url, config_file) as redis:
            await announce(redis, stopped=state.stopped)
    except LiquidationEngineError:
        return state, False  # the instances' own reading of Postgres finds it within a second
    return state, True


def _tell(state: KillSwitchState, announced: bool, as_json: bool) -> None:
    if as_json:
        print_json({**state._asdict(), "announced": announced})
        return
    since = f"since {state.changed_at:%Y-%m-%d %H:%M:%S} UTC"
    typer.echo(f"stopped: {state.reason}, {since}" if state.stopped else f"running, {since}")
    if not announced:
        typer.echo("Redis could not be told: instances read it in Postgres within a second", err=True)
