"""Confirmation of many signatures over one websocket, with one polling call for all as the fallback.

Neither is proof of the books: Executed says that the chain ran it, getTransaction says what it did.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import orjson
from websockets.asyncio.client import ClientConnection

from liquidation_engine.chain import decode
from liquidation_engine.chain.connection import SOCKET_ERRORS, Backoff, opened
from liquidation_engine.chain.words import Commitment, SignatureStatus
from liquidation_engine.errors import DecodeError, RpcError

SEND_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Executed:
    """The chain ran the transaction, with success or not."""

    slot: int  # of the status, or the context slot of the notification, which is never below the landed slot
    error: object | None


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing is known of it, neither success nor failure."""

    finalized_height: int  # the highest seen while waiting, 0 if none was

    def expired(self, expires_above: int) -> bool:
        """Return whether the height has passed; only the history, asked afterwards, proves expiry."""
        return self.finalized_height > expires_above


class StatusSource(Protocol):
    """What the poll asks of a node."""

    async def signature_statuses(
        self, signatures: Sequence[str], *, search_history: bool = False
    ) -> list[SignatureStatus | None]:
        """Return where transactions stand, in order."""
        ...

    async def block_height(self, commitment: Commitment = "finalized") -> int:
        """Return the block height."""
        ...


@dataclass(slots=True, eq=False)
class _Waiter:
    signature: str
    expires_above: int
    commitment: Commitment
    answer: "asyncio.Future[Executed | NotYet]"

    def settle(self, answer: Executed | NotYet) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class Confirmer:
    """Waits for signatures; its two tasks live from the first wait to `close`."""

    def __init__(self, rpc: StatusSource, ws_url: str | Sequence[str] | None) -> None:
        self._rpc = rpc
        self._ws_urls = (ws_url,) if isinstance(ws_url, str) else tuple(ws_url or ())
        self._waiters: set[_Waiter] = set()
        self._poll_seconds = 0.4
        self._finalized = 0
        self._ids = itertools.count(1)
        self._socket: ClientConnection | None = None
        self._asked: dict[int, _Waiter] = {}  # by request id, until the node names the subscription
        self._subscribed: dict[int, _Waiter] = {}  # by subscription
        self._unwanted: list[int] = []  # subscriptions whose waiter left before they spoke
        self._tasks: list[asyncio.Task[None]] = []
        self._someone_waits = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End both tasks; whoever still waits gets NotYet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for waiter in tuple(self._waiters):
            waiter.settle(NotYet(self._finalized))

    async def wait(
        self,
        signature: str,
        *,
        expires_above: int,
        poll_seconds: float = 0.4,
        commitment: Commitment = "confirmed",
        timeout_seconds: float = 60.0,
    ) -> Executed | NotYet:
        """Wait until the chain ran it; NotYet when the finalized height is above `expires_above` or at the timeout."""
        answer: asyncio.Future[Executed | NotYet] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(signature, expires_above, commitment, answer)
        self._poll_seconds = poll_seconds
        self._waiters.add(waiter)
        self._start()
        try:
            await self._subscribe(waiter)
            async with asyncio.timeout(timeout_seconds):
                return await answer
        except TimeoutError:
            return NotYet(self._finalized)
        finally:
            self._forget(waiter)

    def _start(self) -> None:
        self._someone_waits.set()
        if not self._tasks:
            self._tasks.append(asyncio.create_task(self._poll(), name="confirm-poll"))
            if self._ws_urls:
                self._tasks.append(asyncio.create_task(self._listen(), name="confirm-listen"))

    def _forget(self, waiter: _Waiter) -> None:
        self._waiters.discard(waiter)
        if not self._waiters:
            self._someone_waits.clear()
        for subscription in [key for key, one in self._subscribed.items() if one is waiter]:
            del self._subscribed[subscription]
            self._unwanted.append(subscription)

    async def _poll(self) -> None:
        """Ask for all waiting signatures in one call, and for the finalized height before it."""
        while True:
            await self._someone_waits.wait()
            await asyncio.sleep(self._poll_seconds)
            try:
                await self._unsubscribe()
                await self._poll_once()
            except (RpcError, DecodeError):
                continue  # the websocket may still answer; the waiter has its timeout

    async def _poll_once(self) -> None:
        waiting = tuple(self._waiters)
        self._finalized = max(self._finalized, await self._rpc.block_height("finalized"))
        statuses = await self._rpc.signature_statuses([waiter.signature for waiter in waiting])
        for waiter, status in zip(waiting, statuses, strict=True):
            if status is not None and status.reached(waiter.commitment):
                waiter.settle(Executed(status.slot, status.error))
            elif status is None and self._finalized > waiter.expires_above:
                waiter.settle(NotYet(self._finalized))

    async def _listen(self) -> None:
        """Keep the websocket open; each new connection, to the next URL, subscribes again for everybody who waits."""
        backoff = Backoff()
        for ws_url in itertools.cycle(self._ws_urls):
            await self._someone_waits.wait()
            try:
                async with opened(ws_url) as socket:
                    self._socket = socket
                    backoff.reset()
                    for waiter in tuple(self._waiters):
                        await self._subscribe(waiter)
                    async for raw in socket:
                        with decode.answer_of("signatureSubscribe"):
                            self._heard(orjson.loads(raw))
            except (*SOCKET_ERRORS, DecodeError):
                pass  # polling goes on meanwhile
            finally:
                self._socket = None
                self._asked.clear()
                self._subscribed.clear()
                self._unwanted.clear()
            await backoff.wait()

    async def _subscribe(self, waiter: _Waiter) -> None:
        request_id = next(self._ids)
        self._asked[request_id] = waiter
        if not await self._tell(
            request_id, "signatureSubscribe", [waiter.signature, {"commitment": waiter.commitment}]
        ):
            self._asked.pop(request_id, None)  # the listener subscribes again with its next connection

    async def _unsubscribe(self) -> None:
        while self._unwanted:
            await self._tell(next(self._ids), "signatureUnsubscribe", [self._unwanted.pop()])

    async def _tell(self, request_id: int, method: str, params: Sequence[Any]) -> bool:
        """Send a request if there is a connection; return whether it went out."""
        socket = self._socket
        if socket is None:
            return False
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await socket.send(orjson.dumps(request).decode())
        except SOCKET_ERRORS:
            return False
        return True

    def _heard(self, message: dict[str, Any]) -> None:
        if (request_id := message.get("id")) is not None:
            self._answered(self._asked.pop(request_id, None), message.get("result"))
            return
        params = message.get("params")
        if message.get("method") != "signatureNotification" or not isinstance(params, dict):
            return
        waiter = self._subscribed.pop(params["subscription"], None)
        if waiter is not None:
            result = params["result"]
            waiter.settle(Executed(result["context"]["slot"], result["value"].get("err")))

    def _answered(self, waiter: _Waiter | None, subscription: object) -> None:
        if waiter is None or type(subscription) is not int:  # True answers an unsubscribe
            return
        if waiter in self._waiters:
            self._subscribed[subscription] = waiter
        else:
            self._unwanted.append(subscription)
