"""Brings the schema up to this release: numbered files, each applied once, all in one transaction under an advisory lock."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from liquidation_engine.database.pool import Database, Row, place_of, unreachable
from liquidation_engine.database.queries import statements
from liquidation_engine.errors import DatabaseVersionError, ServerError

_CONNECT_SECONDS = 10.0
_LOCK_TIMEOUT = "60s"
_MAINTENANCE_DATABASE = "postgres"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return the sha256 of its text, whatever the line ends of the checkout."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


@cache
def shipped() -> tuple[Migration, ...]:
    """Return this release's migrations, in order."""
    folder = files(__package__).joinpath("migrations")
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(
        Migration(int(entry.name.split("_", 1)[0]), entry.name, entry.read_text(encoding="utf-8")) for entry in found
    )


async def migrate(url: str, *, create_database: bool = True) -> list[str]:
    """Apply what is missing; return the names, none if there was nothing to do. Creates the database if it is missing."""
    connection = await _open(url, create_database)
    try:
        async with asyncio.timeout(120.0):
            return await _apply(connection, shipped())
    except asyncpg.InsufficientPrivilegeError as error:
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        raise ServerError(
            f"the role {role} may not change the schema ({error}): as the database's owner run "
            f"GRANT USAGE, CREATE ON SCHEMA public TO {role};"
        ) from error
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.LockNotAvailableError) as error:
        raise ServerError(f"migrating {place_of(url)} was interrupted, nothing was changed: run it again") from error
    except asyncpg.PostgresError as error:
        raise ServerError(f"migrating {place_of(url)} failed, nothing was changed: {error}") from error
    finally:
        await connection.close(timeout=5.0)


async def check_version(database: Database) -> None:
    """Raise DatabaseVersionError unless the schema is exactly this release's."""
    applied = await database.rows("applied_migrations") if await database.value("migrations_table_exists") else []
    missing = pending(applied, shipped())
    if missing:
        found, expected = len(applied), len(shipped())
        raise DatabaseVersionError(
            f"the database is at migration {found}, this release expects {expected}: run liquidation-engine migrate"
        )


def pending(applied: Sequence[Row], known: Sequence[Migration]) -> list[Migration]:
    """Return the migrations still to apply; raise DatabaseVersionError where the database took another way."""
    by_version = {migration.version: migration for migration in known}
    for row in applied:
        migration = by_version.get(row["version"])
        if migration is None:
            raise DatabaseVersionError(
                f"the database has migration {row['name']}, which this release (up to {known[-1].name}) does not know: "
                "upgrade liquidation-engine to the release that made it"
            )
        if migration.checksum != row["checksum"]:
            raise DatabaseVersionError(
                f"migration {migration.name} was changed since it was applied: found checksum {row['checksum'][:12]}, "
                f"expected {migration.checksum[:12]}: restore the file, or use a new database"
            )
    done = {row["version"] for row in applied}
    return [migration for migration in known if migration.version not in done]


async def _apply(connection: "asyncpg.Connection[Row]", known: Sequence[Migration]) -> list[str]:
    async with connection.transaction():
        await connection.execute(statements()["lock_migrations"])
        if not await connection.fetchval(statements()["migrations_table_exists"]):
            await connection.execute(statements()["create_migrations_table"])
        missing = pending(await connection.fetch(statements()["applied_migrations"]), known)
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                statements()["record_migration"], migration.version, migration.name, migration.checksum
            )
    return [migration.name for migration in missing]


async def _open(url: str, create_database: bool) -> "asyncpg.Connection[Row]":
    with unreachable(url):
        try:
            return await _connect(url)
        except asyncpg.InvalidCatalogNameError:
            if not create_database:
                raise
    await _create_database(url)
    with unreachable(url):
        return await _connect(url)


async def _create_database(url: str) -> None:
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/")) or unquote(parts.username or "")
    maintenance = urlunsplit(parts._replace(path=f"/{_MAINTENANCE_DATABASE}"))
    with unreachable(maintenance):
        connection = await _connect(maintenance)
    quoted = '"' + name.replace('"', '""') + '"'
    try:
        await connection.execute(f"CREATE DATABASE {quoted}")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # another migrator was faster
    except asyncpg.InsufficientPrivilegeError as error:
        role = await connection.fetchval("SELECT quote_ident(current_user)")
        raise ServerError(
            f"the database {name} does not exist and the role {role} may not create it: as a superuser run "
            f"CREATE DATABASE {quoted} OWNER {role}; (or ALTER ROLE {role} CREATEDB;)"
        ) from error
    finally:
        await connection.close(timeout=5.0)


async def _connect(url: str) -> "asyncpg.Connection[Row]":
    return await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        command_timeout=120.0,
        server_settings={"application_name": "liquidation-engine migrate", "lock_timeout": _LOCK_TIMEOUT},
    )
