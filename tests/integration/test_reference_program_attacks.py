"""What the reference program must refuse, each by the name of its refusal, and what an attacker tries."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.reference import (
    PROGRAM_ID,
    TOKEN_PROGRAM_ID,
    Leg,
    Pair,
    Side,
    addresses,
    instructions,
    tokens,
)
from reference_world import CONFIG, EVERYTHING, Asset, Person, World, replaced

USD = 10**6


@dataclass
class Scene:
    """A position that can be liquidated, with a second collateral, and another market beside it."""

    world: World
    debt: Asset
    collateral: Asset
    second: Asset
    unused: Asset
    borrower: Person
    attacker: Person
    position: Pubkey
    foreign_market: Pubkey
    foreign: Asset

    def liquidate(self, amount: int = EVERYTHING, **changes: int) -> Instruction:
        """Return a liquidation that succeeds as it is."""
        return self.world.liquidate(
            self.attacker,
            self.position,
            self.debt,
            self.collateral,
            amount,
            others=[self.second.pair],
            **changes,
        )


@pytest.fixture
def scene() -> Scene:
    world = World()
    debt = world.asset(price=10**6)
    collateral = world.asset(price=10**6)
    second = world.asset(price=10**6)
    unused = world.asset(price=10**6)
    lender, borrower, attacker = world.person(), world.person(), world.person()
    for asset in (debt, collateral, second, unused):
        for person in (lender, borrower, attacker):
            world.give(person, asset.mint, 10_000 * USD)
    world.ok(world.deposit(lender, world.position(lender), debt, 5_000 * USD), lender)
    position = world.position(borrower)
    world.ok(world.deposit(borrower, position, collateral, 900 * USD), borrower)
    world.ok(world.deposit(borrower, position, second, 100 * USD), borrower)
    world.ok(world.borrow(borrower, position, debt, 700 * USD, [collateral.pair, second.pair]), borrower)
    world.set_price(collateral, 800_000)
    foreign_market, foreign = _foreign(world)
    return Scene(world, debt, collateral, second, unused, borrower, attacker, position, foreign_market, foreign)


def _foreign(world: World) -> tuple[Pubkey, Asset]:
    """Return another market of the same owner, with an asset of its own."""
    home = world.market
    owner = world.owner
    world.ok(instructions.init_market(owner.key, 2, owner.key), owner)
    world.market, _ = addresses.market(owner.key, 2)
    asset, market = world.asset(price=10**6), world.market
    world.market = home
    return market, asset


def test_the_liquidation_that_the_attacks_below_change_succeeds(scene: Scene) -> None:
    scene.world.ok(scene.liquidate(), scene.attacker)


Attack = Callable[[Scene], Instruction]


def _place(place: int, key: Callable[[Scene], Pubkey], **flags: bool) -> Attack:
    return lambda scene: replaced(scene.liquidate(), place, key(scene), **flags)


def _writable_flag(place: int) -> Attack:
    def attack(scene: Scene) -> Instruction:
        instruction = scene.liquidate()
        return replaced(instruction, place, instruction.accounts[place].pubkey, is_writable=False)

    return attack


def _others(pairs: Callable[[Scene], list[Pair]]) -> Attack:
    return lambda scene: scene.world.liquidate(
        scene.attacker, scene.position, scene.debt, scene.collateral, others=pairs(scene)
    )


def _fake_oracle(scene: Scene) -> Pubkey:
    """Return the attacker's own oracle of the collateral's mint, at a thousandth of the price."""
    world, mint = scene.world, scene.collateral.mint
    world.ok(instructions.init_oracle(scene.attacker.key, mint, -6), scene.attacker)
    oracle, _ = addresses.oracle(scene.attacker.key, mint)
    world.ok(instructions.set_price(scene.attacker.key, oracle, 1_000, 0), scene.attacker)
    return oracle


def _copy(scene: Scene, address: Pubkey, owner: Pubkey) -> Pubkey:
    """Return an account with the same bytes that another program owns."""
    copy = Pubkey.new_unique()
    scene.world.change(copy, scene.world.data(address), owner=owner)
    return copy


def _foreign_position(scene: Scene) -> Pubkey:
    """Return a position of the attacker's in another market."""
    scene.world.ok(instructions.init_position(scene.attacker.key, scene.foreign_market, 0), scene.attacker)
    return addresses.position(scene.foreign_market, scene.attacker.key, 0)[0]


