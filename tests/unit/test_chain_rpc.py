"""RpcClient: what it makes of answers, errors, silence and several endpoints."""

import asyncio
import base64
import socket
import time
from typing import Any

import pytest

from chain_node import FakeNode, NodeError, with_context
from liquidation_engine.chain import CannotLand, RpcClient, SignatureStatus, StillPossible
from liquidation_engine.errors import (
    ConfigError,
    DecodeError,
    MinContextSlotNotReached,
    RpcRefused,
    RpcTimeout,
    RpcUnavailable,
)
from liquidation_engine.localnet import Localnet
from localnet_kit import stepped


def account_json(data: bytes, lamports: int = 5) -> dict[str, Any]:
    encoded = [base64.b64encode(data).decode(), "base64"]
    return {"owner": "Owner", "lamports": lamports, "data": encoded, "executable": False, "rentEpoch": 0}


def refuse(code: int, message: str) -> Any:
    def answer(_: list[Any]) -> Any:
        raise NodeError(code, message, {"why": 1})

    return answer


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


async def test_an_account_carries_the_slot_it_was_read_at() -> None:
    node = FakeNode(getAccountInfo=lambda _: with_context(account_json(b"abc"), 77))
    async with node, RpcClient([node.url]) as rpc:
        account = await rpc.account("A", min_context_slot=70)
    assert account is not None
    assert (account.address, account.data, account.slot, account.lamports) == ("A", b"abc", 77, 5)
    assert node.calls[0][1][1]["minContextSlot"] == 70


async def test_two_hundred_and_one_accounts_take_three_calls_and_keep_their_order() -> None:
    def answer(params: list[Any]) -> Any:
        return with_context([account_json(name.encode()) for name in params[0]], 50 + len(params[0]))

    addresses = [f"a{number}" for number in range(201)]
    async with FakeNode(getMultipleAccounts=answer) as node, RpcClient([node.url]) as rpc:
        slot, found = await rpc.accounts(addresses)
    assert [one.data.decode() for one in found if one] == addresses
    assert slot == 51  # the lowest context of the three
    assert node.count("getMultipleAccounts") == 3


async def test_silence_becomes_a_timeout() -> None:
    async with FakeNode() as node, RpcClient([node.url], timeout_seconds=0.05) as rpc:
        node.silent = True
        with pytest.raises(RpcTimeout, match=r"getSlot had no answer .* within 0.05 s"):
            await rpc.slot()


async def test_an_unreachable_endpoint_is_named() -> None:
    url = closed_port()
    async with RpcClient([url]) as rpc:
        with pytest.raises(RpcUnavailable, match=url):
            await rpc.slot()


async def test_a_read_goes_on_to_the_next_endpoint_but_a_refusal_ends_it() -> None:
    node = FakeNode(getSlot=lambda _: 9, getBalance=refuse(-32602, "no"))
    async with node, RpcClient([closed_port(), node.url]) as rpc:
        assert await rpc.slot() == 9
        with pytest.raises(RpcRefused) as refused:
            await rpc.balance("A")
    assert (refused.value.code, refused.value.reason, refused.value.data) == (-32602, "no", {"why": 1})


async def test_an_endpoint_that_fails_three_times_in_a_row_is_asked_last() -> None:
    async with FakeNode() as slow, FakeNode(getSlot=lambda _: 9) as good:
        slow.silent = True
        async with RpcClient([slow.url, good.url], timeout_seconds=0.3) as rpc:
            for _ in range(5):
                assert await rpc.slot() == 9
    assert len(slow.calls) == 3


async def test_a_node_behind_the_slot_is_its_own_error_and_another_node_may_be_ahead() -> None:
    behind = refuse(-32016, "Minimum context slot has not been reached")
    async with FakeNode(getAccountInfo=behind) as first:
        async with RpcClient([first.url]) as rpc:
            with pytest.raises(MinContextSlotNotReached):
                await rpc.account("A", min_context_slot=10**9)
        second = FakeNode(getAccountInfo=lambda _: with_context(None))
        async with second, RpcClient([first.url, second.url]) as rpc:
            assert await rpc.account("A", min_context_slot=10**9) is None


