"""What every protocol adapter has to keep to, as one set of checks over cases of your own (`docs/protocols.md`).

A case is a state of the chain with a position in it; build a few hundred, healthy and not, and call `check`. It says which promise was
broken, by which case, with what was found and expected.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from liquidation_engine.errors import LiquidationEngineError, MissingAccounts
from liquidation_engine.protocols.adapter import Adapter, Plan, Prediction, Refusal


@dataclass(frozen=True, slots=True)
class Bytes:
    """An account as the checks change it; solders' Account fits as well."""

    owner: Any
    data: bytes
    lamports: int = 1


@dataclass(frozen=True, slots=True)
class Time:
    """The clock of a case."""

    slot: int
    unix_timestamp: int


@dataclass(frozen=True, slots=True)
class Executed:
    """What the program itself did: the failed instruction's custom code (-1 for any other error), and every account it owns afterwards."""

    error: int | None
    accounts: Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A state of the chain. The hooks are optional: a promise that needs one which is missing is not checked, and the report says so."""

    name: str
    accounts: Mapping[str, Any]
    clock: Time
    position: str
    plans: tuple[Plan, ...]  # liquidations to ask about, possible and impossible ones
    debt_mints: Mapping[str, str] = field(default_factory=dict)  # debt reserve -> mint, for the caps
    with_collateral_price: Callable[[Fraction], Mapping[str, Any]] | None = None  # the accounts with it times a factor
    execute: Callable[[Plan], Executed] | None = None  # the program, on a copy of these accounts
    screened: Callable[[], bool] | None = (
        None  # whether the book's screen looks at the position; without it the adapter is asked
    )


@dataclass
class Report:
    """How often each promise was checked."""

    checked: Counter[str] = field(default_factory=Counter)
    cases: int = 0

    def table(self) -> str:
        """Return a line for every promise, those that nothing could be checked of included."""
        lines = [f"{name:<24}{self.checked[name]:>10,}" for name in PROMISES]
        return "\n".join([f"{'cases':<24}{self.cases:>10,}", *lines])


class Broken(AssertionError):
    """An adapter broke a promise."""


def check(adapter: Adapter, cases: Iterable[Case], *, seed: int = 1, mutations: int = 20) -> Report:
    """Hold an adapter to every promise in every case; raises Broken at the first that is not kept."""
    report, rng = Report(), random.Random(seed)  # noqa: S311 - repeatable
    for case in cases:
        report.cases += 1
        for name, promise in PROMISES.items():
            try:
                report.checked[name] += promise(adapter, case, rng, mutations)
            except Broken as broken:
                raise Broken(f"{adapter.name} breaks '{name}' in case {case.name}: {broken}") from broken
    return report


def never_panics(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """Whatever the bytes, an answer or one of our errors."""
    for _ in range(mutations):
        accounts = dict(case.accounts)
        victim = rng.choice(sorted(accounts))
        data = _mutated(bytes(accounts[victim].data), rng)
        accounts[victim] = Bytes(accounts[victim].owner, data, accounts[victim].lamports)
        plan = rng.choice(case.plans)
        questions: tuple[Callable[[], object], ...] = (
            lambda accounts=accounts: adapter.health(accounts, case.clock, case.position),  # type: ignore[misc]
            lambda accounts=accounts, plan=plan: adapter.predict(accounts, case.clock, plan),  # type: ignore[misc]
            lambda accounts=accounts: adapter.best_plan(accounts, case.clock, {"position": case.position}),  # type: ignore[misc]
            lambda accounts=accounts: adapter.explain(accounts, case.clock, case.position),  # type: ignore[misc]
        )
        for question in questions:
            try:
                question()
            except LiquidationEngineError:
                continue
            except BaseException as error:
                raise Broken(
                    f"with changed bytes of {victim}: found {error!r}, expected an answer or one of our errors"
                ) from error
    return mutations


def names_what_is_missing(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """Given the position alone, MissingAccounts leads to an answer step by step, and to the same one as with all accounts."""
    for plan in case.plans[:2]:
        given = {case.position: case.accounts[case.position]}
        for _ in range(len(case.accounts) + 1):
            try:
                found = adapter.predict(given, case.clock, plan)
                break
            except MissingAccounts as missing:
                new = set(missing.addresses) - set(given)
                if not new:
                    raise Broken(f"found {missing.addresses} missing, which were given") from missing
                if unknown := new - set(case.accounts):
                    raise Broken(f"found {sorted(unknown)} missing, which the case does not have") from missing
                given |= {address: case.accounts[address] for address in new}
        else:
            raise Broken("found no end of missing accounts")
        expected = adapter.predict(case.accounts, case.clock, plan)
        if found != expected:
            raise Broken(f"found {found} with the accounts it asked for, expected {expected}")
    return len(case.plans[:2])


def fails_empty(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """With an error every number is 0 and nothing is written; without one something is repaid."""
    for plan in case.plans:
        said = adapter.predict(case.accounts, case.clock, plan)
        nothing = (said.repaid, said.seized, said.seized_shares, said.protocol_fee, said.bonus, said.bonus_bps)
        if said.error is not None and (any(nothing) or said.accounts_after):
            raise Broken(f"found {said}, expected zeros beside error {said.error}")
        if said.error is None and not said.accounts_after:
            raise Broken(f"found {said}, expected accounts_after without an error")
    return len(case.plans)


def monotone_in_price(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """A lower collateral price never makes a position healthier."""
    if case.with_collateral_price is None:
        return 0
    before = adapter.health(case.accounts, case.clock, case.position)
    for factor in (Fraction(99, 100), Fraction(1, 2), Fraction(1, 50)):
        after = adapter.health(case.with_collateral_price(factor), case.clock, case.position)
        if after.numerator * before.denominator > before.numerator * after.denominator:
            raise Broken(f"at {factor} of the price: found {after}, expected no more than {before}")
        if before.liquidatable and not after.liquidatable and after.reason == "healthy":
            raise Broken(f"at {factor} of the price: found {after} after {before}")
    return 3


def equals_the_program(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """`predict` says what the program does: its error, and every account byte for byte."""
    if case.execute is None:
        return 0
    for plan in case.plans:
        said, did = adapter.predict(case.accounts, case.clock, plan), case.execute(plan)
        if said.error != did.error:
            raise Broken(f"{plan}: found error {said.error}, the program said {did.error}")
        if did.error is None:
            _same_accounts(case, said, did)
    return len(case.plans)


def plans_within_its_caps(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """The best plan is one that the program accepts, of no more than the balances and no less than the profit asked for."""
    anything = {"position": case.position, "min_profit": -(10**30)}
    best = adapter.best_plan(case.accounts, case.clock, anything)
    if isinstance(best, Refusal):
        return 1
    _sound(adapter, case, best)
    assert best.prediction is not None
    assert best.profit is not None
    for balance in (best.prediction.repaid // 2, best.prediction.repaid // 1000, 0):
        caps = dict.fromkeys(case.debt_mints.values(), balance)
        capped = adapter.best_plan(case.accounts, case.clock, {**anything, "balances": caps})
        if not isinstance(capped, Plan) or not caps:
            continue
        _sound(adapter, case, capped)
        assert capped.prediction is not None
        if capped.prediction.repaid > balance:
            raise Broken(f"found {capped.prediction.repaid} repaid of a balance of {balance}")
        if capped.profit is not None and capped.profit > best.profit:
            raise Broken(f"found profit {capped.profit} with less to spend, expected at most {best.profit}")
    greedy = adapter.best_plan(case.accounts, case.clock, {**anything, "min_profit": best.profit + 1})
    if not isinstance(greedy, Refusal):
        raise Broken(f"found {greedy}, expected a refusal above the best profit of {best.profit}")
    return 5


def screen_misses_none(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """Whatever can be liquidated, the book's screen looks at."""
    screened = case.screened() if case.screened else adapter.screened(case.accounts, case.clock, case.position)
    health = adapter.health(case.accounts, case.clock, case.position)
    if screened is None:
        return 0
    if health.liquidatable and not screened:
        raise Broken(f"found {health}, which the screen passes over")
    return 1


