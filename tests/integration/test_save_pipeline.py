"""The whole pipeline against the deployed Save program: leader, worker, Postgres, Valkey, and a price that falls.

Runs where LIQ_PROGRAMS names a folder with `solend.so`.
"""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from solders.pubkey import Pubkey

from liquidation_engine.chain import RpcClient, Wallet
from liquidation_engine.localnet import Localnet, LocalnetSettings
from liquidation_engine.localnet.history import Landed
from liquidation_engine.model import TransactionRecord
from one_command import FOREIGN
from save_market import BINARY, SaveMarket
from tests.differential.save_accounts import PROGRAM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BINARY.is_file(), reason="LIQ_PROGRAMS names no folder with solend.so"),
]

LIQUIDATE_AND_REDEEM = 17
OBLIGATION_AT = 10  # among its accounts
DROP_PERCENT = 10
ONCE, NEVER, OTHER = range(108, 112), (125, 140, 180), (103, 150)
"""Unhealthy over borrowed value in percent: crossing when SOL falls by a tenth and cured by one close; healthy after it; in ETH, which stays."""
READY_SECONDS, DONE_SECONDS, QUIET_SECONDS = 30, 60, 5


@asynccontextmanager
async def engine(folder: Path, role: str, settings: dict[str, str]) -> AsyncIterator[Path]:
    """Run one instance; its log is what is returned."""
    path = folder / f"{role}.log"
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    with path.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "liquidation_engine", "run", "--live"),
            stdout=sink,
            stderr=sink,
            cwd=folder,
            env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), **settings, "ROLES": role, "INSTANCE_ID": role},
        )
    try:
        yield path
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                await process.wait()


async def until(what: str, check: object, seconds: float) -> None:
    """Wait until `check()` holds."""
    deadline = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)


def liquidated(landed: list[Landed]) -> Counter[str]:
    """Return obligation -> how often the program liquidated it, by the transactions on chain."""
    found: Counter[str] = Counter()
    for one in landed:
        message = one.decoded.transaction.message
        for instruction in message.instructions:
            program = message.account_keys[instruction.program_id_index]
            if program == PROGRAM and instruction.data[0] == LIQUIDATE_AND_REDEEM and one.error is None:
                found[str(message.account_keys[instruction.accounts[OBLIGATION_AT]])] += 1
    return found


async def test_every_liquidatable_obligation_is_liquidated_once_and_the_ledger_is_the_chain(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    wallet = Wallet.create(tmp_path / "wallet.json")
    localnet = Localnet(LocalnetSettings(slot_milliseconds=100, finalized_lag=8))
    market = SaveMarket(localnet, Pubkey.from_string(wallet.pubkey))
    sizes = (5_000, 40_000, 1_000_000)  # cents
    due = [market.borrower(lent=market.sol, value_cents=v, health_percent=h) for h in ONCE for v in sizes * 2]
    for health in NEVER:
        market.borrower(lent=market.sol, value_cents=500_000, health_percent=health)
    for health in OTHER:
        market.borrower(lent=market.eth, value_cents=500_000, health_percent=health)
    start = 10**12
    for asset in market.assets:
        market.fund(asset, start if asset is market.usdc else 0)
    async with localnet:
        settings = {
            "DATABASE_URL": postgres_url,
            "REDIS_URL": redis_url,
            "SOLANA_RPC_URL": localnet.url,
            "SOLANA_WS_URL": localnet.ws_url,
            "PROTOCOL": "save",
            "WALLET_PATH": str(tmp_path / "wallet.json"),
            "SOL_PRICE_MICRO_USD": "150000000",
            "SCAN_INTERVAL_SECONDS": "1",
            "SERVER_PORT": "0",
        }

        def landed() -> list[Landed]:
            return localnet.chain.history.mentioning(Pubkey.from_string(wallet.pubkey), localnet.chain.slot)

        async with engine(tmp_path, "leader", settings) as leader, engine(tmp_path, "worker", settings) as worker:
            await until("book is warm", lambda: "Book is warm" in leader.read_text(), READY_SECONDS)
            await until("worker runs", lambda: "Starting Liquidation Engine" in worker.read_text(), READY_SECONDS)
            await asyncio.sleep(2)
            assert landed() == []  # nobody is liquidatable yet
            market.set_price(market.sol, 15_000 * (100 - DROP_PERCENT) // 100)
            try:
                await until("all are liquidated", lambda: len(liquidated(landed())) >= len(due), DONE_SECONDS)
            except AssertionError:
                raise AssertionError(worker.read_text()[-3_000:] + leader.read_text()[-2_000:]) from None
            await asyncio.sleep(QUIET_SECONDS)
        assert liquidated(landed()) == Counter(dict.fromkeys(map(str, due), 1))
        assert [(one.slot, one.error, one.meta.logs()[-3:]) for one in landed() if one.error is not None] == []
        await assert_books(postgres_url, localnet.url, wallet.pubkey, [one.decoded.signature for one in landed()])
        connection = await asyncpg.connect(postgres_url)
        booked = await connection.fetch(
            "SELECT mint, sum(amount) AS moved FROM ledger_entries WHERE account = 'wallet' GROUP BY mint"
        )
        await connection.close()
        moved = {row["mint"]: int(row["moved"]) for row in booked}
        assert moved[str(market.usdc.mint)] == market.balance(market.usdc.mint) - start < 0
        assert moved[str(market.sol.mint)] == market.balance(market.sol.mint) > 0
        assert "native" in moved


async def assert_books(postgres_url: str, url: str, wallet: str, signatures: list[str]) -> None:
    """Each intent landed under its signature, and its ledger is the change of each account that the chain tells of."""
    rpc, connection = RpcClient([url]), await asyncpg.connect(postgres_url)
    try:
        intents = await connection.fetch("SELECT signature, state FROM intents")
        assert {(row["signature"], row["state"]) for row in intents} == {(one, "landed") for one in signatures}
        for signature in signatures:
            record = await rpc.transaction(signature)
            assert record is not None
            rows = await connection.fetch(
                "SELECT address, mint, amount FROM ledger_entries WHERE signature = $1", signature
            )
            found = {(row["address"], row["mint"]): int(row["amount"]) for row in rows}
            assert found == changes(record)
        sums = await connection.fetch("SELECT sum(amount) AS total FROM ledger_entries GROUP BY mint")
        assert {row["total"] for row in sums} == {0}
        rows = await connection.fetch("SELECT position_pubkey, protocol FROM positions")
        assert {row["protocol"] for row in rows} == {"save"}
    finally:
        await connection.close()
        await rpc.close()


def changes(record: TransactionRecord) -> dict[tuple[str, str], int]:
    """Return what a transaction changed, by plain subtraction; the fee goes to the network."""
    tokens = {b.address for b in record.token_balances}
    found = {(b.address, b.mint): b.after - b.before for b in record.token_balances if b.after != b.before}
    pairs = zip(record.addresses, record.lamports_before, record.lamports_after, strict=True)
    found |= {(a, "native"): after - before for a, before, after in pairs if after != before and a not in tokens}
    burned = Counter[str]()
    for (_, mint), amount in found.items():
        burned[mint] -= amount
    found |= {(mint, mint): amount for mint, amount in burned.items() if amount and mint != "native"}
    return found | {("network", "native"): record.fee_lamports}
