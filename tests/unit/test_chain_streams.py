"""Subscriptions, the confirmer and the blockhash cache against a node that drops connections."""

import asyncio
import base64
from typing import Any

import pytest

from chain_node import FakeNode, NodeError, with_context
from liquidation_engine.chain import (
    AccountUpdate,
    BlockhashCache,
    Confirmer,
    Executed,
    NewSlot,
    NotYet,
    Pulse,
    Reconnected,
    RpcClient,
    program_updates,
    slots,
)
from liquidation_engine.errors import RpcRefused, RpcUnavailable


def changed(address: str, slot: int) -> dict[str, Any]:
    data = [base64.b64encode(b"data").decode(), "base64"]
    account = {"owner": "Program", "lamports": 3, "data": data, "executable": False}
    return with_context({"pubkey": address, "account": account}, slot)


async def test_each_connection_starts_with_a_marker_and_updates_follow() -> None:
    stop = asyncio.Event()
    async with FakeNode() as node:
        stream = program_updates(node.ws_url, "Program", stop=stop)
        assert await anext(stream) == Reconnected(first=True)
        await node.notify("programNotification", 1, changed("A", 5))
        assert await anext(stream) == AccountUpdate(address="A", owner="Program", lamports=3, data=b"data", slot=5)
        await node.drop_sockets()
        assert await anext(stream) == Reconnected(first=False)
        await node.notify("programNotification", 2, changed("B", 6))
        update = await anext(stream)
        assert isinstance(update, AccountUpdate)
        assert update.address == "B"
        stop.set()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_stop_ends_a_stream_that_waits_for_a_message() -> None:
    stop = asyncio.Event()
    async with FakeNode() as node:
        seen = [slot async for slot in _stopped_after_two(node, stop)]
    assert seen == [8, 9]


async def _stopped_after_two(node: FakeNode, stop: asyncio.Event) -> Any:
    async def play() -> None:
        await node.until_subscribed(1)
        for slot in (8, 9):
            await node.notify("slotNotification", 1, {"slot": slot, "parent": slot - 1, "root": 0})
        await asyncio.sleep(0.05)
        stop.set()

    player = asyncio.create_task(play())
    async with asyncio.timeout(3):
        async for slot in slots(node.ws_url, stop):
            yield slot.slot
    await player


async def test_a_refused_subscription_is_not_asked_for_again() -> None:
    def refuse(_: list[Any]) -> Any:
        raise NodeError(-32601, "Method not found")

    async with FakeNode(slotSubscribe=refuse) as node:
        with pytest.raises(RpcRefused, match="Method not found"):
            await anext(slots(node.ws_url, asyncio.Event()))


def node_without_statuses(height: int = 10) -> FakeNode:
    return FakeNode(
        getBlockHeight=lambda _: height, getSignatureStatuses=lambda params: with_context([None] * len(params[0]))
    )


async def test_all_signatures_share_one_websocket_and_one_polling_call() -> None:
    statuses: dict[str, Any] = {}
    node = FakeNode(
        getBlockHeight=lambda _: 10,
        getSignatureStatuses=lambda params: with_context([statuses.get(name) for name in params[0]]),
    )
    async with node, RpcClient([node.url]) as rpc, Confirmer(rpc, node.ws_url) as confirmer:
        waits = [
            asyncio.create_task(confirmer.wait(f"s{number}", expires_above=99, poll_seconds=0.02))
            for number in range(3)
        ]
        await node.until_subscribed(3)
        assert len(node.sockets) == 1
        first = 1 + [params[0] for _, params in node.subscribed].index("s0")
        await asyncio.sleep(0.02)  # the answer that names the subscription is on its way
        await node.notify("signatureNotification", first, with_context({"err": None}, 31))
        statuses["s1"] = {"slot": 32, "err": {"InstructionError": [0, "x"]}, "confirmationStatus": "confirmed"}
        statuses["s2"] = {"slot": 33, "err": None, "confirmationStatus": "finalized"}
        answers = await asyncio.wait_for(asyncio.gather(*waits), 3)
    assert answers == [Executed(31, None), Executed(32, {"InstructionError": [0, "x"]}), Executed(33, None)]
    assert max(len(params[0]) for name, params in node.calls if name == "getSignatureStatuses") >= 2


async def test_processed_is_not_enough_for_confirmed() -> None:
    status = {"slot": 32, "err": None, "confirmationStatus": "processed"}
    node = FakeNode(getBlockHeight=lambda _: 10, getSignatureStatuses=lambda _: with_context([status]))
    async with node, RpcClient([node.url]) as rpc, Confirmer(rpc, None) as confirmer:
        answer = await confirmer.wait("s", expires_above=99, poll_seconds=0.01, timeout_seconds=0.5)
        assert answer == NotYet(10)
        assert await confirmer.wait("s", expires_above=99, poll_seconds=0.01, commitment="processed") == Executed(
            32, None
        )


async def test_a_signature_unknown_above_its_height_is_not_yet_and_says_so() -> None:
    async with (
        node_without_statuses(height=151) as node,
        RpcClient([node.url]) as rpc,
        Confirmer(rpc, None) as confirmer,
    ):
        async with asyncio.timeout(2):  # long before its own timeout
            answer = await confirmer.wait("s", expires_above=150, poll_seconds=0.01, timeout_seconds=60)
    assert answer == NotYet(151)
    assert isinstance(answer, NotYet)
    assert answer.expired(150)


