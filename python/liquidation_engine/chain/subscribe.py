"""Websocket subscriptions that outlive their connections.

Each time a subscription stands, the first time too, the stream yields Reconnected: notifications before it may be lost,
so that is when to read a snapshot and to apply what follows on top of it.

A socket may stay open and say nothing, or tell of a chain that others have left behind. Where a `Pulse` is given, the slots are
followed on the same connection: one that is silent or behind is given up for the next endpoint.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedOK

from liquidation_engine.chain import decode
from liquidation_engine.chain.connection import SOCKET_ERRORS, Backoff, opened
from liquidation_engine.chain.endpoint import refusal
from liquidation_engine.chain.words import AccountUpdate, Commitment, NewSlot, Reconnected
from liquidation_engine.errors import RpcTimeout

log = structlog.get_logger(__name__)

SUBSCRIBE_SECONDS = 5.0
SILENCE_SECONDS = 5.0  # a dozen slots
PULSE_REQUEST_ID, FIRST_REQUEST_ID = 1, 2

Urls = str | Sequence[str]


class _StaleSocket(RpcTimeout):
    """The connection is open, and nothing new comes over it."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a connection is held against: how far other endpoints are, and how far behind them it may be."""

    newest_slot: Callable[[], int]
    most_behind_slots: int = 20

    def check(self, slot: int) -> None:
        """Raise _StaleSocket for a slot that others have long passed."""
        if slot + self.most_behind_slots < self.newest_slot():
            raise _StaleSocket(f"the socket tells of slot {slot}, others are at {self.newest_slot()}")


async def program_updates(
    ws_url: Urls,
    program: str,
    *,
    commitment: Commitment = "processed",
    filters: Sequence[Mapping[str, Any]] = (),
    kinds: Sequence[Sequence[Mapping[str, Any]]] = (),
    stop: asyncio.Event,
    pulse: Pulse | None = None,
) -> AsyncIterator[AccountUpdate | Reconnected]:
    """Yield every change of a program's accounts until `stop`; of several kinds of them where `kinds` has filters for each."""
    config = {"encoding": "base64", "commitment": commitment}
    params = [[program, {**config, "filters": list(one)}] for one in (kinds or (filters,))]
    async with aclosing(notifications_of(ws_url, "programSubscribe", params, stop=stop, pulse=pulse)) as results:
        async for result in results:
            if isinstance(result, Reconnected):
                yield result
            else:
                with decode.answer_of("programNotification"):
                    update = decode.program_update(result[1])
                yield update


async def account_updates(
    ws_url: Urls,
    addresses: Sequence[str],
    *,
    commitment: Commitment = "processed",
    stop: asyncio.Event,
    pulse: Pulse | None = None,
) -> AsyncGenerator[AccountUpdate | Reconnected, None]:
    """Yield every change of these accounts until `stop`, all of them over one connection."""
    config = {"encoding": "base64", "commitment": commitment}
    params = [[address, config] for address in addresses]
    async with aclosing(notifications_of(ws_url, "accountSubscribe", params, stop=stop, pulse=pulse)) as results:
        async for result in results:
            if isinstance(result, Reconnected):
                yield result
            else:
                with decode.answer_of("accountNotification"):
                    update = decode.account_update(addresses[result[0]], result[1])
                yield update


async def slots(ws_url: Urls, stop: asyncio.Event, pulse: Pulse | None = None) -> AsyncIterator[NewSlot]:
    """Yield each new slot until `stop`; slots during a reconnect are left out."""
    async with aclosing(notifications(ws_url, "slotSubscribe", [], stop=stop, pulse=pulse)) as results:
        async for result in results:
            if not isinstance(result, Reconnected):
                with decode.answer_of("slotNotification"):
                    slot = NewSlot(int(result["slot"]), int(result["parent"]))
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
    ws_url: Urls, method: str, params: Sequence[Any], *, stop: asyncio.Event, pulse: Pulse | None = None
) -> AsyncGenerator[Any | Reconnected, None]:
    """Yield the results of one subscription, as `notifications_of` does."""
    async with aclosing(notifications_of(ws_url, method, [params], stop=stop, pulse=pulse)) as results:
        async for result in results:
            yield result if isinstance(result, Reconnected) else result[1]