def explains_its_health(adapter: Adapter, case: Case, rng: random.Random, mutations: int) -> int:
    """An explanation has a line for health, and every line a scale."""
    terms = adapter.explain(case.accounts, case.clock, case.position)
    if not any(term.section == "health" for term in terms) or any(term.scale <= 0 for term in terms):
        raise Broken(f"found {len(terms)} lines, expected one of health and scales above 0")
    return 1


Promise = Callable[[Adapter, Case, random.Random, int], int]
PROMISES: Mapping[str, Promise] = {
    promise.__name__.replace("_", " "): promise
    for promise in (
        never_panics,
        names_what_is_missing,
        fails_empty,
        monotone_in_price,
        equals_the_program,
        plans_within_its_caps,
        screen_misses_none,
        explains_its_health,
    )
}


def _sound(adapter: Adapter, case: Case, plan: Plan) -> None:
    """Demand that a plan is what `predict` says of it."""
    said = adapter.predict(case.accounts, case.clock, plan)
    if said != plan.prediction or said.error is not None:
        raise Broken(f"found {plan.prediction} in the plan, predict says {said}")


def _same_accounts(case: Case, said: Prediction, did: Executed) -> None:
    changed = {key: data for key, data in did.accounts.items() if bytes(case.accounts[key].data) != data}
    for address in sorted(changed.keys() | said.accounts_after.keys()):
        expected = changed.get(address, bytes(case.accounts[address].data))
        found = said.accounts_after.get(address, bytes(case.accounts[address].data))
        if found != expected:
            place = next((at for at, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), len(found))
            raise Broken(f"account {address} differs from byte {place}: found {found[place:place + 16].hex()}, "
                         f"the program wrote {expected[place:place + 16].hex()}")  # fmt: skip


def _mutated(data: bytes, rng: random.Random) -> bytes:
    if not data or rng.random() < 0.2:
        return data[: rng.randrange(len(data) + 1)]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 16))):
        at = rng.randrange(len(changed))
        changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)
