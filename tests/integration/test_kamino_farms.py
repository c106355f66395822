"""Collateral in a farm is liquidated with the farm refreshed around it; runs where LIQ_FIXTURES and LIQ_PROGRAMS name dumps and programs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Wallet
from liquidation_engine.protocols.kamino import Reserve, addresses
from tests.differential.kamino import VERSION, predicted
from tests.differential.kamino_accounts import PROGRAM, discriminator
from tests.differential.kamino_world import World
from tests.integration.test_kamino_program import FOUND, WALLET, Chain, clock
from tests.integration.test_kamino_real_accounts import DUMPS, SOL, world

FOLDER = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
FARMS = [FOLDER / name for name in ("klendsdk_farms.so", "ezhui_kfarm.so") if (FOLDER / name).is_file()]
FARM = Pubkey.from_string("955xWFhSDcDiUgUr4sBRtCpTLiMd4H5uZLAmgtP3R3sX")
pytestmark = pytest.mark.skipif(
    not (FOUND and FARMS and DUMPS.is_dir()), reason="LIQ_PROGRAMS and LIQ_FIXTURES name no programs and dumps"
)


def farmed() -> World:
    """Return a liquidatable position whose collateral, SOL, is in the farm that the main market has for it."""
    for seed in range(100):
        given = world(seed)
        if given.collateral == SOL and predicted(given, VERSION).repaid > 1_000:
            break
    reserve = bytearray(given.accounts[SOL].data)
    reserve[64:96] = bytes(FARM)
    accounts = given.accounts | {SOL: Account(1, bytes(reserve), PROGRAM)}
    accounts[FARM] = Account(1, (DUMPS / f"{FARM}.bin").read_bytes(), addresses.FARMS_PROGRAM_ID)
    rich = {key: Account(10**10, bytes(it.data), it.owner) for key, it in accounts.items()}
    return replace(given, accounts=rich)


def joined(given: World) -> Instruction:
    """Return what gives the obligation its place in the farm, as its owner would have done."""
    state = addresses.farm_user_state(FARM, given.position)
    written = (given.position, addresses.market_authority(given.market), SOL, FARM, state)
    read = (given.market, addresses.FARMS_PROGRAM_ID, addresses.RENT_SYSVAR, addresses.SYSTEM_PROGRAM_ID)
    metas = [AccountMeta(WALLET, True, True), AccountMeta(Pubkey(bytes([4] * 32)), False, False)]
    metas += [*(AccountMeta(key, False, True) for key in written), *(AccountMeta(key, False, False) for key in read)]
    return Instruction(PROGRAM, discriminator("global", "init_obligation_farms_for_reserve") + b"\0", metas)


@pytest.mark.parametrize("farms", FARMS, ids=lambda path: path.stem)
def test_collateral_in_a_farm_is_liquidated_as_predicted(farms: Path) -> None:
    given = farmed()
    chain = Chain(given)
    chain.svm.add_program(addresses.FARMS_PROGRAM_ID, farms.read_bytes())
    chain.send([joined(given)])
    accounts = {str(key): chain.svm.get_account(key) or account for key, account in given.accounts.items()}
    policy = {"position": str(given.position), "version": VERSION, "min_profit": -(10**30)}
    plan = protocols.get("kamino").best_plan(accounts, clock(given), policy)
    assert isinstance(plan, Plan)
    assert plan.prediction is not None
    debt, collateral = (Reserve.decode(bytes(given.accounts[key].data)) for key in (given.debt, given.collateral))
    mints = (debt.mint, collateral.share_mint, collateral.mint)
    wallet = Wallet(str(WALLET), {str(of): str(at) for of, at in zip(mints, given.wallets, strict=True)})
    ready = protocols.program("kamino").liquidation(accounts, clock(given), plan, wallet)
    assert len(ready.instructions) == 6  # two reserves, the obligation, the farm before and after
    before = chain.data(FARM)
    chain.send(ready.instructions, units=ready.compute_units)
    assert chain.balance(given.wallets[2]) == plan.prediction.seized
    for address, data in plan.prediction.accounts_after.items():
        assert chain.data(Pubkey.from_string(address)) == data
    assert chain.data(FARM) != before
