"""Kamino's adapter keeps every promise of the conformance kit; against the program itself where LIQ_PROGRAMS names a build of it."""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan
from liquidation_engine.testing.conformance import Case, Executed, Time, check
from tests.differential.kamino import BUILDS, VERSION
from tests.differential.kamino_accounts import PROGRAM, PYTH_LEGACY_PROGRAM, SCOPE_PROGRAM
from tests.differential.kamino_states import Draw
from tests.differential.kamino_vm import Machine
from tests.differential.kamino_world import World

FOLDER = Path(os.environ.get("LIQ_PROGRAMS", "/nowhere"))
FOUND = [FOLDER / name for name in BUILDS if (FOLDER / name).is_file()]


def cases(first: int, count: int, machine: Machine | None) -> Iterator[Case]:
    """Yield one case for each seed."""
    for seed in range(first, first + count):
        yield case(seed, Draw(seed).world(), machine)


def case(seed: int, world: World, machine: Machine | None) -> Case:
    """Return a state as a case."""
    accounts = {str(key): account for key, account in world.accounts.items()}
    reserves = {key: bytes(it.data) for key, it in world.accounts.items() if len(it.data) == 8624}
    return Case(
        name=str(seed),
        accounts=accounts,
        clock=Time(world.slot, world.time),
        position=str(world.position),
        plans=tuple(plan(world, amount) for amount in (world.amount, world.amount // 2, 1, 2**64 - 1)),
        debt_mints={str(key): str(Pubkey(data[128:160])) for key, data in reserves.items()} if earns(world) else {},
        with_collateral_price=(lambda factor: cheaper(world, accounts, factor)) if counts(world) else None,
        execute=None if machine is None else lambda asked: execute(machine, world, asked),
    )


def earns(world: World) -> bool:
    """Return whether there is something to earn: of losses, rounding alone decides which amount's is least."""
    accounts = {str(key): account for key, account in world.accounts.items()}
    asked = {"position": str(world.position), "min_profit": 1_000}
    return isinstance(protocols.get("kamino").best_plan(accounts, Time(world.slot, world.time), asked), Plan)


def counts(world: World) -> bool:
    """Return whether every deposit's price counts for health: one without a threshold moves only the floors of both quotients."""
    position = bytes(world.accounts[world.position].data)
    keys = [Pubkey(position[at : at + 32]) for at in range(96, 1184, 136)]
    borrowed = [Pubkey(position[at : at + 32]) for at in range(1208, 2208, 200)]
    deposits = [key for key in keys if key != Pubkey.default()]
    return not any(key in borrowed or bytes(world.accounts[key].data)[4873] == 0 for key in deposits)


def plan(world: World, amount: int) -> Plan:
    """Return a liquidation of the state's legs."""
    return Plan(
        position=str(world.position),
        debt_reserve=str(world.debt),
        collateral_reserve=str(world.collateral),
        amount=amount,
        min_received=world.min_received,
        version=VERSION,
    )


def cheaper(world: World, accounts: Mapping[str, Any], factor: Fraction) -> Mapping[str, Any]:
    """Return the accounts with the price of every deposit, saved and new, times a factor; those that are borrowed too keep theirs."""
    changed = dict(accounts)
    position = bytes(world.accounts[world.position].data)
    borrowed = {position[at : at + 32] for at in range(1208, 2208, 200)}
    for at in range(96, 1184, 136):
        key = Pubkey(position[at : at + 32])
        if key == Pubkey.default() or bytes(key) in borrowed:
            continue
        reserve = bytearray(changed[str(key)].data)
        saved = int(int.from_bytes(reserve[248:264], "little") * factor)
        reserve[248:264] = saved.to_bytes(16, "little")
        changed[str(key)] = Account(1, bytes(reserve), PROGRAM)
        scope = Pubkey(bytes(reserve[5112:5144]))
        entry = struct.unpack_from("<H", reserve, 5144)[0]
        if changed.get(str(scope)) is not None and entry < 512:
            scale(changed, str(scope), 40 + 56 * entry, factor, SCOPE_PROGRAM)
        pyth = str(Pubkey(bytes(reserve[5224:5256])))
        if pyth in changed and len(changed[pyth].data) == 3312:
            for place in (184, 208):
                scale(changed, pyth, place, factor, PYTH_LEGACY_PROGRAM)
    return changed


def scale(accounts: dict[str, Any], address: str, at: int, factor: Fraction, owner: Pubkey) -> None:
    """Multiply a number in an account."""
    data = bytearray(accounts[address].data)
    struct.pack_into("<q", data, at, int(struct.unpack_from("<q", data, at)[0] * factor))
    accounts[address] = Account(1, bytes(data), owner)


def execute(machine: Machine, world: World, asked: Plan) -> Executed:
    """Have the program do it in exactly this state."""
    did = machine.run(replace(world, amount=asked.amount))
    ours = [key for key, it in world.accounts.items() if it.owner == PROGRAM]
    after = {str(key): did.accounts.get(key, bytes(world.accounts[key].data)) for key in ours}
    return Executed(did.error, after)


def test_the_adapter_keeps_every_promise() -> None:
    machine = Machine(FOUND[0]) if FOUND else None
    report = check(protocols.get("kamino"), cases(4_000_000, 200, machine), mutations=10)
    print(report.table())
    assert report.cases == 200
    assert report.checked["names what is missing"] == 400
    assert report.checked["monotone in price"] > 300
    assert report.checked["screen misses none"] > 100
    assert report.checked["plans within its caps"] > 250
    assert report.checked["equals the program"] == (800 if machine else 0)
