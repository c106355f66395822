"""Both servers together: started in parallel, watched, and ended for certain."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from liquidation_engine.errors import ServerError
from liquidation_engine.servers.account import homes
from liquidation_engine.servers.folder import DataFolder
from liquidation_engine.servers.postgres import Postgres
from liquidation_engine.servers.process import ServerProcess, end_leftovers
from liquidation_engine.servers.valkey import Valkey

_WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where Postgres and Redis are. Both carry a password."""

    database_url: str
    redis_url: str


class EmbeddedServers:
    """Postgres and Valkey in one data folder. A URL that is given is used instead of starting that server."""

    def __init__(self, data_folder: Path, *, database_url: str | None = None, redis_url: str | None = None) -> None:
        self._folder = DataFolder(data_folder)
        self._database_url = database_url
        self._redis_url = redis_url
        self._servers: list[Postgres | Valkey] = []
        self._urls: ServerUrls | None = None

    async def start(self) -> ServerUrls:
        """Take the folder, clean up after a crashed owner, start what is needed, and return when both serve."""
        if self._database_url and self._redis_url:
            self._urls = ServerUrls(self._database_url, self._redis_url)
            return self._urls
        self._folder.take()
        try:
            await asyncio.to_thread(end_leftovers, homes(self._folder.path))
            database_url, redis_url = await _all(self._postgres(), self._valkey())
        except BaseException:
            await self.stop()
            raise
        self._urls = ServerUrls(database_url, redis_url)
        return self._urls

    async def stop(self) -> None:
        """End both and give the folder back."""
        try:
            await asyncio.gather(*(server.stop() for server in self._servers))
        finally:
            self._servers = []
            self._urls = None
            self._folder.give_back()

    async def ended(self) -> str:
        """Wait until one of the servers ends without having been asked to; return which, with the end of its log."""
        while True:
            for process in self.processes:
                if process.exit_code() is not None:
                    return str(process.failure(f"ended with code {process.exit_code()}"))
            await asyncio.sleep(_WATCH_SECONDS)

    @property
    def urls(self) -> ServerUrls:
        """Return where both are; only after `start`."""
        if self._urls is None:
            raise ServerError("the servers were not started")
        return self._urls

    @property
    def processes(self) -> list[ServerProcess]:
        """Return the processes that run for this owner."""
        return [server.process for server in self._servers if server.process is not None]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _postgres(self) -> str:
        if self._database_url:
            return self._database_url
        server = Postgres(self._folder)
        self._servers.append(server)
        return await server.start()

    async def _valkey(self) -> str:
        if self._redis_url:
            return self._redis_url
        server = Valkey(self._folder)
        self._servers.append(server)
        return await server.start()


async def _all(*starts: Awaitable[str]) -> list[str]:
    """Wait for all starts, also when one fails, so that nothing is still being started when the rest is stopped."""
    results = await asyncio.gather(*starts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, str)]
