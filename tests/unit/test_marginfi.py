"""marginfi through Python: recorded trials, missing accounts, health, the best plan, and the order of accounts."""

import dataclasses
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine._core import ArgumentError
from liquidation_engine.errors import ConfigError, DecodeError, MissingAccounts
from liquidation_engine.protocols import Plan, Policy, Prediction, Refusal, Wallet
from liquidation_engine.protocols.marginfi import GROUP, Bank, MarginAccount, Observer
from liquidation_engine.protocols.marginfi.instructions import liquidate
from tests.differential.marginfi_vectors import FILE, NEW_FILE, Trial, read

TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
MARGINFI = protocols.get("marginfi")
RECORDED = list(read(FILE)[1])
NEWER = list(read(NEW_FILE)[1])
LANDED = [trial for trial in RECORDED if trial.error == 0]


def name(key: bytes) -> str:
    return str(Pubkey(key))


def accounts(trial: Trial) -> dict[str, SimpleNamespace]:
    return {
        name(key): SimpleNamespace(owner=Pubkey(owner), data=data, lamports=10**10)
        for key, (owner, data) in trial.before.items()
    }


def clock(trial: Trial) -> SimpleNamespace:
    return SimpleNamespace(slot=trial.slot, unix_timestamp=trial.time)


def plan(trial: Trial, **changes: object) -> dict[str, object]:
    asked = {
        "position": name(trial.position),
        "debt_reserve": name(trial.debt),
        "collateral_reserve": name(trial.collateral),
        "amount": trial.amount,
        "liquidator": name(trial.liquidator),
        "version": "0.1.1",
    }
    return asked | changes


def predicted(trial: Trial, **changes: object) -> Prediction:
    return MARGINFI.predict(accounts(trial), clock(trial), plan(trial, **changes))


def test_every_recorded_trial_is_predicted_byte_for_byte() -> None:
    outcomes: Counter[int] = Counter()
    for trial in RECORDED:
        ours = predicted(trial)
        assert (ours.error or 0) == trial.error
        assert ours.protocol_fee == trial.fee
        assert ours.accounts_after == {name(key): data for key, data in trial.after.items()}
        outcomes[trial.error] += 1
    assert outcomes[0] > 300
    assert len(outcomes) >= 15


def test_every_trial_of_the_newer_source_is_predicted_byte_for_byte_receiverships_too() -> None:
    landed: Counter[int] = Counter()
    for trial in NEWER:
        ours = predicted(trial, version="0.1.9", instruction=f"v{trial.way}")
        assert (ours.error or 0) == trial.error
        assert ours.protocol_fee == trial.fee
        assert ours.accounts_after == {name(key): data for key, data in trial.after.items()}
        if trial.way == 2:
            assert ours.repaid == trial.repaid
        landed[trial.way] += trial.error == 0
    assert landed[1] > 150
    assert landed[2] > 150


def test_a_landed_liquidation_is_told_in_amounts() -> None:
    for trial in LANDED[:50]:
        ours = predicted(trial)
        assert ours.seized == trial.amount
        assert ours.seized_shares == 0
        assert ours.debt_relieved is not None
        assert 0 <= ours.repaid - ours.debt_relieved - ours.protocol_fee <= 1
        assert ours.bonus_bps == 250


def test_the_liquidator_may_be_left_out_where_there_is_only_one() -> None:
    trial = LANDED[0]
    assert predicted(trial, liquidator=None) == predicted(trial)


def test_an_absent_account_is_named() -> None:
    trial = LANDED[0]
    for key in (trial.debt, trial.position):
        given = {address: it for address, it in accounts(trial).items() if address != name(key)}
        with pytest.raises(MissingAccounts) as missing:
            MARGINFI.predict(given, clock(trial), plan(trial))
        assert name(key) in missing.value.args[0]


