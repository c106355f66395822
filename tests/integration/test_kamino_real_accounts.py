"""Kamino's adapter on accounts of its main market; runs where LIQ_FIXTURES names a folder of dumps, against the program with LIQ_PROGRAMS.

The dumps have no unhealthy position, and only some of the reserves of the one they have: positions are written on real reserves.
"""

import os
import random
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.kamino import Market, Obligation, Reserve
from tests.differential.kamino import BUILDS, VERSION, Trial, predicted
from tests.differential.kamino_accounts import ONE, PROGRAM, SCOPE_PROGRAM, mint, tokens
from tests.differential.kamino_accounts import Obligation as Written
from tests.differential.kamino_vm import Machine
from tests.differential.kamino_world import LIQUIDATOR, RICH, World, authority

DUMPS = Path(os.environ.get("LIQ_FIXTURES", "/nonexistent")) / "kamino" / "main_market_2024_10"
pytestmark = pytest.mark.skipif(not DUMPS.is_dir(), reason="LIQ_FIXTURES names no folder with Kamino's dumps")
FOLDER = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
FOUND = [FOLDER / name for name in BUILDS if (FOLDER / name).is_file()]

MARKET, SOL, USDC, JITO_SOL, JTO, SCOPE = (
    Pubkey.from_string(it)
    for it in (
        "7u3HeHxYDLhnCoErrtycNokbQYbWGzLs6JSDqGAv5PfF",
        "d4A2prbA2whesmvHaL88BH6Ewn5N4bTSU2Ze8P6Bc4Q",
        "D6q6wuQSrifJKZYpR1M8R4YawnLDtDsMmWM1NbBmgJ59",
        "EVbyPKrHG6WBfm4dLxLMJpUDY43cCAcHSpV3KYjKsktW",
        "8PYYKF4ZvteefFBmtb9SMHmhZKnDWQH86z59mPZBfhHu",
        "3NJYftD5sjVfxSnUdZ1wVML8f3aC6mp1CXCL6L7TnU8C",
    )
)
POSITION = Pubkey.from_string("4w1qUuYbXpwYkqWzuovJFvP3TRt9EgEzYQv7kYY1nM3J")
SLOT, TIME = 298_271_860, 1_730_163_605


def dump(key: Pubkey) -> bytes:
    """Return an account's bytes; reserves without their farms, which the first form would want refreshed."""
    data = bytearray((DUMPS / f"{key}.bin").read_bytes())
    if len(data) == 8624:
        data[64:128] = bytes(64)
    return bytes(data)


