"""Websocket subscriptions that outlive their connections.

Each time a subscription stands, the first time too, the stream yields Reconnected: notifications before it may be lost,
so that is when to read a snapshot and to apply what follows on top of it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection

from liquidation_engine.chain import decode
from liquidation_engine.chain.connection import SOCKET_ERRORS, Backoff, opened
from liquidation_engine.chain.endpoint import refusal
from liquidation_engine.chain.words import AccountUpdate, Commitment, Reconnected
from liquidation_engine.errors import RpcTimeout

SUBSCRIBE_SECONDS = 5.0
REQUEST_ID = 1


async def program_updates(
    ws_url: str,
    program: str,
    *,
    commitment: Commitment = "processed",
    filters: Sequence[Mapping[str, Any]] = (),
    stop: asyncio.Event,
) -> AsyncIterator[AccountUpdate | Reconnected]:
    """Yield every change of a program's accounts until `stop`."""
    config = {"encoding": "base64", "commitment": commitment, "filters": list(filters)}
    async with aclosing(notifications(ws_url, "programSubscribe", [program, config], stop=stop)) as results:
        async for result in results:
            if isinstance(result, Reconnected):
                yield result
            else:
                with decode.answer_of("programNotification"):
                    update = decode.program_update(result)
                yield update


async def slots(ws_url: str, stop: asyncio.Event) -> AsyncIterator[int]:
    """Yield each new slot until `stop`; slots during a reconnect are left out."""
    async with aclosing(notifications(ws_url, "slotSubscribe", [], stop=stop)) as results:
        async for result in results:
            if not isinstance(result, Reconnected):
                with decode.answer_of("slotNotification"):
                    slot = int(result["slot"])
                yield slot


async def program_logs(
    ws_url: str, address: str, *, commitment: Commitment = "confirmed", stop: asyncio.Event
) -> AsyncGenerator[Sequence[str], None]:
    """Yield the logs of each transaction that succeeded and mentions an address, until `stop`."""
    params = [{"mentions": [address]}, {"commitment": commitment}]
    async with aclosing(notifications(ws_url, "logsSubscribe", params, stop=stop)) as results:
        async for result in results:
            if not isinstance(result, Reconnected):
                with decode.answer_of("logsNotification"):
                    value = result["value"]
                    failed, lines = value["err"] is not None, tuple(value["logs"])
                if not failed:
                    yield lines


async def notifications(
    ws_url: str, method: str, params: Sequence[Any], *, stop: asyncio.Event
) -> AsyncGenerator[Any | Reconnected, None]:
    """Yield the results of one subscription, reconnecting with growing delays until `stop`.

    A node that refuses the subscription raises RpcRefused: asking again would not help.
    """
    backoff, first = Backoff(), True
    while not stop.is_set():
        try:
            async with opened(ws_url, stop) as socket:
                subscription, early = await _subscribe(socket, method, params)
                backoff.reset()
                yield Reconnected(first)
                first = False
                for result in early:
                    yield result
                async for message in socket:
                    if (result := _result_of(message, subscription)) is not None:
                        yield result
        except (*SOCKET_ERRORS, RpcTimeout):
            pass  # the next connection starts with Reconnected, which tells the consumer all there is to tell
        await backoff.wait(stop)


async def _subscribe(socket: ClientConnection, method: str, params: Sequence[Any]) -> tuple[int, list[Any]]:
    """Subscribe; return the subscription's id and what arrived before the answer."""
    request = {"jsonrpc": "2.0", "id": REQUEST_ID, "method": method, "params": params}
    await socket.send(orjson.dumps(request).decode())
    early: list[str | bytes] = []
    try:
        async with asyncio.timeout(SUBSCRIBE_SECONDS):
            while True:
                raw = await socket.recv()
                message = orjson.loads(raw)
                if message.get("id") == REQUEST_ID:
                    break
                early.append(raw)
    except TimeoutError as error:
        raise RpcTimeout(f"{method} had no answer within {SUBSCRIBE_SECONDS:g} s") from error
    if "error" in message:
        raise refusal(method, message["error"])
    subscription = int(message["result"])
    return subscription, [result for raw in early if (result := _result_of(raw, subscription)) is not None]


def _result_of(raw: str | bytes, subscription: int) -> Any | None:
    """Return a notification's result, None for any other message."""
    message = orjson.loads(raw)
    params = message.get("params")
    if not isinstance(params, dict) or params.get("subscription") != subscription:
        return None
    return params.get("result")
