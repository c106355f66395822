"""`predict` for the reference program against the program itself: outcome, figures, and every account byte for byte."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine import protocols
from liquidation_engine.errors import ConfigError, MissingAccounts
from liquidation_engine.protocols.reference import Side, decode_liquidation
from reference_trials import NOW, Bench, Trial, random_trial
from reference_world import Asset, refusal_code

TRIALS = 1_500
REFERENCE = protocols.get("reference")


@dataclass(frozen=True)
class Now:
    """The clock of the test's chain."""

    slot: int = NOW
    unix_timestamp: int = 0


def accounts_of(bench: Bench) -> dict[str, Any]:
    """Return every account of the program's, vaults included."""
    world = bench.world
    addresses = [world.market, bench.position]
    for asset in bench.assets:
        addresses += [asset.reserve, asset.oracle, asset.fund, asset.vault]
    return {str(address): world.svm.get_account(address) for address in addresses}


def plan_of(trial: Trial, position: Pubkey, debt: Asset, collateral: Asset) -> dict[str, object]:
    """Return the question that a trial is."""
    return {
        "position": str(position),
        "debt_reserve": str(debt.reserve),
        "collateral_reserve": str(collateral.reserve),
        "amount": trial.amount,
        "min_received": trial.min_seize,
    }


def test_predict_equals_the_program_on_random_positions() -> None:
    rng, bench, met = random.Random(23), Bench(), Counter[str]()
    for _ in range(TRIALS):
        trial = random_trial(rng, bench.decimals)
        bench.lay_out(trial)
        debt, collateral = bench.assets[trial.debt], bench.assets[trial.collateral]
        before = accounts_of(bench)
        said = REFERENCE.predict(before, Now(), plan_of(trial, bench.position, debt, collateral))
        result = bench.send(trial)
        if not isinstance(result, TransactionMetadata):
            assert said.error == refusal_code(result), trial
            assert (said.repaid, said.seized, said.accounts_after) == (0, 0, {})
            met["refused"] += 1
            continue
        did = decode_liquidation(bytes(result.return_data().data))
        assert said.error is None, trial
        assert (said.repaid, said.seized, said.protocol_fee) == (did.repaid, did.received, did.fee)
        assert (said.bonus * 10_000, said.bonus_bps) == (did.bonus_bps, did.bonus_bps)
        after = accounts_of(bench)
        vaults = {str(asset.vault) for asset in bench.assets}
        changed = {
            address: bytes(account.data)
            for address, account in after.items()
            if address not in vaults and account.data != before[address].data
        }
        assert said.accounts_after == changed
        met["liquidated"] += 1
    assert min(met.values()) >= TRIALS // 5


def test_the_best_plan_is_the_pair_of_highest_profit_and_lands() -> None:
    rng, bench, planned = random.Random(29), Bench(), 0
    for _ in range(200):
        trial = random_trial(rng, bench.decimals)
        bench.lay_out(trial)
        accounts = accounts_of(bench)
        plan = REFERENCE.best_plan(accounts, Now(), {"min_profit": -(10**30)})
        health = REFERENCE.health(accounts, Now(), str(bench.position))
        assert health.liquidatable == (health.reason == "unhealthy")
        if isinstance(plan, protocols.Refusal):
            continue
        planned += 1
        assert health.liquidatable
        assert health.numerator < health.denominator
        assert plan.prediction is not None
        assert plan.profit is not None
        by_reserve = {str(asset.reserve): place for place, asset in enumerate(bench.assets)}
        for debt, first in enumerate(trial.legs):
            for collateral, second in enumerate(trial.legs):
                if not first.is_debt or second.is_debt:
                    continue
                other = replace(trial, debt=debt, collateral=collateral, amount=protocols.ALL, min_seize=0)
                question = plan_of(other, bench.position, bench.assets[debt], bench.assets[collateral])
                said = REFERENCE.predict(accounts, Now(), question)
                if said.error is None:
                    assert worth(trial, debt, collateral, said.repaid, said.seized) <= plan.profit + 2
        chosen = replace(
            trial,
            debt=by_reserve[plan.debt_reserve],
            collateral=by_reserve[plan.collateral_reserve],
            amount=plan.amount,
            min_seize=plan.min_received,
        )
        bench.lay_out(chosen)
        result = bench.send(chosen)
        assert isinstance(result, TransactionMetadata)
        assert decode_liquidation(bytes(result.return_data().data)).repaid == plan.prediction.repaid
    assert planned > 30


def worth(trial: Trial, debt: int, collateral: int, repaid: int, seized: int) -> int:
    """Return value received - value paid in micro-USD, by the prices alone."""
    unit = [leg.reserve.price * 10 ** (leg.reserve.exponent - leg.reserve.decimals + 18) for leg in trial.legs]
    return seized * unit[collateral] // 10**12 - -(-repaid * unit[debt] // 10**12)


def test_an_explanation_adds_up_to_the_health() -> None:
    rng, bench = random.Random(31), Bench()
    for _ in range(50):
        trial = random_trial(rng, bench.decimals)
        bench.lay_out(trial)
        accounts = accounts_of(bench)
        health = REFERENCE.health(accounts, Now(), str(bench.position))
        terms = REFERENCE.explain(accounts, Now(), str(bench.position))
        weighted = {
            side: sum(term.value for term in terms if term.section == side and term.name.endswith("weighted"))
            for side in ("collateral", "debt")
        }
        assert (weighted["collateral"], weighted["debt"]) == (health.numerator, health.denominator)
        assert {term.section for term in terms} >= {"oracle", "collateral", "debt", "health"}
        assert any(term.section == "profit" for term in terms) == any(term.name == "repaid" for term in terms)


def test_what_is_missing_is_named_all_at_once() -> None:
    bench = Bench()
    bench.lay_out(random_trial(random.Random(1), bench.decimals))
    accounts = accounts_of(bench)
    legs = bench.world.state(bench.position).legs
    kept = {key: account for key, account in accounts.items() if key in {str(bench.position), str(bench.world.market)}}
    with pytest.raises(MissingAccounts) as raised:
        REFERENCE.health(kept, Now(), str(bench.position))
    assert set(raised.value.addresses) == {str(leg.reserve) for leg in legs}
    kept |= {str(leg.reserve): accounts[str(leg.reserve)] for leg in legs}
    with pytest.raises(MissingAccounts) as raised:
        REFERENCE.health(kept, Now(), str(bench.position))
    assert set(raised.value.addresses) == {str(asset.oracle) for asset in bench.assets[: len(legs)]}


def test_bad_debt_is_no_liquidation() -> None:
    bench = Bench()
    trial = random_trial(random.Random(1), bench.decimals)
    bench.lay_out(trial)
    state = bench.world.state(bench.position)
    debts = tuple(leg for leg in state.legs if leg.side == Side.DEBT)
    bench.world.change(bench.position, replace(state, legs=debts).pack())
    accounts = accounts_of(bench)
    assert REFERENCE.health(accounts, Now(), str(bench.position)).reason == "bad debt"
    assert REFERENCE.best_plan(accounts, Now()) == protocols.Refusal("bad debt")


def test_an_unknown_protocol_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"found protocol 'solend', expected one of {', '.join(protocols.NAMES)}"):
        protocols.get("solend")
