"""Save's adapter keeps every promise of the conformance kit; against the program itself where LIQ_PROGRAMS names a folder with `solend.so`."""

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.testing.conformance import Bytes, Case, Executed, Time, check
from tests.differential.save_accounts import LEGACY, PROGRAM, PULL, TOKEN
from tests.differential.save_states import PAYER, State, state
from tests.differential.save_vm import Vm

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
PRICE_AT = {PULL: 73, LEGACY: 208}
AVERAGE_AT = {PULL: 109, LEGACY: 48}


def case(world: State, vm: Vm | None) -> Case:
    """Return a random state as a case: the plan that came with it, as much as allowed, and one unit."""
    accounts = {
        str(address): Bytes(owner, data)
        for address, (owner, data) in world.accounts.items()
        if owner != TOKEN or len(data) not in (82, 165)
    }
    plan = Plan(
        position=str(world.obligation),
        debt_reserve=str(world.debt),
        collateral_reserve=str(world.collateral),
        liquidator=str(PAYER.pubkey()),
    )
    return Case(
        name=f"{world.kind} {world.obligation}",
        accounts=accounts,
        clock=Time(world.slot, world.time),
        position=str(world.obligation),
        plans=tuple(replace(plan, amount=amount) for amount in (world.amount, protocols.ALL, 1)),
        debt_mints={str(address): str(world.reserves[address].mint) for address in world.borrows},
        with_collateral_price=cheaper(world, accounts),
        execute=None if vm is None else lambda plan: execute(vm, world, plan),
    )


def cheaper(world: State, accounts: dict[str, Any]) -> Callable[[Fraction], dict[str, Any]] | None:
    """Return what lowers the price of all collateral; None where it is debt too, or its price is not Pyth's."""
    oracles = {world.reserves[address].main_oracle for address in world.deposits}
    owners = {oracle: world.accounts[oracle][0] for oracle in oracles if oracle in world.accounts}
    if set(world.deposits) & set(world.borrows) or not oracles <= {
        at for at, owner in owners.items() if owner in PRICE_AT
    }:
        return None

    def at(factor: Fraction) -> dict[str, Any]:
        changed = dict(accounts)
        for oracle, owner in owners.items():
            data = bytearray(world.accounts[oracle][1])
            if len(data) in (134, 3312):
                for place in (PRICE_AT[owner], AVERAGE_AT[owner]):
                    price = struct.unpack_from("<q", data, place)[0]
                    struct.pack_into("<q", data, place, int(price * factor))
                    struct.pack_into(
                        "<Q", data, place + 8 if owner == PULL else place + 24 if place == 48 else place + 8, 0
                    )
            changed[str(oracle)] = Bytes(owner, bytes(data))
        return changed

    return at


def execute(vm: Vm, world: State, plan: Plan) -> Executed:
    """Have the program do it."""
    landed = vm.run(replace(world, amount=plan.amount))
    owned = {address: data for address, (owner, data) in world.accounts.items() if owner == PROGRAM}
    return Executed(landed.error, {str(address): data for address, data in (landed.after or owned).items()})


def cases(count: int) -> Iterator[Case]:
    """Yield that many states, whole ones: a damaged account is no case of its own, the kit damages enough."""
    vm = Vm(PROGRAMS) if (PROGRAMS / "solend.so").is_file() else None
    worlds = (state(seed) for seed in range(70_000, 80_000))
    whole = (world for world in worlds if world.kind != "broken")
    for _, world in zip(range(count), whole, strict=False):
        yield case(world, vm)


def test_the_save_adapter_keeps_every_promise() -> None:
    report = check(protocols.get("save"), cases(300))
    print(report.table())
    assert report.cases == 300
    assert report.checked["never panics"] == 6_000
    assert report.checked["names what is missing"] == 600
    assert report.checked["monotone in price"] > 200
    assert report.checked["plans within its caps"] > 500
    assert report.checked["screen misses none"] > 150
    assert report.checked["equals the program"] in {0, 900}


def test_addresses_in_cases_are_addresses() -> None:
    (one,) = cases(1)
    assert all(str(Pubkey.from_string(address)) == address for address in one.accounts)
