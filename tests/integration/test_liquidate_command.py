"""`liquidation-engine liquidate` on a localnet: what it shows, that it sends nothing unless told to, and then exactly once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.chain import RpcClient, Wallet
from liquidation_engine.cluster import PositionLease
from liquidation_engine.database import Database, Guards, KillSwitch
from liquidation_engine.localnet import Localnet, LocalnetSettings
from liquidation_engine.localnet.history import Landed
from liquidation_engine.localnet.scenarios import Scenario, ScenarioSettings
from liquidation_engine.protocols.reading import State, answered
from liquidation_engine.stream import connect
from one_command import Ended, command

pytestmark = pytest.mark.slow

CRASH = ScenarioSettings(
    name="crash", positions=40, seed=7, slot_milliseconds=40, move_slots=8, tail_slots=1, step_slots=2
)


@dataclass
class Market:
    """A crashed market of the reference program, and the liquidator's wallet."""

    localnet: Localnet
    folder: Path
    wallet: Wallet
    healthy: list[str]
    liquidatable: list[str]
    cured_by_one: set[str]

    async def liquidate(self, position: str, *options: str, key: bool = True, **settings: str) -> Ended:
        keypair = ("--keypair", str(self.folder / "wallet.json")) if key else ()
        given = ("--position", position, "--rpc-url", self.localnet.url, *keypair, *options)
        return await command(self.folder, "liquidate", *given, **settings)

    @property
    def landed(self) -> list[Landed]:
        """The wallet's transactions on chain."""
        chain = self.localnet.chain
        return chain.history.mentioning(Pubkey.from_string(self.wallet.pubkey), chain.slot)


@asynccontextmanager
async def crashed(folder: Path) -> AsyncIterator[Market]:
    """Serve a market after its crash."""
    wallet = Wallet.create(folder / "wallet.json")
    localnet = Localnet(LocalnetSettings(slot_milliseconds=CRASH.slot_milliseconds, finalized_lag=8))
    scenario = Scenario.build(CRASH, liquidator=Pubkey.from_string(wallet.pubkey))
    scenario.install(localnet.chain)
    localnet.on_slot(scenario.play)
    async with localnet:
        scenario.start(localnet.chain.slot)
        while localnet.chain.slot < scenario.last_slot:  # noqa: ASYNC110 - slots are no event
            await asyncio.sleep(0.05)
        found: dict[bool, list[str]] = {True: [], False: []}
        for address in sorted(scenario.position_addresses):
            found[await is_liquidatable(localnet.url, address)].append(address)
        cured = {one for one in found[True] if not await is_liquidatable(localnet.url, one, after_one=True)}
        yield Market(localnet, folder, wallet, found[False], found[True], cured)


async def is_liquidatable(url: str, position: str, *, after_one: bool = False) -> bool:
    """Ask the protocol's arithmetic about a position as it is on chain, or as the best plan would leave it."""
    rpc, adapter = RpcClient([url]), protocols.get("reference")

    def ask(state: State) -> bool:
        accounts = dict(state.accounts)
        if after_one:
            plan = adapter.best_plan(accounts, state.clock, {"position": position, "min_profit": -(10**30)})
            if isinstance(plan, protocols.Refusal) or plan.prediction is None:
                return False
            for address, data in plan.prediction.accounts_after.items():
                accounts[address] = replace(accounts[address], data=data)
        return adapter.health(accounts, state.clock, position).liquidatable

    try:
        return (await answered(rpc, ask, [position]))[0]
    finally:
        await rpc.close()


async def test_without_live_everything_is_shown_and_nothing_is_sent(tmp_path: Path) -> None:
    async with crashed(tmp_path) as market:
        position = market.liquidatable[0]
        shown = await market.liquidate(position)
        assert shown.code == 0, shown.message
        for part in ("liquidatable, unhealthy", "weighted collateral", "network fee", "simulation: succeeds"):
            assert part in shown.out
        assert shown.out.rstrip().endswith("nothing was sent; add --live to send this liquidation once")

        found = (await market.liquidate(position, "--json")).json
        steps = found["plan"]["profit_waterfall_micro_usd"]
        assert steps["profit"] == steps["received"] + steps["repaid"] + steps["network_fee"] > 0
        assert (found["health"]["liquidatable"], found["outcome"], found["signature"]) == (True, None, None)

        blind = await market.liquidate(position, key=False)
        assert (blind.code, "give --keypair FILE" in blind.out) == (0, True)
        assert market.landed == []


