"""Several endpoints serve one chain, each with faults of its own; the clients are solana-py's, unmodified."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from solana.exceptions import SolanaRpcException
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.signature import Signature
from solders.transaction_status import TransactionConfirmationStatus as Status
from websockets.exceptions import ConnectionClosed

from liquidation_engine.localnet import Localnet
from localnet_kit import SOL, funded, key, pay, signed, stepped

SKIP = TxOpts(skip_preflight=True)


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    localnet = Localnet(stepped(confirmed_lag=1, finalized_lag=4, skip_every=0))
    funded(localnet.chain, 1)
    async with localnet:
        yield localnet


@pytest.fixture
async def good(localnet: Localnet) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"{localnet.url}/good", commitment=Processed) as client:
        yield client


@pytest.fixture
async def bad(localnet: Localnet) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"{localnet.url}/bad", commitment=Processed, timeout=0.5) as client:
        yield client


def broken(localnet: Localnet, **faults: object) -> None:
    localnet.gateway.set_faults("bad", **faults)


async def paid(localnet: Localnet, client: AsyncClient, to: int = 2) -> Signature:
    transaction = signed(key(1), [pay(key(1), key(to).pubkey(), SOL)], localnet.chain.latest_blockhash)
    return (await client.send_transaction(transaction, SKIP)).value


async def status(client: AsyncClient, signature: Signature) -> object:
    found = (await client.get_signature_statuses([signature], search_transaction_history=True)).value[0]
    return None if found is None else found.confirmation_status


async def test_one_endpoint_refuses_and_the_other_serves(
    localnet: Localnet, good: AsyncClient, bad: AsyncClient
) -> None:
    broken(localnet, refuse_every=1)
    with pytest.raises(SolanaRpcException) as caught:
        await bad.get_slot()
    assert "429" in str(caught.value.__cause__)
    assert (await good.get_slot()).value == 1_000


async def test_every_nth_request_is_refused(localnet: Localnet) -> None:
    broken(localnet, refuse_every=3)
    async with aiohttp.ClientSession() as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "getSlot"}
        codes = [(await http.post(f"{localnet.url}/bad", json=body)).status for _ in range(6)]
    assert codes == [200, 200, 429] * 2


async def test_a_lagging_endpoint_shows_the_chain_as_it_was(
    localnet: Localnet, good: AsyncClient, bad: AsyncClient
) -> None:
    broken(localnet, lag_slots=50)
    await localnet.step(60)
    signature = await paid(localnet, bad)
    await localnet.step(30)
    assert [(await client.get_slot()).value for client in (good, bad)] == [1_090, 1_040]
    assert [(await client.get_block_height()).value for client in (good, bad)] == [1_090, 1_040]
    assert [(await client.get_balance(key(2).pubkey())).value for client in (good, bad)] == [SOL, 0]
    assert [await status(client, signature) for client in (good, bad)] == [Status.Finalized, None]
    doomed = signed(key(1), [pay(key(1), key(2).pubkey(), SOL)], localnet.chain.latest_blockhash)
    with pytest.raises(RPCException, match="MinContextSlotNotReached"):
        await bad.simulate_transaction(doomed, min_context_slot=1_050)
    await localnet.step(30)
    assert (await bad.get_balance(key(2).pubkey())).value == SOL
    assert await status(bad, signature) == Status.Finalized


async def test_a_lagging_socket_tells_late_and_each_slot_once(localnet: Localnet) -> None:
    async with SolanaWsClient(f"{localnet.ws_url}/bad") as socket:
        await socket.slot_subscribe()
        await localnet.step(2)
        broken(localnet, lag_slots=3)
        await localnet.step(5)
        async with asyncio.timeout(5):
            told = [(await socket.recv()).result.slot for _ in range(4)]
    assert told == [1_001, 1_002, 1_003, 1_004]


async def test_one_that_denies_what_landed_lies_about_its_status_only(
    localnet: Localnet, good: AsyncClient, bad: AsyncClient
) -> None:
    broken(localnet, denies_landed=True)
    signature = await paid(localnet, bad)
    await localnet.step(6)
    assert [await status(client, signature) for client in (good, bad)] == [Status.Finalized, None]
    found = [
        await client.get_transaction(signature, commitment=Confirmed, max_supported_transaction_version=0)
        for client in (good, bad)
    ]
    assert [one.value is None for one in found] == [False, True]
    assert (await bad.get_signatures_for_address(key(1).pubkey(), commitment=Confirmed)).value == []
    assert (await bad.get_balance(key(2).pubkey())).value == SOL


async def test_one_that_claims_landings_cannot_show_them(
    localnet: Localnet, good: AsyncClient, bad: AsyncClient
) -> None:
    broken(localnet, claims_landed=True)
    nobody = Signature.new_unique()
    assert [await status(client, nobody) for client in (good, bad)] == [None, Status.Finalized]
    assert (await bad.get_transaction(nobody, commitment=Confirmed, max_supported_transaction_version=0)).value is None
    signature = await paid(localnet, good)
    await localnet.step(6)
    assert (
        await bad.get_transaction(signature, commitment=Confirmed, max_supported_transaction_version=0)
    ).value is not None


async def test_a_send_that_is_taken_and_never_answered_lands(
    localnet: Localnet, good: AsyncClient, bad: AsyncClient
) -> None:
    broken(localnet, unanswered_sends_every=1)
    with pytest.raises(SolanaRpcException):
        await paid(localnet, bad)
    await localnet.step()
    assert (await good.get_balance(key(2).pubkey())).value == SOL
    assert (await bad.get_slot()).value == 1_001


async def test_a_mute_socket_is_open_and_says_nothing(localnet: Localnet) -> None:
    async with SolanaWsClient(f"{localnet.ws_url}/bad") as socket, SolanaWsClient(f"{localnet.ws_url}/good") as other:
        await socket.slot_subscribe()
        await other.slot_subscribe()
        broken(localnet, socket="mute")
        await localnet.step(2)
        assert (await other.recv()).result.slot == 1_001
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await socket.recv()


async def test_a_cut_socket_is_closed_and_so_is_each_new_one(localnet: Localnet) -> None:
    async with asyncio.timeout(5):
        async with SolanaWsClient(f"{localnet.ws_url}/bad") as socket:
            await socket.slot_subscribe()
            broken(localnet, socket="cut")
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        with pytest.raises((ConnectionClosed, OSError)):
            async with SolanaWsClient(f"{localnet.ws_url}/bad") as socket:
                await socket.slot_subscribe()
        broken(localnet, socket="serves")
        async with SolanaWsClient(f"{localnet.ws_url}/bad") as socket:
            await socket.slot_subscribe()


async def test_faults_and_forks_are_made_from_another_process(localnet: Localnet, good: AsyncClient) -> None:
    async with aiohttp.ClientSession() as http:

        async def control(method: str, *params: object) -> dict[str, object]:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return await (await http.post(f"{localnet.url}/bad", json=body)).json()  # type: ignore[no-any-return]

        answer = await control("localnet_endpoint", "bad", {"refuse_every": 1, "lag_slots": 2})
        assert answer["result"] == {
            "refuse_every": 1, "latency_milliseconds": 0, "lag_slots": 2, "unanswered_sends_every": 0,
            "denies_landed": False, "claims_landed": False, "socket": "serves",
        }  # fmt: skip
        for wrong in ({"lag_slots": 65}, {"socket": "wet"}, {"tornado": 1}, {"refuse_every": "no"}):
            assert (await control("localnet_endpoint", "bad", wrong))["error"]["code"] == -32602  # type: ignore[index]
        await localnet.step(3)
        assert (await control("localnet_fork", 2))["result"] == 1_001
        assert (await good.get_slot()).value == 1_001
        assert (await control("localnet_fork", 9))["error"]["code"] == -32602  # type: ignore[index]


async def test_a_fork_is_seen_by_readers_and_subscribers(localnet: Localnet, good: AsyncClient) -> None:
    async with SolanaWsClient(f"{localnet.ws_url}/good") as socket:
        await socket.account_subscribe(pubkey=key(2).pubkey(), commitment=Processed, encoding="base64")
        await localnet.step()
        signature = await paid(localnet, good)
        await localnet.step(2)
        assert (await socket.recv()).result.value.lamports == SOL
        assert await status(good, signature) == Status.Confirmed
        await localnet.fork(2)
        assert await status(good, signature) is None
        assert (await good.get_balance(key(2).pubkey())).value == 0
        await localnet.step()
        told = await socket.recv()
        assert (told.result.context.slot, told.result.value.lamports) == (1_004, 0)


async def test_signatures_of_an_address_are_paged_and_its_logs_followed(localnet: Localnet, good: AsyncClient) -> None:
    async with SolanaWsClient(f"{localnet.ws_url}/good") as socket:
        await socket.logs_subscribe(filter_=RpcTransactionLogsFilterMentions(key(3).pubkey()), commitment=Processed)
        sent = []
        for number in (2, 3, 2, 3):
            sent.append(await paid(localnet, good, number))
            await localnet.step()
        await localnet.step(2)
        followed = [(await socket.recv()).result.value.signature for _ in range(2)]
    assert followed == [sent[1], sent[3]]
    newest = (await good.get_signatures_for_address(key(1).pubkey(), limit=2, commitment=Confirmed)).value
    assert [one.signature for one in newest] == [sent[3], sent[2]]
    older = await good.get_signatures_for_address(key(1).pubkey(), before=sent[2], until=sent[0], commitment=Confirmed)
    assert [one.signature for one in older.value] == [sent[1]]
    assert (await good.get_first_available_block()).value == 0
