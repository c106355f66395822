"""The whole pipeline against the deployed Save program: leader, worker, Postgres, Valkey, and a price that falls.

Runs where LIQ_PROGRAMS names a folder with `solend.so`.
"""

import asyncio
from collections import Counter
from pathlib import Path

import asyncpg
import pytest
from solders.pubkey import Pubkey

from books_on_chain import assert_books
from engine_process import engine, until
from liquidation_engine.chain import Wallet
from liquidation_engine.localnet import Localnet, LocalnetSettings
from liquidation_engine.localnet.history import Landed
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


@pytest.mark.parametrize("kill", [False, True], ids=["quiet", "a worker is killed"])
async def test_every_liquidatable_obligation_is_liquidated_once_and_the_ledger_is_the_chain(
    tmp_path: Path, postgres_url: str, redis_url: str, kill: bool
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

        async with (
            engine(tmp_path, "leader", settings) as (_, leader),
            engine(tmp_path, "worker", settings) as (doomed, worker),
            engine(tmp_path, "worker", settings, name="other") as (_, other),
        ):
            await until("book is warm", lambda: "Book is warm" in leader.read_text(), READY_SECONDS)
            for log in (worker, other):
                await until("workers run", lambda log=log: "monitoring program:" in log.read_text(), READY_SECONDS)  # type: ignore[misc]
            await asyncio.sleep(2)
            assert landed() == []  # nobody is liquidatable yet
            market.set_price(market.sol, 15_000 * (100 - DROP_PERCENT) // 100)
            if kill:
                await until("the first is sent", lambda: len(landed()) > 0, DONE_SECONDS)
                doomed.kill()
            try:
                await until("all are liquidated", lambda: len(liquidated(landed())) >= len(due), DONE_SECONDS)
            except AssertionError:
                raise AssertionError(worker.read_text()[-3_000:] + leader.read_text()[-2_000:]) from None
            connection = await asyncpg.connect(postgres_url)
            live = "SELECT count(*) FROM intents WHERE state = 'live'"
            while await connection.fetchval(live):  # noqa: ASYNC110 - adopted by the other worker
                await asyncio.sleep(0.5)
            await connection.close()
            await asyncio.sleep(QUIET_SECONDS)
        assert liquidated(landed()) == Counter(dict.fromkeys(map(str, due), 1))
        assert [(one.slot, one.error, one.meta.logs()[-3:]) for one in landed() if one.error is not None] == []
        await assert_books(postgres_url, localnet.url, [one.decoded.signature for one in landed()], "save")
        connection = await asyncpg.connect(postgres_url)
        booked = await connection.fetch(
            "SELECT mint, sum(amount) AS moved FROM ledger_entries WHERE account = 'wallet' GROUP BY mint"
        )
        await connection.close()
        moved = {row["mint"]: int(row["moved"]) for row in booked}
        assert moved[str(market.usdc.mint)] == market.balance(market.usdc.mint) - start < 0
        assert moved[str(market.sol.mint)] == market.balance(market.sol.mint) > 0
        assert "native" in moved