def test_health_says_what_the_program_decided() -> None:
    for trial in LANDED[:100]:
        health = MARGINFI.health(accounts(trial), clock(trial), name(trial.position))
        if len([data for _, data in trial.before.values() if len(data) == 1864]) == 2:
            assert health.liquidatable, health
            assert health.numerator <= health.denominator


def test_the_best_plan_is_the_largest_that_the_program_accepts() -> None:
    found = 0
    for trial in LANDED[:200]:
        policy = Policy(
            position=name(trial.position), liquidator=name(trial.liquidator), min_profit=-(2**90), version="0.1.1"
        )
        best = MARGINFI.best_plan(accounts(trial), clock(trial), policy)
        if not isinstance(best, Plan):
            continue
        again = MARGINFI.predict(accounts(trial), clock(trial), best)
        assert again.error is None
        assert again == best.prediction
        more = MARGINFI.predict(accounts(trial), clock(trial), vars_of(best) | {"amount": best.amount + 1})
        assert more.error is not None
        found += 1
    assert found > 100


def vars_of(best: Plan) -> dict[str, object]:
    return {
        field: getattr(best, field)
        for field in ("position", "debt_reserve", "collateral_reserve", "liquidator", "version")
    }


def test_a_plan_spends_no_more_than_the_wallet_holds() -> None:
    for trial in LANDED[:60]:
        free = Policy(
            position=name(trial.position), liquidator=name(trial.liquidator), min_profit=-(2**90), version="0.1.1"
        )
        best = MARGINFI.best_plan(accounts(trial), clock(trial), free)
        if not isinstance(best, Plan) or best.prediction is None or best.prediction.repaid < 100:
            continue
        mint = str(
            Bank.decode(Pubkey(trial.debt), trial.before[Pubkey.from_string(best.debt_reserve).__bytes__()][1]).mint
        )
        most = best.prediction.repaid // 3
        held = Policy(
            position=free.position,
            liquidator=free.liquidator,
            min_profit=-(2**90),
            version="0.1.1",
            balances={mint: most},
        )
        capped = MARGINFI.best_plan(accounts(trial), clock(trial), held)
        if isinstance(capped, Plan) and capped.prediction and capped.debt_reserve == best.debt_reserve:
            assert capped.prediction.repaid <= most


def test_a_healthy_position_is_refused_by_name() -> None:
    reasons = set()
    for trial in RECORDED[:300]:
        policy = Policy(position=name(trial.position), liquidator=name(trial.liquidator), version="0.1.1")
        try:
            answer = MARGINFI.best_plan(accounts(trial), clock(trial), policy)
        except Exception as error:
            reasons.add(type(error).__name__)
            continue
        if isinstance(answer, Refusal):
            reasons.add(answer.reason)
    assert "healthy" in reasons
    assert "stale oracle" in reasons


def test_an_explanation_ends_in_the_plan_and_adds_up() -> None:
    trial = LANDED[0]
    terms = MARGINFI.explain(accounts(trial), clock(trial), name(trial.position))
    by_name = {term.name: term for term in terms if term.section in ("health", "liquidation", "profit")}
    values = [term for term in terms if term.name.endswith(" value") and term.name.count(" ") == 1]
    deposits = sum(term.value for term in values if term.section == "collateral")
    debts = sum(term.value for term in values if term.section == "debt")
    assert by_name["assets"].value == deposits
    assert by_name["liabilities"].value == debts
    assert by_name["health"].value == deposits - debts
    assert "amount" in by_name or "refused" in by_name


def test_only_known_versions_are_answered_for() -> None:
    with pytest.raises(Exception, match=r"0\.1\.5"):
        predicted(LANDED[0], version="0.1.5")


def observer(trial: Trial, version: str) -> Observer:
    banks = {
        Pubkey(key): Bank.decode(Pubkey(key), data) for key, (_, data) in trial.before.items() if len(data) == 1864
    }
    return Observer(banks, version)


