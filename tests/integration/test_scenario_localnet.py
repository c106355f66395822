"""A scenario on a real VM: a crashed position is liquidated by the shipped program, and no token is lost."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine.chain.executed import executed_transaction
from liquidation_engine.localnet import Chain, LocalnetSettings
from liquidation_engine.localnet.encode import transaction
from liquidation_engine.localnet.scenarios import PlacedPosition, Scenario, ScenarioSettings
from liquidation_engine.localnet.scenarios.arithmetic import Close, closes, units_at
from liquidation_engine.protocols.reference import OracleAccount, Pair, PositionAccount, ReserveAccount
from liquidation_engine.protocols.reference.instructions import cover_bad_debt, liquidate, write_off
from liquidation_engine.protocols.reference.observed import liquidations_in
from liquidation_engine.protocols.reference.tokens import token_amount

ALL = 2**64 - 1


class Market:
    """A scenario's market, advanced by hand, with the liquidator's key."""

    def __init__(self, name: str = "crash", positions: int = 200) -> None:
        self.liquidator = Keypair()
        self.scenario = Scenario.build(
            ScenarioSettings(name=name, positions=positions, seed=7), liquidator=self.liquidator.pubkey()
        )
        self.chain = Chain(LocalnetSettings(stepped=True, seed=7))
        self.scenario.install(self.chain)
        self.info = {info.symbol: info for info in self.scenario.mints}

    def play_until_over(self) -> None:
        self.scenario.start(self.chain.slot)
        while self.chain.slot < self.scenario.last_slot:
            slot = self.chain.begin_slot()
            if slot is not None:
                self.scenario.play(slot)
                self._finish_slot()

    def _finish_slot(self) -> None:
        self.chain.open()
        while self.chain.execute_some(1.0):
            pass
        self.chain.end_slot()

    def run(self, *instructions: Instruction) -> object | None:
        """Run a transaction in the next block and return its error."""
        blockhash: Hash = self.chain.latest_blockhash
        message = Message.new_with_blockhash(list(instructions), self.liquidator.pubkey(), blockhash)
        signature = self.chain.submit(bytes(VersionedTransaction(message, [self.liquidator])), "test")
        self.chain.advance()
        landed = self.chain.history.find(signature, self.chain.slot)
        assert landed is not None
        self.landed = landed
        error: object | None = landed.error
        return error

    def data(self, address: Pubkey) -> bytes:
        account = self.chain.get_account(address)
        assert account is not None
        return bytes(account.data)

    def pair(self, symbol: str) -> Pair:
        return Pair(self.info[symbol].reserve, self.info[symbol].oracle)

    def liquidation(self, placed: PlacedPosition, close: Close) -> Instruction:
        position = PositionAccount.decode(self.data(placed.address))
        by_reserve = {info.reserve: info.symbol for info in self.scenario.mints}
        others = [self.pair(by_reserve[leg.reserve]) for leg in position.legs]
        named = (self.pair(close.debt), self.pair(close.collateral))
        return liquidate(
            self.liquidator.pubkey(),
            self.scenario.market,
            placed.address,
            debt=named[0],
            collateral=named[1],
            collateral_mint=self.info[close.collateral].mint,
            source=self.info[close.debt].liquidator_tokens,
            destination=self.info[close.collateral].liquidator_tokens,
            amount=ALL,
            min_seize=0,
            expected_version=position.version,
            others=[pair for pair in others if pair not in named],
        )

    def tokens(self) -> Counter[str]:
        """Return each mint's tokens over all accounts that exist."""
        found: Counter[str] = Counter()
        for info in self.scenario.mints:
            for address in (info.vault, info.fund_vault, info.liquidator_tokens, info.circulation):
                found[info.symbol] += token_amount(self.data(address))
        return found


@pytest.fixture(scope="module")
def crashed() -> Market:
    market = Market()
    market.play_until_over()
    return market


def test_the_oracles_say_the_last_steps_prices_at_the_end(crashed: Market) -> None:
    last = crashed.scenario.price_steps[-1].prices
    for info in crashed.scenario.mints:
        assert OracleAccount.decode(crashed.data(info.oracle)).price == last[info.symbol]


