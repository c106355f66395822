"""A TCP proxy before a server: it cuts, holds up, refuses, or loses the answer to a statement that was done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 64 * 1024


class Proxy:
    """Forwards to `port` on loopback; what it does wrong is switched while it runs."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.refuses = False
        self.holds = asyncio.Event()  # set: bytes pass; cleared: they wait
        self.holds.set()
        self.loses_answers_to: bytes | None = None
        self.lose_every = 1
        self.lost = 0
        self._marked = 0
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        """Listen on a free port until the end of the block."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()

    def cut(self) -> int:
        """Close every connection, in the middle of whatever it says; return how many there were."""
        for task in tuple(self._open):
            task.cancel()
        return len(self._open)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if not self.refuses:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        link = Link()
        ways = [
            asyncio.create_task(self._requests(reader, upstream_writer, link)),
            asyncio.create_task(self._answers(upstream_reader, writer, link)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*ways, return_exceptions=True)
            upstream_writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "Link") -> None:
        while data := await reader.read(CHUNK):
            await self.holds.wait()
            run = link.run_by(data)
            if self.loses_answers_to is not None and any(self.loses_answers_to in statement for statement in run):
                self._marked += 1
                link.loses = self._marked % self.lose_every == 0
            writer.write(data)
            await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "Link") -> None:
        while data := await reader.read(CHUNK):
            await self.holds.wait()
            if link.loses:
                if data[-6:-1] == READY:  # the statement is done and committed; nobody hears of it
                    self.lost += 1
                    return
                continue
            writer.write(data)
            await writer.drain()


READY = b"Z\0\0\0\5"  # Postgres' ReadyForQuery, but for its last byte


class Link:
    """One client's connection: what it runs, and whether the answer gets lost."""

    def __init__(self) -> None:
        self.loses = False
        self._prepared: dict[bytes, bytes] = {}  # name -> text

    def run_by(self, data: bytes) -> list[bytes]:
        """Return the text of the statements that the client runs; it prepares one once, and only names it ever after.

        COMMIT is a simple query.
        """
        run = []
        for message in messages(data):
            if message[:1] == b"Q":
                run.append(message[5:])
            elif message[:1] == b"P":
                name, text, *_ = message[5:].split(b"\0", 2)
                self._prepared[name] = text
            elif message[:1] == b"B":
                _portal, name, *_ = message[5:].split(b"\0", 2)
                run.append(self._prepared.get(name, b""))
        return run


def messages(data: bytes) -> list[bytes]:
    """Split what a Postgres client sends; a piece that is no message ends it."""
    found = []
    while len(data) >= 5:
        size = 1 + int.from_bytes(data[1:5], "big")
        if size < 5 or size > len(data):
            break
        found.append(data[:size])
        data = data[size:]
    return found
