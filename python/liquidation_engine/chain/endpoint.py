"""One RPC endpoint: a JSON-RPC call over HTTP, its errors translated, and a rest after failures in a row."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import orjson

from liquidation_engine.errors import MinContextSlotNotReached, RpcRefused, RpcTimeout, RpcUnavailable

MIN_CONTEXT_SLOT_NOT_REACHED = -32016
FAILURES_BEFORE_REST = 3
REST_SECONDS = 2.0
INSIST_SECONDS = (0.05, 0.15)

_ids = itertools.count(1)


class _TurnedAway(RpcUnavailable):
    """The endpoint has no time for us now (HTTP 429 or 503): the same call may pass a moment later."""


class Endpoint:
    """One URL. It rests for two seconds after three failures in a row, while others are asked first."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._monotonic = monotonic
        self._failures = 0
        self._resting_until = 0.0
        self.slot = 0  # the newest it told of when it was last asked; kept by `RpcClient.watch`

    @property
    def resting(self) -> bool:
        """Return whether the endpoint failed too often just now."""
        return self._monotonic() < self._resting_until

    async def call(self, session: aiohttp.ClientSession, method: str, params: Sequence[Any], timeout: float) -> Any:
        """Return the call's result; raise RpcTimeout, RpcUnavailable or RpcRefused."""
        body = orjson.dumps({"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": params})
        try:
            async with asyncio.timeout(timeout):
                status, answer = await self._post(session, body)
        except TimeoutError as error:
            self._failed()
            raise RpcTimeout(f"{method} had no answer from {self.url} within {timeout:g} s") from error
        except aiohttp.ClientError as error:
            self._failed()
            raise RpcUnavailable(f"{self.url} cannot be reached for {method}: {error}") from error
        return self._result(method, status, answer)

    async def insist(self, session: aiohttp.ClientSession, method: str, params: Sequence[Any], timeout: float) -> Any:
        """Return the call's result as `call` does, but ask again, a little later each time, where it turns us away."""
        for pause in INSIST_SECONDS:
            try:
                return await self.call(session, method, params, timeout)
            except _TurnedAway:
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads the load
        return await self.call(session, method, params, timeout)

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> tuple[int, bytes]:
        async with session.post(self.url, data=body, headers={"Content-Type": "application/json"}) as response:
            return response.status, await response.read()

    def _result(self, method: str, status: int, answer: bytes) -> Any:
        try:
            message = orjson.loads(answer)
        except orjson.JSONDecodeError as error:
            self._failed()
            kind = _TurnedAway if status in (429, 503) else RpcUnavailable
            raise kind(f"{self.url} answered {method} with HTTP {status} and no JSON") from error
        if not isinstance(message, dict) or not ("result" in message or "error" in message):
            self._failed()
            raise RpcUnavailable(f"{self.url} answered {method} with HTTP {status} and no JSON-RPC message")
        self._failures = 0
        if "error" in message:
            raise refusal(method, message["error"])
        return message["result"]

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_REST:
            self._resting_until = self._monotonic() + REST_SECONDS


def refusal(method: str, error: Any) -> RpcRefused:
    """Return the exception for a JSON-RPC error object."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    code, message, data = int(fields.get("code", 0)), str(fields.get("message", "")), fields.get("data")
    kind = MinContextSlotNotReached if code == MIN_CONTEXT_SLOT_NOT_REACHED else RpcRefused
    return kind(method, code, message, data)
