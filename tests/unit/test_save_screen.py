"""Save's screen, kept in step with a market's accounts, always names whoever is liquidatable, and hardly anybody else."""

import random
from dataclasses import dataclass, field

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine._core import ArgumentError
from liquidation_engine.errors import DecodeError
from tests.differential import save_accounts as save
from tests.differential.save_accounts import PROGRAM, PULL, WAD, Borrow, Deposit, Obligation, Reserve
from tests.differential.save_states import MARKETS, key

MARKET = MARKETS[0][0]
RESERVES, POSITIONS = 6, 150


@dataclass
class Chain:
    """A market whose prices and positions move; the screen hears of every change, the exact answer reads everything."""

    rng: random.Random
    slot: int = 300_000_000
    time: int = 1_750_000_000
    accounts: dict[Pubkey, Account] = field(default_factory=dict)
    prices: list[float] = field(default_factory=list)
    positions: list[Pubkey] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the market."""
        self.screen = protocols.get("save").screen(str(MARKET))
        self.write(MARKET, PROGRAM, save.market(MARKETS[0][2], key(7), liquidator=bytes(32), risk=bytes(32)))
        for number in range(RESERVES):
            self.add_reserve(number)
        for number in range(POSITIONS):
            self.positions.append(key(200 + number))
            self.put_position(self.positions[-1])

    def add_reserve(self, number: int) -> None:
        """Add a reserve and its oracle."""
        address, oracle = key(10 + number), key(30 + number)
        made = Reserve(MARKET, *(key(1_000 + 10 * number + n) for n in range(5)), main_oracle=oracle)
        made.slot, made.decimals = self.slot - self.rng.randrange(10_000), self.rng.choice([6, 9])
        made.available, made.borrowed = 10**15, 7 * 10**14 * WAD + self.rng.randrange(WAD)
        made.shares, made.index = 9 * 10**14, WAD + self.rng.randrange(WAD)
        made.added_weight = self.rng.choice([0, 0, 2_000])
        self.write(address, PROGRAM, made.pack())
        self.prices.append(10 ** self.rng.uniform(-1, 3))
        self.put_price(number)

    def put_price(self, number: int, *, age: int = 0) -> None:
        """Write a price, or one that is too old."""
        price = int(self.prices[number] * 10**8)
        self.write(key(30 + number), PULL, save.pull_price(price, 0, -8, self.time - age, price))

    def put_position(self, address: Pubkey) -> None:
        """Write an obligation somewhere around the line, at times a whale or one that is open to liquidation."""
        rng = self.rng
        value = 10 ** rng.uniform(7, 8.3) if rng.random() < 0.1 else 10 ** rng.uniform(-3, 6)
        lent, owed = rng.sample(range(len(self.prices)), 2)
        units = lambda number, value: int(value / self.prices[number] * 10 ** self.decimals(number))  # noqa: E731
        deposit = Deposit(key(10 + lent), max(1, units(lent, value / rng.uniform(0.6, 1.1))))
        borrow = Borrow(key(10 + owed), WAD, max(1, units(owed, value)) * WAD // 2)
        made = Obligation(MARKET, key(4), [deposit], [borrow] if rng.random() < 0.95 else [])
        made.closeable = int(rng.random() < 0.03)
        self.write(address, PROGRAM, made.pack())

    def decimals(self, number: int) -> int:
        """Return a reserve's decimals."""
        return self.accounts[key(10 + number)].data[74]

    def write(self, address: Pubkey, owner: Pubkey, data: bytes) -> None:
        """Change an account."""
        self.accounts[address] = Account(1, data, owner)
        self.screen.apply(bytes(address), bytes(owner), self.slot, data)

    def close(self, address: Pubkey) -> None:
        """Close an obligation."""
        self.positions.remove(address)
        del self.accounts[address]
        self.screen.apply(bytes(address), bytes(32), self.slot, b"")

    def step(self) -> None:
        """Let something happen."""
        rng = self.rng
        later = rng.choice([1, 1, 10, 20_000])
        self.slot, self.time = self.slot + later, self.time + 1
        for number in range(len(self.prices)):
            self.prices[number] *= rng.choice([1, 1, rng.uniform(0.97, 1.03), rng.uniform(0.4, 2.6)])
            self.put_price(number, age=500 if rng.random() < 0.02 else 0)
        for address in rng.sample(self.positions, 10):
            self.put_position(address)
        if rng.random() < 0.3:
            self.close(rng.choice(self.positions))
        if rng.random() < 0.05:
            self.add_reserve(len(self.prices))

    def suspects(self) -> set[str]:
        """Return whom the screen names."""
        return {str(Pubkey(address)) for address in self.screen.suspects(self.slot, self.time)}

    def liquidatable(self) -> set[str]:
        """Return who is liquidatable, everything read anew."""
        accounts = {str(address): account for address, account in self.accounts.items()}
        clock, adapter = Clock(self.slot, 0, 0, 0, self.time), protocols.get("save")
        return {str(it) for it in self.positions if adapter.health(accounts, clock, str(it)).liquidatable}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_screen_names_everybody_who_is_liquidatable_whatever_happens(seed: int) -> None:
    chain = Chain(random.Random(seed))
    assert chain.screen.wanted() == [bytes(save.NO_ORACLE)]
    liquidatable, named = 0, 0
    for _ in range(40):
        found, suspects = chain.liquidatable(), chain.suspects()
        assert found <= suspects
        liquidatable, named = liquidatable + len(found), named + len(suspects)
        chain.step()
    assert liquidatable > 1_000
    assert named <= 1.2 * liquidatable  # those open to liquidation by hand are named too: only a whole refresh can tell


def test_an_older_state_is_not_taken_and_a_foreign_account_is_not_kept() -> None:
    chain = Chain(random.Random(4))
    position = chain.positions[0]
    data = chain.accounts[position].data
    assert not chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot - 1, data)
    assert chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot, data)
    other = data[:10] + bytes(MARKETS[1][0]) + data[42:]
    assert not chain.screen.apply(bytes(key(6_000)), bytes(PROGRAM), chain.slot, other)
    assert chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot + 1, other)  # it has left
    assert str(position) not in chain.suspects()


def test_bytes_that_the_program_did_not_write_are_refused_and_change_nothing() -> None:
    chain = Chain(random.Random(5))
    before = chain.suspects()
    position = next(it for it in chain.positions if str(it) in before)
    data = bytearray(chain.accounts[position].data)
    data[203] = 255  # so many debts do not fit
    with pytest.raises(DecodeError, match="Save obligation"):
        chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot + 1, bytes(data))
    assert chain.suspects() == before


def test_a_protocol_without_a_screen_says_so() -> None:
    with pytest.raises(ArgumentError, match="expected one with a screen"):
        protocols.get("reference").screen(str(MARKET))
