"""The program's `liquidate` against the plain-Python model, on random positions with random prices and parameters."""

import random
from collections import Counter

from reference_model import ModelResult, Refused, liquidate
from reference_trials import NOW, Bench, Trial, random_trial

TRIALS = 5_000


def _expected(trial: Trial) -> ModelResult | str:
    try:
        debt, collateral = trial.legs[trial.debt], trial.legs[trial.collateral]
        return liquidate(trial.legs, debt, collateral, trial.amount, trial.min_seize, NOW)
    except Refused as refused:
        return str(refused)


def test_the_program_liquidates_exactly_as_the_model_says() -> None:
    rng, bench, met = random.Random(11), Bench(), Counter[str]()
    for _ in range(TRIALS):
        trial = random_trial(rng, bench.decimals)
        bench.lay_out(trial)
        expected = _expected(trial)
        assert bench.run(trial) == expected, trial
        met[expected if isinstance(expected, str) else _kind(trial, expected)] += 1
    print(dict(met))
    wanted = {"Healthy", "StalePrice", "UncertainPrice", "AmountTooSmall", "DustLeft", "SeizeBelowMinimum"}
    assert wanted <= set(met)
    assert min(met[kind] for kind in ("whole leg", "close factor", "collateral taken", "part")) >= 50


def _kind(trial: Trial, result: ModelResult) -> str:
    debt, collateral = trial.legs[trial.debt], trial.legs[trial.collateral]
    if result.seized == collateral.amount:
        return "collateral taken"
    if result.shares == debt.amount:
        return "whole leg"
    limit = debt.amount * debt.reserve.close_factor // 10_000
    return "close factor" if result.shares == limit else "part"
