"""The scenarios keep what they state, for five seeds each, and their genesis accounts for every token."""

import itertools
from collections import Counter
from typing import Any

import pytest
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine.errors import ConfigError
from liquidation_engine.localnet.scenarios import NAMES, Scenario, ScenarioSettings, analyse
from liquidation_engine.localnet.scenarios.assets import ASSETS, BY_SYMBOL, VOLATILE
from liquidation_engine.localnet.scenarios.population import FLOOR_HEALTH, MEAN_EXCESS
from liquidation_engine.protocols.reference import TOKEN_PROGRAM_ID, PositionAccount, ReserveAccount, Side, decode
from liquidation_engine.protocols.reference.arguments import decode_instruction

SEEDS = (1, 2, 3, 7, 11)
LIQUIDATOR = Pubkey(bytes([1]) * 32)


class NotedChain:
    """Takes down what a scenario does to it."""

    def __init__(self) -> None:
        self.slot = 1_000
        self.latest_blockhash = Hash.new_unique()
        self.accounts: dict[Pubkey, Account] = {}
        self.submitted: list[VersionedTransaction] = []
        self.marks: list[str] = []

    def add_program(self, program_id: Pubkey, elf: bytes) -> None:
        self.program = (program_id, elf)

    def set_account(self, pubkey: Pubkey, account: Account) -> None:
        assert pubkey not in self.accounts
        self.accounts[pubkey] = account

    def submit(self, raw: bytes, endpoint: str = "scenario") -> str:
        self.submitted.append(VersionedTransaction.from_bytes(raw))
        return ""

    def mark(self, kind: str, details: dict[str, object]) -> None:
        self.marks.append(kind)


def scenario(name: str = "crash", seed: int = 7, positions: int = 1_000) -> Scenario:
    return Scenario.build(ScenarioSettings(name=name, seed=seed, positions=positions), liquidator=LIQUIDATOR)