def world(seed: int) -> World:
    """Return a position on real reserves at about its limit, and a liquidation of it."""
    rng = random.Random(seed)
    collateral, debt = rng.choice([(SOL, USDC), (JITO_SOL, USDC), (USDC, SOL), (JITO_SOL, SOL)])
    accounts = {MARKET: Account(1, dump(MARKET), PROGRAM), SCOPE: Account(1, dump(SCOPE), SCOPE_PROGRAM)}
    for key in (collateral, debt):
        data = dump(key)
        accounts[key] = Account(1, data, PROGRAM)
        found, lma = Reserve.decode(data), authority(MARKET)[0]
        supply = struct.unpack_from("<Q", data, 2592)[0]
        accounts[found.mint] = mint(lma, 2**63, data[272])
        accounts[found.share_mint] = mint(lma, supply, data[272])
        for vault, of, amount in (
            (found.supply, found.mint, found.available),
            (found.fee_vault, found.mint, 0),
            (found.share_supply, found.share_mint, supply),
        ):
            accounts[vault] = tokens(of, lma, amount)
    worth = rng.choice([1.5, 50, 10_000, 3_000_000])
    shares = int(worth / price(collateral))
    owed = int(worth * dump(collateral)[4873] / 100 * rng.uniform(0.98, 1.2) / price(debt))
    index = int.from_bytes(dump(debt)[296:328], "little")
    position = Written(
        address=Pubkey(bytes([3] * 32)),
        market=MARKET,
        owner=Pubkey(bytes([4] * 32)),
        deposits={0: (collateral, {(32, 8): shares})},
        borrows={0: (debt, {(32, 32): index, (88, 16): owed * ONE + rng.randrange(ONE)})},
        numbers={(16, 8): SLOT, (2287, 1): 1},
    )
    accounts[position.address] = position.account()
    wallets = tuple(Pubkey(bytes([20 + place] * 32)) for place in range(3))
    mints = (
        Reserve.decode(dump(debt)).mint,
        *(getattr(Reserve.decode(dump(collateral)), it) for it in ("share_mint", "mint")),
    )
    for wallet, of, amount in zip(wallets, mints, (RICH, 0, 0), strict=True):
        accounts[wallet] = tokens(of, LIQUIDATOR.pubkey(), amount)
    return World(
        slot=SLOT + rng.choice([0, 1, 5, 1_000]),
        time=TIME + rng.randrange(40),
        accounts=accounts,
        position=position.address,
        debt=debt,
        collateral=collateral,
        amount=rng.choice([2**64 - 1, owed // 3 + 1]),
        min_received=0,
        liquidator=LIQUIDATOR.pubkey(),
        market=MARKET,
        wallets=wallets,
    )


def price(key: Pubkey) -> float:
    """Return what the smallest unit of a reserve's token is worth, roughly."""
    data = dump(key)
    return int.from_bytes(data[248:264], "little") / ONE / 10 ** data[272]


def test_real_accounts_are_decoded() -> None:
    obligation = Obligation.decode((DUMPS / f"{POSITION}.bin").read_bytes())
    assert obligation.market == MARKET
    assert len(obligation.deposits) >= 1
    assert len(obligation.borrows) >= 1
    assert Market.decode(dump(MARKET)).referral_fee_bps == 0
    sol = Reserve.decode((DUMPS / f"{SOL}.bin").read_bytes())
    assert str(sol.mint) == "So11111111111111111111111111111111111111112"
    assert sol.oracles == (None, None, None, SCOPE)
    assert sol.collateral_farm is not None


def test_a_real_position_asks_for_the_reserves_that_the_dumps_lack() -> None:
    known = {str(POSITION): Account(1, (DUMPS / f"{POSITION}.bin").read_bytes(), PROGRAM)}
    wanted = protocols.program("kamino").accounts_of(str(POSITION), known)
    with pytest.raises(MissingAccounts) as missing:
        protocols.get("kamino").health(known, Clock(SLOT, 0, 0, 0, TIME), str(POSITION))
    assert set(missing.value.addresses) == set(wanted)


def test_positions_on_real_reserves_are_judged_explained_and_planned() -> None:
    adapter, liquidatable = protocols.get("kamino"), 0
    for seed in range(60):
        given = world(seed)
        accounts = {str(key): account for key, account in given.accounts.items()}
        clock = Clock(given.slot, 0, 0, 0, given.time)
        health = adapter.health(accounts, clock, str(given.position))
        said = predicted(replace(given, amount=2**64 - 1), "1.16.0")
        assert (said.error is None) == health.liquidatable
        assert health.reason in ("healthy", "unhealthy")
        terms = adapter.explain(accounts, clock, str(given.position))
        assert {term.section for term in terms} >= {"oracle", "collateral", "debt", "health", "liquidation"}
        liquidatable += health.liquidatable
    assert 20 < liquidatable < 60


@pytest.mark.skipif(not FOUND, reason="LIQ_PROGRAMS names no folder with a build of Kamino's program")
def test_the_program_does_on_real_reserves_what_is_predicted() -> None:
    machine, landed = Machine(FOUND[0]), 0
    for seed in range(200):
        given = world(seed)
        one = Trial(seed, given, machine.run(given), predicted(given, VERSION))
        assert one.differences() == []
        landed += one.outcome.error is None
    assert 80 < landed < 200
