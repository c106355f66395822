"""The worked example of a mapped program against the program itself: same verdicts, and its instruction lands."""

import random
from dataclasses import replace
from pathlib import Path

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine import protocols
from liquidation_engine.protocols.mapping import MappedMarket, Mapping
from liquidation_engine.protocols.mapping.instruction import Finder, liquidation
from liquidation_engine.protocols.mapping.sources import parse_source
from liquidation_engine.protocols.reference import TOKEN_PROGRAM_ID, tokens
from reference_trials import NOW, Bench, Trial, random_trial

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own-program" / "mapping.toml"


class Clock:
    """The test chain's."""

    slot = NOW
    unix_timestamp = 0


def seen(bench: Bench) -> MappedMarket:
    """Return the market that a mapping makes of the program's accounts."""
    market = MappedMarket(Mapping.load(EXAMPLE))
    for address in addresses(bench):
        account = bench.world.svm.get_account(address)
        assert account is not None
        market.apply(str(address), str(account.owner), NOW, bytes(account.data))
    return market


def addresses(bench: Bench) -> list[Pubkey]:
    """Return every account of the program's."""
    of_assets = [key for asset in bench.assets for key in (asset.reserve, asset.oracle, asset.fund)]
    return [bench.world.market, bench.position, *of_assets]


def without_interest(trial: Trial) -> Trial:
    """Return the trial with no interest since the last accrual, which a mapping does not count."""
    return replace(trial, legs=[replace(leg, reserve=replace(leg.reserve, rate=0)) for leg in trial.legs])


def test_a_mapping_judges_as_the_program_does_and_its_instruction_lands() -> None:
    rng, bench, liquidatable, landed = random.Random(5), Bench(), 0, 0
    reference = protocols.get("reference")
    for _ in range(300):
        trial = without_interest(random_trial(rng, bench.decimals))
        bench.lay_out(trial)
        accounts = {str(address): bench.world.svm.get_account(address) for address in addresses(bench)}
        health = reference.health(accounts, Clock(), str(bench.position))  # type: ignore[arg-type]
        if health.reason == "overflow":
            continue
        market = seen(bench)
        found = market.liquidatable(slot=NOW, unix_time=0)
        assert found == ([str(bench.position)] if health.liquidatable else []), health
        if health.reason in ("healthy", "unhealthy"):
            assert market.health(str(bench.position), slot=NOW, unix_time=0) == (health.numerator, health.denominator)
        liquidatable += bool(found)
        plan = reference.best_plan(accounts, Clock(), {"min_profit": -(10**30)})  # type: ignore[arg-type]
        if not isinstance(plan, protocols.Refusal) and landed < 25:
            instruction = liquidation(market, plan, str(bench.person.key))
            give_associated_accounts(bench, market, plan)
            assert isinstance(bench.world.send(instruction, bench.person), TransactionMetadata)
            landed += 1
    assert liquidatable > 50
    assert landed == 25


def give_associated_accounts(bench: Bench, market: MappedMarket, plan: protocols.Plan) -> None:
    """Put full token accounts where the mapping's ata(...) points."""
    finder = Finder(market, plan, str(bench.person.key))
    for side in ("debt", "collateral"):
        address = finder.address(parse_source(f"ata(wallet, {side}.mint)", "test"))
        mint = finder.address(parse_source(f"{side}.mint", "test"))
        data = tokens.pack_token_account(mint, bench.person.key, 2**62)
        bench.world.svm.set_account(address, Account(10**7, data, TOKEN_PROGRAM_ID))


def test_closed_older_and_foreign_accounts_change_nothing_they_should_not() -> None:
    bench = Bench()
    bench.lay_out(without_interest(random_trial(random.Random(3), bench.decimals)))
    market, position = seen(bench), str(bench.position)
    program = market.mapping.program
    assert market.positions() == [position]
    assert market.apply(position, program, NOW - 1, b"") is None
    assert market.positions() == [position]
    assert market.apply("somebody", "11111111111111111111111111111111", NOW, b"") is None
    market.apply(position, "11111111111111111111111111111111", NOW + 1, b"")
    assert market.positions() == []