def test_a_healthy_position_is_refused_and_a_crashed_one_is_liquidated(crashed: Market) -> None:
    units = units_at(crashed.scenario.price_steps[-1].prices)
    before = crashed.tokens()
    fallen = [one for one in crashed.scenario.positions if closes(one.legs, units) and one.kind == "long"]
    healthy = next(one for one in crashed.scenario.positions[1:] if not closes(one.legs, units))
    symbols = [next(leg.symbol for leg in healthy.legs if leg.debt is debt) for debt in (True, False)]
    refused = crashed.run(crashed.liquidation(healthy, Close(symbols[0], symbols[1], 0, 0, 0, 0, ())))
    assert "6011" in str(refused)  # Healthy
    for placed in fallen[:10]:
        close = max(closes(placed.legs, units), key=lambda one: one.gain)
        held = token_amount(crashed.data(crashed.info[close.collateral].liquidator_tokens))
        assert crashed.run(crashed.liquidation(placed, close)) is None
        received = token_amount(crashed.data(crashed.info[close.collateral].liquidator_tokens)) - held
        assert received == pytest.approx(close.received, rel=1e-5)  # the preview leaves out interest since genesis
        assert PositionAccount.decode(crashed.data(placed.address)).version == 1
    assert crashed.tokens() == before


def test_an_observer_reads_from_the_transaction_what_moved(crashed: Market) -> None:
    units = units_at(crashed.scenario.price_steps[-1].prices)
    fallen = [one for one in crashed.scenario.positions if closes(one.legs, units) and one.kind == "long"]
    placed = fallen[10]
    close = max(closes(placed.legs, units), key=lambda one: one.gain)
    info = crashed.info[close.collateral]
    held = token_amount(crashed.data(info.liquidator_tokens))
    owed = token_amount(crashed.data(crashed.info[close.debt].liquidator_tokens))
    assert crashed.run(crashed.liquidation(placed, close)) is None
    answer = json.loads(json.dumps(transaction(crashed.landed, "json", 1_700_000_000)))
    executed = executed_transaction("Signature1", answer)
    mints = {str(one.reserve): str(one.mint) for one in crashed.scenario.mints}
    (seen,) = liquidations_in(executed, str(crashed.scenario.program_id), mints)
    assert (seen.id, seen.timestamp, seen.slot) == ("Signature1:0", 1_700_000_000, crashed.landed.slot)
    assert (seen.liquidator, seen.position) == (str(crashed.liquidator.pubkey()), str(placed.address))
    assert (seen.market, seen.debt_mint) == (str(crashed.scenario.market), mints[str(crashed.info[close.debt].reserve)])
    assert seen.collateral_mint == str(info.mint)
    assert seen.seized == token_amount(crashed.data(info.liquidator_tokens)) - held > 0
    assert seen.repaid == owed - token_amount(crashed.data(crashed.info[close.debt].liquidator_tokens)) > 0
    assert seen.fee > 0
    assert liquidations_in(replace(executed, error={"InstructionError": [0, "Custom"]}), seen.market, mints) == []
    assert liquidations_in(executed, "AnotherProgram", mints) == []


def test_a_drowned_position_ends_as_bad_debt_that_the_fund_covers() -> None:
    market = Market(positions=120)
    market.play_until_over()
    units = units_at(market.scenario.price_steps[-1].prices)
    before = market.tokens()
    placed, close = next(
        (one, found[0])
        for one in market.scenario.positions
        if len(found := closes(one.legs, units)) == 1
        if found[0].debt == "USDC" and found[0].legs and all(leg.debt for leg in found[0].legs)
    )
    assert market.run(market.liquidation(placed, close)) is None
    info, me = market.info["USDC"], market.liquidator.pubkey()
    assert market.run(write_off(me, market.scenario.market, placed.address, info.reserve)) is None
    assert market.run(cover_bad_debt(me, market.scenario.market, info.reserve, info.mint, ALL)) is None
    reserve = ReserveAccount.decode(market.data(info.reserve))
    assert reserve.bad_debt_total == reserve.bad_debt_covered > 0
    assert PositionAccount.decode(market.data(placed.address)).legs == ()
    assert market.tokens() == before
