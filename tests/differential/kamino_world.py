"""Random markets, reserves, prices and positions for Kamino's lending program, and the transaction that liquidates.

Built to be liquidatable about half of the time, with values around every threshold that the program has. Floats only aim.
"""

import struct
from dataclasses import dataclass

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tests.differential.kamino_accounts import NO_KEY, PROGRAM, TOKEN_PROGRAM, Reserve, discriminator

CURVES = [
    [(0, 1), (7000, 400), (9100, 600), (9300, 1000), (9500, 2000), (9700, 4000), (10000, 8000)],
    [(0, 0), (5000, 5000), (9000, 7500), (9200, 10000), (9500, 15000), (10000, 25000)],
    [(0, 0), (10000, 0)],
    [(0, 100), (8000, 100), (10000, 30000)],
]
BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
INSTRUCTIONS_SYSVAR = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
ALL = 2**64 - 1
RICH = 2**63  # what the liquidator holds of the debt
LIQUIDATOR = Keypair.from_seed(bytes([7] * 32))


@dataclass(kw_only=True)
class Asset:
    """One reserve with its oracle accounts and what the builder aims with."""

    reserve: Reserve
    price: float
    decimals: int
    shares_per_unit: float
    threshold: int
    factor: int
    available: int


@dataclass(kw_only=True)
class World:
    """Accounts before, clock, and what is asked."""

    slot: int
    time: int
    accounts: dict[Pubkey, Account]
    position: Pubkey
    debt: Pubkey
    collateral: Pubkey
    amount: int
    min_received: int
    liquidator: Pubkey
    market: Pubkey
    wallets: tuple[Pubkey, Pubkey, Pubkey]

    def instructions(self) -> list[Instruction]:
        """Return refreshes of every reserve (debt's and collateral's last), of the position, and the liquidation."""
        position = bytes(self.accounts[self.position].data)
        deposits = [_key(position, 96 + 136 * place) for place in range(8)]
        borrows = [_key(position, 1208 + 200 * place) for place in range(5)]
        legs = [key for key in deposits + borrows if key != NO_KEY]
        others = [key for key in dict.fromkeys(legs) if key not in (self.debt, self.collateral)]
        last = [self.collateral] if self.debt == self.collateral else [self.collateral, self.debt]
        budget = Instruction(BUDGET, b"\x02" + struct.pack("<I", 1_400_000), [])
        refreshes = [self.refresh(key) for key in others + last]
        return [budget, *refreshes, self.refresh_position(deposits, borrows), self.liquidate(deposits)]

    def refresh(self, key: Pubkey) -> Instruction:
        """Return refresh_reserve with the configured oracles."""
        data = bytes(self.accounts[key].data)
        oracles = [_key(data, offset) for offset in (5224, 5160, 5192, 5112)]
        metas = [AccountMeta(PROGRAM if oracle == NO_KEY else oracle, False, False) for oracle in oracles]
        head = [AccountMeta(key, False, True), AccountMeta(self.market, False, False)]
        return Instruction(PROGRAM, discriminator("global", "refresh_reserve"), head + metas)

    def refresh_position(self, deposits: list[Pubkey], borrows: list[Pubkey]) -> Instruction:
        """Return refresh_obligation, with the referrer's token states where there is a referrer."""
        legs = [AccountMeta(key, False, True) for key in deposits + borrows if key != NO_KEY]
        referrer = _key(bytes(self.accounts[self.position].data), 2288)
        states = [AccountMeta(referrer_state(referrer, key), False, True) for key in borrows if key != NO_KEY]
        head = [AccountMeta(self.market, False, False), AccountMeta(self.position, False, True)]
        tail = [] if referrer == NO_KEY else states
        return Instruction(PROGRAM, discriminator("global", "refresh_obligation"), head + legs + tail)

    def liquidate(self, deposits: list[Pubkey]) -> Instruction:
        """Return the liquidation, first form."""
        debt, coll = (bytes(self.accounts[key].data) for key in (self.debt, self.collateral))
        source, shares, destination = self.wallets
        writable = [self.debt, _key(debt, 160), self.collateral, _key(coll, 2560), _key(coll, 2600), _key(coll, 160)]
        writable += [_key(debt, 128), _key(coll, 128), _key(coll, 192), source, shares, destination, self.position]
        keys = [self.position, self.market, authority(self.market)[0], self.debt, _key(debt, 128), _key(debt, 160)]
        keys += [self.collateral, _key(coll, 128), _key(coll, 2560), _key(coll, 2600), _key(coll, 160), _key(coll, 192)]
        keys += [source, shares, destination, TOKEN_PROGRAM, _key(debt, 408), _key(coll, 408), INSTRUCTIONS_SYSVAR]
        metas = [AccountMeta(self.liquidator, True, True)] + [AccountMeta(key, False, key in writable) for key in keys]
        if bytes(self.accounts[self.position].data)[2285]:
            metas += [AccountMeta(key, False, True) for key in deposits if key != NO_KEY]
        data = discriminator("global", "liquidate_obligation_and_redeem_reserve_collateral")
        return Instruction(PROGRAM, data + struct.pack("<QQQ", self.amount, self.min_received, 0), metas)


def authority(market: Pubkey) -> tuple[Pubkey, int]:
    """Return the market's authority and its bump."""
    return Pubkey.find_program_address([b"lma", bytes(market)], PROGRAM)


def referrer_state(referrer: Pubkey, reserve: Pubkey) -> Pubkey:
    """Return where a referrer's fees in one reserve are kept."""
    return Pubkey.find_program_address([b"referrer_acc", bytes(referrer), bytes(reserve)], PROGRAM)[0]


def _key(data: bytes, offset: int) -> Pubkey:
    return Pubkey(data[offset : offset + 32])
