"""marginfi's adapter keeps every promise of the conformance kit; against the program itself where LIQ_PROGRAMS names its binary."""

import itertools
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.testing.conformance import Bytes, Case, Executed, Report, Time, check
from tests.differential import marginfi_new_states as newer
from tests.differential.marginfi_accounts import PROGRAM, PYTH, RECEIVER, SWITCHBOARD, Bank
from tests.differential.marginfi_native import DRIVER, run
from tests.differential.marginfi_new import classic, trial_of
from tests.differential.marginfi_states import POSITION, State, state
from tests.differential.marginfi_vm import BINARY, Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nowhere"))
KINDS = ("ordinary", "confidence", "isolated", "limits", "tiny debt", "stale", "paused", "emissions", "utilisation")


Execute = Callable[[State, Plan], Executed]


def cases(first: int, count: int, version: str, execute: Execute | None) -> Iterator[Case]:
    """Yield cases of positions with prices and debts of every kind, none whose accounts are of the wrong kind."""
    states = (state(seed) if version == "0.1.1" else newer.state(seed) for seed in range(first, first + 100 * count))
    chosen = (given for given in states if given.kind in KINDS and not any(map(is_old_curve, given.banks)))
    for number, given in enumerate(itertools.islice(chosen, count)):
        yield case(f"{version}, {number} ({given.kind})", given, version, execute)


def is_old_curve(bank: Bank) -> bool:
    """Whether a newer bank kept the old curve: without a plan that names the version, health takes it for the older program's."""
    return bank.patches.get(544) == b"\0"


def case(name: str, given: State, version: str, execute: Execute | None) -> Case:
    """Return a state as a case."""
    accounts = {
        str(key): Bytes(Pubkey.from_bytes(bytes(owner)), data, 10**10) for key, (owner, data) in given.accounts.items()
    }
    amounts = (given.amount, given.amount // 2, 1, 2**64 - 1)
    plans = tuple(plan(given, amount, version) for amount in amounts)
    debts = {str(bank.address): str(bank.mint) for bank in given.banks}
    return Case(
        name=name,
        accounts=accounts,
        clock=Time(given.slot, given.time),
        position=str(POSITION),
        plans=plans,
        debt_mints=debts,
        with_collateral_price=lambda factor: cheaper(given, accounts, factor),
        execute=None if execute is None else lambda asked: execute(given, asked),
    )


def plan(given: State, amount: int, version: str) -> Plan:
    """Return a liquidation of the state's legs."""
    return Plan(
        position=str(POSITION),
        debt_reserve=str(given.banks[given.debt].address),
        collateral_reserve=str(given.banks[given.asset].address),
        amount=amount,
        liquidator=str(given.liquidator_address),
        version=version,
    )


def cheaper(given: State, accounts: Mapping[str, Any], factor: Fraction) -> Mapping[str, Any]:
    """Return the accounts with the price of every deposit times a factor."""
    changed = dict(accounts)
    for balance in filter(None, given.position):
        if balance.debts:
            continue
        oracles = given.oracles[given.named(balance.bank)]
        if not oracles:
            continue  # a fixed price
        address = str(oracles[0])
        data = bytearray(accounts[address].data)
        owner = accounts[address].owner
        if owner == RECEIVER:
            at = 73 if data[40] == 1 else 74
            struct.pack_into("<q", data, at, int(struct.unpack_from("<q", data, at)[0] * factor))
        elif owner == SWITCHBOARD:
            value = int.from_bytes(data[2264:2280], "little", signed=True)
            data[2264:2280] = int(value * factor).to_bytes(16, "little", signed=True)
        elif owner == PYTH:
            for at in (184, 208):
                struct.pack_into("<q", data, at, int(struct.unpack_from("<q", data, at)[0] * factor))
        changed[address] = Bytes(owner, bytes(data), 10**10)
    return changed


def by_binary(vm: Vm) -> Execute:
    """Have the older program do it in exactly this state."""

    def execute(given: State, asked: Plan) -> Executed:
        before, given.amount = given.amount, asked.amount
        landed = vm.run(given)
        given.amount = before
        return Executed(landed.error, (landed.after and named(landed.after)) or untouched(given))

    return execute


def by_source(given: State, asked: Plan) -> Executed:
    """Have the newer program's source do it in exactly this state."""
    before, given.amount = given.amount, asked.amount
    landed = next(run(PROGRAMS, [trial_of(given, classic(given))]))
    given.amount = before
    after = {key: data for key, data in landed.after.items() if str(key) in untouched(given)}
    return Executed(landed.error, untouched(given) if landed.error is not None else named(after))


def untouched(given: State) -> dict[str, bytes]:
    """Return the program's accounts as they were."""
    return {str(key): data for key, (owner, data) in given.accounts.items() if owner == PROGRAM}


def named(accounts: Mapping[Pubkey, bytes]) -> dict[str, bytes]:
    """Return accounts by base58 address."""
    return {str(key): data for key, data in accounts.items()}


def test_the_adapter_keeps_every_promise_for_the_older_program() -> None:
    execute = by_binary(Vm(PROGRAMS)) if (PROGRAMS / BINARY).exists() else None
    kept(check(protocols.get("marginfi"), cases(4_000_000, 150, "0.1.1", execute), mutations=10), execute)


def test_the_adapter_keeps_every_promise_for_the_newer_program() -> None:
    execute = by_source if (PROGRAMS / DRIVER).exists() else None
    kept(check(protocols.get("marginfi"), cases(4_000_000, 150, "0.1.9", execute), mutations=10), execute)


def kept(report: Report, execute: Execute | None) -> None:
    """Hold a report against how often each promise has to have been looked at."""
    print(report.table())
    assert report.cases == 150
    assert report.checked["names what is missing"] == 300
    assert report.checked["plans within its caps"] > 150
    assert report.checked["screen misses none"] > 100
    assert report.checked["equals the program"] == (600 if execute else 0)