async def test_waiters_are_subscribed_again_after_a_lost_connection() -> None:
    async with node_without_statuses() as node, RpcClient([node.url]) as rpc, Confirmer(rpc, node.ws_url) as confirmer:
        waiting = asyncio.create_task(confirmer.wait("s", expires_above=99, poll_seconds=5))
        await node.until_subscribed(1)
        await node.drop_sockets()
        await node.until_subscribed(2)
        await asyncio.sleep(0.02)  # the answer that names the subscription is on its way
        await node.notify("signatureNotification", 2, with_context({"err": None}, 31))
        assert await asyncio.wait_for(waiting, 3) == Executed(31, None)


async def test_a_waiter_that_gave_up_is_unsubscribed() -> None:
    async with node_without_statuses() as node, RpcClient([node.url]) as rpc, Confirmer(rpc, node.ws_url) as confirmer:
        first = asyncio.create_task(confirmer.wait("first", expires_above=99, poll_seconds=0.01))
        await node.until_subscribed(1)
        first.cancel()
        second = asyncio.create_task(confirmer.wait("second", expires_above=99, poll_seconds=0.01))
        await node.until_subscribed(3)  # both and the end of the first
        second.cancel()
    assert ("signatureUnsubscribe", [1]) in node.subscribed


async def test_close_releases_whoever_still_waits() -> None:
    async with node_without_statuses() as node, RpcClient([node.url]) as rpc:
        confirmer = Confirmer(rpc, None)
        waiting = asyncio.create_task(confirmer.wait("s", expires_above=99, poll_seconds=5))
        await asyncio.sleep(0)
        await confirmer.close()
        assert await asyncio.wait_for(waiting, 1) == NotYet(0)


class Source:
    """Answers in turn; an empty list is an unreachable node."""

    def __init__(self, *answers: tuple[str, int, int]) -> None:
        self.answers = list(answers)

    async def latest_blockhash(self, commitment: str = "confirmed") -> tuple[str, int]:
        if not self.answers:
            raise RpcUnavailable("gone")
        return self.answers[0][:2]

    async def block_height(self, commitment: str = "finalized") -> int:
        return self.answers.pop(0)[2]


async def test_expiry_counts_from_the_highest_height_ever_seen() -> None:
    cache = BlockhashCache(Source(("a", 250, 100), ("b", 260, 180), ("old", 190, 40)))
    await cache.refresh()
    assert cache.current() == ("a", 250, 100)
    assert cache.current().expires_above == 250
    await cache.refresh()
    assert cache.current() == ("b", 260, 180)
    assert cache.current().expires_above == 330
    await cache.refresh()  # a node that lags takes nothing back
    assert cache.current() == ("b", 260, 180)


async def test_a_blockhash_that_cannot_be_refreshed_is_withheld_after_a_while() -> None:
    now = 0.0
    cache = BlockhashCache(Source(("a", 250, 100)), oldest_seconds=20, monotonic=lambda: now)
    await cache.refresh()
    now = 20.0
    assert cache.current().blockhash == "a"
    now = 20.1
    with pytest.raises(RpcUnavailable, match="20 s"):
        cache.current()


async def test_the_cache_refreshes_itself_and_survives_a_failing_node() -> None:
    source = Source(("a", 250, 100), ("b", 251, 101))
    async with BlockhashCache(source, refresh_seconds=0.01) as cache:
        await asyncio.sleep(0.1)
        assert cache.current().blockhash == "b"


async def test_a_socket_that_falls_silent_is_given_up_for_the_next_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liquidation_engine.chain.subscribe.SILENCE_SECONDS", 0.1)
    stop = asyncio.Event()
    async with FakeNode() as mute, FakeNode() as other:
        stream = program_updates([mute.ws_url, other.ws_url], "Program", stop=stop, pulse=Pulse(lambda: 0))
        assert await anext(stream) == Reconnected(first=True)
        async with asyncio.timeout(3):
            assert await anext(stream) == Reconnected(first=False)
        assert [name for name, _ in mute.subscribed] == ["programSubscribe", "slotSubscribe"]
        await other.notify("programNotification", 1, changed("B", 6))
        assert isinstance(await anext(stream), AccountUpdate)
        stop.set()


async def test_a_socket_that_tells_of_old_slots_is_given_up() -> None:
    stop = asyncio.Event()
    async with FakeNode() as behind, FakeNode() as other:
        stream = slots([behind.ws_url, other.ws_url], stop, Pulse(lambda: 130))

        async def play() -> None:
            await behind.until_subscribed(1)
            await behind.notify("slotNotification", 1, {"slot": 109, "parent": 108, "root": 0})
            await other.until_subscribed(1)
            await other.notify("slotNotification", 1, {"slot": 131, "parent": 130, "root": 0})

        player = asyncio.create_task(play())
        async with asyncio.timeout(5):
            assert await anext(stream) == NewSlot(131, 130)
        await player
        stop.set()