async def test_an_answer_of_another_shape_names_the_method() -> None:
    async with FakeNode(getAccountInfo=lambda _: with_context({"owner": "x"})) as node, RpcClient([node.url]) as rpc:
        with pytest.raises(DecodeError, match="getAccountInfo"):
            await rpc.account("A")


async def test_a_send_reaches_every_endpoint_with_the_same_bytes_and_the_first_acceptance_wins() -> None:
    async with FakeNode(sendTransaction=refuse(-32005, "busy")) as busy, FakeNode() as slow:
        slow.silent = True
        good = FakeNode(sendTransaction=lambda _: "sig")
        async with good, RpcClient([busy.url, slow.url, good.url]) as rpc:
            assert await rpc.send(b"bytes") == "sig"
            sent = {node.calls[0][1][0] for node in (busy, good)}
    assert sent == {base64.b64encode(b"bytes").decode()}
    assert good.calls[0][1][1]["skipPreflight"] is True


async def test_a_send_without_acceptance_is_a_timeout_if_any_endpoint_stayed_silent() -> None:
    async with FakeNode(sendTransaction=refuse(-32002, "Blockhash not found")) as refusing, FakeNode() as slow:
        slow.silent = True
        async with RpcClient([refusing.url, slow.url], timeout_seconds=0.1) as rpc:
            with pytest.raises(RpcTimeout):
                await rpc.send(b"bytes")
        async with RpcClient([refusing.url, closed_port()]) as rpc:
            with pytest.raises(RpcRefused, match="Blockhash not found"):
                await rpc.send(b"bytes")


async def test_a_send_that_nobody_answers_is_left_to_the_chain_long_before_the_call_times_out() -> None:
    async with FakeNode() as slow, RpcClient([slow.url], timeout_seconds=5.0) as rpc:
        slow.silent = True
        started = time.monotonic()
        with pytest.raises(RpcTimeout, match="1 of 1 endpoints"):
            await rpc.send(b"bytes")
        assert time.monotonic() - started < 2.0


async def test_a_silent_endpoint_does_not_keep_sends_from_the_others() -> None:
    async with FakeNode() as slow, FakeNode(sendTransaction=lambda _: "sig") as good:
        slow.silent = True
        async with RpcClient([slow.url, good.url], send_concurrency=2) as rpc, asyncio.timeout(2.0):
            assert await asyncio.gather(*(rpc.send(b"bytes") for _ in range(20))) == ["sig"] * 20


async def test_sends_do_not_pile_up_before_a_silent_endpoint() -> None:
    async with FakeNode() as slow, FakeNode(sendTransaction=lambda _: "sig") as good:
        slow.silent = True
        async with RpcClient([slow.url, good.url], send_concurrency=1, timeout_seconds=0.8) as rpc:
            await asyncio.gather(*(rpc.send(b"bytes") for _ in range(20)))
            async with asyncio.timeout(5.0):
                while rpc._late:  # noqa: ASYNC110 - calls under way have no event
                    await asyncio.sleep(0.02)
    assert slow.count("sendTransaction") <= 2


STATUS = {"slot": 40, "confirmations": 1, "err": None, "confirmationStatus": "confirmed"}


@pytest.mark.parametrize(
    ("height", "status", "shown", "fate"),
    [
        (1_000, STATUS, {"slot": 40}, SignatureStatus(slot=40, error=None, confirmation="confirmed")),
        (1_000, STATUS, None, CannotLand(1_000)),  # it claims what it cannot show
        (150, STATUS, None, SignatureStatus(slot=40, error=None, confirmation="confirmed")),
        (150, None, None, StillPossible(150)),
        (151, None, None, CannotLand(151)),
    ],
)
async def test_a_transaction_can_land_no_more_only_above_its_height_and_unknown_to_the_history(
    height: int, status: object, shown: object, fate: object
) -> None:
    node = FakeNode(
        getBlockHeight=lambda _: height,
        getSignatureStatuses=lambda _: with_context([status]),
        getTransaction=lambda _: shown,
    )
    async with node, RpcClient([node.url]) as rpc:
        assert await rpc.fate("sig", expires_above=150) == fate
    assert [name for name, _ in node.calls][:2] == ["getBlockHeight", "getSignatureStatuses"]  # the height comes first
    assert node.calls[1][1][1] == {"searchTransactionHistory": True}


