"""The reference program in a Solana VM: every instruction does what the contract says, with real tokens."""

from dataclasses import dataclass, replace

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.reference import (
    SOL_MINT,
    TOKEN_PROGRAM_ID,
    Leg,
    LiquidationResult,
    Side,
    addresses,
    decode_liquidation,
    instructions,
    tokens,
)
from reference_world import CONFIG, EVERYTHING, Asset, Person, World


@dataclass
class Loan:
    """A lender's dollars, and a borrower with 10 SOL at 100 USD against 700 USD."""

    world: World
    sol: Asset
    usd: Asset
    lender: Person
    borrower: Person
    liquidator: Person
    position: Pubkey

    def legs(self) -> tuple[Leg, ...]:
        """Return the position's legs."""
        return self.world.state(self.position).legs


SOL = 10**9
USD = 10**6


@pytest.fixture
def loan() -> Loan:
    world = World()
    sol = world.asset(price=100 * 10**6, decimals=9)
    usd = world.asset(price=10**6, ltv_bps=8_000, liquidation_threshold_bps=8_500)
    lender, borrower, liquidator = world.person(), world.person(), world.person()
    world.give(lender, usd.mint, 1_000_000 * USD)
    world.give(borrower, sol.mint, 10 * SOL)
    world.give(liquidator, usd.mint, 10_000 * USD)
    world.ok(world.deposit(lender, world.position(lender), usd, 100_000 * USD), lender)
    position = world.position(borrower)
    world.ok(world.deposit(borrower, position, sol, 10 * SOL), borrower)
    world.ok(world.borrow(borrower, position, usd, 700 * USD, [sol.pair]), borrower)
    return Loan(world, sol, usd, lender, borrower, liquidator, position)


def test_deposit_and_borrow_move_tokens_and_write_legs(loan: Loan) -> None:
    world = loan.world
    assert loan.legs() == (
        Leg(loan.sol.reserve, Side.COLLATERAL, 10 * SOL),
        Leg(loan.usd.reserve, Side.DEBT, 700 * USD),
    )
    assert world.balance(loan.sol.vault) == 10 * SOL
    assert world.balance(loan.usd.vault) == 99_300 * USD
    assert world.held(loan.borrower, loan.usd) == 700 * USD
    assert world.reserve(loan.usd).total_deposits == 100_000 * USD
    assert world.reserve(loan.usd).total_debt_shares == 700 * USD


def test_a_withdrawal_stops_at_the_loan_to_value(loan: Loan) -> None:
    world, person = loan.world, loan.borrower
    enough = 10 * SOL - 700 * SOL * 10_000 // (100 * 7_500)  # 700 USD need 933.33 USD of SOL
    too_much = world.withdraw(person, loan.position, loan.sol, enough + 1, [loan.usd.pair])
    assert world.refusal(too_much, person) == "ExceedsLtv"
    world.ok(world.withdraw(person, loan.position, loan.sol, enough - 1, [loan.usd.pair]), person)
    assert world.held(person, loan.sol) == enough - 1


def test_repaying_all_removes_the_leg_and_all_collateral_can_go(loan: Loan) -> None:
    world, person = loan.world, loan.borrower
    world.ok(world.repay(person, loan.position, loan.usd, EVERYTHING), person)
    assert [leg.side for leg in loan.legs()] == [Side.COLLATERAL]
    world.ok(world.withdraw(person, loan.position, loan.sol, EVERYTHING), person)
    assert loan.legs() == ()
    assert world.held(person, loan.sol) == 10 * SOL
    before = world.svm.get_balance(person.key) or 0
    world.ok(instructions.close_position(person.key, loan.position), person)
    assert world.svm.get_account(loan.position) is None
    assert (world.svm.get_balance(person.key) or 0) > before


