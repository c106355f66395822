"""The auditor's integers against the real program, over many markets drawn at random: every verdict and every number."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from auditor_builder import MARKET, PROGRAM, WRAPPED_SOL, Asset, Borrower, Town, named
from auditor_chain import BINARY
from liquidation_auditor.arithmetic import Seizure, health, liquidate, pairs, refusal
from liquidation_auditor.decode import COLLATERAL, DEBT
from liquidation_auditor.state import ChainState
from liquidation_auditor.vm import Asker, Machine

SLOT = 1_000


def asset(draw: random.Random, number: int) -> Asset:
    decimals = draw.choice([0, 6, 8, 9])
    exponent = draw.randint(max(decimals - 18, -8), 0)
    exponent = -8 if number == 0 else exponent
    price = max(1, 10**-exponent * draw.choice([1, 30, 99, 100, 5_000, 6_543_210]) // 100 + draw.randint(0, 1))
    lowest = draw.randint(0, 500)
    return Asset(
        mint=WRAPPED_SOL if number == 0 else named(f"mint {number}"),
        decimals=9 if number == 0 else decimals,
        exponent=exponent,
        price=price,
        confidence=price * draw.choice([0, 1, 2, 3] if number == 1 else [0, 1, 2]) // 100,
        price_slot=draw.choice([SLOT, SLOT - 10, SLOT - 10, SLOT - 11, SLOT + 1]) if number == 2 else SLOT,
        threshold_bps=draw.randint(5_001, 9_000),
        borrow_factor_bps=draw.choice([10_000, 10_000, 12_345]),
        min_bonus_bps=lowest,
        max_bonus_bps=lowest + draw.randint(0, 500),
        close_factor_bps=draw.choice([1, 2_000, 5_000, 10_000]),
        protocol_fee_bps=draw.choice([0, 1_000, 10_000]),
        interest_rate_bps=draw.choice([0, 777, 1_000_000]),
        max_age_slots=10,
        dust_micro_usd=draw.choice([0, 1, 10**6, 10**9]),
        index=draw.choice([10**18, 10**18 + 1, draw.randint(10**18, 3 * 10**18)]),
        accrued_slot=draw.randint(0, SLOT),
        vault_tokens=draw.choice([10**18, 10**18, 10**18, 1_000]),
    )


def unit(of: Asset) -> int:
    return int(of.price * 10 ** (of.exponent - of.decimals + 18))


def borrower(draw: random.Random, name: str, assets: list[Asset]) -> Borrower:
    """Return a position near the line, over it, under water or tiny."""
    legs = draw.sample(assets, draw.randint(2, min(6, len(assets))))
    split = draw.randint(1, len(legs) - 1)
    collateral, debt = legs[:split], legs[split:]
    value = draw.choice([10**16, 10**20, 10**23]) * draw.randint(1, 9)
    ratio = draw.choice([30, 60, 75, 80, 85, 90, 95, 99, 100, 105, 130])
    return Borrower(
        name=name,
        collateral=[(of, max(1, value // len(collateral) // unit(of))) for of in collateral],
        debt=[(of, max(1, value * ratio // 100 // len(debt) * 10**18 // (unit(of) * of.index))) for of in debt],
        version=draw.choice([0, 3]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_program_and_judge_agree_on_every_position(seed: int) -> None:
    draw = random.Random(seed)
    assets = [asset(draw, number) for number in range(8)]
    town = Town(assets=assets, borrowers=[borrower(draw, f"{seed} {number}", assets) for number in range(60)])
    _, state, asker = loaded(town)
    faults = asker.disagreements(state, SLOT)
    assert [fault.why for fault in faults] == []
    assert asker.asked == 60


def loaded(town: Town) -> tuple[Machine, ChainState, Asker]:
    machine = Machine([(bytes(PROGRAM), BINARY.read_bytes())])
    state = ChainState(bytes(PROGRAM), bytes(MARKET))
    rows = town.all_rows(SLOT)
    for row in rows:
        machine.load(replace(row, lamports=10**18) if row.lamports else row)
    state.apply(rows)
    machine.set_clock(SLOT, 0)
    return machine, state, Asker(machine, bytes(PROGRAM), bytes(MARKET))


def test_the_random_markets_reach_every_ending() -> None:
    """Without this the agreement above might be one about nothing."""
    seen: Counter[str] = Counter()
    for seed in range(12):
        draw = random.Random(seed)
        assets = [asset(draw, number) for number in range(8)]
        town = Town(assets=assets, borrowers=[borrower(draw, f"{seed} {number}", assets) for number in range(60)])
        state = ChainState(bytes(PROGRAM), bytes(MARKET))
        state.apply(town.all_rows(SLOT))
        indexes = state.indexes_at(SLOT)
        for position in state.positions.values():
            reserves = [state.reserves[leg.reserve] for leg in position.legs]
            refused = next(filter(None, (refusal(one, state.oracles[one.oracle], SLOT) for one in reserves)), None)
            worth = health(position, state.reserves, state.oracles, indexes)
            result = liquidate(pairs(position, state.reserves, state.oracles, indexes)[0], worth)
            whole = position.of(DEBT) and position.of(COLLATERAL) and isinstance(result, Seizure) and worth.c < worth.d
            seen[refused or ("whole" if whole else "partial" if isinstance(result, Seizure) else result)] += 1
    assert {"Healthy", "StalePrice", "UncertainPrice", "partial", "whole"} <= seen.keys()
    assert min(seen["Healthy"], seen["partial"], seen["whole"]) > 20


def test_a_judge_with_another_arithmetic_would_be_contradicted() -> None:
    draw = random.Random(3)
    assets = [asset(draw, number) for number in range(8)]
    town = Town(assets=assets, borrowers=[borrower(draw, f"wrong {number}", assets) for number in range(60)])
    _, state, asker = loaded(town)
    for address, reserve in state.reserves.items():
        state.reserves[address] = replace(reserve, liquidation_threshold_bps=reserve.liquidation_threshold_bps - 1_000)
    assert asker.disagreements(state, SLOT)