async def notifications_of(
    ws_url: Urls, method: str, params: Sequence[Sequence[Any]], *, stop: asyncio.Event, pulse: Pulse | None = None
) -> AsyncGenerator[tuple[int, Any] | Reconnected, None]:
    """Yield (place in `params`, result) of each notification, reconnecting with growing delays until `stop`, each time to the next URL.

    All subscriptions share a connection. A node that refuses one raises RpcRefused: asking again would not help.
    """
    backoff, first = Backoff(), True
    for url in itertools.cycle([ws_url] if isinstance(ws_url, str) else ws_url):
        if stop.is_set():
            return
        try:
            async with opened(url, stop) as socket:
                subscriptions, early = await _subscribe(socket, method, params)
                backoff.reset()
                yield Reconnected(first)
                first = False
                for result in early:
                    yield result
                async for message in socket if pulse is None else _while_alive(socket, method, pulse):
                    if (told := _result_of(message, subscriptions)) is not None:
                        yield told
        except _StaleSocket as error:
            log.warning("Subscription given up", method=method, reason=str(error))
        except (*SOCKET_ERRORS, RpcTimeout):
            pass  # the next connection starts with Reconnected, which tells the consumer all there is to tell
        await backoff.wait(stop)


async def _while_alive(socket: ClientConnection, method: str, pulse: Pulse) -> AsyncIterator[str | bytes]:
    """Yield messages as long as slots come, and new ones; asks for them besides where the subscription is another."""
    if method != "slotSubscribe":
        request = {"jsonrpc": "2.0", "id": PULSE_REQUEST_ID, "method": "slotSubscribe", "params": []}
        await socket.send(orjson.dumps(request).decode())
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                raw = await socket.recv()
        except ConnectionClosedOK:
            return
        except TimeoutError as error:
            raise _StaleSocket(f"nothing was heard for {SILENCE_SECONDS:g} s") from error
        if b"slotNotification" in (raw if isinstance(raw, bytes) else raw[:80].encode()):
            pulse.check(int(orjson.loads(raw)["params"]["result"]["slot"]))
        yield raw


async def _subscribe(
    socket: ClientConnection, method: str, params: Sequence[Sequence[Any]]
) -> tuple[dict[int, int], list[tuple[int, Any]]]:
    """Subscribe to each; return subscription -> place in `params`, and what arrived before the last answer."""
    for place, one in enumerate(params):
        request = {"jsonrpc": "2.0", "id": FIRST_REQUEST_ID + place, "method": method, "params": one}
        await socket.send(orjson.dumps(request).decode())
    early: list[str | bytes] = []
    subscriptions: dict[int, int] = {}
    try:
        async with asyncio.timeout(SUBSCRIBE_SECONDS):
            while len(subscriptions) < len(params):
                raw = await socket.recv()
                message = orjson.loads(raw)
                place = message.get("id", PULSE_REQUEST_ID) - FIRST_REQUEST_ID
                if not 0 <= place < len(params):
                    early.append(raw)
                elif "error" in message:
                    raise refusal(method, message["error"])
                else:
                    subscriptions[int(message["result"])] = place
    except TimeoutError as error:
        raise RpcTimeout(f"{method} had no answer within {SUBSCRIBE_SECONDS:g} s") from error
    return subscriptions, [result for raw in early if (result := _result_of(raw, subscriptions)) is not None]


def _result_of(raw: str | bytes, subscriptions: Mapping[int, int]) -> tuple[int, Any] | None:
    """Return a notification's place and result, None for any other message."""
    message = orjson.loads(raw)
    params = message.get("params")
    if not isinstance(params, dict) or params.get("subscription") not in subscriptions:
        return None
    result = params.get("result")
    return None if result is None else (subscriptions[params["subscription"]], result)
