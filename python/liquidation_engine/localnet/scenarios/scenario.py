"""A scenario: a market with its borrowers at genesis, and prices that move slot by slot without waiting for anybody."""

import hashlib
import math
import random
from typing import Protocol, Self

from solders.account import Account
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine.errors import ConfigError
from liquidation_engine.localnet.program import program_bytes
from liquidation_engine.localnet.scenarios import genesis
from liquidation_engine.localnet.scenarios.assets import ASSETS, BY_SYMBOL
from liquidation_engine.localnet.scenarios.genesis import Balances, MintInfo, PlacedPosition, Places
from liquidation_engine.localnet.scenarios.population import FLOOR_HEALTH, MEAN_EXCESS, Drawn, DrawnLeg, draw
from liquidation_engine.localnet.scenarios.prices import PriceStep, price_steps
from liquidation_engine.localnet.scenarios.settings import ScenarioSettings
from liquidation_engine.protocols.reference import instructions
from liquidation_engine.protocols.reference.addresses import PROGRAM_ID

REFRESH_SLOTS = 40  # far below the age at which the program refuses a price
LENDER_SHARE_PERCENT = 160  # of all borrowings: enough to pay out every seizure
UNCOVERED = "USDT"  # its fund is too small for the crash
"""Shares of what borrowers against BONK owe: what the funds hold at the start."""
FUND_BPS, SMALL_FUND_BPS = 10_000, 15


class ScenarioChain(Protocol):
    """What a scenario asks of a chain."""

    @property
    def slot(self) -> int:
        """The newest complete block's slot."""
        ...

    @property
    def latest_blockhash(self) -> Hash:
        """The newest block's hash."""
        ...

    def add_program(self, program_id: Pubkey, elf: bytes) -> None:
        """Deploy a program."""
        ...

    def set_account(self, pubkey: Pubkey, account: Account) -> None:
        """Put an account on the chain."""
        ...

    def submit(self, raw: bytes, endpoint: str = "scenario") -> str:
        """Take a transaction for the slot that begins."""
        ...

    def mark(self, kind: str, details: dict[str, object]) -> None:
        """Record what the scenario did."""
        ...