def _copy_token_account(scene: Scene, mint: Pubkey, owner: Pubkey) -> Pubkey:
    copy = Pubkey.new_unique()
    scene.world.change(copy, tokens.pack_token_account(mint, owner, 10**12), owner=TOKEN_PROGRAM_ID)
    return copy


OTHER_PROGRAM = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")

ATTACKS: dict[str, tuple[Attack, str]] = {
    "foreign market": (_place(1, lambda s: s.foreign_market), "InvalidAccount"),
    "market of another program": (_place(1, lambda s: _copy(s, s.world.market, OTHER_PROGRAM)), "InvalidOwner"),
    "an oracle as market": (_place(1, lambda s: s.debt.oracle), "InvalidAccount"),
    "position of another program": (_place(2, lambda s: _copy(s, s.position, OTHER_PROGRAM)), "InvalidOwner"),
    "position of another market": (_place(2, lambda s: _foreign_position(s)), "InvalidAccount"),
    "read-only position": (_writable_flag(2), "InvalidAccount"),
    "source of another mint": (_place(3, lambda s: s.attacker.accounts[s.second.mint]), "InvalidMint"),
    "source that is no token account": (_place(3, lambda s: s.attacker.key), "InvalidOwner"),
    "source that is the debt vault": (_place(3, lambda s: s.debt.vault), "InvalidAccount"),
    "source that is a mint": (_place(3, lambda s: s.debt.mint), "InvalidAccount"),
    "somebody else's source": (_place(3, lambda s: s.borrower.accounts[s.debt.mint]), "Custom(4)"),
    "debt vault of another reserve": (_place(4, lambda s: s.second.vault), "InvalidAddress"),
    "own token account as debt vault": (
        _place(4, lambda s: _copy_token_account(s, s.debt.mint, s.attacker.key)),
        "InvalidAddress",
    ),
    "collateral vault of another reserve": (_place(5, lambda s: s.second.vault), "InvalidAddress"),
    "destination of another mint": (_place(6, lambda s: s.attacker.accounts[s.debt.mint]), "InvalidMint"),
    "destination that is the collateral vault": (_place(6, lambda s: s.collateral.vault), "InvalidAccount"),
    "destination that is the insurance vault": (_place(6, lambda s: s.collateral.fund_vault), "InvalidAccount"),
    "fund of another mint": (_place(7, lambda s: s.second.fund), "InvalidMint"),
    "fund of another program": (_place(7, lambda s: _copy(s, s.collateral.fund, OTHER_PROGRAM)), "InvalidOwner"),
    "a reserve as fund": (_place(7, lambda s: s.debt.reserve), "InvalidAccount"),
    "own token account as insurance vault": (
        _place(8, lambda s: _copy_token_account(s, s.collateral.mint, s.attacker.key)),
        "InvalidAddress",
    ),
    "another token program": (_place(9, lambda s: OTHER_PROGRAM), "InvalidAccount"),
    "debt reserve of another market": (_place(10, lambda s: s.foreign.reserve), "InvalidAccount"),
    "debt reserve of another program": (_place(10, lambda s: _copy(s, s.debt.reserve, OTHER_PROGRAM)), "InvalidOwner"),
    "read-only debt reserve": (_writable_flag(10), "InvalidAccount"),
    "debt oracle of another reserve": (_place(11, lambda s: s.second.oracle), "InvalidAccount"),
    "collateral reserve that is the debt reserve": (_place(12, lambda s: s.debt.reserve), "InvalidAddress"),
    "read-only collateral reserve": (_writable_flag(12), "InvalidAccount"),
    "own oracle of the collateral": (_place(13, _fake_oracle), "InvalidAccount"),
    "oracle with the right bytes of another program": (
        _place(13, lambda s: _copy(s, s.collateral.oracle, OTHER_PROGRAM)),
        "InvalidAccount",
    ),
    "missing other pair": (_others(lambda s: []), "InvalidAccount"),
    "duplicate other pair": (_others(lambda s: [s.second.pair, s.second.pair]), "InvalidAccount"),
    "superfluous other pair": (_others(lambda s: [s.second.pair, s.unused.pair]), "InvalidAccount"),
    "a named reserve again": (_others(lambda s: [s.second.pair, s.collateral.pair]), "InvalidAccount"),
    "foreign other pair": (_others(lambda s: [s.foreign.pair]), "InvalidAccount"),
    "other pair with a foreign oracle": (
        _others(lambda s: [Pair(s.second.reserve, s.collateral.oracle)]),
        "InvalidAccount",
    ),
    "half a pair": (
        lambda s: Instruction(
            PROGRAM_ID,
            bytes(s.liquidate().data),
            [*s.liquidate().accounts, AccountMeta(s.second.reserve, False, False)],
        ),
        "InvalidAccount",
    ),
    "too few accounts": (
        lambda s: Instruction(PROGRAM_ID, bytes(s.liquidate().data), list(s.liquidate().accounts)[:13]),
        "InvalidAccount",
    ),
    "data cut short": (
        lambda s: Instruction(PROGRAM_ID, bytes(s.liquidate().data)[:-1], list(s.liquidate().accounts)),
        "InvalidInstruction",
    ),
    "unknown instruction": (
        lambda s: Instruction(PROGRAM_ID, bytes(8), list(s.liquidate().accounts)),
        "InvalidInstruction",
    ),
    "no data": (lambda s: Instruction(PROGRAM_ID, b"", list(s.liquidate().accounts)), "InvalidInstruction"),
    "version moved on": (lambda s: s.liquidate(version=1), "VersionMismatch"),
    "more than the seizure asked for": (lambda s: s.liquidate(min_seize=900 * USD), "SeizeBelowMinimum"),
    "nothing asked for": (lambda s: s.liquidate(0), "AmountTooSmall"),
    "collateral that is debt": (
        lambda s: s.world.liquidate(s.attacker, s.position, s.collateral, s.debt, others=[s.second.pair]),
        "WrongSide",
    ),
    "a leg that is not there": (
        lambda s: s.world.liquidate(
            s.attacker, s.position, s.debt, s.unused, others=[s.collateral.pair, s.second.pair]
        ),
        "LegNotFound",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_liquidation_with_something_wrong_is_refused_by_name(scene: Scene, name: str) -> None:
    attack, refusal = ATTACKS[name]
    assert scene.world.refusal(attack(scene), scene.attacker) == refusal


def test_a_liquidator_who_does_not_sign_is_refused(scene: Scene) -> None:
    instruction = replaced(scene.liquidate(), 0, scene.attacker.key, is_signer=False)
    assert scene.world.refusal(instruction, scene.borrower) == "MissingSigner"


def test_a_healthy_position_is_left_alone(scene: Scene) -> None:
    scene.world.set_price(scene.collateral, 1_000_000)
    assert scene.world.refusal(scene.liquidate(), scene.attacker) == "Healthy"


def test_a_second_liquidator_hears_that_the_version_moved_on_even_if_the_legs_are_gone(scene: Scene) -> None:
    world = scene.world
    world.set_price(scene.collateral, 10_000)
    late = scene.liquidate()
    world.ok(late, scene.attacker)
    assert world.state(scene.position).leg(scene.collateral.reserve) is None
    assert world.refusal(late, scene.attacker) == "VersionMismatch"


@pytest.mark.parametrize(
    ("price", "confidence", "refusal"),
    [(0, 0, "StalePrice"), (800_000, 16_001, "UncertainPrice"), (0, 1, "StalePrice")],
)
def test_a_price_that_cannot_be_believed_stops_liquidations(
    scene: Scene, price: int, confidence: int, refusal: str
) -> None:
    scene.world.set_price(scene.second, price, confidence)
    assert scene.world.refusal(scene.liquidate(), scene.attacker) == refusal


def test_an_old_price_stops_everything_that_needs_it(scene: Scene) -> None:
    world = scene.world
    world.svm.warp_to_slot(3_000)
    borrower, pairs = scene.borrower, [scene.collateral.pair, scene.second.pair]
    assert world.refusal(scene.liquidate(), scene.attacker) == "StalePrice"
    assert world.refusal(world.borrow(borrower, scene.position, scene.debt, 1, pairs), borrower) == "StalePrice"
    pairs = [scene.debt.pair, scene.second.pair]
    assert world.refusal(world.withdraw(borrower, scene.position, scene.collateral, 1, pairs), borrower) == "StalePrice"


def test_only_the_owner_moves_a_position(scene: Scene) -> None:
    world, attacker = scene.world, scene.attacker
    pairs = [scene.collateral.pair, scene.second.pair]
    moves = [
        world.deposit(attacker, scene.position, scene.collateral, 1),
        world.withdraw(attacker, scene.position, scene.collateral, 1, [scene.debt.pair, scene.second.pair]),
        world.borrow(attacker, scene.position, scene.debt, 1, pairs),
        instructions.close_position(attacker.key, scene.position),
    ]
    for move in moves:
        assert world.refusal(move, attacker) == "InvalidOwner"
    unsigned = replaced(
        world.withdraw(scene.borrower, scene.position, scene.collateral, 1, [scene.debt.pair, scene.second.pair]),
        0,
        scene.borrower.key,
        is_signer=False,
    )
    assert world.refusal(unsigned, attacker) == "MissingSigner"


def test_a_position_of_another_market_holds_nothing_of_this_one(scene: Scene) -> None:
    world, person = scene.world, scene.attacker
    position = _foreign_position(scene)
    assert world.refusal(world.deposit(person, position, scene.collateral, 1), person) == "InvalidAccount"
    assert world.refusal(world.repay(person, position, scene.debt, 1), person) == "InvalidAccount"
    assert world.refusal(world.write_off(person, position, scene.debt), person) == "InvalidAccount"


def test_only_the_owners_of_market_and_oracle_change_them(scene: Scene) -> None:
    world, attacker = scene.world, scene.attacker
    me, market, mint = attacker.key, world.market, scene.unused.mint
    changes = [
        instructions.update_market(me, market, insurance_authority=me, paused=False),
        instructions.update_reserve(me, market, scene.debt.reserve, scene.debt.oracle, CONFIG),
        instructions.set_price(me, scene.debt.oracle, 1, 0),
        instructions.init_insurance_fund(me, market, mint),
        instructions.init_reserve(me, market, mint, scene.unused.oracle, CONFIG),
        instructions.cover_bad_debt(me, market, scene.debt.reserve, scene.debt.mint, 1),
    ]
    for change in changes:
        assert world.refusal(change, attacker) == "InvalidOwner"


def test_nothing_is_made_twice(scene: Scene) -> None:
    world, owner = scene.world, scene.world.owner
    mint = scene.debt.mint
    again = [
        (instructions.init_market(owner.key, 1, owner.key), owner),
        (instructions.init_oracle(owner.key, mint, -6), owner),
        (instructions.init_insurance_fund(owner.key, world.market, mint), owner),
        (instructions.init_reserve(owner.key, world.market, mint, scene.debt.oracle, CONFIG), owner),
        (instructions.init_position(scene.borrower.key, world.market, 0), scene.borrower),
    ]
    for instruction, signer in again:
        assert world.refusal(instruction, signer) == "AlreadyInitialized"


def test_an_account_is_only_made_at_its_address(scene: Scene) -> None:
    world, owner = scene.world, scene.world.owner
    mint = world.mint()
    world.ok(instructions.init_oracle(owner.key, mint, -6), owner)
    oracle, _ = addresses.oracle(owner.key, mint)
    wrong = Pubkey.new_unique()
    fund = instructions.init_insurance_fund(owner.key, world.market, mint)
    assert world.refusal(replaced(fund, 2, wrong), owner) == "InvalidAddress"
    assert world.refusal(replaced(fund, 3, wrong), owner) == "InvalidAddress"
    world.ok(fund, owner)
    reserve = instructions.init_reserve(owner.key, world.market, mint, oracle, CONFIG)
    for place in (2, 3):
        assert world.refusal(replaced(reserve, place, wrong), owner) == "InvalidAddress"
    assert world.refusal(replaced(reserve, 4, scene.debt.mint), owner) == "InvalidMint"
    assert world.refusal(replaced(reserve, 5, scene.debt.oracle), owner) == "InvalidMint"
    assert world.refusal(replaced(reserve, 6, scene.debt.fund), owner) == "InvalidMint"
    for make in (
        instructions.init_market(owner.key, 9, owner.key),
        instructions.init_oracle(owner.key, scene.foreign.mint, -6),
        instructions.init_position(owner.key, world.market, 9),
    ):
        place = 2 if len(make.accounts) == 4 and make.accounts[2].is_writable else 1
        assert world.refusal(replaced(make, place, wrong), owner) == "InvalidAddress"


def test_a_fund_that_covers_another_market_is_no_reserves_fund(scene: Scene) -> None:
    world, owner = scene.world, scene.world.owner
    mint = scene.foreign.mint
    reserve = instructions.init_reserve(owner.key, world.market, mint, scene.foreign.oracle, CONFIG)
    assert world.refusal(reserve, owner) == "InvalidAccount"


@pytest.mark.parametrize(
    "changes",
    [
        {"ltv_bps": 8_000},
        {"liquidation_threshold_bps": 10_001},
        {"borrow_factor_bps": 9_999},
        {"borrow_factor_bps": 100_001},
        {"min_bonus_bps": 1_001},
        {"max_bonus_bps": 5_001},
        {"max_bonus_bps": 2_500},
        {"close_factor_bps": 0},
        {"close_factor_bps": 10_001},
        {"protocol_fee_bps": 10_001},
        {"max_oracle_age_slots": 0},
        {"max_confidence_bps": 0},
        {"max_confidence_bps": 10_001},
        {"interest_rate_bps": 1_000_001},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(scene: Scene, changes: dict[str, int]) -> None:
    world = scene.world
    instruction = instructions.update_reserve(
        world.owner.key, world.market, scene.unused.reserve, scene.unused.oracle, replace(CONFIG, **changes)
    )
    assert world.refusal(instruction, world.owner) == "InvalidConfig"


@pytest.mark.parametrize(("exponent", "decimals"), [(-13, 6), (7, 6), (1, 0), (-19, 0)])
def test_a_price_that_would_not_be_an_integer_is_refused(exponent: int, decimals: int) -> None:
    world = World()
    mint, owner = world.mint(decimals), world.owner
    world.ok(instructions.init_oracle(owner.key, mint, exponent), owner)
    oracle, _ = addresses.oracle(owner.key, mint)
    world.ok(instructions.init_insurance_fund(owner.key, world.market, mint), owner)
    reserve = instructions.init_reserve(owner.key, world.market, mint, oracle, CONFIG)
    assert world.refusal(reserve, owner) == "InvalidConfig"


def test_a_mint_has_to_be_one(scene: Scene) -> None:
    world, owner = scene.world, scene.world.owner
    for mint in (scene.attacker.key, scene.attacker.accounts[scene.debt.mint], scene.debt.reserve):
        assert world.refusal(instructions.init_oracle(owner.key, mint, -6), owner) == "InvalidMint"


def test_a_reserve_is_collateral_or_debt_never_both(scene: Scene) -> None:
    world, borrower = scene.world, scene.borrower
    pairs = [scene.debt.pair, scene.second.pair]
    borrow = world.borrow(borrower, scene.position, scene.collateral, 1, pairs)
    assert world.refusal(borrow, borrower) == "WrongSide"
    assert world.refusal(world.deposit(borrower, scene.position, scene.debt, 1), borrower) == "WrongSide"
    assert world.refusal(world.repay(borrower, scene.position, scene.collateral, 1), borrower) == "WrongSide"
    assert world.refusal(world.repay(borrower, scene.position, scene.unused, 1), borrower) == "LegNotFound"
    withdraw = world.withdraw(borrower, scene.position, scene.debt, 1, [scene.collateral.pair, scene.second.pair])
    assert world.refusal(withdraw, borrower) == "WrongSide"


def test_nothing_moves_nothing(scene: Scene) -> None:
    world, person = scene.world, scene.borrower
    pairs = [scene.collateral.pair, scene.second.pair]
    moves = [
        world.deposit(person, scene.position, scene.collateral, 0),
        world.withdraw(person, scene.position, scene.collateral, 0, [scene.debt.pair, scene.second.pair]),
        world.borrow(person, scene.position, scene.debt, 0, pairs),
        world.repay(person, scene.position, scene.debt, 0),
        world.contribute(person, scene.debt, 0),
    ]
    for move in moves:
        assert world.refusal(move, person) == "AmountTooSmall"


def test_a_ninth_leg_does_not_fit() -> None:
    world = World()
    person = world.person()
    position = world.position(person)
    assets = [world.asset(price=10**6) for _ in range(9)]
    for asset in assets:
        world.give(person, asset.mint, 1)
    for asset in assets[:8]:
        world.ok(world.deposit(person, position, asset, 1), person)
    assert world.refusal(world.deposit(person, position, assets[8], 1), person) == "TooManyLegs"


def test_a_position_with_legs_is_not_closed(scene: Scene) -> None:
    instruction = instructions.close_position(scene.borrower.key, scene.position)
    assert scene.world.refusal(instruction, scene.borrower) == "PositionNotEmpty"


def test_bad_debt_is_not_written_off_while_collateral_is_left(scene: Scene) -> None:
    world = scene.world
    assert world.refusal(world.write_off(scene.attacker, scene.position, scene.debt), scene.attacker) == (
        "StillCollateralised"
    )
    assert world.refusal(world.cover(scene.debt, 1), world.owner) == "NothingToCover"


def test_more_than_the_vault_holds_fails_in_the_token_program(scene: Scene) -> None:
    world, person = scene.world, scene.borrower
    world.set_price(scene.collateral, 10**12)
    pairs = [scene.collateral.pair, scene.second.pair]
    assert world.refusal(world.borrow(person, scene.position, scene.debt, 4_301 * USD, pairs), person) == "Custom(1)"


def test_more_than_the_leg_holds_is_not_withdrawn(scene: Scene) -> None:
    world, person = scene.world, scene.borrower
    pairs = [scene.debt.pair, scene.second.pair]
    instruction = world.withdraw(person, scene.position, scene.collateral, 901 * USD, pairs)
    assert world.refusal(instruction, person) == "ExceedsLtv"


def test_dust_is_closed_whole_and_not_left_behind(scene: Scene) -> None:
    world = scene.world
    world.set_price(scene.collateral, 850_000)
    world.configure(scene.debt, dust_limit_micro_usd=400 * USD)
    assert world.refusal(scene.liquidate(310 * USD), scene.attacker) == "DustLeft"
    world.ok(scene.liquidate(), scene.attacker)
    assert world.state(scene.position).leg(scene.debt.reserve) is None


def test_a_pair_under_water_is_closed_whole_or_not_at_all(scene: Scene) -> None:
    world = scene.world
    world.set_price(scene.collateral, 600_000)
    assert world.refusal(scene.liquidate(10 * USD), scene.attacker) == "AmountTooSmall"
    world.ok(scene.liquidate(), scene.attacker)
    assert world.state(scene.position).leg(scene.collateral.reserve) is None


@pytest.mark.parametrize("offset", [0, 8, 10, 104 + 40])
def test_a_position_with_a_damaged_byte_is_refused(scene: Scene, offset: int) -> None:
    instruction, data = scene.liquidate(), bytearray(scene.world.data(scene.position))
    data[offset] = 9
    scene.world.change(scene.position, bytes(data))
    assert scene.world.refusal(instruction, scene.attacker) == "InvalidAccount"


def test_a_position_with_two_legs_of_one_reserve_is_refused(scene: Scene) -> None:
    world, instruction = scene.world, scene.liquidate()
    state = world.state(scene.position)
    twice = (*state.legs, Leg(scene.collateral.reserve, Side.COLLATERAL, 1))
    world.change(scene.position, replace(state, legs=twice).pack())
    assert world.refusal(instruction, scene.attacker) == "InvalidAccount"


def test_a_closed_position_cannot_be_used_again_in_the_same_transaction(scene: Scene) -> None:
    world, person = scene.world, scene.attacker
    position = world.position(person)
    batch = [
        instructions.close_position(person.key, position),
        world.deposit(person, position, scene.unused, 1),
    ]
    assert world.refusal(batch, person) == "InvalidOwner"
    world.ok(
        [instructions.close_position(person.key, position), instructions.init_position(person.key, world.market, 0)],
        person,
    )
    assert world.state(position).legs == ()


def test_an_overflow_is_refused(scene: Scene) -> None:
    world = scene.world
    world.set_price(scene.second, 2**64 - 1)
    held = world.state(scene.position)
    legs = tuple(replace(leg, amount=2**63) if leg.reserve == scene.second.reserve else leg for leg in held.legs)
    oracle = replace(world.oracle(scene.second), exponent=6)
    world.change(scene.second.oracle, oracle.pack())
    world.change(scene.position, replace(held, legs=legs).pack())
    assert world.refusal(scene.liquidate(), scene.attacker) == "Overflow"
