"""`prepare`, `explain` and `liquidate` against Kamino's program on a localnet; runs where LIQ_PROGRAMS names a folder with a build of it."""

import os
import struct
from pathlib import Path

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.protocols.kamino import Reserve
from state_localnet import liquidated_by_the_pipeline, served
from tests.differential.kamino import BUILDS, VERSION
from tests.differential.kamino_accounts import PROGRAM, tokens
from tests.differential.kamino_states import Draw
from tests.differential.kamino_world import World

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
FOUND = [PROGRAMS / name for name in BUILDS if (PROGRAMS / name).is_file()]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOUND, reason="LIQ_PROGRAMS names no folder with a build of Kamino's program"),
]
SETTINGS = {"PROGRAM_VERSION": VERSION, "SOL_PRICE_MICRO_USD": "150000000"}
LATER_SLOTS, LATER_SECONDS = 2_000, 120


def lasting(count: int) -> list[tuple[World, Plan]]:
    """Return states that pay now and a good while later, with reserves that lend."""
    found = []
    for seed in range(3_000_000, 3_010_000):
        world = Draw(seed).world()
        for at, account in world.accounts.items():
            if len(account.data) == 8624:
                data = bytearray(account.data)
                struct.pack_into("<Q", data, 4904, 1 << 50)
                world.accounts[at] = Account(10**10, bytes(data), PROGRAM)
        plans = [plan_at(world, slots, seconds) for slots, seconds in ((0, 0), (LATER_SLOTS, LATER_SECONDS))]
        first, last = plans
        if not isinstance(first, Plan) or not isinstance(last, Plan) or first.profit is None or last.profit is None:
            continue
        assert first.prediction is not None
        available = Reserve.decode(bytes(world.accounts[Pubkey.from_string(first.debt_reserve)].data)).available
        if (
            min(first.profit, last.profit) > 10**6
            and first.debt_reserve != first.collateral_reserve
            and first.prediction.repaid * 2 < available
            and first.prediction.seized_shares == 0
        ):
            found.append((world, first))
        if len(found) == count:
            return found
    raise AssertionError("no such states")


def plan_at(world: World, slots: int, seconds: int) -> object:
    policy = {"position": str(world.position), "min_profit": -(10**30), "version": VERSION}
    accounts = {str(at): account for at, account in world.accounts.items()}
    now = Clock(world.slot + slots, 0, 0, 0, world.time + seconds)
    return protocols.get("kamino").best_plan(accounts, now, policy)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("funds", ["--own-funds", "--flash-loan"])
async def test_a_random_obligation_is_liquidated_from_the_command_line(tmp_path: Path, which: int, funds: str) -> None:
    world, plan = lasting(3)[which]
    async with served(
        tmp_path, "kamino", {PROGRAM: FOUND[0]}, world.accounts, world.position,
        slot=world.slot, time=world.time, settings=SETTINGS,
    ) as chain:  # fmt: skip
        made = await chain.run("prepare", "--live", funds)
        assert made.code == 0, made.message
        table = {"LOOKUP_TABLES": made.json["table"]} if made.json["table"] else {}
        reserve = Reserve.decode(bytes(world.accounts[Pubkey.from_string(plan.debt_reserve)].data))
        purse = protocols.Wallet(str(chain.wallet)).account(reserve.mint, reserve.token_program)
        chain.put(purse, tokens(reserve.mint, chain.wallet, 2**62))
        shown = await chain.run("liquidate", funds, **table)
        assert (shown.code, shown.json["simulation"]) == (0, "succeeds"), shown.message + shown.out
        done = await chain.run("liquidate", funds, "--live", **table)
        assert (done.code, done.json["outcome"]) == (0, "landed"), done.message + done.out
        moved = {entry["mint"]: entry["amount"] for entry in done.json["wallet"]}
        assert moved[str(reserve.mint)] < 0 < moved[done.json["plan"]["collateral_mint"]]
        explained = await chain.run("explain")
        assert explained.code == 0, explained.message


async def test_the_whole_pipeline_liquidates_it_and_the_ledger_is_the_chain(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    world, plan = lasting(1)[0]
    async with served(
        tmp_path, "kamino", {PROGRAM: FOUND[0]}, world.accounts, world.position,
        slot=world.slot, time=world.time, settings=SETTINGS,
    ) as chain:  # fmt: skip
        made = await chain.run("prepare", "--live", "--own-funds")
        assert made.code == 0, made.message
        table = {"LOOKUP_TABLES": made.json["table"]} if made.json["table"] else {}
        reserve = Reserve.decode(bytes(world.accounts[Pubkey.from_string(plan.debt_reserve)].data))
        purse = protocols.Wallet(str(chain.wallet)).account(reserve.mint, reserve.token_program)
        chain.put(purse, tokens(reserve.mint, chain.wallet, 2**62))
        await liquidated_by_the_pipeline(chain, postgres_url, redis_url, str(world.market), **table)
