"""A node that says what a test tells it to: JSON-RPC over HTTP and websocket on a free loopback port."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import orjson
from aiohttp import WSMsgType, web

Answer = Callable[[list[Any]], Any]


class NodeError(Exception):
    """What the node answers as a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.fields = {"code": code, "message": message, "data": data}


class FakeNode:
    """Answers methods with plain functions; `calls` remembers who asked for what."""

    def __init__(self, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = answers
        self.calls: list[tuple[str, list[Any]]] = []
        self.subscribed: list[tuple[str, list[Any]]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.silent = False  # no answers: the caller's timeout has to end the wait
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = self.ws_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._http)
        app.router.add_get("/", self._websocket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url, self.ws_url = f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop_sockets()
        assert self._runner is not None
        await self._runner.cleanup()

    def count(self, method: str) -> int:
        """Return how often a method was called over HTTP."""
        return sum(1 for name, _ in self.calls if name == method)

    async def notify(self, method: str, subscription: int, result: object) -> None:
        """Send a notification to every connection."""
        message = {"jsonrpc": "2.0", "method": method, "params": {"subscription": subscription, "result": result}}
        for socket in self.sockets:
            await socket.send_str(orjson.dumps(message).decode())

    async def drop_sockets(self) -> None:
        """Close every websocket, as a node that restarts does."""
        sockets, self.sockets = self.sockets, []
        for socket in sockets:
            await socket.close()

    async def until_subscribed(self, times: int) -> None:
        """Wait until that many subscriptions were asked for."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.subscribed) >= times)

    async def _http(self, request: web.Request) -> web.Response:
        message = orjson.loads(await request.read())
        self.calls.append((message["method"], message["params"]))
        if self.silent:
            await asyncio.sleep(30)
        return web.Response(body=orjson.dumps(self._answer(message)), content_type="application/json")

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        head = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            return head | {"result": self.answers[message["method"]](message["params"])}
        except NodeError as error:
            return head | {"error": error.fields}

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for raw in socket:
            if raw.type is not WSMsgType.TEXT:
                continue
            message = orjson.loads(raw.data)
            async with self._news:
                self.subscribed.append((message["method"], message["params"]))
                self._news.notify_all()
            if message["method"] in self.answers:
                await socket.send_str(orjson.dumps(self._answer(message)).decode())
            else:
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": len(self.subscribed)}
                await socket.send_str(orjson.dumps(answer).decode())
        return socket


def with_context(value: object, slot: int = 100) -> dict[str, Any]:
    """Wrap a value as RPC answers with a context are."""
    return {"context": {"slot": slot, "apiVersion": "2.2.0"}, "value": value}
