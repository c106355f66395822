"""The loopback server: JSON-RPC over HTTP and websocket on one port.

Nothing here holds up the chain: a connection's notifications wait in a queue of bounded size, and a client that lets it
fill up is disconnected, as nodes do.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn

from liquidation_engine.errors import AddressInUse
from liquidation_engine.localnet.faults import Faults
from liquidation_engine.localnet.gateway import Endpoint, Gateway
from liquidation_engine.localnet.rpc import Unanswered

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_GRACE_SECONDS = 0.3
_SLOW_CONSUMER, _GOING_AWAY = 1013, 1001
_UNANSWERED_SECONDS = 60.0  # longer than any client waits
_CUT_POLL_SECONDS = 0.05
_CONTROL = b'"localnet_'
_JSON = [(b"content-type", b"application/json")]


class Connection:
    """One websocket client's queue: messages leave in order, each no sooner than the latency allows."""

    def __init__(
        self, latency_seconds: Callable[[], float], limit: int, is_mute: Callable[[], bool] = lambda: False
    ) -> None:
        self._latency_seconds, self._is_mute = latency_seconds, is_mute
        self._limit = limit
        self._waiting: deque[tuple[float, str]] = deque()
        self._ready = asyncio.Event()
        self.overflowed = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Queue a message, without waiting; too many of them end the connection."""
        if self._is_mute():
            return
        if len(self._waiting) >= self._limit:
            self.overflowed.set()
        else:
            due = asyncio.get_running_loop().time() + self._latency_seconds()
            self._waiting.append((due, message.decode()))
            self._ready.set()

    async def send_all(self, send: Send) -> None:
        """Send what is queued, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._ready.clear()
                await self._ready.wait()
            due, message = self._waiting.popleft()
            if (seconds := due - loop.time()) > 0:
                await asyncio.sleep(seconds)
            await send({"type": "websocket.send", "text": message})


class App:
    """The ASGI application; `/x` serves the same chain as `/` and is recorded as the endpoint `rpc/x`."""

    def __init__(self, gateway: Gateway, faults: Faults, max_queued_notifications: int) -> None:
        self._gateway = gateway
        self._faults = faults
        self._max_queued = max_queued_notifications

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or one websocket connection."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(self._gateway.endpoint(scope["path"]), receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            health = scope["method"] == "GET" and scope["path"] == "/health"
            return await _respond(
                send, 200 if health else 405, b"ok" if health else b"Used HTTP Method is not allowed."
            )
        body = await _read_body(receive)
        endpoint = self._gateway.endpoint(scope["path"])
        if _CONTROL not in body and endpoint.refuses():
            return await _respond(send, 429, b"Too many requests for a specific RPC call")
        if seconds := self._latency_seconds(endpoint):
            await asyncio.sleep(seconds)
        try:
            answer = await endpoint.router.answer(body, endpoint.http_methods)
        except Unanswered:
            await asyncio.sleep(_UNANSWERED_SECONDS)
            return await _respond(send, 504, b"")
        return await _respond(send, 200, answer or b"")

    def _latency_seconds(self, endpoint: Endpoint) -> float:
        return (self._faults.latency_milliseconds + endpoint.faults.latency_milliseconds) / 1_000

    async def _websocket(self, endpoint: Endpoint, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        connection = Connection(
            lambda: self._latency_seconds(endpoint), self._max_queued, lambda: endpoint.faults.socket == "mute"
        )
        tasks = {
            asyncio.create_task(connection.send_all(send)),
            asyncio.create_task(self._read_requests(endpoint, connection, receive)),
            asyncio.create_task(connection.overflowed.wait()),
            asyncio.create_task(_until_cut(endpoint)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            endpoint.subscriptions.forget(connection)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if endpoint.faults.socket == "cut":
            await _close(send, _GOING_AWAY, "cut")
        elif connection.overflowed.is_set():
            # A client whose buffers are full gets no reason: uvicorn closes the connection when this returns.
            await _close(send, _SLOW_CONSUMER, "slow consumer")

    async def _read_requests(self, endpoint: Endpoint, connection: Connection, receive: Receive) -> None:
        methods = endpoint.subscriptions.methods(connection)
        while (message := await receive())["type"] == "websocket.receive":
            body = message.get("text") or message.get("bytes") or b""
            answer = await endpoint.router.answer(body.encode() if isinstance(body, str) else body, methods)
            if answer is not None:
                connection.put(answer)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: localnet's owner decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Binds the port, serves the application, and ends within a second."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to serve."""
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="localnet-http")
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close every connection."""
        if self._task is None:
            self._socket.close()
            return
        self._server.should_exit = True
        done, _ = await asyncio.wait({self._task}, timeout=_GRACE_SECONDS)
        if not done:
            self._server.force_exit = True
            await asyncio.wait({self._task}, timeout=_GRACE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _bind(host: str, port: int) -> socket.socket:
    # The protocol is named, because asyncio turns Nagle's algorithm off only for sockets that say they are TCP: without
    # it every answer waits 40 ms for the client's delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressInUse(f"Address already in use: {host}:{port}; choose another with --port") from error
    return listener


async def _until_cut(endpoint: Endpoint) -> None:
    while endpoint.faults.socket != "cut":  # noqa: ASYNC110 - a plain attribute that a test changes
        await asyncio.sleep(_CUT_POLL_SECONDS)


async def _close(send: Send, code: int, reason: str) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await send({"type": "websocket.close", "code": code, "reason": reason})


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
