"""marginfi's adapter keeps every promise of the conformance kit; against the program itself where LIQ_PROGRAMS names its binary."""

import os
import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.testing.conformance import Bytes, Case, Executed, Time, check
from tests.differential.marginfi_accounts import PROGRAM, RECEIVER, SWITCHBOARD
from tests.differential.marginfi_states import POSITION, State, state
from tests.differential.marginfi_vm import BINARY, Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nowhere"))
KINDS = ("ordinary", "confidence", "isolated", "limits", "tiny debt", "stale", "paused", "emissions", "utilisation")


def cases(first: int, count: int, vm: Vm | None) -> Iterator[Case]:
    """Yield cases of positions with prices and debts of every kind, none whose accounts are of the wrong kind."""
    found = 0
    for seed in range(first, first + 100 * count):
        given = state(seed)
        if given.kind in KINDS:
            yield case(seed, given, vm)
            found += 1
        if found == count:
            return


def case(seed: int, given: State, vm: Vm | None) -> Case:
    """Return a state as a case."""
    accounts = {
        str(key): Bytes(Pubkey.from_bytes(bytes(owner)), data, 10**10) for key, (owner, data) in given.accounts.items()
    }
    amounts = (given.amount, given.amount // 2, 1, 2**64 - 1)
    plans = tuple(plan(given, amount) for amount in amounts)
    debts = {str(bank.address): str(bank.mint) for bank in given.banks}
    return Case(
        name=f"{seed} ({given.kind})",
        accounts=accounts,
        clock=Time(given.slot, given.time),
        position=str(POSITION),
        plans=plans,
        debt_mints=debts,
        with_collateral_price=lambda factor: cheaper(given, accounts, factor),
        execute=None if vm is None else lambda asked: execute(vm, given, asked),
    )


def plan(given: State, amount: int) -> Plan:
    """Return a liquidation of the state's legs."""
    return Plan(
        position=str(POSITION),
        debt_reserve=str(given.banks[given.debt].address),
        collateral_reserve=str(given.banks[given.asset].address),
        amount=amount,
        liquidator=str(given.liquidator_address),
        version="0.1.1",
    )


def cheaper(given: State, accounts: Mapping[str, Any], factor: Fraction) -> Mapping[str, Any]:
    """Return the accounts with the price of every deposit times a factor."""
    changed = dict(accounts)
    for balance in filter(None, given.position):
        if balance.debts:
            continue
        address = str(given.oracles[given.named(balance.bank)][0])
        data = bytearray(accounts[address].data)
        owner = accounts[address].owner
        if owner == RECEIVER:
            at = 73 if data[40] == 1 else 74
            struct.pack_into("<q", data, at, int(struct.unpack_from("<q", data, at)[0] * factor))
        elif owner == SWITCHBOARD:
            value = int.from_bytes(data[2264:2280], "little", signed=True)
            data[2264:2280] = int(value * factor).to_bytes(16, "little", signed=True)
        else:
            for at in (184, 208):
                struct.pack_into("<q", data, at, int(struct.unpack_from("<q", data, at)[0] * factor))
        changed[address] = Bytes(owner, bytes(data), 10**10)
    return changed


def execute(vm: Vm, given: State, asked: Plan) -> Executed:
    """Have the program do it in exactly this state."""
    before, given.amount = given.amount, asked.amount
    landed = vm.run(given)
    given.amount = before
    after = {str(key): data for key, data in (landed.after or {}).items()}
    untouched = {str(key): data for key, (owner, data) in given.accounts.items() if owner == PROGRAM}
    return Executed(landed.error, after or untouched)


def test_the_adapter_keeps_every_promise() -> None:
    vm = Vm(PROGRAMS) if (PROGRAMS / BINARY).exists() else None
    report = check(protocols.get("marginfi"), cases(4_000_000, 150, vm), mutations=10)
    print(report.table())
    assert report.cases == 150
    assert report.checked["names what is missing"] == 300
    assert report.checked["plans within its caps"] > 200
    assert report.checked["equals the program"] == (600 if vm else 0)