def test_the_newer_program_gets_observations_sorted_and_counted() -> None:
    trial = max(LANDED, key=lambda it: len(it.before))
    position = MarginAccount.decode(Pubkey(trial.position), trial.before[trial.position][1])
    liquidator = MarginAccount.decode(Pubkey(trial.liquidator), trial.before[trial.liquidator][1])
    asked = (liquidator, position, Pubkey(trial.collateral), Pubkey(trial.debt), 5)
    old, new = (liquidate(observer(trial, version), *asked) for version in ("0.1.1", "0.1.9"))
    assert len(bytes(new.data)) == len(bytes(old.data)) + 2
    observed = [meta.pubkey for meta in new.accounts[-bytes(new.data)[-2] :]]
    banks = [key for key in observed if key in position.banks()]
    assert banks == sorted(position.banks(), key=bytes, reverse=True)
    assert old.accounts[6].is_writable
    assert not new.accounts[6].is_writable
    assert [meta.is_signer for meta in new.accounts].count(True) == 1


def test_other_bytes_and_unknown_banks_are_refused_by_name() -> None:
    with pytest.raises(DecodeError, match="expected 1864"):
        Bank.decode(Pubkey.default(), bytes(10))
    with pytest.raises(ConfigError, match="not known"):
        Observer({}).bank(Pubkey.default())
    with pytest.raises(ConfigError, match=r"0\.2"):
        Observer({}, "0.2")


def test_positions_of_a_group_are_asked_for_by_size_kind_and_group() -> None:
    kinds = {kind.name: kind for kind in protocols.program("marginfi").discovery(str(GROUP))}
    assert list(kinds) == ["position", "reserve", "market"]
    size, kind, group = kinds["position"].filters
    assert size == {"dataSize": 2312}
    assert kind["memcmp"]["offset"] == 0
    assert group["memcmp"] == {"offset": 8, "bytes": "4qp6Fx6tnZkY5Wropq9wUYgtFxXKwE6viZxFHg3rdAG8"}
    assert kinds["reserve"].filters[2]["memcmp"]["offset"] == 41
    assert [len(kind.filters) for kind in protocols.program("marginfi").discovery()] == [2, 2, 2]


def mint_of(trial: Trial, bank: bytes) -> str:
    return str(Bank.decode(Pubkey(bank), trial.before[bank][1]).mint)


def test_reading_what_is_needed_again_and_again_ends_with_an_answer() -> None:
    trial, program = LANDED[1], protocols.program("marginfi")
    mints = {
        name(data[8:40]): SimpleNamespace(owner=TOKEN, data=bytes(82), lamports=1) for _, data in trial.before.values()
    }
    chain, known = accounts(trial), dict[str, Any]()
    rounds = 0
    for address in (name(trial.position), name(trial.liquidator)):
        while wanted := program.accounts_of(address, known):
            known |= {it: chain.get(it) or mints[it] for it in wanted}
            rounds += 1
    assert rounds <= 8  # the account, its group and banks, their oracles, their mints; twice
    assert MARGINFI.predict(known, clock(trial), plan(trial)) == predicted(trial)
    holding = program.holding(name(trial.position), known)
    assert holding.debts[name(trial.debt)] == mint_of(trial, trial.debt)
    assert holding.collateral[name(trial.collateral)] == mint_of(trial, trial.collateral)


def receivership(trial: Trial, *, token_program: str, **changes: object) -> list[Any]:
    chain = accounts(trial)
    for bank in (trial.debt, trial.collateral):
        chain[mint_of(trial, bank)] = SimpleNamespace(owner=token_program, data=bytes(82), lamports=1)
    asked = Plan(**(plan(trial, version="0.1.9", instruction="v2") | changes))  # type: ignore[arg-type]
    ready = protocols.program("marginfi").liquidation(chain, clock(trial), asked, Wallet(name(trial.liquidator)))
    return [*ready.setup, *ready.instructions]