class Scenario:
    """One seeded run of a market: `install` it on a chain, `play` each slot, and `start` it when somebody watches."""

    def __init__(self, settings: ScenarioSettings, liquidator: Pubkey, program_id: Pubkey = PROGRAM_ID) -> None:
        rng = random.Random(f"{settings.seed} population")  # noqa: S311 - seeded on purpose
        path_rng = random.Random(f"{settings.seed} {settings.name}")  # noqa: S311 - seeded on purpose
        self.settings, self.program_id, self.liquidator = settings, program_id, liquidator
        self.oracle_authority = Keypair.from_seed(hashlib.sha256(f"oracles {settings.seed}".encode()).digest())
        self._steps = price_steps(settings.name, path_rng, settings.move_slots, settings.step_slots)
        self.places: Places = genesis.places(program_id, settings.seed, liquidator, self.oracle_authority.pubkey())
        borrowers = draw(rng, settings.positions - 1)
        self.positions: tuple[PlacedPosition, ...] = genesis.place(
            [_lender(borrowers), *borrowers], self.places, settings.seed
        )
        self.balances: dict[str, Balances] = genesis.balances(self.positions, _funds(borrowers))
        self._chain: ScenarioChain | None = None
        self._start: int | None = None
        self._played = 0
        self._ended = False
        self._refreshed = dict.fromkeys(BY_SYMBOL, 0)
        self._prices = {asset.symbol: asset.price for asset in ASSETS}

    @classmethod
    def build(cls, settings: ScenarioSettings, *, liquidator: Pubkey, program_id: Pubkey = PROGRAM_ID) -> Self:
        """Draw the scenario; ConfigError for an unknown name, with the known ones."""
        return cls(settings, liquidator, program_id)

    @property
    def market(self) -> Pubkey:
        """The market's address."""
        return self.places.market

    @property
    def mints(self) -> tuple[MintInfo, ...]:
        """Every asset's addresses."""
        return self.places.mints

    @property
    def price_steps(self) -> tuple[PriceStep, ...]:
        """All steps; their slots are the chain's once the scenario has a start."""
        return tuple(
            PriceStep(slot=(self._start or 0) + step.slot, prices=step.prices, gap=step.gap) for step in self._steps
        )

    @property
    def last_slot(self) -> int:
        """The end: the tail after the last move is over."""
        return (self._start or 0) + self._steps[-1].slot + self.settings.tail_slots

    @property
    def statement(self) -> str:
        """Say how healthy the market is at the start."""
        quarter, half = (FLOOR_HEALTH + MEAN_EXCESS * math.log(1 / (1 - share)) for share in (0.25, 0.5))
        return (
            f"{self.settings.positions} positions: 1 lends to all, the others borrow. Their health factors are "
            f"{FLOOR_HEALTH} + an exponential of mean {MEAN_EXCESS} (a quarter below {quarter:.2f}, half below "
            f"{half:.2f}); all are healthy. Debts are lognormal around $2,000 between $50 and $200,000; 2.5 % of the "
            f"borrowers owe less than the dust limit of $5, and 0.5 % owe less than it costs to liquidate them."
        )

    @property
    def position_addresses(self) -> frozenset[str]:
        """All positions, as addresses."""
        return frozenset(str(one.address) for one in self.positions)

    def install(self, chain: ScenarioChain, *, elf: bytes | None = None) -> None:
        """Write the genesis: the program, the market, its tokens and positions, the liquidator's wallet."""
        chain.add_program(self.program_id, program_bytes() if elf is None else elf)
        for pubkey, account in genesis.accounts(
            self.places, self.positions, self.balances, chain.slot, self.settings.seed
        ):
            chain.set_account(pubkey, account)
        self._refreshed = dict.fromkeys(BY_SYMBOL, chain.slot)
        self._chain = chain

    def start(self, slot: int) -> None:
        """Let prices move from now on; until then the oracles only repeat the first ones."""
        if self._start is not None:
            raise ConfigError("the scenario has begun: it cannot start again")
        self._start = slot + self.settings.lead_slots

    def forked(self, _: int) -> None:
        """Write every price again in the next slot: the fork may have undone an update."""
        self._refreshed = dict.fromkeys(BY_SYMBOL, -REFRESH_SLOTS)

    def play(self, slot: int) -> None:
        """Do what is due at the beginning of a slot: submit price updates, mark steps and the end."""
        if self._chain is None:
            raise ConfigError("the scenario is not installed on a chain yet")
        before = self._played
        for raw in self.updates(slot, self._chain.latest_blockhash):
            self._chain.submit(raw)
        if self._played > before:
            step = self._steps[self._played - 1]
            self._chain.mark("price_step", {"step": self._played - 1, "gap": step.gap, "prices": dict(step.prices)})
        if self._start is not None and slot >= self.last_slot and not self._ended:
            self._ended = True
            self._chain.mark("scenario_end", {"last_slot": self.last_slot})

    def updates(self, slot: int, blockhash: Hash) -> list[bytes]:
        """Return the signed price updates for this slot: a due step's, and refreshes of prices that stand still."""
        changed = self._due(slot)
        old = {symbol for symbol, seen in self._refreshed.items() if slot - seen >= REFRESH_SLOTS}
        write = [info for info in self.mints if info.symbol in changed | old]
        if not write:
            return []
        self._refreshed |= {info.symbol: slot for info in write}
        message = Message.new_with_blockhash(
            [self._set_price(info) for info in write], self.oracle_authority.pubkey(), blockhash
        )
        return [bytes(VersionedTransaction(message, [self.oracle_authority]))]

    def _set_price(self, info: MintInfo) -> Instruction:
        price, authority = self._prices[info.symbol], self.oracle_authority.pubkey()
        return instructions.set_price(authority, info.oracle, price, genesis.confidence(price), program=self.program_id)

    def _due(self, slot: int) -> set[str]:
        """Take up every step that is due (a slot may have been skipped); return the symbols whose price changed."""
        before = self._prices
        if self._start is None:
            return set()
        while self._played < len(self._steps) and self._start + self._steps[self._played].slot <= slot:
            self._prices = dict(self._steps[self._played].prices)
            self._played += 1
        return {symbol for symbol, price in self._prices.items() if price != before[symbol]}


def _lender(borrowers: list[Drawn]) -> Drawn:
    """Return the position that deposits every asset, so that vaults can lend and pay out seizures."""
    legs = []
    for asset in ASSETS:
        borrowed = sum(leg.tokens for one in borrowers for leg in one.legs if leg.symbol == asset.symbol and leg.debt)
        legs.append(DrawnLeg(asset.symbol, borrowed * LENDER_SHARE_PERCENT // 100 + 10 ** (asset.decimals + 2), False))
    return Drawn("lender", tuple(legs))


def _funds(borrowers: list[Drawn]) -> dict[str, int]:
    """Return what each insurance fund holds: enough for the crash's bad debt, but for one mint."""
    meme = [one for one in borrowers if one.kind == "meme"]
    funds = {}
    for asset in ASSETS:
        owed = sum(leg.tokens for one in meme for leg in one.legs if leg.symbol == asset.symbol and leg.debt)
        share = SMALL_FUND_BPS if asset.symbol == UNCOVERED else FUND_BPS
        funds[asset.symbol] = owed * share // 10_000 + 10**asset.decimals // 10
    return funds
