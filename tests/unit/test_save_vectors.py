"""Every recorded transaction of Save's deployed program, asked through Python."""

import random
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import pytest

from liquidation_engine import protocols
from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols import Plan, Prediction, Refusal
from tests.differential.save_vectors import Trial, read


class Given:
    """An account as an RPC client would give it."""

    def __init__(self, owner: bytes, data: bytes) -> None:
        """Keep the two."""
        self.owner, self.data, self.lamports = owner, data, 1


class Now:
    """A clock."""

    def __init__(self, slot: int, unix_timestamp: int) -> None:
        """Keep the two."""
        self.slot, self.unix_timestamp = slot, unix_timestamp


def base58(address: bytes) -> str:
    """Return an address as text."""
    from liquidation_engine import _core

    return _core.to_base58(address)


def question(trial: Trial) -> tuple[dict[str, Given], Now, Plan]:
    """Return what `predict` is asked."""
    accounts = {base58(address): Given(owner, data) for address, (owner, data) in trial.accounts.items()}
    plan = Plan(
        position=base58(trial.position),
        debt_reserve=base58(trial.debt),
        collateral_reserve=base58(trial.collateral),
        amount=trial.amount,
        liquidator=base58(trial.liquidator),
    )
    return accounts, Now(trial.slot, trial.time), plan


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    """Return the recorded transactions."""
    heading, trials = read()
    assert heading.startswith(
        "save So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo sha256=2be7dfeeb34533d37750ea3ad3136cad"
    )
    return list(trials)


def test_every_recorded_transaction_is_predicted(trials: list[Trial]) -> None:
    save, landed = protocols.get("save"), 0
    for number, trial in enumerate(trials):
        found = save.predict(*question(trial))
        assert found.error == trial.error, number
        numbers = (found.repaid, found.seized, found.seized_shares, found.protocol_fee)
        assert numbers == trial.numbers[:4], number
        assert found.bonus == Fraction(trial.numbers[4], 10**18), number
        assert found.accounts_after == {base58(address): data for address, data in trial.after.items()}, number
        landed += found.error is None
    assert (len(trials), landed) == (1_200, sum(trial.error is None for trial in trials))


def test_an_account_that_is_needed_and_not_given_is_named(trials: list[Trial]) -> None:
    trial = next(trial for trial in trials if trial.error is None)
    accounts, clock, plan = question(trial)
    for needed in (plan.position, plan.debt_reserve, plan.collateral_reserve):
        rest = {address: account for address, account in accounts.items() if address != needed}
        with pytest.raises(MissingAccounts, match=needed):
            protocols.get("save").predict(rest, clock, plan)


def test_the_best_plan_is_no_worse_than_the_recorded_one_and_lands(trials: list[Trial]) -> None:
    save = protocols.get("save")
    for trial in trials[:300]:
        accounts, clock, plan = question(trial)
        try:
            best = save.best_plan(
                accounts, clock, {"position": plan.position, "liquidator": plan.liquidator, "min_profit": -(10**30)}
            )
        except Exception:
            if trial.error is None:
                raise
            continue  # bytes that are no obligation
        if isinstance(best, Refusal):
            assert trial.error is not None, best
            continue
        assert best.prediction == save.predict(accounts, clock, best)
        assert best.prediction is not None
        assert best.prediction.error is None
        assert best.prediction.repaid <= best.amount


def test_no_amount_earns_more_than_the_best_plan_but_for_a_unit_that_rounding_moves(trials: list[Trial]) -> None:
    save, rng, asked, small = protocols.get("save"), random.Random(5), 0, 0
    for trial in [trial for trial in trials if trial.error is None and trial.debt != trial.collateral][:150]:
        accounts, clock, plan = question(trial)
        best = save.best_plan(accounts, clock, {"position": plan.position, "min_profit": -(10**30)})
        assert isinstance(best, Plan)
        assert best.prediction is not None
        assert best.profit is not None
        most = max(2, 2 * best.prediction.repaid, 2 * trial.numbers[0])
        small += most < 400
        for amount in range(1, most) if most < 400 else [int(most ** rng.random()) for _ in range(60)]:
            said = save.predict(accounts, clock, other := replace(plan, amount=amount))
            if said.error is None:
                value = Values(accounts, said)
                found = value.of(plan.collateral_reserve, said.seized) - value.of(plan.debt_reserve, said.repaid)
                unit = value.of(plan.collateral_reserve, 1) + value.of(plan.debt_reserve, 1)
                assert found // 10**12 <= best.profit + unit // 10**12 + 1, (best, other)
                asked += 1
    assert asked > 5_000
    assert small > 3


class Values:
    """What amounts are worth at the prices that the program wrote, 10^-18 quote units."""

    def __init__(self, accounts: Mapping[str, Given], said: Prediction) -> None:
        """Take the accounts before, and what is written."""
        self._data = {key: account.data for key, account in accounts.items()} | dict(said.accounts_after)

    def of(self, reserve: str, amount: int) -> int:
        """Return the value of smallest units of a reserve's token."""
        data = self._data[reserve]
        return int(int.from_bytes(data[211:227], "little") * amount // 10 ** data[74])


def test_the_best_plan_spends_at_most_the_balance(trials: list[Trial]) -> None:
    save, seen = protocols.get("save"), 0
    for trial in trials:
        if trial.error is not None or trial.numbers[0] < 1_000:
            continue
        accounts, clock, plan = question(trial)
        mint = base58(trial.accounts[trial.debt][1][42:74])
        policy = {"position": plan.position, "liquidator": plan.liquidator, "min_profit": -(10**30)}
        best = save.best_plan(accounts, clock, {**policy, "balances": {mint: 500}})
        if isinstance(best, Refusal):
            assert best.reason in {"no balance", "error 28"}, best
            continue
        assert best.prediction is not None
        assert best.prediction.repaid <= 500
        seen += 1
    assert seen > 100


def test_every_term_of_a_liquidatable_position_is_explained(trials: list[Trial]) -> None:
    trial = next(trial for trial in trials if trial.error is None and not trial.numbers[2])
    accounts, clock, plan = question(trial)
    save = protocols.get("save")
    terms = save.explain(accounts, clock, plan.position)
    assert [*dict.fromkeys(term.section for term in terms)] == [
        "oracle",
        "collateral",
        "debt",
        "health",
        "liquidation",
        "profit",
    ]
    by_name = {term.name: term for term in terms}
    health = save.health(accounts, clock, plan.position)
    assert health.liquidatable
    assert (health.numerator, health.denominator) == (
        by_name["unhealthy borrow value"].value,
        by_name["borrowed value"].value,
    )
    assert by_name["distance"].value == health.numerator - health.denominator
    gain = by_name["value seized"].value - by_name["value repaid"].value
    assert by_name["profit"].value == gain // 10**12
