"""`prepare`, `explain` and `liquidate` against marginfi's program on a localnet; runs where LIQ_PROGRAMS names a folder with its binary."""

import os
import struct
from pathlib import Path

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Policy
from state_localnet import liquidated_by_the_pipeline, served
from tests.differential.marginfi_accounts import PROGRAM, TOKEN, kind, mint, token
from tests.differential.marginfi_states import GROUP, LIQUIDATOR, POSITION, State, state
from tests.differential.marginfi_vm import BINARY

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROGRAMS / BINARY).is_file(), reason=f"LIQ_PROGRAMS names no folder with {BINARY}"),
]
VERSION = "0.1.1"
SETTINGS = {"PROGRAM_VERSION": VERSION, "SOL_PRICE_MICRO_USD": "150000000", "LIQUIDATOR_ACCOUNT": str(LIQUIDATOR)}
LATER_SLOTS, LATER_SECONDS = 1_000, 40


def empty_account(owner: Pubkey, *, flags: int = 0) -> bytes:
    """Return a margin account without balances."""
    head = kind("account", "MarginfiAccount") + bytes(GROUP) + bytes(owner)
    return head.ljust(1800, b"\0") + struct.pack("<Q", flags) + bytes(504)


def accounts_of(world: State) -> dict[Pubkey, Account]:
    return {at: Account(10**10, data, owner) for at, (owner, data) in world.accounts.items()}


def lasting(count: int) -> list[State]:
    """Return states that pay now and a good while later."""
    found = []
    for seed in range(2_000_000, 2_003_000):
        world = state(seed)
        if world.kind != "ordinary":
            continue
        world.accounts[LIQUIDATOR] = (PROGRAM, empty_account(Pubkey.default(), flags=2))
        plans = [plan_at(world, slots, seconds) for slots, seconds in ((0, 0), (LATER_SLOTS, LATER_SECONDS))]
        if all(isinstance(plan, Plan) and plan.profit is not None and plan.profit > 10**6 for plan in plans):
            found.append(world)
        if len(found) == count:
            return found
    raise AssertionError("no such states")


def plan_at(world: State, slots: int, seconds: int) -> object:
    accounts = {str(at): account for at, account in accounts_of(world).items()}
    now = Clock(world.slot + slots, 0, 0, 0, world.time + seconds)
    policy = Policy(position=str(POSITION), liquidator=str(LIQUIDATOR), version=VERSION)
    return protocols.get("marginfi").best_plan(accounts, now, policy)


@pytest.mark.parametrize("which", range(3))
async def test_a_random_margin_account_is_liquidated_from_the_command_line(tmp_path: Path, which: int) -> None:
    world = lasting(3)[which]
    async with served(
        tmp_path, "marginfi", {PROGRAM: PROGRAMS / BINARY}, accounts_of(world), POSITION,
        slot=world.slot, time=world.time, settings=SETTINGS,
    ) as chain:  # fmt: skip
        chain.put(LIQUIDATOR, Account(10**10, empty_account(chain.wallet), PROGRAM))
        for bank in world.banks:
            chain.put(bank.mint, Account(10**10, mint(2**60, bank.decimals), TOKEN))
        own = await chain.run("liquidate", "--own-funds")
        assert (own.code, "set LIQUIDATOR_ACCOUNT, and FLASH_LOAN" in own.message) == (2, True)
        made = await chain.run("prepare", "--live", "--flash-loan")
        assert made.code == 0, made.message
        table = {"LOOKUP_TABLES": made.json["table"]} if made.json["table"] else {}
        for bank in world.banks:  # in place of a swap
            purse = protocols.Wallet(str(chain.wallet)).account(bank.mint)
            chain.put(purse, Account(10**10, token(bank.mint, chain.wallet, 10**17), TOKEN))
        shown = await chain.run("liquidate", "--flash-loan", **table)
        assert (shown.code, shown.json["simulation"]) == (0, "succeeds"), shown.message + shown.out[-2_000:]
        done = await chain.run("liquidate", "--flash-loan", "--live", **table)
        assert (done.code, done.json["outcome"]) == (0, "landed"), done.message + done.out[-2_000:]
        plan = done.json["plan"]
        moved = {entry["mint"]: entry["amount"] for entry in done.json["wallet"]}
        assert moved[plan["debt_mint"]] < 0 < moved[plan["collateral_mint"]]
        assert moved[plan["collateral_mint"]] == pytest.approx(plan["seized"], rel=1e-3)
        explained = await chain.run("explain")
        assert explained.code == 0, explained.message


async def test_the_whole_pipeline_liquidates_it_and_the_ledger_is_the_chain(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    world = lasting(1)[0]
    async with served(
        tmp_path, "marginfi", {PROGRAM: PROGRAMS / BINARY}, accounts_of(world), POSITION,
        slot=world.slot, time=world.time, settings=SETTINGS,
    ) as chain:  # fmt: skip
        chain.put(LIQUIDATOR, Account(10**10, empty_account(chain.wallet), PROGRAM))
        for bank in world.banks:
            chain.put(bank.mint, Account(10**10, mint(2**60, bank.decimals), TOKEN))
        made = await chain.run("prepare", "--live", "--flash-loan")
        table = {"LOOKUP_TABLES": made.json["table"]} if made.json["table"] else {}
        for bank in world.banks:
            purse = protocols.Wallet(str(chain.wallet)).account(bank.mint)
            chain.put(purse, Account(10**10, token(bank.mint, chain.wallet, 10**17), TOKEN))
        await liquidated_by_the_pipeline(chain, postgres_url, redis_url, str(GROUP), FLASH_LOAN="true", **table)