def test_interest_is_simple_between_two_accruals(loan: Loan) -> None:
    world = loan.world
    world.configure(loan.usd, interest_rate_bps=1_000)
    world.svm.warp_to_slot(1_000 + 78_840_000 // 2)
    world.ok(instructions.accrue(loan.usd.reserve), loan.lender)
    reserve = world.reserve(loan.usd)
    assert reserve.borrow_index == 1_050_000_000_000_000_000
    assert reserve.accrued_slot == 1_000 + 78_840_000 // 2
    world.give(loan.borrower, loan.usd.mint, 35 * USD)
    world.ok(world.repay(loan.borrower, loan.position, loan.usd, EVERYTHING), loan.borrower)
    assert world.held(loan.borrower, loan.usd) == 0  # 735 USD were owed


def test_a_borrowed_token_is_owed_in_full_whatever_the_index(loan: Loan) -> None:
    world = loan.world
    world.configure(loan.usd, interest_rate_bps=1_000_000)
    world.svm.warp_to_slot(2_000)
    world.ok(world.borrow(loan.borrower, loan.position, loan.usd, 1, [loan.sol.pair]), loan.borrower)
    assert world.reserve(loan.usd).borrow_index > 10**18
    assert loan.legs()[1].amount == 700 * USD + 1


def test_a_new_rate_does_not_reach_back(loan: Loan) -> None:
    world = loan.world
    world.svm.warp_to_slot(1_000_000)
    world.configure(loan.usd, interest_rate_bps=1_000_000)
    world.ok(instructions.accrue(loan.usd.reserve), loan.lender)
    assert world.reserve(loan.usd).borrow_index == 10**18


def test_a_partial_liquidation_repays_the_close_factor_and_pays_a_bonus(loan: Loan) -> None:
    world = loan.world
    world.set_price(loan.sol, 80 * 10**6)  # C = 800, D = 700, Cw = 640: bonus 60/700 = 857 bps
    result = world.ok(world.liquidate(loan.liquidator, loan.position, loan.usd, loan.sol), loan.liquidator)
    seize = 350 * 10_857 * SOL // (80 * 10_000)
    bonus = seize - seize * 10_000 // 10_857
    fee = -(-bonus // 10)
    assert decode_liquidation(bytes(result.return_data().data)) == LiquidationResult(
        repaid=350 * USD, received=seize - fee, fee=fee, bonus_bps=857, version=1, debt_left=350 * USD
    )
    assert any(line.startswith("Program data: ") for line in result.logs())
    assert world.held(loan.liquidator, loan.sol) == seize - fee
    assert world.held(loan.liquidator, loan.usd) == 9_650 * USD
    assert world.balance(loan.sol.fund_vault) == fee == world.fund(loan.sol).fees
    assert world.state(loan.position).version == 1
    assert world.reserve(loan.usd).liquidations == 1
    assert world.reserve(loan.sol).liquidations == 0
    assert world.reserve(loan.sol).total_deposits == 10 * SOL - seize


def test_a_position_under_water_is_closed_whole_and_the_rest_written_off_and_covered(loan: Loan) -> None:
    world, person = loan.world, loan.liquidator
    world.ok(world.contribute(loan.lender, loan.usd, 100 * USD), loan.lender)
    world.set_price(loan.sol, 51 * 10**6)  # C = 510 against D = 700: 500 USD of it can be paid with a bonus of 2 %
    batch = [
        world.liquidate(person, loan.position, loan.usd, loan.sol),
        world.write_off(person, loan.position, loan.usd),
        world.cover(loan.usd, EVERYTHING),
    ]
    world.ok(batch, person, world.owner)
    assert loan.legs() == ()
    assert world.held(person, loan.usd) == 9_500 * USD
    fee = world.fund(loan.sol).fees
    bonus = 10 * SOL - 10 * SOL * 10_000 // 10_200
    assert fee == -(-bonus // 10)
    assert world.held(person, loan.sol) == 10 * SOL - fee
    reserve, fund = world.reserve(loan.usd), world.fund(loan.usd)
    assert (reserve.bad_debt_total, reserve.bad_debt_covered) == (200 * USD, 100 * USD)
    assert (fund.contributed, fund.covered) == (100 * USD, 100 * USD)
    assert world.balance(loan.usd.fund_vault) == 0
    assert world.balance(loan.usd.vault) == 99_900 * USD
    assert world.refusal(world.cover(loan.usd, 1), world.owner) == "NothingToCover"


def test_a_liquidation_at_most_of_what_was_asked(loan: Loan) -> None:
    world = loan.world
    world.set_price(loan.sol, 80 * 10**6)
    result = world.ok(world.liquidate(loan.liquidator, loan.position, loan.usd, loan.sol, 100 * USD), loan.liquidator)
    assert decode_liquidation(bytes(result.return_data().data)).repaid == 100 * USD


def test_the_sol_fund_has_no_mint_in_its_seeds() -> None:
    world = World()
    world.change(SOL_MINT, tokens.pack_mint(None, 0, 9), owner=TOKEN_PROGRAM_ID)
    world.ok(instructions.init_insurance_fund(world.owner.key, world.market, SOL_MINT), world.owner)
    fund, bump = Pubkey.find_program_address([b"insurance_fund"], world.program)
    assert addresses.insurance_fund(SOL_MINT) == (fund, bump)
    assert world.data(fund)[9] == bump


def test_an_address_that_somebody_sent_lamports_to_still_works() -> None:
    world = World()
    person = world.person()
    position, _ = addresses.position(world.market, person.key, 0)
    for lamports in (1, 10**9):
        world.svm.airdrop(position, lamports)
        world.position(person)
        assert world.state(position).owner == person.key
        world.ok(instructions.close_position(person.key, position), person)


def test_a_market_can_be_handed_over_and_paused(loan: Loan) -> None:
    world, heir = loan.world, loan.lender
    world.pause()
    world.set_price(loan.sol, 80 * 10**6)
    refused: list[tuple[Instruction, Person]] = [
        (world.withdraw(loan.borrower, loan.position, loan.sol, 1, [loan.usd.pair]), loan.borrower),
        (world.borrow(loan.borrower, loan.position, loan.usd, 1, [loan.sol.pair]), loan.borrower),
        (world.liquidate(loan.liquidator, loan.position, loan.usd, loan.sol), loan.liquidator),
    ]
    for instruction, signer in refused:
        assert world.refusal(instruction, signer) == "Paused"
    world.ok(world.repay(loan.borrower, loan.position, loan.usd, 1), loan.borrower)
    hand_over = instructions.update_market(
        world.owner.key, world.market, new_owner=heir.key, insurance_authority=heir.key, paused=False
    )
    world.ok(hand_over, world.owner)
    state = world.market_state()
    assert (state.owner, state.insurance_authority, state.paused) == (heir.key, heir.key, False)
    assert state.creator == world.owner.key  # its address and its vaults stay
    assert world.refusal(hand_over, world.owner) == "InvalidOwner"
    world.ok(world.liquidate(loan.liquidator, loan.position, loan.usd, loan.sol), loan.liquidator)


def test_a_position_without_debt_needs_no_prices(loan: Loan) -> None:
    world, person = loan.world, loan.borrower
    world.ok(world.repay(person, loan.position, loan.usd, EVERYTHING), person)
    world.svm.warp_to_slot(10_000)
    world.ok(world.withdraw(person, loan.position, loan.sol, SOL), person)


def test_liquidating_eight_legs_stays_below_two_hundred_thousand_units() -> None:
    world = World()
    config = replace(CONFIG, interest_rate_bps=500)
    assets = [world.asset(price=10**6 + 12_345 * place, config=config) for place in range(8)]
    lender, borrower, liquidator = world.person(), world.person(), world.person()
    lending = world.position(lender)
    position = world.position(borrower)
    for asset in assets[4:]:
        world.give(lender, asset.mint, 10_000 * USD)
        world.ok(world.deposit(lender, lending, asset, 10_000 * USD), lender)
        world.give(liquidator, asset.mint, 10_000 * USD)
    for asset in assets[:4]:
        world.give(borrower, asset.mint, 1_000 * USD)
        world.ok(world.deposit(borrower, position, asset, 1_000 * USD), borrower)
    for asset in assets[4:]:
        others = world.others(position, assets, asset)
        world.ok(world.borrow(borrower, position, asset, 700 * USD, others), borrower)
    world.svm.warp_to_slot(1_500)
    world.set_price(assets[0], 500_000)
    others = world.others(position, assets, assets[4], assets[0])
    assert len(others) == 6
    instruction = world.liquidate(liquidator, position, assets[4], assets[0], others=others)
    result = world.ok(instruction, liquidator)
    print(f"liquidate with 8 legs: {result.compute_units_consumed()} units")
    assert result.compute_units_consumed() < 150_000
