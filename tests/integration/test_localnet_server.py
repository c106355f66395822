"""Localnet's server as any client sees it: JSON-RPC's rules, faults, control, slow readers, and how it ends."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from liquidation_engine.errors import AddressInUse
from liquidation_engine.localnet import FaultSettings, Localnet, LocalnetSettings
from liquidation_engine.localnet.server import Connection
from liquidation_engine.localnet.tokens import TOKEN_PROGRAM
from localnet_kit import SOL, SYSTEM, account, add_mint, create_token_account, funded, key, payment, signed, stepped

PROCESSED = {"commitment": "processed"}
OWNER = key(50).pubkey()
PYTHON = Path(__file__).parents[2] / "python"


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    localnet = Localnet(stepped(confirmed_lag=2, finalized_lag=4))
    funded(localnet.chain, 1)
    async with localnet:
        yield localnet


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def post(http: aiohttp.ClientSession, url: str, body: bytes) -> Any:
    async with http.post(url, data=body) as response:
        assert response.status == 200
        return orjson.loads(await response.read())


async def call(http: aiohttp.ClientSession, url: str, method: str, *params: Any) -> Any:
    return await post(http, url, orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))


# JSON-RPC


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{not json", -32700),
        (b"[]", -32600),
        (b"3", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"getTeapot"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"accountSubscribe"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"getBalance"}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"getBalance","params":{"a":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"getBalance","params":["short"]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"getSlot","params":[{"minContextSlot":99999}]}', -32016),
    ],
)
async def test_bad_requests_get_the_error_codes_of_the_standard(
    localnet: Localnet, http: aiohttp.ClientSession, body: bytes, code: int
) -> None:
    assert (await post(http, localnet.url, body))["error"]["code"] == code


async def test_a_batch_is_answered_one_by_one_and_in_order(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    requests = [
        {"jsonrpc": "2.0", "id": n, "method": name} for n, name in enumerate(["getHealth", "nothing", "getSlot"])
    ]
    answers = await post(http, localnet.url, orjson.dumps(requests))
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    assert answers[0]["result"] == "ok"
    assert answers[1]["error"]["code"] == -32601
    assert answers[2]["result"] == 1_000


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getAccountInfo", [str(OWNER)]),
        ("getMultipleAccounts", [[str(OWNER)]]),
        ("getProgramAccounts", [str(OWNER)]),
        ("getBalance", [str(OWNER)]),
        ("getLatestBlockhash", []),
        ("isBlockhashValid", [str(OWNER)]),
        ("getBlockHeight", []),
        ("getSlot", []),
    ],
)
async def test_every_read_waits_for_the_context_slot(
    localnet: Localnet, http: aiohttp.ClientSession, method: str, params: list[Any]
) -> None:
    await localnet.step(10)
    for commitment, slot in (("processed", 1_010), ("confirmed", 1_008), ("finalized", 1_006)):
        config = {"commitment": commitment, "encoding": "base64", "minContextSlot": slot}
        assert "result" in await call(http, localnet.url, method, *params, config)
        refused = await call(http, localnet.url, method, *params, {**config, "minContextSlot": slot + 1})
        assert refused["error"]["code"] == -32016
        assert refused["error"]["data"] == {"contextSlot": slot}


async def test_sends_wait_for_the_context_slot_too(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    raw = base64.b64encode(payment(localnet.chain, key(1), key(2).pubkey(), SOL)).decode()
    for method in ("sendTransaction", "simulateTransaction"):
        config = {"encoding": "base64", "minContextSlot": 1_001}
        assert (await call(http, localnet.url, method, raw, config))["error"]["code"] == -32016


async def test_a_simulation_returns_the_accounts_asked_for(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    to, stranger = key(2).pubkey(), key(3).pubkey()
    raw = base64.b64encode(payment(localnet.chain, key(1), to, SOL)).decode()
    await localnet.step(200)
    wanted = {"addresses": [str(to), str(stranger)], "encoding": "base64"}
    config = {"encoding": "base64", "replaceRecentBlockhash": True, "accounts": wanted}
    value = (await call(http, localnet.url, "simulateTransaction", raw, config))["result"]["value"]
    assert value["err"] is None
    assert value["accounts"][0]["lamports"] == SOL
    assert value["accounts"][1] is None
    assert value["replacementBlockhash"]["blockhash"] == str(localnet.chain.latest_blockhash)
    stale = await call(http, localnet.url, "simulateTransaction", raw, {"encoding": "base64"})
    assert stale["result"]["value"]["err"] == "BlockhashNotFound"
    both = await call(http, localnet.url, "simulateTransaction", raw, {**config, "sigVerify": True})
    assert both["error"]["code"] == -32602


async def test_program_accounts_come_with_context_when_asked(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    localnet.set_account(key(7).pubkey(), account(5, b"abc", OWNER))
    plain = await call(http, localnet.url, "getProgramAccounts", str(OWNER), {**PROCESSED, "encoding": "base64"})
    framed = await call(
        http, localnet.url, "getProgramAccounts", str(OWNER), {**PROCESSED, "encoding": "base64", "withContext": True}
    )
    assert plain["result"] == framed["result"]["value"]
    assert framed["result"]["context"]["slot"] == 1_000
    assert plain["result"] == [
        {
            "pubkey": str(key(7).pubkey()),
            "account": {
                "data": [base64.b64encode(b"abc").decode(), "base64"],
                "executable": False,
                "lamports": 5,
                "owner": str(OWNER),
                "rentEpoch": 2**64 - 1,
                "space": 3,
            },
        }
    ]


async def test_old_statuses_are_found_only_by_searching_the_history(
    localnet: Localnet, http: aiohttp.ClientSession
) -> None:
    signature = localnet.chain.submit(payment(localnet.chain, key(1), key(2).pubkey(), SOL))
    await localnet.step(400)
    recent = await call(http, localnet.url, "getSignatureStatuses", [signature])
    searched = await call(http, localnet.url, "getSignatureStatuses", [signature], {"searchTransactionHistory": True})
    assert recent["result"]["value"] == [None]
    assert searched["result"]["value"][0]["slot"] == 1_001


async def test_signatures_of_an_address_come_newest_first_and_in_pages(
    localnet: Localnet, http: aiohttp.ClientSession
) -> None:
    to, sent = key(2).pubkey(), []
    for lamports in range(1, 6):
        sent.append(localnet.chain.submit(payment(localnet.chain, key(1), to, lamports * SOL)))
        await localnet.step()
    await localnet.step(4)
    method = "getSignaturesForAddress"
    first = (await call(http, localnet.url, method, str(to), {"limit": 2}))["result"]
    rest = (await call(http, localnet.url, method, str(to), {"before": first[-1]["signature"], "until": sent[0]}))[
        "result"
    ]
    assert [one["signature"] for one in first + rest] == sent[:0:-1]


async def test_the_endpoint_that_took_a_send_is_recorded(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    path = tmp_path / "recording.sqlite"
    localnet = Localnet(stepped(recording=path))
    funded(localnet.chain, 1)
    async with localnet:
        for lamports, where in ((1, "/"), (2, "/second")):
            raw = base64.b64encode(payment(localnet.chain, key(1), key(2).pubkey(), lamports * SOL)).decode()
            await call(http, localnet.url + where, "sendTransaction", raw, {"encoding": "base64"})
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT endpoint FROM sends").fetchall() == [("rpc",), ("rpc/second",)]


async def test_the_encodings_of_accounts_are_those_of_real_nodes(
    localnet: Localnet, http: aiohttp.ClientSession
) -> None:
    small, large = key(7).pubkey(), key(8).pubkey()
    localnet.set_account(small, account(5, bytes([1, 2]), OWNER))
    localnet.set_account(large, account(5, bytes(200), OWNER))
    assert await data_in(http, localnet.url, str(small), "base58") == ["5T", "base58"]
    assert await data_in(http, localnet.url, str(small), "jsonParsed") == ["AQI=", "base64"]
    assert await data_in(http, localnet.url, str(large), "base58") == -32600
    assert await data_in(http, localnet.url, str(large), "base64+zstd") == -32602


async def data_in(http: aiohttp.ClientSession, url: str, pubkey: str, encoding: str) -> Any:
    answer = await call(http, url, "getAccountInfo", pubkey, {**PROCESSED, "encoding": encoding})
    return answer["error"]["code"] if "error" in answer else answer["result"]["value"]["data"]


async def test_recent_fees_are_those_of_the_accounts_written(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    cheap, dear = key(2).pubkey(), key(3).pubkey()
    for to, bid in ((cheap, 100), (dear, 7_000)):
        localnet.chain.submit(payment(localnet.chain, key(1), to, SOL, bid))
    await localnet.step(1)
    for addresses, fee in (([], 100), ([str(cheap)], 100), ([str(dear)], 7_000)):
        answer = await call(http, localnet.url, "getRecentPrioritizationFees", addresses)
        assert answer["result"] == [{"slot": 1_001, "prioritizationFee": fee}]


async def test_instructions_that_programs_call_are_shown(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    payer = key(1).pubkey()
    mint = add_mint(localnet.chain, 61, 6, 0, payer)
    raw = bytes(signed(key(1), [create_token_account(payer, payer, mint)], localnet.chain.latest_blockhash))
    simulate = {"encoding": "base64", "innerInstructions": True}
    simulated = await call(http, localnet.url, "simulateTransaction", base64.b64encode(raw).decode(), simulate)
    signature = localnet.chain.submit(raw, preflight=True)
    await localnet.step(3)
    config = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    shown = (await call(http, localnet.url, "getTransaction", signature, config))["result"]
    keys = shown["transaction"]["message"]["accountKeys"]
    [outer] = shown["meta"]["innerInstructions"]
    assert simulated["result"]["value"]["innerInstructions"] == [outer]
    assert outer["index"] == 0
    assert {keys[one["programIdIndex"]] for one in outer["instructions"]} == {str(TOKEN_PROGRAM), str(SYSTEM)}
    assert {one["stackHeight"] for one in outer["instructions"]} == {2}
    parsed = (await call(http, localnet.url, "getTransaction", signature, {**config, "encoding": "jsonParsed"}))[
        "result"
    ]
    called = {one["programId"] for one in parsed["meta"]["innerInstructions"][0]["instructions"]}
    assert called == {str(TOKEN_PROGRAM), str(SYSTEM)}
    refused = await call(http, localnet.url, "getTransaction", signature, {"commitment": "confirmed"})
    assert refused["error"]["code"] == -32015


# Control and faults


async def test_blocks_are_made_from_outside_in_stepped_mode(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    assert (await call(http, localnet.url, "localnet_step", 20))["result"] == 1_021
    status = (await call(http, localnet.url, "localnet_status"))["result"]
    assert status["slots"] == {"processed": 1_021, "confirmed": 1_019, "finalized": 1_017}


async def test_control_can_be_switched_off(http: aiohttp.ClientSession) -> None:
    async with Localnet(stepped(control_methods=False)) as localnet:
        assert (await call(http, localnet.url, "localnet_step"))["error"]["code"] == -32601


async def test_faults_are_switched_from_outside(localnet: Localnet, http: aiohttp.ClientSession) -> None:
    await call(http, localnet.url, "localnet_faults", {"drop_every": 1})
    raw = base64.b64encode(payment(localnet.chain, key(1), key(2).pubkey(), SOL)).decode()
    sent = await call(http, localnet.url, "sendTransaction", raw, {"encoding": "base64"})
    assert "result" in sent
    await localnet.step()
    assert localnet.chain.get_account(key(2).pubkey()) is None
    assert (await call(http, localnet.url, "localnet_faults"))["result"]["dropped_sends"] == 1
    assert (await call(http, localnet.url, "localnet_faults", {"tornado": 1}))["error"]["code"] == -32602


async def test_latency_delays_answers_and_not_slots(http: aiohttp.ClientSession) -> None:
    settings = LocalnetSettings(slot_milliseconds=20, faults=FaultSettings(latency_milliseconds=300))
    async with Localnet(settings) as localnet:
        before, started = localnet.chain.slot, time.perf_counter()
        await call(http, localnet.url, "getSlot")
        assert time.perf_counter() - started >= 0.3
        assert localnet.chain.slot - before >= 8


async def test_slots_pass_by_themselves_and_the_scenario_is_told_of_each(http: aiohttp.ClientSession) -> None:
    localnet = Localnet(LocalnetSettings(slot_milliseconds=10))
    told: list[int] = []
    localnet.on_slot(told.append)
    async with localnet, asyncio.timeout(10):
        while len(told) < 30:  # noqa: ASYNC110 - the slots pass by themselves
            await asyncio.sleep(0.01)
    assert told[:22] == [slot for slot in range(1_001, 1_024) if slot != 1_020]


async def test_a_scenario_that_fails_makes_the_node_unhealthy(http: aiohttp.ClientSession) -> None:
    localnet = Localnet(LocalnetSettings(slot_milliseconds=10))

    def fail(slot: int) -> None:
        raise ZeroDivisionError(slot)

    localnet.on_slot(fail)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(localnet)
        with pytest.raises(ZeroDivisionError):
            await localnet.wait_closed()
        health = await call(http, localnet.url, "getHealth")
        with pytest.raises(ZeroDivisionError):
            await stack.aclose()
    assert health["error"]["code"] == -32005


# Websocket


async def test_a_custom_error_is_notified_in_the_shape_of_real_nodes(localnet: Localnet) -> None:
    """solana-py 0.41 cannot read this notification from any node: its parser knows no Custom error here."""
    raw = payment(localnet.chain, key(1), key(2).pubkey(), 10**6 * SOL)
    signature = localnet.chain.submit(raw)
    await localnet.step()
    async with connect(localnet.ws_url) as socket:
        subscribe = {"jsonrpc": "2.0", "id": 4, "method": "signatureSubscribe", "params": [signature, PROCESSED]}
        await socket.send(orjson.dumps(subscribe).decode())
        answer, told = [orjson.loads(await socket.recv()) for _ in range(2)]
    assert answer == {"jsonrpc": "2.0", "result": 1, "id": 4}
    assert told["params"]["result"]["value"] == {"err": {"InstructionError": [0, {"Custom": 1}]}}


async def test_logs_are_notified_for_an_address(localnet: Localnet) -> None:
    async with connect(localnet.ws_url) as socket:
        config = [{"mentions": [str(key(2).pubkey())]}, PROCESSED]
        await socket.send(
            orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "logsSubscribe", "params": config}).decode()
        )
        await socket.recv()
        localnet.chain.submit(payment(localnet.chain, key(1), key(3).pubkey(), SOL))
        wanted = localnet.chain.submit(payment(localnet.chain, key(1), key(2).pubkey(), SOL))
        await localnet.step()
        told = orjson.loads(await socket.recv())
    assert told["method"] == "logsNotification"
    assert told["params"]["result"]["value"]["signature"] == wanted


async def test_a_foreign_subscription_cannot_be_ended(localnet: Localnet) -> None:
    async with connect(localnet.ws_url) as first, connect(localnet.ws_url) as second:
        await first.send('{"jsonrpc":"2.0","id":1,"method":"slotSubscribe"}')
        number = orjson.loads(await first.recv())["result"]
        await second.send(f'{{"jsonrpc":"2.0","id":1,"method":"slotUnsubscribe","params":[{number}]}}')
        assert orjson.loads(await second.recv())["error"]["code"] == -32602
        await second.send("{half a request")
        assert orjson.loads(await second.recv())["error"]["code"] == -32700
    assert number == 1


async def test_a_client_that_falls_behind_by_more_than_the_limit_overflows() -> None:
    connection = Connection(lambda: 0.0, limit=3)
    for number in range(4):
        assert not connection.overflowed.is_set()
        connection.put(b"%d" % number)
    assert connection.overflowed.is_set()


async def test_a_client_that_reads_nothing_holds_up_neither_chain_nor_others() -> None:
    localnet = Localnet(stepped(skip_every=0, max_queued_notifications=500))
    subscribe = f'{{"jsonrpc":"2.0","id":1,"method":"programSubscribe","params":["{OWNER}",{{"encoding":"base64","commitment":"processed"}}]}}'
    async with localnet, connect(localnet.ws_url, max_queue=1) as lazy:
        await lazy.send(subscribe)
        await lazy.recv()
        for round_ in range(300):
            for number in range(100):
                localnet.set_account(key(1_000 + number).pubkey(), account(round_ + 1, bytes(1_000), OWNER))
            await localnet.step()
            await asyncio.sleep(0)
            if not len(localnet.subscriptions):
                break
        assert len(localnet.subscriptions) == 0
        with pytest.raises(ConnectionClosed):
            await read_to_the_end(lazy)


async def read_to_the_end(socket: ClientConnection) -> None:
    async with asyncio.timeout(20):
        while True:
            await socket.recv()


# The process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "liquidation_engine.localnet", "--port", "0", "--slot-ms", "50"]
    command += ["--recording", str(tmp_path / "recording.sqlite")]
    environment = {**os.environ, "PYTHONPATH": str(PYTHON)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    yield started
    started.kill()
    started.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_within_a_second_with_its_recording_whole(
    process: subprocess.Popen[str], tmp_path: Path, http: aiohttp.ClientSession, number: signal.Signals
) -> None:
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    url = line.split()[2]
    assert line.startswith("localnet ready: http://127.0.0.1:")
    assert (await call(http, url, "getHealth"))["result"] == "ok"
    async with connect(url.replace("http", "ws")) as socket:
        await socket.send('{"jsonrpc":"2.0","id":1,"method":"slotSubscribe"}')
        await socket.recv()
        await socket.recv()
        process.send_signal(number)
        started = time.perf_counter()
        code = await asyncio.to_thread(process.wait, 10)
        assert time.perf_counter() - started < 1.0
    assert code == 0
    with sqlite3.connect(tmp_path / "recording.sqlite") as database:
        assert database.execute("SELECT count(*) FROM slots").fetchone()[0] >= 2


def test_a_taken_port_is_one_clear_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    recording = tmp_path / "recording.sqlite"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "liquidation_engine.localnet",
            "--port",
            str(port),
            "--recording",
            str(recording),
        ]
        ended = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PYTHON)}, timeout=30
        )
    assert ended.returncode == 2
    assert ended.stderr == f"Address already in use: 127.0.0.1:{port}; choose another with --port\n"
    assert ended.stdout == ""
    assert not recording.exists()


async def test_a_taken_port_is_told_to_the_library_too() -> None:
    async with Localnet(stepped()) as first:
        with pytest.raises(AddressInUse):
            await Localnet(stepped(port=int(first.url.rsplit(":", 1)[1]))).__aenter__()


@pytest.mark.parametrize("arguments", [["--slot-ms", "0"], ["--confirmed-lag", "40"], ["--drop-sends", "2"]])
def test_settings_that_cannot_work_are_one_line_and_exit_code_two(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "liquidation_engine.localnet", "--port", "0", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PYTHON)}, timeout=30
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
