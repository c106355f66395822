"""Bringing a schema up to date, refusing one that went another way, and binding it to one chain."""

import asyncio
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from liquidation_engine.database import Database, bind_chain, check_version, migrate
from liquidation_engine.database.migrate import shipped
from liquidation_engine.database.queries import parse, statements
from liquidation_engine.errors import DatabaseVersionError, ServerError, WrongChain

ROOT = Path(__file__).parents[2]
NAMES = [migration.name for migration in shipped()]


async def execute(url: str, *lines: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for line in lines:
            await connection.execute(line)
    finally:
        await connection.close()


async def check(url: str) -> None:
    database = await Database.connect(url, max_size=1)
    try:
        await check_version(database)
    finally:
        await database.close()


def as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{password}@{parts.hostname}:{parts.port}"))


async def test_fresh_start_creates_database_and_schema(empty_postgres_url: str) -> None:
    assert await migrate(empty_postgres_url) == NAMES
    await check(empty_postgres_url)


async def test_second_run_changes_nothing(postgres_url: str) -> None:
    assert await migrate(postgres_url) == []
    await check(postgres_url)


async def test_of_concurrent_migrators_exactly_one_applies(empty_postgres_url: str) -> None:
    results = await asyncio.gather(*(migrate(empty_postgres_url) for _ in range(4)))
    assert sorted(results) == [[], [], [], NAMES]


async def test_changed_checksum_is_refused_by_migrate_and_by_check(postgres_url: str) -> None:
    await execute(postgres_url, "UPDATE schema_migrations SET checksum = 'edited' WHERE version = 1")
    for attempt in (migrate, check):
        with pytest.raises(
            DatabaseVersionError, match=r"0001_initial\.sql was changed since it was applied: found checksum edited"
        ):
            await attempt(postgres_url)


async def test_migration_of_a_newer_release_is_refused(postgres_url: str) -> None:
    await execute(postgres_url, "INSERT INTO schema_migrations VALUES (9001, '9001_future.sql', 'x')")
    for attempt in (migrate, check):
        with pytest.raises(
            DatabaseVersionError, match=r"9001_future\.sql, which this release .* does not know: upgrade"
        ):
            await attempt(postgres_url)


async def test_older_schema_says_what_to_run(postgres_url: str) -> None:
    await execute(postgres_url, "DELETE FROM schema_migrations WHERE version > 1")
    with pytest.raises(
        DatabaseVersionError, match=f"at migration 1, this release expects {len(NAMES)}: run liquidation-engine migrate"
    ):
        await check(postgres_url)


async def test_database_without_schema_says_what_to_run(empty_postgres_url: str, postgres_url: str) -> None:
    await execute(postgres_url, f"CREATE DATABASE {urlsplit(empty_postgres_url).path[1:]}")
    with pytest.raises(DatabaseVersionError, match="at migration 0"):
        await check(empty_postgres_url)


async def test_missing_database_is_named_when_it_may_not_be_created(empty_postgres_url: str) -> None:
    with pytest.raises(ServerError, match="does not exist: run liquidation-engine migrate"):
        await migrate(empty_postgres_url, create_database=False)


async def test_failing_migration_leaves_nothing_behind(empty_postgres_url: str, postgres_url: str) -> None:
    await execute(postgres_url, f"CREATE DATABASE {urlsplit(empty_postgres_url).path[1:]}")
    await execute(empty_postgres_url, "CREATE TABLE intents (mine integer)")  # in the way of the first migration
    with pytest.raises(ServerError, match='"intents" already exists'):
        await migrate(empty_postgres_url)
    await execute(empty_postgres_url, "DROP TABLE intents")
    assert await migrate(empty_postgres_url) == NAMES


async def test_missing_privileges_name_the_grant_to_run(empty_postgres_url: str, postgres_url: str) -> None:
    database, role = urlsplit(empty_postgres_url).path[1:], f"role_{urlsplit(empty_postgres_url).path[-8:]}"
    await execute(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    limited = as_role(empty_postgres_url, role, "secret")
    try:
        with pytest.raises(ServerError, match=f'run CREATE DATABASE "{database}" OWNER {role};'):
            await migrate(limited)
        await execute(postgres_url, f"CREATE DATABASE {database}")
        with pytest.raises(ServerError, match=f"run GRANT USAGE, CREATE ON SCHEMA public TO {role};"):
            await migrate(limited)
        await execute(empty_postgres_url, f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")
        assert await migrate(limited) == NAMES
        await check(limited)
    finally:
        await execute(postgres_url, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)", f"DROP ROLE {role}")


async def test_wrong_password_says_so_without_repeating_it(postgres_url: str) -> None:
    wrong = as_role(postgres_url, urlsplit(postgres_url).username or "", "guessed-password")
    for attempt in (Database.connect, migrate):
        with pytest.raises(ServerError, match="refused the login: check DATABASE_URL") as raised:
            await attempt(wrong)
        assert "guessed-password" not in str(raised.value)


async def test_unreachable_server_says_where_and_what_to_check() -> None:
    url = "postgresql://user:hidden@127.0.0.1:1/liquidation"
    for attempt in (Database.connect, migrate):
        with pytest.raises(
            ServerError, match=r"Database connection failed: 127\.0\.0\.1:1/liquidation: .* check that"
        ) as raised:
            await attempt(url)
        assert "hidden" not in str(raised.value)


async def test_database_is_bound_to_one_chain_and_one_program(postgres_url: str) -> None:
    database = await Database.connect(postgres_url, max_size=2)
    try:
        await asyncio.gather(*(bind_chain(database, "genesis-a", "program-a") for _ in range(2)))
        await bind_chain(database, "genesis-a", "program-a")
        for genesis, program in (("genesis-b", "program-a"), ("genesis-a", "program-b")):
            with pytest.raises(WrongChain, match=r"'genesis-a', 'program-a'.* set DATABASE_URL"):
                await bind_chain(database, genesis, program)
    finally:
        await database.close()


async def test_every_statement_fits_the_schema(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        for name, sql in statements().items():
            if name != "create_migrations_table":
                assert await connection.prepare(sql), name
    finally:
        await connection.close()


async def test_operators_queries_run_unchanged(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        for query in (
            """SELECT AVG(EXTRACT(EPOCH FROM (timestamp - created_at))) as avg_latency_seconds FROM liquidations
               WHERE created_at > NOW() - INTERVAL '1 hour'""",
            """SELECT position_pubkey, error_message, retry_count, timestamp FROM failed_liquidations
               WHERE timestamp > NOW() - INTERVAL '1 hour' ORDER BY timestamp DESC""",
            """SELECT SUM(bad_debt) as total_bad_debt,
               (SELECT SUM(amount) FROM insurance_fund_transactions WHERE transaction_type = 'contribution') as total_contributions
               FROM liquidations""",
            """SELECT SUM(bad_debt) as total_bad_debt, COUNT(*) as affected_liquidations FROM liquidations
               WHERE bad_debt > 0 AND timestamp > NOW() - INTERVAL '24 hours'""",
        ):
            await connection.fetch(query)
    finally:
        await connection.close()


def test_statements_have_unique_names() -> None:
    with pytest.raises(ValueError, match="'twice'"):
        parse("-- name: twice\nSELECT 1;\n-- name: twice\nSELECT 2;\n")
    with pytest.raises(ValueError, match="'empty'"):
        parse("-- name: empty\n-- only words\n")


def test_every_statement_that_is_called_exists_and_none_lies_unused() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "python/liquidation_engine/database").glob("*.py"))
    assert [name for name in statements() if f'"{name}"' not in sources] == []


def test_migrations_are_numbered_without_gaps_and_linked_from_the_root() -> None:
    assert [migration.version for migration in shipped()] == list(range(1, len(NAMES) + 1))
    assert sorted(path.name for path in (ROOT / "migrations").glob("*.sql")) == NAMES
    assert (ROOT / "migrations").is_symlink()


def test_checksum_does_not_depend_on_line_ends_of_the_checkout() -> None:
    first = shipped()[0]
    assert type(first)(1, first.name, first.sql.replace("\n", "\r\n")).checksum == first.checksum
    assert type(first)(1, first.name, first.sql + "-- changed").checksum != first.checksum
