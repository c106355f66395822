"""The servers that an operator's command talks to: named on the command line, in the environment, in `.env` or in the settings file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from liquidation_engine import config
from liquidation_engine.database import Database
from liquidation_engine.stream import Redis, connect

Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", show_default=False)]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", envvar="REDIS_URL", help="Instead of the settings' REDIS_URL.", show_default=False),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", envvar="DATABASE_URL", help="Instead of the settings' DATABASE_URL.", show_default=False),
]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@asynccontextmanager
async def redis_of(url: str | None, config_file: Path | None) -> AsyncIterator[Redis]:
    """Connect to Redis; the other settings are read only where its URL was not given."""
    client = await connect(url or config.load(config_file).redis_url.get_secret_value())
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def database_of(url: str | None, config_file: Path | None) -> AsyncIterator[Database]:
    """Connect to Postgres; the other settings are read only where its URL was not given."""
    database = await Database.connect(url or config.load(config_file).database_url.get_secret_value(), max_size=1)
    try:
        yield database
    finally:
        await database.close()
