"""Random positions of the reference program, on chain and in the plain-Python model."""

import random
from dataclasses import dataclass, replace

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from liquidation_engine.protocols.reference import (
    TOKEN_PROGRAM_ID,
    Leg,
    OracleAccount,
    PositionAccount,
    ReserveAccount,
    ReserveConfig,
    Side,
    decode_liquidation,
    tokens,
)
from reference_model import ModelLeg, ModelReserve, ModelResult, Refused, health
from reference_world import CONFIG, EVERYTHING, Asset, Person, World, refusal_of

NOW = 100_000


@dataclass
class Trial:
    """One random position, on chain and in the model."""

    legs: list[ModelLeg]
    debt: int
    collateral: int
    amount: int
    min_seize: int


def _config(rng: random.Random) -> ReserveConfig:
    threshold = rng.randint(3_000, 9_000)
    most = rng.randint(0, min(5_000, 10**8 // threshold - 10_000 - 1))
    return replace(
        CONFIG,
        ltv_bps=rng.randint(0, threshold - 1),
        liquidation_threshold_bps=threshold,
        borrow_factor_bps=rng.choice([10_000, rng.randint(10_000, 15_000)]),
        min_bonus_bps=rng.randint(0, most),
        max_bonus_bps=most,
        close_factor_bps=rng.choice([5_000, 10_000, rng.randint(1, 10_000)]),
        protocol_fee_bps=rng.choice([0, 1_000, 10_000, rng.randint(0, 10_000)]),
        max_confidence_bps=100,
        interest_rate_bps=rng.choice([0, 800, 1_000_000]),
        max_oracle_age_slots=50,
        dust_limit_micro_usd=rng.choice([0, 10**6, 10**8, 10**12]),
    )


def _reserve(rng: random.Random, decimals: int) -> ModelReserve:
    config = _config(rng)
    stale, vague = rng.random() < 0.01, rng.random() < 0.01
    price = rng.randint(1, 10 ** rng.randint(1, 12))
    return ModelReserve(
        ltv=config.ltv_bps,
        threshold=config.liquidation_threshold_bps,
        borrow_factor=config.borrow_factor_bps,
        min_bonus=config.min_bonus_bps,
        max_bonus=config.max_bonus_bps,
        close_factor=config.close_factor_bps,
        protocol_fee=config.protocol_fee_bps,
        max_confidence=config.max_confidence_bps,
        rate=config.interest_rate_bps,
        max_age=config.max_oracle_age_slots,
        dust_micro_usd=config.dust_limit_micro_usd,
        index=10**18 + rng.choice([0, rng.randint(1, 10**18), rng.randint(1, 10**20)]),
        accrued_slot=NOW - rng.choice([0, 1, 77_777]),
        decimals=decimals,
        exponent=rng.randint(-8, -5),
        price=price,
        confidence=price // 50 if vague else price // 200,
        price_slot=NOW - (51 if stale else rng.randint(0, 50)),
    )


def random_trial(rng: random.Random, decimals: list[int]) -> Trial:
    """Return a position whose collateral is around its debt, so that every mode is met."""
    count = rng.randint(2, 8)
    debts = rng.randint(1, count - 1)
    legs = []
    for place in range(count):
        reserve = _reserve(rng, decimals[place])
        worth = 10 ** rng.uniform(15, 24)
        per_token = reserve.price * 10 ** (reserve.exponent - reserve.decimals + 18)
        if place < debts:
            legs.append(ModelLeg(reserve, True, max(1, int(worth / per_token * 10**18 / reserve.index) % 2**50)))
        else:
            legs.append(ModelLeg(reserve, False, max(1, int(worth / per_token) % 2**50)))
    try:
        sums = health(legs, NOW)
        scale = sums.debt / sums.collateral * rng.choice([50, 90, 99, 101, 105, 115, 130, 300]) / 100
        legs = [
            leg if leg.is_debt else replace(leg, amount=min(2**50, max(1, int(leg.amount * scale)))) for leg in legs
        ]
    except Refused:
        pass
    debt, collateral = rng.randrange(debts), rng.randrange(debts, count)
    amount = rng.choice([EVERYTHING, EVERYTHING, rng.randint(0, 2 * legs[debt].amount)])
    return Trial(legs, debt, collateral, amount, rng.choice([0, 0, 0, rng.randint(0, legs[collateral].amount)]))


class Bench:
    """Eight assets whose accounts are overwritten for every trial."""

    def __init__(self) -> None:
        self.world = World()
        self.decimals = [6, 9, 6, 8, 5, 6, 9, 0]
        self.assets = [self.world.asset(price=1, exponent=-6, decimals=decimals) for decimals in self.decimals]
        self.person: Person = self.world.person()
        self.position = self.world.position(self.world.person())
        self.world.svm.warp_to_slot(NOW)

    def lay_out(self, trial: Trial) -> None:
        """Write the trial's reserves, oracles, position and balances."""
        for asset, leg in zip(self.assets, trial.legs, strict=False):
            self._write_reserve(asset, leg)
        legs = tuple(
            Leg(asset.reserve, Side.DEBT if leg.is_debt else Side.COLLATERAL, leg.amount)
            for asset, leg in zip(self.assets, trial.legs, strict=False)
        )
        state = self.world.state(self.position)
        held = replace(state, legs=legs, version=state.version)
        self.world.change(self.position, held.pack())
        self._fill(self.person.accounts[self.assets[trial.debt].mint], self.assets[trial.debt], self.person.key)

    def _write_reserve(self, asset: Asset, leg: ModelLeg) -> None:
        world, model = self.world, leg.reserve
        config = ReserveConfig(
            ltv_bps=model.ltv,
            liquidation_threshold_bps=model.threshold,
            borrow_factor_bps=model.borrow_factor,
            min_bonus_bps=model.min_bonus,
            max_bonus_bps=model.max_bonus,
            close_factor_bps=model.close_factor,
            protocol_fee_bps=model.protocol_fee,
            max_confidence_bps=model.max_confidence,
            interest_rate_bps=model.rate,
            max_oracle_age_slots=model.max_age,
            dust_limit_micro_usd=model.dust_micro_usd,
        )
        reserve: ReserveAccount = replace(
            world.reserve(asset),
            config=config,
            borrow_index=model.index,
            accrued_slot=model.accrued_slot,
            total_debt_shares=leg.amount if leg.is_debt else 0,
            total_deposits=0 if leg.is_debt else leg.amount,
        )
        oracle: OracleAccount = replace(
            world.oracle(asset),
            price=model.price,
            exponent=model.exponent,
            confidence=model.confidence,
            slot=model.price_slot,
        )
        world.change(asset.reserve, reserve.pack())
        world.change(asset.oracle, oracle.pack())
        self._fill(asset.vault, asset, world.market)

    def _fill(self, address: Pubkey, asset: Asset, owner: Pubkey) -> None:
        data = tokens.pack_token_account(asset.mint, owner, 2**62)
        self.world.svm.set_account(address, Account(10**7, data, TOKEN_PROGRAM_ID))

    def send(self, trial: Trial) -> TransactionMetadata | FailedTransactionMetadata:
        """Execute the liquidation."""
        debt, collateral = self.assets[trial.debt], self.assets[trial.collateral]
        instruction = self.world.liquidate(
            self.person,
            self.position,
            debt,
            collateral,
            trial.amount,
            min_seize=trial.min_seize,
            others=self.world.others(self.position, self.assets, debt, collateral),
        )
        return self.world.send(instruction, self.person)

    def run(self, trial: Trial) -> ModelResult | str:
        """Execute the liquidation; return what it did, or the refusal."""
        world = self.world
        debt, collateral = self.assets[trial.debt], self.assets[trial.collateral]
        before = world.state(self.position)
        result = self.send(trial)
        if not isinstance(result, TransactionMetadata):
            return refusal_of(result)
        said = decode_liquidation(bytes(result.return_data().data))
        after = world.state(self.position)
        assert said.version == before.version + 1 == after.version
        return ModelResult(
            repaid=said.repaid,
            received=said.received,
            fee=said.fee,
            bonus=said.bonus_bps,
            debt_left=said.debt_left,
            shares=_amount(before, debt) - _amount(after, debt),
            seized=_amount(before, collateral) - _amount(after, collateral),
        )


def _amount(position: PositionAccount, asset: Asset) -> int:
    leg = position.leg(asset.reserve)
    return leg.amount if leg else 0


def _amount(position: PositionAccount, asset: Asset) -> int:
    leg = position.leg(asset.reserve)
    return leg.amount if leg else 0
