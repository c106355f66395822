"""Real accounts of mainnet where LIQ_FIXTURES names their folder: marginfi's group, banks, margin accounts and price accounts.

Where LIQ_PROGRAMS names the program's binary too, it liquidates over the real banks and has to agree byte for byte: positions, whose
oracles are not among the fixtures, are made around them, and prices are real ones with their time moved to that of the banks.
"""

import base64
import itertools
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols import Plan, Policy
from liquidation_engine.protocols.marginfi import GROUP, Bank, MarginAccount
from tests.differential import marginfi_accounts as build
from tests.differential.marginfi import differences, given_accounts, predicted
from tests.differential.marginfi_accounts import ONE, PROGRAM, PYTH, RECEIVER, TOKEN, Balance, vault
from tests.differential.marginfi_states import AUTHORITY, LIQUIDATOR, POSITION, State
from tests.differential.marginfi_vm import BINARY, Vm

FIXTURES = Path(os.environ.get("LIQ_FIXTURES", "/nonexistent"))
PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
pytestmark = pytest.mark.skipif(
    not (FIXTURES / "marginfi").is_dir(), reason="LIQ_FIXTURES names no folder with marginfi"
)
JITOSOL, META, USDT, PYUSD = "bank_sample_1", "bank_sample_2", "bank_sample_3", "bank_pyusd_230822"
NOW = 1_724_302_300
"""Just after the last of the banks was written."""


def real(name: str) -> tuple[Pubkey, bytes]:
    """Return address and bytes of a dumped account."""
    dump = json.loads((FIXTURES / "marginfi" / f"{name}.json").read_text())
    return Pubkey.from_string(dump["pubkey"]), base64.b64decode(dump["account"]["data"][0])


def test_banks_of_mainnet_are_read() -> None:
    seen = {}
    for name in (JITOSOL, META, USDT, PYUSD):
        bank = Bank.decode(*real(name))
        assert bank.group == GROUP
        seen[name] = (str(bank.mint)[:4], bank.oracle_setup)
    assert seen == {JITOSOL: ("J1to", 1), META: ("META", 2), USDT: ("Es9v", 1), PYUSD: ("2b1k", 3)}


def test_a_margin_account_of_mainnet_names_its_banks() -> None:
    address, data = real("marginfi_account_sample_1")
    account = MarginAccount.decode(address, data)
    held = [it for it in account.places if it is not None]
    assert [it.is_debt for it in held] == [False, True, False, False, True, True, False]
    known = {str(address): SimpleNamespace(owner=PROGRAM, data=data, lamports=1)}
    wanted = protocols.program("marginfi").accounts_of(str(address), known)
    assert set(wanted) == {str(GROUP), *(str(it.bank) for it in held)}
    with pytest.raises(MissingAccounts):
        protocols.get("marginfi").health(known, SimpleNamespace(slot=1, unix_timestamp=NOW), str(address))


def test_an_account_of_mainnet_without_debt_is_healthy() -> None:
    address, data = real("marginfi_account_sample_3")
    group, group_data = real("mainnet_group")
    known = {
        str(at): SimpleNamespace(owner=PROGRAM, data=it, lamports=1)
        for at, it in ((address, data), (group, group_data))
    }
    health = protocols.get("marginfi").health(known, SimpleNamespace(slot=1, unix_timestamp=NOW), str(address))
    assert (health.liquidatable, health.reason) == (False, "no debt")


@dataclass
class Real(build.Bank):
    """A real bank where a made one is expected."""

    at: Pubkey = POSITION
    content: bytes = b""

    @property
    def address(self) -> Pubkey:
        """Return its address."""
        return self.at

    @property
    def mint(self) -> Pubkey:
        """Return its mint."""
        return Pubkey(self.content[8:40])


def bank(name: str) -> Real:
    """Return a real bank."""
    address, content = real(name)
    return Real(0, GROUP, at=address, content=content)