def test_a_receivership_starts_first_ends_last_and_names_every_bank_twice() -> None:
    trial = next(it for it in NEWER if it.way == 2 and it.error == 0)
    *setup, start, withdraw, repay, end = receivership(trial, token_program=TOKEN)
    assert len(setup) == 2  # both token accounts
    assert [bytes(it.data)[:8].hex() for it in (start, end)] == ["f45d5ad6c0a6bf15", "6e0bf436e5b516b8"]
    banks = MarginAccount.decode(Pubkey(trial.position), trial.before[trial.position][1]).banks()
    assert [meta.pubkey for meta in end.accounts[6:]] == sorted(banks, key=bytes, reverse=True)
    assert int.from_bytes(bytes(withdraw.data)[8:16], "little") == trial.amount
    assert int.from_bytes(bytes(repay.data)[8:16], "little") == trial.repaid
    assert all(str(it.accounts[7 if it is withdraw else 6].pubkey) == TOKEN for it in (withdraw, repay))


def test_the_newer_token_program_is_named_with_its_mint_before_all_other_trailing_accounts() -> None:
    trial = next(it for it in NEWER if it.way == 2 and it.error == 0)
    *_, withdraw, repay, _ = receivership(trial, token_program=TOKEN_2022)
    for it, at, bank in ((withdraw, 7, trial.collateral), (repay, 6, trial.debt)):
        assert str(it.accounts[at].pubkey) == TOKEN_2022
        assert str(it.accounts[at + 1].pubkey) == mint_of(trial, bank)


def test_an_account_without_a_record_gets_one_before_and_is_predicted_with_it() -> None:
    trial = next(it for it in NEWER if it.way == 2 and it.error == 0)
    fresh = dict(trial.before)
    record = next(key for key, (_, data) in fresh.items() if len(data) == 520)
    del fresh[record]
    owner, data = fresh[trial.position]
    fresh[trial.position] = owner, data[:2224] + bytes(32) + data[2256:]
    changed = dataclasses.replace(trial, before=fresh)
    first, *_ = receivership(changed, token_program=TOKEN)
    assert bytes(first.data).hex() == "ecd5ee7e93fba408"
    ours = predicted(changed, version="0.1.9", instruction="v2")
    assert (ours.error, ours.repaid) == (None, trial.repaid)
    made = ours.accounts_after[name(record)]
    assert made[8:104] == record + trial.position + trial.liquidator
    theirs = trial.after[record]
    for fields in (slice(280, 296), slice(304, 312), slice(328, 392)):  # the deal, its time, the values before
        assert made[fields] == theirs[fields]
    assert ours.accounts_after[name(trial.position)] == trial.after[trial.position]


def test_the_best_receivership_is_the_largest_that_the_program_accepts() -> None:
    found = 0
    for trial in [it for it in NEWER if it.way == 2 and it.error == 0][:60]:
        policy = Policy(
            position=name(trial.position),
            liquidator=name(trial.liquidator),
            min_profit=-(2**90),
            instruction="v2",
            version="0.1.9",
        )
        best = MARGINFI.best_plan(accounts(trial), clock(trial), policy)
        if not isinstance(best, Plan):
            continue
        assert best.prediction == MARGINFI.predict(accounts(trial), clock(trial), best)
        assert best.prediction is not None
        assert best.prediction.error is None
        asked = vars_of(best) | {"amount": best.amount + 1, "instruction": "v2"}
        assert MARGINFI.predict(accounts(trial), clock(trial), asked).error is not None
        found += 1
    assert found > 40


def test_a_plan_without_a_margin_account_of_the_wallet_says_so() -> None:
    trial = LANDED[0]
    asked = Plan(**plan(trial, liquidator=None))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="found 0 margin accounts"):
        protocols.program("marginfi").liquidation(accounts(trial), clock(trial), asked, Wallet(name(bytes(32))))
