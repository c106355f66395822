"""A pytest plugin that breaks one of the engine's promises in this process, so that a test can prove that it would notice.

Loaded by `sabotage.py` alone (`-p faults.sabotage_plugin`), with the promise to break in LIQUIDATION_SABOTAGE. Demos are broken by their
own `--sabotage`, which `fault_run` passes on.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from liquidation_engine import database
from liquidation_engine.chain import RpcClient
from liquidation_engine.execute.pool import Pool

VARIABLE = "LIQUIDATION_SABOTAGE"
INSERT = "insert_intent(text, bigint, text, text, text, integer, text, bytea, text, bigint, jsonb, integer, bigint, numeric, text, timestamptz)"


async def drop_the_live_intent_index(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute("DROP INDEX one_live_intent_per_position")
    await _without(connection, "ON CONFLICT (position) WHERE state = 'live' DO NOTHING")


async def skip_the_fence(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await _without(connection, "IF v_fence IS DISTINCT FROM p_fence THEN", "IF false THEN")


async def _without(connection: "asyncpg.Connection[asyncpg.Record]", text: str, instead: str = "") -> None:
    source: str = await connection.fetchval(f"SELECT pg_get_functiondef('{INSERT}'::regprocedure)")
    assert text in source
    await connection.execute(source.replace(text, instead))


def _after_migrating(change: Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]]) -> None:
    """Change the schema of every database that is migrated from now on."""
    migrate = database.migrate

    async def migrate_and_change(url: str) -> Any:
        applied = await migrate(url)
        connection = await asyncpg.connect(url)
        try:
            await change(connection)
        finally:
            await connection.close()
        return applied

    database.migrate = migrate_and_change  # type: ignore[assignment]


def acknowledge_before_commit() -> None:
    handle = Pool._handle

    async def acknowledge_first(self: Any, entry: Any) -> None:
        await self._consumer.acknowledge(entry.stream_id)
        await handle(self, entry)

    Pool._handle = acknowledge_first  # type: ignore[method-assign]


def read_without_min_context_slot() -> None:
    accounts = RpcClient.accounts

    async def read_anything(self: RpcClient, addresses: Any, **options: Any) -> Any:
        return await accounts(self, addresses, **{**options, "min_context_slot": None})

    RpcClient.accounts = read_anything  # type: ignore[method-assign]


SCHEMAS = {"drop-live-intent-index": drop_the_live_intent_index, "skip-fence": skip_the_fence}
PATCHES = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "read-without-min-context-slot": read_without_min_context_slot,
}

# On being imported, which is before any conftest takes what is to be broken.
_kind = os.environ.get(VARIABLE, "")
if _kind in SCHEMAS:
    _after_migrating(SCHEMAS[_kind])
if _kind in PATCHES:
    PATCHES[_kind]()