def price_of(it: Real, named: str) -> tuple[Pubkey, tuple[Pubkey, bytes]]:
    """Return a real price, dated now, where the bank expects it."""
    key = it.content[610:642]
    if it.content[609] == 1:
        data = bytearray((FIXTURES / "oracles" / f"pyth_legacy_{named}_price.bin").read_bytes())
        struct.pack_into("<q", data, 96, NOW)
        struct.pack_into("<q", data, 200, NOW)
        return Pubkey(key), (PYTH, bytes(data))
    data = bytearray((FIXTURES / "oracles" / f"pyth_push_{named}_price.bin").read_bytes())
    assert data[40] == 1
    data[41:73] = key
    struct.pack_into("<q", data, 93, NOW)
    return build.sponsored(key), (RECEIVER, bytes(data))


def world(asset: str, debt: str, ratio: float) -> State:
    """Return a position of 100 whole tokens (SOL) or 10,000 against a debt of that part of its maintenance worth."""
    legs = [bank(asset), bank(debt)]
    tokens = {JITOSOL: "sol", USDT: "usdc", PYUSD: "usdc"}
    oracles = [price_of(it, tokens[name]) for it, name in zip(legs, (asset, debt), strict=True)]
    dollars = {"sol": 150.0, "usdc": 1.0}
    whole = {name: 10 ** bank(name).content[40] for name in (asset, debt)}
    worth = dollars[tokens[asset]] * (100 if asset == JITOSOL else 10_000)
    held = int(worth / dollars[tokens[asset]] * whole[asset]) * ONE
    owed = int(worth * ratio / dollars[tokens[debt]] * whole[debt]) * ONE
    given = State("ordinary", list(legs), [[at] for at, _ in oracles], 0, 1, 0, [], [], time=NOW)
    given.position = [Balance(legs[0].at, assets=held), Balance(legs[1].at, debts=owed)]
    given.liquidator = [Balance(legs[1].at, assets=owed * 3)]
    group, content = real("mainnet_group")
    given.accounts = dict(oracles) | {group: (PROGRAM, content)}
    for it in legs:
        given.accounts[it.at] = (PROGRAM, it.content)
        for seed in ("liquidity_vault", "insurance_vault"):
            held_tokens = 10**15 if seed == "liquidity_vault" else 0
            given.accounts[vault(seed, it.at)[0]] = (
                TOKEN,
                build.token(it.mint, vault(f"{seed}_auth", it.at)[0], held_tokens),
            )
    given.accounts[POSITION] = (PROGRAM, build.margin_account(group, build.key(5), given.position))
    given.accounts[LIQUIDATOR] = (PROGRAM, build.margin_account(group, AUTHORITY, given.liquidator))
    given.group = group
    return given


@pytest.mark.skipif(not (PROGRAMS / BINARY).exists(), reason=f"LIQ_PROGRAMS names no folder with {BINARY}")
def test_the_program_liquidates_over_real_banks_as_predicted() -> None:
    vm, landed, refused = Vm(PROGRAMS), 0, 0
    pairs = [(JITOSOL, USDT), (JITOSOL, PYUSD), (USDT, JITOSOL), (PYUSD, USDT), (USDT, PYUSD), (PYUSD, JITOSOL)]
    for (asset, debt), ratio in itertools.product(pairs, (0.4, 0.7, 0.85, 0.95, 1.05)):
        given = world(asset, debt, ratio)
        accounts = given_accounts(given)
        policy = Policy(position=str(POSITION), liquidator=str(LIQUIDATOR), min_profit=-(2**100), version="0.1.1")
        plan = protocols.get("marginfi").best_plan(accounts, SimpleNamespace(slot=1, unix_timestamp=NOW), policy)
        for amount in {plan.amount, plan.amount + 1, plan.amount // 3} if isinstance(plan, Plan) else {10**6}:
            given.amount = amount
            chain = vm.run(given)
            assert differences(given, chain, predicted(given, accounts)) == []
            landed += chain.error is None
            refused += chain.error is not None
    assert landed > 10, (landed, refused)
    assert refused > 10