async def test_live_without_a_database_lands_once_and_says_what_is_missing(tmp_path: Path) -> None:
    async with crashed(tmp_path) as market:
        position = next(one for one in market.liquidatable if one not in market.cured_by_one)
        done = await market.liquidate(position, "--live", "--json")
        assert done.code == 0, done.message
        assert "no DATABASE_URL" in done.message
        assert await is_liquidatable(market.localnet.url, position)  # a worker would go on: the command does not
        [landed] = market.landed
        assert (done.json["outcome"], done.json["signature"]) == ("landed", landed.decoded.signature)
        assert landed.error is None
        by_mint = {entry["mint"]: entry["amount"] for entry in done.json["wallet"]}
        assert by_mint[done.json["plan"]["debt_mint"]] < 0 < by_mint[done.json["plan"]["collateral_mint"]]
        assert by_mint["native"] == -landed.fee


async def test_live_with_a_database_writes_the_intent_down_and_books_what_the_chain_did(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with crashed(tmp_path) as market:
        position = next(one for one in market.liquidatable if one not in market.cured_by_one)
        servers = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
        done = await market.liquidate(position, "--live", "--json", **servers)
        assert done.code == 0, done.message
        [landed] = market.landed
        connection = await asyncpg.connect(postgres_url)
        try:
            [intent] = await connection.fetch("SELECT position, state, signature FROM intents")
            assert tuple(intent) == (position, "landed", landed.decoded.signature)
            ledger = await connection.fetch("SELECT mint, sum(amount) AS s FROM ledger_entries GROUP BY mint")
            assert {row["s"] for row in ledger} == {0}
            booked = await connection.fetch("SELECT mint, amount FROM ledger_entries WHERE account = 'wallet'")
            assert {(row["mint"], int(row["amount"])) for row in booked} == {
                (entry["mint"], entry["amount"]) for entry in done.json["wallet"]
            }
            guard = await connection.fetchrow("SELECT last_settled_slot FROM position_guards")
            assert guard is not None
            assert guard["last_settled_slot"] == landed.slot
        finally:
            await connection.close()


async def test_a_position_in_other_hands_or_a_stop_is_respected(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    async with crashed(tmp_path) as market:
        position = market.liquidatable[0]
        servers = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}
        redis = await connect(redis_url)
        lease = await PositionLease.acquire(redis, position, "a worker")
        assert lease is not None
        held = await market.liquidate(position, "--live", "--json", **servers)
        await lease.release()
        await redis.aclose()
        assert (held.code, held.json["outcome"]) == (1, "deferred")
        assert "another worker holds the position" in held.json["message"]

        database = await Database.connect(postgres_url, max_size=1)
        await Guards(database).back_off(position, failures_add=1, rest=timedelta(seconds=60), reason="stale oracle")
        rests = await market.liquidate(position, "--live", "--json", **servers)
        assert (rests.code, "in back-off: stale oracle" in rests.json["message"]) == (1, True)

        await KillSwitch(database).stop("a test", "test")
        await database.close()
        stopped = await market.liquidate(market.liquidatable[1], "--live", "--json", **servers)
        assert (stopped.code, stopped.json["outcome"]) == (1, "deferred")
        assert "kill switch" in stopped.json["message"]
        assert market.landed == []


async def test_what_cannot_be_liquidated_ends_with_1_and_bad_input_with_2(tmp_path: Path) -> None:
    async with crashed(tmp_path) as market:
        healthy = await market.liquidate(market.healthy[0], "--live")
        assert (healthy.code, "the position is healthy" in healthy.out) == (1, True)
        poor = await market.liquidate(market.liquidatable[0], "--min-profit", str(10**15))
        assert (poor.code, "it does not pay" in poor.out) == (1, True)
        for options, said in {
            ("--protocol", "aave"): "expected one of reference",
            ("--flash-loan",): "use --own-funds",
            ("--program", market.wallet.pubkey): "check --position, and --protocol and --program",
        }.items():
            wrong = await market.liquidate(market.liquidatable[0], *options)
            assert (wrong.code, said in wrong.message) == (2, True), wrong.message
        for address, said in {
            "nonsense": "is not an address",
            market.wallet.pubkey[:-1] + "1": "there is no account",
        }.items():
            wrong = await market.liquidate(address)
            assert (wrong.code, said in wrong.message) == (2, True), wrong.message
        keyless = await market.liquidate(market.liquidatable[0], "--live", key=False)
        assert (keyless.code, "--live needs a key" in keyless.message) == (2, True)
        assert market.landed == []


async def test_a_position_is_explained_by_its_name_alone(tmp_path: Path) -> None:
    async with crashed(tmp_path) as market:
        given = ("--position", market.healthy[0], "--rpc-url", market.localnet.url)
        found = (await command(tmp_path, "explain", *given, "--json")).json
        assert found["health"] | {"numerator": 0, "denominator": 0} == {
            "numerator": 0, "denominator": 0, "liquidatable": False, "reason": "healthy",
        }  # fmt: skip
        assert {term["section"] for term in found["terms"]} >= {"oracle", "collateral", "health"}
        shown = await command(tmp_path, "explain", *given)
        assert (shown.code, "not liquidatable, healthy" in shown.out) == (0, True)
