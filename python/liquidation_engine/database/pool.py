"""The pool of connections, and the one place that turns driver errors into ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from liquidation_engine.database.queries import statements
from liquidation_engine.errors import DatabaseVersionError, ServerError

Row: TypeAlias = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[Row] | asyncpg.Connection[Row]"

# What the server enforces on every connection, so that a forgotten client can hold nothing for long.
SERVER_SETTINGS = {
    "application_name": "liquidation-engine",
    "synchronous_commit": "on",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "3s",
    "timezone": "UTC",
}
_COMMAND_SECONDS = 12.0

CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutdown, cancelled by timeout, cannot connect now
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we slept in the middle of a transaction, which is undone
)
_PASSING_ERRORS = (*CONNECTION_ERRORS, asyncpg.LockNotAvailableError, asyncpg.TransactionRollbackError)


class Database:
    """Runs the statements of `queries.sql` by name, each with a timeout."""

    def __init__(self, url: str, pool: "asyncpg.Pool[Row]", timeout_seconds: float) -> None:
        self.url = url
        self.pool = pool
        self._timeout_seconds = timeout_seconds

    @classmethod
    async def connect(cls, url: str, *, min_size: int = 1, max_size: int = 8, timeout_seconds: float = 10.0) -> Self:
        """Open the pool; raise ServerError with the next step when the server cannot be reached."""
        with unreachable(url):
            async with asyncio.timeout(timeout_seconds):
                pool = await asyncpg.create_pool(
                    url,
                    min_size=min_size,
                    max_size=max_size,
                    timeout=timeout_seconds,
                    command_timeout=_COMMAND_SECONDS,
                    server_settings=SERVER_SETTINGS,
                    reset=_nothing_to_reset,
                )
        return cls(url, pool, timeout_seconds)

    async def close(self) -> None:
        """Close every connection, at once if they do not end by themselves."""
        try:
            async with asyncio.timeout(2.0):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    async def rows(self, name: str, *arguments: object) -> list[Row]:
        """Return all rows of a statement."""
        async with self._borrow() as connection:
            return await connection.fetch(statements()[name], *arguments)

    async def row(self, name: str, *arguments: object) -> Row | None:
        """Return the first row of a statement."""
        async with self._borrow() as connection:
            return await connection.fetchrow(statements()[name], *arguments)

    async def value(self, name: str, *arguments: object) -> Any:
        """Return the first column of the first row."""
        async with self._borrow() as connection:
            return await connection.fetchval(statements()[name], *arguments)

    async def run(self, name: str, *arguments: object) -> int:
        """Run a statement that changes rows; return how many."""
        async with self._borrow() as connection:
            status = await connection.execute(statements()[name], *arguments)
        return int(status.rsplit(" ", 1)[-1])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Run statements in one transaction, durable once it has committed."""
        async with self._borrow() as connection, connection.transaction():
            yield Transaction(connection)

    @asynccontextmanager
    async def new_connection(self) -> AsyncIterator["Transaction"]:
        """Run statements in a transaction on a connection that nobody used before: the pool's may be what just failed."""
        with translated():
            connection = await asyncpg.connect(
                self.url,
                timeout=self._timeout_seconds,
                command_timeout=_COMMAND_SECONDS,
                server_settings=SERVER_SETTINGS,
            )
            try:
                async with connection.transaction():
                    yield Transaction(connection)
            finally:
                await _close(connection)

    @asynccontextmanager
    async def _borrow(self) -> AsyncIterator[Connection]:
        with translated():
            try:
                async with self.pool.acquire(timeout=self._timeout_seconds) as connection:
                    yield connection
            except asyncpg.ReadOnlySQLTransactionError as error:
                # This server is a replica now: the next connections look for the one that takes writes.
                await self.pool.expire_connections()
                raise Interrupted(f"the database takes no writes: {error}") from error


class Transaction:
    """The statements of `queries.sql` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, name: str, *arguments: object) -> list[Row]:
        """Return all rows of a statement."""
        return await self._connection.fetch(statements()[name], *arguments)

    async def row(self, name: str, *arguments: object) -> Row | None:
        """Return the first row of a statement."""
        return await self._connection.fetchrow(statements()[name], *arguments)

    async def run(self, name: str, *arguments: object) -> None:
        """Run a statement."""
        await self._connection.execute(statements()[name], *arguments)


class Interrupted(ServerError):
    """The connection, or the wait for it, ended before the answer: what was asked may have happened or not."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours; those of the data itself are left to the caller who knows the data."""
    try:
        yield
    except _PASSING_ERRORS as error:
        raise Interrupted(f"the database did not answer: {describe(error)}") from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.UndefinedColumnError) as error:
        raise DatabaseVersionError(
            f"the database's schema does not fit this release ({error}): run liquidation-engine migrate"
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise ServerError(f"the database refused it: {error}: run liquidation-engine migrate as the owner") from error


@contextmanager
def unreachable(url: str) -> Iterator[None]:
    """Turn a failed connection into one message that says where, why, and what to do."""
    place = place_of(url)
    try:
        yield
    except asyncpg.InvalidCatalogNameError as error:
        raise ServerError(f"the database of {place} does not exist: run liquidation-engine migrate") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise ServerError(f"Database connection failed: {place} refused the login: check DATABASE_URL") from error
    except (*CONNECTION_ERRORS, asyncpg.PostgresError, ValueError) as error:
        raise ServerError(
            f"Database connection failed: {place}: {describe(error)}: "
            "check that Postgres runs there and that DATABASE_URL names it"
        ) from error


def place_of(url: str) -> str:
    """Return the part of a URL that may be shown: no user, no password. It may name several servers."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or "local socket"
    named = (host if host.rpartition(":")[2].isdecimal() else f"{host}:5432" for host in hosts.split(","))
    return ",".join(named) + parts.path


def describe(error: BaseException) -> str:
    """Return an error's words; a timeout has none of its own."""
    return str(error) or type(error).__name__


async def _nothing_to_reset(connection: Connection) -> None:
    """Spare each statement the round trip of a reset: settings are changed only with SET LOCAL, nothing listens."""


async def _close(connection: "asyncpg.Connection[Row]") -> None:
    try:
        await connection.close(timeout=1.0)
    except CONNECTION_ERRORS:
        connection.terminate()
