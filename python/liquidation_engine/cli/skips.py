"""`skips`: the positions that are left alone for a while because they keep failing, and why."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from liquidation_engine.cli.output import not_done, print_json, print_table
from liquidation_engine.cli.servers import AsJson, Config, DatabaseUrl, database_of
from liquidation_engine.database import Guards
from liquidation_engine.model import Skipped

skips = typer.Typer(help="Positions that are left alone after failures: how long yet, and why.", no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


@skips.command("list")
def list_skips(
    limit: Limit = 50, config_file: Config = None, database_url: DatabaseUrl = None, json: AsJson = False
) -> None:
    """Show who rests, most failures in a row first. Each is tried again when its rest is over."""

    async def read() -> list[Skipped]:
        async with database_of(database_url, config_file) as database:
            return await Guards(database).skipped(limit)

    found = asyncio.run(read())
    if json:
        print_json({"skipped": [asdict(one) for one in found], "count": len(found)})
    else:
        columns = ("position", "failures", "seconds left", "reason")
        rows = ((one.position, one.failures, one.seconds_left, one.reason) for one in found)
        print_table("skipped", columns, rows)


@skips.command()
def clear(
    positions: Annotated[list[str], typer.Argument(help="Positions, as `skips list` shows them.")],
    config_file: Config = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Forget the failures of positions, so that the next scan publishes them; exit code 1 for one that has none."""

    async def act() -> dict[str, str]:
        async with database_of(database_url, config_file) as database:
            guards = Guards(database)
            return {one: "cleared" if await guards.clear_back_off(one) else "unknown" for one in positions}

    outcomes = asyncio.run(act())
    if json:
        print_json({"skipped": outcomes})
    else:
        print_table(f"{len(outcomes):,} positions", ("position", "outcome"), outcomes.items())
    unknown = [position for position, outcome in outcomes.items() if outcome == "unknown"]
    if unknown:
        not_done(f"nobody ever tried {', '.join(unknown)}: `liquidation-engine skips list` shows who is skipped")
