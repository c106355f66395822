"""A market of the deployed Save program on a localnet: reserves, Pyth prices that keep fresh, obligations at known distances."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from liquidation_engine.localnet import Localnet
from tests.differential import save_accounts as save
from tests.differential.save_accounts import PROGRAM, TOKEN, WAD, Borrow, Deposit, Obligation, Reserve
from tests.differential.save_states import authority_of

PROGRAMS = Path(os.environ.get("LIQ_PROGRAMS", "/nonexistent"))
BINARY = PROGRAMS / "solend.so"
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
LAMPORTS = 10**10
THRESHOLD_PERCENT = 75
FRESH_SLOTS = 20  # after which each price is written again


def key(number: int) -> Pubkey:
    """Return the n-th address."""
    return Keypair.from_seed(number.to_bytes(32, "big")).pubkey()


@dataclass
class Asset:
    """A reserve with its tokens and its price, in cents."""

    number: int
    decimals: int
    cents: int
    deposit_units: int  # what suppliers have in it
    reserve: Reserve = field(init=False)

    @property
    def address(self) -> Pubkey:
        """The reserve."""
        return key(100 * self.number)

    @property
    def mint(self) -> Pubkey:
        """What it lends."""
        return key(100 * self.number + 1)

    @property
    def shares(self) -> Pubkey:
        """Its collateral mint."""
        return key(100 * self.number + 3)

    def tokens(self, cents: int) -> int:
        """Return how many smallest units a value is, at the first price."""
        return cents * 10**self.decimals // self.cents


class SaveMarket:
    """The genesis, and the oracles' hand."""

    def __init__(self, localnet: Localnet, wallet: Pubkey) -> None:
        self.localnet, self.wallet = localnet, wallet
        self.market = key(1)
        self.authority, self.bump = authority_of(self.market)
        self.sol = Asset(2, 9, 15_000, 10**15)
        self.eth = Asset(3, 8, 300_000, 10**14)
        self.usdc = Asset(4, 6, 100, 10**13)
        self.others = [Asset(number, 6, 100 * number, 10**13) for number in (5, 6, 7, 8)]
        self.obligations: list[Pubkey] = []
        self._written = 0
        chain = localnet.chain
        chain.add_program(PROGRAM, BINARY.read_bytes())
        self._put(wallet, Pubkey.default(), b"")
        self._put(self.market, PROGRAM, save.market(self.bump, key(9), liquidator=bytes(32), risk=bytes(key(8))))
        for asset in self.assets:
            self._add(asset)
        localnet.on_slot(self.keep_fresh)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """All of them."""
        return self.sol, self.eth, self.usdc, *self.others

    def borrower(self, *, lent: Asset, value_cents: int, health_percent: int) -> Pubkey:
        """Add an obligation that has lent `value_cents` and owes USDC, such that unhealthy / borrowed value is `health_percent`."""
        return self.wide_borrower([lent], value_cents, health_percent)

    def wide_borrower(self, lent: Sequence[Asset], value_cents: int, health_percent: int) -> Pubkey:
        """Add an obligation that has lent as much of each of several assets."""
        address = key(10_000 + len(self.obligations))
        debt_cents = len(lent) * value_cents * THRESHOLD_PERCENT // health_percent
        made = Obligation(
            self.market,
            key(20_000 + len(self.obligations)),
            [Deposit(asset.address, asset.tokens(value_cents)) for asset in lent],
            [Borrow(self.usdc.address, WAD, self.usdc.tokens(debt_cents) * WAD)],
        )
        made.slot = self.localnet.chain.slot
        self._put(address, PROGRAM, made.pack())
        self.obligations.append(address)
        return address

    def fund(self, asset: Asset, amount: int) -> None:
        """Give the liquidator tokens, and accounts for the tokens and the reserve's collateral."""
        self._put(self.tokens_of(asset.mint), TOKEN, save.token(asset.mint, self.wallet, amount))
        self._put(self.tokens_of(asset.shares), TOKEN, save.token(asset.shares, self.wallet, 0))

    def remove(self, address: Pubkey) -> None:
        """Take an account off the chain."""
        self.localnet.set_account(address, Account(0, b"", Pubkey.default(), False, 0))

    def tokens_of(self, mint: Pubkey) -> Pubkey:
        """Return the liquidator's token account."""
        return Pubkey.find_program_address([bytes(self.wallet), bytes(TOKEN), bytes(mint)], ASSOCIATED)[0]

    def balance(self, mint: Pubkey) -> int:
        """Return what the liquidator holds."""
        account = self.localnet.chain.get_account(self.tokens_of(mint))
        assert account is not None
        return int(struct.unpack_from("<Q", bytes(account.data), 64)[0])

    def set_price(self, asset: Asset, cents: int) -> None:
        """Move a price, now."""
        asset.cents = cents
        self._write_price(asset, self.localnet.chain.blocks.latest.unix_time)

    def keep_fresh(self, slot: int) -> None:
        """Write every price again before the program calls it stale."""
        if slot - self._written >= FRESH_SLOTS:
            self._written = slot
            for asset in self.assets:
                self._write_price(asset, self.localnet.chain.blocks.latest.unix_time)

    def _add(self, asset: Asset) -> None:
        supply, share_supply, fees, oracle = (key(100 * asset.number + place) for place in (2, 4, 5, 6))
        made = Reserve(self.market, asset.mint, supply, asset.shares, share_supply, fees, oracle)
        made.slot, made.decimals = self.localnet.chain.slot, asset.decimals
        made.available = asset.deposit_units
        made.borrowed = asset.deposit_units // 2 * WAD
        made.shares = made.available + made.borrowed // WAD
        made.rates = (80, 70, 5, THRESHOLD_PERCENT, 0, 8, 50)
        made.max_threshold = 85
        asset.reserve = made
        self._put(asset.address, PROGRAM, made.pack())
        self._put(asset.mint, TOKEN, save.mint(self.authority, 2**62, asset.decimals))
        self._put(asset.shares, TOKEN, save.mint(self.authority, 2**62, asset.decimals))
        self._put(supply, TOKEN, save.token(asset.mint, self.authority, made.available))
        self._put(share_supply, TOKEN, save.token(asset.shares, self.authority, made.shares))
        self._put(fees, TOKEN, save.token(asset.mint, key(7), 0))
        self._write_price(asset, self.localnet.chain.blocks.latest.unix_time)

    def _write_price(self, asset: Asset, unix_time: int) -> None:
        price = asset.cents * 10**6
        data = save.pull_price(price, price // 1_000, -8, unix_time, price)
        self._put(asset.reserve.main_oracle, save.PULL, data)

    def _put(self, address: Pubkey, owner: Pubkey, data: bytes) -> None:
        self.localnet.set_account(address, Account(LAMPORTS, data, owner, False, 2**64 - 1))