async def test_an_endpoint_that_does_not_answer_proves_no_expiry() -> None:
    node = FakeNode(getBlockHeight=lambda _: 1_000, getSignatureStatuses=lambda _: with_context([None]))
    async with node, RpcClient([node.url, closed_port()]) as rpc:
        with pytest.raises(RpcUnavailable):
            await rpc.fate("sig", expires_above=150)


async def test_what_one_endpoint_denies_another_may_know() -> None:
    denies = FakeNode(
        getSignatureStatuses=lambda params: with_context([None] * len(params[0])), getTransaction=lambda _: None
    )
    knows = FakeNode(getSignatureStatuses=lambda params: with_context([STATUS] * len(params[0])))
    async with denies, knows, RpcClient([denies.url, knows.url]) as rpc:
        found = await rpc.signature_statuses(["one", "two"], search_history=True)
        assert [status is not None for status in found] == [True, True]
        assert await rpc.signature_statuses(["one"]) == [None]  # a poll is cheap: it asks one


async def test_an_endpoint_that_falls_behind_is_asked_after_the_others() -> None:
    slots = {"slow": 100, "quick": 100}
    slow = FakeNode(getSlot=lambda _: slots["slow"], getGenesisHash=lambda _: "slow")
    quick = FakeNode(getSlot=lambda _: slots["quick"], getGenesisHash=lambda _: "quick")
    async with slow, quick, RpcClient([slow.url, quick.url]) as rpc:
        stop = asyncio.Event()
        watch = asyncio.create_task(rpc.watch(stop))
        assert await rpc.genesis_hash() == "slow"
        slots["quick"] = 150
        async with asyncio.timeout(5):
            while await rpc.genesis_hash() != "quick":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        stop.set()
        await watch
        assert rpc.newest_slot == 150


def token_balance(index: int, amount: int) -> dict[str, Any]:
    return {"accountIndex": index, "mint": "M", "owner": "O", "uiTokenAmount": {"amount": str(amount)}}


async def test_a_record_joins_balances_before_and_after_by_account() -> None:
    answer = {
        "slot": 12,
        "transaction": {"message": {"accountKeys": ["payer", "old"]}},
        "meta": {
            "err": None,
            "fee": 5_000,
            "computeUnitsConsumed": 77,
            "preBalances": [10, 1, 0],
            "postBalances": [5, 0, 1],
            "loadedAddresses": {"writable": ["new"], "readonly": []},
            "preTokenBalances": [token_balance(1, 30)],
            "postTokenBalances": [token_balance(2, 25)],
            "logMessages": ["one"],
        },
    }
    async with FakeNode(getTransaction=lambda _: answer) as node, RpcClient([node.url]) as rpc:
        record = await rpc.transaction("sig")
    assert record is not None
    assert record.addresses == ("payer", "old", "new")
    assert [(one.address, one.before, one.after) for one in record.token_balances] == [("old", 30, 0), ("new", 0, 25)]


async def test_a_simulation_says_what_went_wrong_without_raising() -> None:
    value = {"err": {"InstructionError": [2, {"Custom": 6011}]}, "logs": ["l"], "unitsConsumed": 9, "returnData": None}
    async with FakeNode(simulateTransaction=lambda _: with_context(value)) as node, RpcClient([node.url]) as rpc:
        simulation = await rpc.simulate(b"tx", replace_blockhash=True)
    assert simulation.error == {"InstructionError": [2, {"Custom": 6011}]}
    assert (simulation.units, simulation.slot) == (9, 100)


def test_a_client_without_endpoints_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="SOLANA_RPC_URL"):
        RpcClient([])


async def test_an_endpoint_that_turns_us_away_is_asked_again_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liquidation_engine.chain.endpoint.INSIST_SECONDS", (0.01, 0.01))
    localnet = Localnet(stepped(skip_every=0))
    async with localnet:
        localnet.gateway.set_faults("a", refuse_every=2)
        async with RpcClient([f"{localnet.url}/a"]) as rpc:
            for _ in range(4):
                assert isinstance(await rpc.fate("1" * 64, expires_above=10_000), StillPossible)
            localnet.gateway.set_faults("a", refuse_every=1)
            with pytest.raises(RpcUnavailable, match="HTTP 429"):
                await rpc.fate("1" * 64, expires_above=10_000)
