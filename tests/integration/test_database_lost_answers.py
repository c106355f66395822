"""What happens when the connection is cut at the worst moment: after the server was told, before it answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import pytest

from database_builders import books, insert, landed, live_intent
from liquidation_engine.database import Database, Guards, History, Intents
from liquidation_engine.errors import ServerError
from liquidation_engine.model import Intent

POSITION = "position-1"


class CuttingProxy:
    """Forwards to Postgres until a client's message contains `trigger`; then cuts that connection, once."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self.trigger: bytes | None = None
        self.forwards_the_trigger = True
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, client: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
        server, server_writer = await asyncio.open_connection(*self._target)
        answers = asyncio.create_task(self._pump(server, client_writer))
        try:
            while message := await client.read(65_536):
                if self.trigger and self.trigger in message:
                    answers.cancel()
                    await asyncio.wait([answers])
                    if self.forwards_the_trigger:
                        server_writer.write(message)
                        await server.read(65_536)  # the server has done it; nobody hears of it
                    self.trigger, self.cuts = None, self.cuts + 1
                    return
                server_writer.write(message)
        finally:
            answers.cancel()
            client_writer.close()
            server_writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            target.write(data)
        target.close()


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[CuttingProxy]:
    parts = urlsplit(postgres_url)
    async with CuttingProxy(parts.hostname or "", parts.port or 5432) as started:
        yield started


@pytest.fixture
async def database(postgres_url: str, proxy: CuttingProxy) -> AsyncIterator[Database]:
    parts = urlsplit(postgres_url)
    through = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}")
    opened = await Database.connect(urlunsplit(through), max_size=2)
    yield opened
    await opened.close()


async def test_intent_whose_commit_went_unanswered_is_found_and_returned(
    database: Database, proxy: CuttingProxy
) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    proxy.trigger = b"signature-1"
    intent = await insert(database, claim.fence)
    assert isinstance(intent, Intent)
    assert proxy.cuts == 1
    assert await Intents(database).live(older_than_seconds=0, limit=10) == [intent]


async def test_intent_that_never_reached_the_server_is_an_error(database: Database, proxy: CuttingProxy) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    proxy.trigger, proxy.forwards_the_trigger = b"signature-1", False
    with pytest.raises(ServerError, match="signature-1 for position-1 was not written"):
        await insert(database, claim.fence)
    assert proxy.cuts == 1
    assert await Intents(database).live(older_than_seconds=0, limit=10) == []
    assert isinstance(await insert(database, claim.fence), Intent)


async def test_refusal_whose_answer_was_lost_is_not_taken_for_a_success(
    database: Database, proxy: CuttingProxy
) -> None:
    await live_intent(database)
    claim = await Guards(database).claim(POSITION, "instance-2")
    proxy.trigger = b"signature-2"
    with pytest.raises(ServerError, match="was not written"):
        await insert(database, claim.fence, signature="signature-2", attempt=1)
    assert proxy.cuts == 1
    [live] = await Intents(database).live(older_than_seconds=0, limit=10)
    assert live.signed.signature == "signature-1"


async def test_close_whose_commit_went_unanswered_is_written_once(database: Database, proxy: CuttingProxy) -> None:
    intent = await live_intent(database)
    proxy.trigger = b"COMMIT;"
    with pytest.raises(ServerError, match="did not answer"):
        await Intents(database).close(intent, landed(intent), books(), 0)
    assert proxy.cuts == 1
    assert await Intents(database).close(intent, landed(intent), books(), 0) is False
    assert len(await History(database).recent_liquidations(10)) == 1


async def test_close_cut_before_its_commit_leaves_the_intent_live(database: Database, proxy: CuttingProxy) -> None:
    intent = await live_intent(database)
    proxy.trigger, proxy.forwards_the_trigger = b"COMMIT;", False
    with pytest.raises(ServerError, match="did not answer"):
        await Intents(database).close(intent, landed(intent), books(), 0)
    assert await Intents(database).live(older_than_seconds=0, limit=10) == [intent]
    assert await Intents(database).close(intent, landed(intent), books(), 0) is True
    assert len(await History(database).recent_liquidations(10)) == 1


async def test_pool_goes_on_after_a_cut(database: Database, proxy: CuttingProxy) -> None:
    proxy.trigger, proxy.forwards_the_trigger = POSITION.encode(), False
    with pytest.raises(ServerError, match="did not answer"):
        await Guards(database).claim(POSITION, "instance-1")
    assert (await Guards(database).claim(POSITION, "instance-1")).fence == 1