def installed(one: Scenario) -> NotedChain:
    chain = NotedChain()
    one.install(chain, elf=b"elf")
    return chain


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_crash_a_third_fall_a_third_of_those_stay_down_after_one_close_and_some_drown(seed: int) -> None:
    found = _counts(analyse(scenario("crash", seed)))
    assert found["healthy_at_start"] == found["positions"] == 1_000
    assert 250 <= found["liquidatable"] <= 350
    assert found["stays_after_any"] * 3 >= found["liquidatable"]
    assert found["under_water"] >= 10
    assert 0 < found["unprofitable"] <= 0.03 * found["liquidatable"]


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_crash_one_fund_covers_its_bad_debt_and_one_cannot(seed: int) -> None:
    found = analyse(scenario("crash", seed))
    bad, funds = found["bad_debt"], found["funds"]
    assert isinstance(bad, dict)
    assert isinstance(funds, dict)
    assert 0 < bad["USDC"] < funds["USDC"]
    assert bad["USDT"] > funds["USDT"] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_calm_market_makes_one_to_three_in_a_hundred_liquidatable(seed: int) -> None:
    found = _counts(analyse(scenario("calm", seed)))
    assert 10 <= found["liquidatable"] <= 30
    assert found["under_water"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_recovery_most_that_fell_would_have_risen_by_themselves(seed: int) -> None:
    found = _counts(analyse(scenario("recovery", seed)))
    assert found["liquidatable"] >= 200
    assert found["recovered_left_alone"] * 2 >= found["liquidatable"]


@pytest.mark.parametrize("seed", SEEDS)
def test_health_at_the_start_is_the_stated_exponential(seed: int) -> None:
    health = analyse(scenario("calm", seed))["health_at_start"]
    assert isinstance(health, list)
    assert health[0] >= FLOOR_HEALTH - 0.001
    excess = [one - FLOOR_HEALTH for one in health]
    assert sum(excess) / len(excess) == pytest.approx(MEAN_EXCESS, rel=0.1)
    assert excess[len(excess) // 2] == pytest.approx(MEAN_EXCESS * 0.693, rel=0.15)


def _counts(found: dict[str, object]) -> dict[str, int]:
    return {name: value for name, value in found.items() if isinstance(value, int)}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_takes_20_to_45_percent_off_everything_volatile_in_steps_of_3_to_5_slots(seed: int) -> None:
    steps = scenario("crash", seed).price_steps
    for symbol in VOLATILE:
        assert 0.2 <= 1 - steps[-1].prices[symbol] / BY_SYMBOL[symbol].price <= 0.45
    assert steps[-1].prices["USDC"] == BY_SYMBOL["USDC"].price
    assert {later.slot - step.slot for step, later in itertools.pairwise(steps)} == {3, 4, 5}
    place = next(place for place, step in enumerate(steps) if step.gap)
    assert place > len(steps) * 0.8
    assert 0.15 <= 1 - steps[place].prices["BONK"] / steps[place - 1].prices["BONK"] <= 0.27


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_token_at_genesis_is_in_a_token_account_and_every_deposit_is_in_the_vault_or_borrowed(
    name: str, seed: int
) -> None:
    one = scenario(name, seed, positions=300)
    chain = installed(one)
    held: Counter[Pubkey] = Counter()
    for account in chain.accounts.values():
        if account.owner == TOKEN_PROGRAM_ID and len(account.data) == 165:
            held[Pubkey(account.data[:32])] += int.from_bytes(account.data[64:72], "little")
    for info in one.mints:
        reserve = ReserveAccount.decode(chain.accounts[info.reserve].data)
        supply = int.from_bytes(chain.accounts[info.mint].data[36:44], "little")
        assert held[info.mint] == supply
        vault = int.from_bytes(chain.accounts[info.vault].data[64:72], "little")
        assert vault + one.balances[info.symbol].borrowed == reserve.total_deposits


@pytest.mark.parametrize("seed", SEEDS)
def test_reserve_totals_are_the_sums_of_all_legs_and_the_vaults_can_pay_every_seizure(seed: int) -> None:
    one = scenario("crash", seed, positions=300)
    chain = installed(one)
    deposits: Counter[Pubkey] = Counter()
    shares: Counter[Pubkey] = Counter()
    seizable: Counter[Pubkey] = Counter()
    for placed in one.positions:
        position = PositionAccount.decode(chain.accounts[placed.address].data)
        borrows = any(leg.side is Side.DEBT for leg in position.legs)
        for leg in position.legs:
            (shares if leg.side is Side.DEBT else deposits)[leg.reserve] += leg.amount
            seizable[leg.reserve] += leg.amount if borrows and leg.side is Side.COLLATERAL else 0
    for info in one.mints:
        reserve = ReserveAccount.decode(chain.accounts[info.reserve].data)
        assert (reserve.total_deposits, reserve.total_debt_shares) == (deposits[info.reserve], shares[info.reserve])
        assert one.balances[info.symbol].vault >= seizable[info.reserve]
        assert one.balances[info.symbol].liquidator >= one.balances[info.symbol].borrowed


def test_positions_have_two_to_eight_legs_and_wrapped_sol_lies_in_lamports() -> None:
    one = scenario()
    chain = installed(one)
    counts = Counter(len(placed.legs) for placed in one.positions[1:])
    assert min(counts) == 2
    assert max(counts) == 8
    sol = next(info for info in one.mints if info.symbol == "SOL")
    vault = chain.accounts[sol.vault]
    assert vault.lamports == 2_039_280 + int.from_bytes(vault.data[64:72], "little")
    assert vault.data[109:113] == bytes([1, 0, 0, 0])
    assert int.from_bytes(vault.data[113:121], "little") == 2_039_280


def test_every_program_account_is_at_its_address_and_decodes() -> None:
    one = scenario(positions=50)
    kinds = Counter(
        type(decode(bytes(account.data))).__name__
        for account in installed(one).accounts.values()
        if account.owner == one.program_id
    )
    count = len(ASSETS)
    expected = {"MarketAccount": 1, "ReserveAccount": count, "OracleAccount": count, "InsuranceFundAccount": count}
    assert kinds == expected | {"PositionAccount": 50}


def test_the_same_seed_draws_the_same_market_and_another_seed_another() -> None:
    first, again, other = (scenario(seed=seed, positions=50) for seed in (5, 5, 6))
    assert first.positions == again.positions
    assert first.price_steps == again.price_steps
    assert first.positions != other.positions
    assert scenario("calm", 5, 50).positions == first.positions  # the scenarios differ in their prices alone


def prices_in(transaction: VersionedTransaction) -> list[int]:
    decoded = [decode_instruction(bytes(one.data)) for one in transaction.message.instructions]
    assert {one.name for one in decoded} == {"set_price"}
    return [price for one in decoded if isinstance(price := one.arguments["price"], int)]


def test_before_its_start_the_oracles_repeat_the_first_prices_before_they_grow_old() -> None:
    one = scenario(positions=20)
    chain = installed(one)
    for slot in range(1_001, 1_200):
        one.play(slot)
    assert len(chain.submitted) == 4
    assert all(prices_in(sent) == [asset.price for asset in ASSETS] for sent in chain.submitted)
    assert chain.marks == []


def test_played_to_the_end_every_step_is_marked_once_though_slots_are_skipped() -> None:
    one = scenario(positions=20)
    chain = installed(one)
    one.start(1_000)
    for slot in (slot for slot in range(1_001, one.last_slot + 10) if slot % 20):
        one.play(slot)
    assert chain.marks == ["price_step"] * len(one.price_steps) + ["scenario_end"]
    assert prices_in(chain.submitted[0])[:1] == [one.price_steps[0].prices["SOL"]] or one.price_steps[0].slot > 1_001


def test_no_price_is_ever_older_than_the_program_allows() -> None:
    one = scenario("calm", positions=20)
    chain = installed(one)
    one.start(1_000)
    written = dict.fromkeys((info.oracle for info in one.mints), 1_000)
    for slot in range(1_001, one.last_slot + 1):
        chain.submitted.clear()
        one.play(slot)
        for sent in chain.submitted:
            written |= {key: slot for key in sent.message.account_keys if key in written}
        assert slot - min(written.values()) <= 40


def test_a_price_update_of_everything_fits_into_one_packet() -> None:
    one = scenario(positions=20)
    installed(one)
    for slot in range(1_001, 1_060):
        assert all(len(raw) <= 1_232 for raw in one.updates(slot, Hash.new_unique()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "boom"}, "there is no scenario 'boom'; choose one of: calm, crash, recovery"),
        ({"name": "crash", "positions": 1}, "nobody to lend and to borrow"),
        ({"name": "crash", "move_slots": 0}, "at least one slot each"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_with_the_next_step(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Scenario.build(ScenarioSettings(**settings), liquidator=LIQUIDATOR)


def test_a_scenario_starts_once_and_only_plays_on_a_chain() -> None:
    one = scenario(positions=20)
    with pytest.raises(ConfigError, match="not installed"):
        one.play(1)
    one.start(1)
    with pytest.raises(ConfigError, match="cannot start again"):
        one.start(2)
