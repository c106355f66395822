"""Kamino's screen, kept in step with a market's accounts, always names whoever is liquidatable, and hardly anybody else."""

import random
from dataclasses import dataclass, field

import pytest
from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.errors import DecodeError
from tests.differential import kamino_accounts as kamino
from tests.differential.kamino_accounts import NO_KEY, ONE, PROGRAM, UNUSED, Group, Market, Obligation, Reserve
from tests.differential.kamino_world import CURVES

RESERVES, POSITIONS, FEEDS = 6, 150, 2
GROUPS = {1: (0, 90), 2: (1, 85), 3: (2, 93)}
"""The reserve that each group lends, and its threshold."""


def key(number: int) -> Pubkey:
    """Return an address."""
    return Pubkey(number.to_bytes(32, "big"))


MARKET = key(1)


@dataclass
class Chain:
    """A market whose prices and positions move; the screen hears of every change, the exact answer reads everything."""

    rng: random.Random
    slot: int = 300_000_000
    time: int = 1_750_000_000
    accounts: dict[Pubkey, Account] = field(default_factory=dict)
    prices: list[float] = field(default_factory=list)
    reserves: list[Reserve] = field(default_factory=list)
    positions: list[Pubkey] = field(default_factory=list)
    rules: dict[tuple[int, int], int] = field(default_factory=dict)
    unsent: list[tuple[Pubkey, Account, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the market."""
        self.screen = protocols.get("kamino").screen(str(MARKET))
        self.put_market()
        for _ in range(RESERVES):
            self.add_reserve()
        for number in range(POSITIONS):
            self.positions.append(key(200 + number))
            self.put_position(self.positions[-1])
        self.put_prices(stale=0)
        self.deliver()

    def put_market(self) -> None:
        """Write the market with its groups under rules that may have changed."""
        rng = self.rng
        self.rules = {
            (122, 1): int(rng.random() < 0.03),  # emergency
            (123, 1): rng.randrange(2),  # deleveraging
            (125, 1): rng.choice([0, 0, 80]),
            (126, 1): 20,
            (136, 8): 500_000,
            (3240, 8): rng.choice([0, 2]),
            (3280, 8): rng.choice([0, 2]),
            (3288, 8): 1_000,  # a margin call
            (3304, 1): rng.randrange(2),  # orders
            (3307, 1): int(rng.random() < 0.1),  # none by price
            (3308, 1): rng.randrange(2),  # debts that matured
        }
        groups = [
            Group(id=id, ltv=50, threshold=threshold - rng.randrange(3), max_bonus=500, debt=key(10 + debt))
            for id, (debt, threshold) in GROUPS.items()
        ]
        it = Market(address=MARKET, bump=255, numbers=self.rules, groups=groups)
        self.write(MARKET, it.account())

    def add_reserve(self) -> None:
        """Add a reserve and its entry in one of Scope's tables."""
        rng, number = self.rng, len(self.reserves)
        price, decimals = 10 ** rng.uniform(-1, 3), rng.choice([6, 9])
        supply = int(10**9 / price * 10**decimals)
        lent = supply * 7 // 10
        numbers = {
            (16, 8): self.slot - rng.randrange(10_000),
            (224, 8): supply - lent,
            (232, 16): lent * ONE + rng.randrange(ONE),
            (248, 16): int(price * ONE),
            (264, 8): self.time - 1_000,
            (272, 8): decimals,
            (296, 32): ONE + rng.randrange(ONE),
            (2592, 8): int(supply * rng.uniform(0.8, 1)),
            (4870, 1): 15,
            (4873, 1): 0 if number == 5 else rng.choice([55, 75, 80, 90]),
            (4880, 8): 100,
            (4888, 8): 10_000,
            (5008, 8): rng.choice([100, 100, 130]),
            (5016, 8): 2**64 - 1,
            (5024, 8): int(lent * 1.00001) if number == 3 else 2**64 - 1,  # interest takes it over its limit
            (5096, 8): 120,
            (5502, 1): 1,
        }
        for place in range(4):
            numbers[(5144 + 2 * place, 2)] = number // FEEDS if place == 0 else UNUSED
            numbers[(5152 + 2 * place, 2)] = UNUSED
        keys = {32: MARKET, 5112: key(50 + number % FEEDS)}
        groups = [id for id, (debt, _) in GROUPS.items() if number == debt or rng.random() < 0.6]
        self.reserves.append(
            Reserve(address=key(10 + number), keys=keys, numbers=numbers, curve=CURVES[1], groups=groups)
        )
        self.prices.append(price)
        self.write(key(10 + number), self.reserves[number].account())

    def change_reserve(self, number: int) -> None:
        """Refresh a reserve as the program might, or change what its owner set."""
        rng, it = self.rng, self.reserves[number]
        match rng.randrange(4):
            case 0:
                it.numbers[(16, 8)] = self.slot
                it.numbers[(296, 32)] += it.numbers[(296, 32)] // 10**6
                it.numbers[(232, 16)] += it.numbers[(232, 16)] // 10**6
            case 1:
                it.numbers[(4873, 1)] = rng.choice([0, 55, 75, 90])
            case 2:
                it.numbers[(5776, 8)] = rng.choice([0, 0, self.time + 3])
            case _:
                it.groups = [id for id, (debt, _) in GROUPS.items() if number == debt or rng.random() < 0.6]
        self.write(key(10 + number), it.account())

    def put_prices(self, stale: float = 0.02) -> None:
        """Write the tables of prices, some of which are too old."""
        for feed in range(FEEDS):
            entries = {}
            for number in range(feed, len(self.prices), FEEDS):
                age = 500 if self.rng.random() < stale else 0
                entries[number // FEEDS] = (int(self.prices[number] * 10**10), 10, self.time - age)
            self.write(key(50 + feed), kamino.scope(entries))

    def put_position(self, address: Pubkey) -> None:
        """Write an obligation somewhere around the line, in a group at times, or one that something beside its price may end."""
        rng = self.rng
        group = rng.choice([0, 0, 1, 2, 3])
        members = [n for n, it in enumerate(self.reserves) if group == 0 or group in it.groups]
        debts = rng.sample(members, 2 if rng.random() < 0.3 else 1) if group == 0 else [GROUPS[group][0]]
        others = [number for number in members if number not in debts] or [debts[0]]
        lent = rng.sample(others, rng.randint(1, min(3, len(others))))
        value = 10 ** rng.uniform(-3, 7)
        parts = {number: value * rng.uniform(0.1, 1) for number in lent}
        threshold = lambda number: GROUPS[group][1] if group else self.reserves[number].numbers[(4873, 1)]  # noqa: E731
        line = sum(part * threshold(number) / 100 for number, part in parts.items()) or value / 2
        made = Obligation(address=address, market=MARKET, owner=key(9), deposits={}, borrows={})
        for place, (number, part) in enumerate(parts.items()):
            shares = self.units(number, part) * self.reserves[number].numbers[(2592, 8)] // self.supply(number)
            made.deposits[place] = (key(10 + number), {(32, 8): max(1, shares)})
        for place, number in enumerate(debts):
            factor = 1 if group else self.reserves[number].numbers[(5008, 8)] / 100
            owed = max(1, self.units(number, line * rng.uniform(0.7, 1.05) / factor / len(debts)))
            index = self.reserves[number].numbers[(296, 32)] - rng.randrange(ONE // 10**6)
            fields = {(32, 32): index, (88, 16): owed * ONE + rng.randrange(ONE)}
            if rng.random() < 0.95:
                made.borrows[place] = (key(10 + number), fields)
        made.numbers = {(16, 8): self.slot - 5, (2285, 1): group, (2287, 1): 1}
        if rng.random() < 0.03:
            made.numbers |= {(2321, 1): 10, (2336, 8): self.time - rng.choice([995, 2_000])}
        if rng.random() < 0.03:
            made.numbers[(2344 + 36, 1)] = rng.randint(1, 6)
        self.write(address, made.account())

    def supply(self, number: int) -> int:
        """Return what a reserve's shares are worth, whole units."""
        numbers = self.reserves[number].numbers
        return numbers[(224, 8)] + (numbers[(232, 16)] >> 60)

    def units(self, number: int, value: float) -> int:
        """Return a value in smallest units."""
        return int(value / self.prices[number] * 10 ** self.reserves[number].numbers[(272, 8)])

    def write(self, address: Pubkey, account: Account) -> None:
        """Change an account; the screen hears of it at the next delivery."""
        self.accounts[address] = account
        self.unsent.append((address, account, self.slot))

    def close(self, address: Pubkey) -> None:
        """Close an obligation."""
        self.positions.remove(address)
        del self.accounts[address]
        self.unsent.append((address, Account(0, b"", NO_KEY), self.slot))

    def deliver(self) -> None:
        """Tell the screen everything, in any order but for what one slot did to one account, and what it wants then."""
        last = {(address, slot): account for address, account, slot in self.unsent}
        changes = list(last.items())
        self.rng.shuffle(changes)
        for (address, slot), account in changes:
            self.screen.apply(bytes(address), bytes(account.owner), slot, account.data)
        self.unsent = []
        for address in map(Pubkey, self.screen.wanted()):
            account = self.accounts[address]
            assert self.screen.apply(bytes(address), bytes(account.owner), self.slot, account.data)
        assert self.screen.wanted() == []

    def move(self) -> None:
        """Let a slot or many pass and something happen in it."""
        rng = self.rng
        later = rng.choice([1, 1, 10, 200_000])
        self.slot, self.time = self.slot + later, self.time + (later + 1) // 2
        for number in range(len(self.prices)):
            self.prices[number] *= rng.choice([1, 1, rng.uniform(0.97, 1.03), rng.uniform(0.4, 2.6)])
        self.put_prices()
        for address in rng.sample(self.positions, 10):
            self.put_position(address)
        if rng.random() < 0.3:
            self.change_reserve(rng.randrange(len(self.reserves)))
        if rng.random() < 0.3:
            self.close(rng.choice(self.positions))
        if rng.random() < 0.1:
            self.put_market()
        if rng.random() < 0.05:
            self.add_reserve()
            self.put_prices()

    def step(self) -> None:
        """Let one or more slots happen before the screen hears of them, the later ones first perhaps."""
        for _ in range(self.rng.choice([1, 1, 3])):
            self.move()
        self.deliver()

    def suspects(self) -> set[str]:
        """Return whom the screen names."""
        return {str(Pubkey(address)) for address in self.screen.suspects(self.slot, self.time)}

    def is_unusual(self, position: str) -> bool:
        """Return whether only a whole refresh can tell about a position: a call, an order, a limit, a maturity, a misfit."""
        data = self.accounts[Pubkey.from_string(position)].data
        legs = [
            *(data[at : at + 32] for at in range(96, 1184, 136)),
            *(data[at : at + 32] for at in range(1208, 2208, 200)),
        ]
        held = [it for it in self.reserves if bytes(it.address) in legs]
        timed = any(it is self.reserves[3] or it.numbers.get((5776, 8)) for it in held)
        used = [it for it in legs if it != bytes(32)]
        unfit = len(set(used)) < len(used) or any(data[2285] not in it.groups for it in held)
        return timed or (data[2285] != 0 and unfit) or data[2336:2344] != bytes(8) or data[2380] != 0

    def liquidatable(self) -> set[str]:
        """Return who is liquidatable, everything read anew."""
        clock, adapter = Clock(self.slot, 0, 0, 0, self.time), protocols.get("kamino")
        positions = set(self.positions)
        common = {str(address): it for address, it in self.accounts.items() if address not in positions}
        asked = ((str(it), self.accounts[it]) for it in self.positions)
        return {name for name, it in asked if adapter.health({**common, name: it}, clock, name).liquidatable}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_screen_names_everybody_who_is_liquidatable_whatever_happens(seed: int) -> None:
    chain = Chain(random.Random(seed))
    in_groups, liquidatable, safe = 0, 0, 0
    for _ in range(40):
        found, suspects = chain.liquidatable(), chain.suspects()
        assert found <= suspects
        assert all(map(chain.is_unusual, suspects - found))
        in_groups += sum(chain.accounts[Pubkey.from_string(it)].data[2285] != 0 for it in found)
        liquidatable, safe = liquidatable + len(found), safe + len(set(map(str, chain.positions)) - suspects)
        chain.step()
    assert liquidatable > 1_000
    assert in_groups > 300
    assert safe > 1_000


def test_an_empty_screen_wants_the_market_and_then_what_it_names() -> None:
    screen = protocols.get("kamino").screen(str(MARKET))
    assert screen.wanted() == [bytes(MARKET)]
    chain = Chain(random.Random(4))
    position = chain.accounts[chain.positions[0]]
    assert screen.apply(bytes(chain.positions[0]), bytes(PROGRAM), chain.slot, position.data)
    reserves = {position.data[96:128], position.data[1208:1240]} - {bytes(32)}
    assert reserves <= set(screen.wanted())
    assert screen.suspects(chain.slot, chain.time) == []


def test_an_older_state_is_not_taken_and_a_foreign_account_is_not_kept() -> None:
    chain = Chain(random.Random(5))
    position = chain.positions[0]
    data = chain.accounts[position].data
    assert not chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot - 1, data)
    assert chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot, data)
    other = data[:32] + bytes(key(2)) + data[64:]
    assert not chain.screen.apply(bytes(key(6_000)), bytes(PROGRAM), chain.slot, other)
    assert chain.screen.apply(bytes(position), bytes(PROGRAM), chain.slot + 1, other)  # it has left
    assert str(position) not in chain.suspects()


def test_an_account_that_was_closed_does_not_come_back_with_an_older_state() -> None:
    chain = Chain(random.Random(8))
    position = min(chain.suspects())
    data, new = chain.accounts[Pubkey.from_string(position)].data, key(6_001)
    chain.screen.apply(bytes(new), bytes(32), chain.slot + 2, b"")
    assert not chain.screen.apply(bytes(new), bytes(PROGRAM), chain.slot + 1, data)
    assert chain.screen.apply(bytes(new), bytes(PROGRAM), chain.slot + 3, data)
    assert str(new) in chain.suspects()


@pytest.mark.parametrize("kind", ["obligation", "reserve", "lending market"])
def test_bytes_that_the_program_did_not_write_are_refused_and_change_nothing(kind: str) -> None:
    chain = Chain(random.Random(6))
    before = chain.suspects()
    address = {"obligation": Pubkey.from_string(min(before)), "reserve": key(10), "lending market": MARKET}[kind]
    data = bytes(8) + chain.accounts[address].data[8:]
    with pytest.raises(DecodeError, match=f"Kamino {kind}"):
        chain.screen.apply(bytes(address), bytes(PROGRAM), chain.slot + 1, data)
    assert before
    assert chain.suspects() == before


def test_a_collateral_without_a_threshold_that_outgrows_its_laying_hides_nobody() -> None:
    """Its worth makes the compared quotients so coarse that debts a little below the line are liquidatable."""
    chain = Chain(random.Random(7))
    chain.put_market = lambda: None  # type: ignore[method-assign]
    worthless, counted, debt = 5, 3, 4
    for number, price in ((worthless, 1e3), (counted, 1.0), (debt, 1.0)):
        chain.prices[number] = price
        it = chain.reserves[number].numbers
        it[(4873, 1)], it[(5008, 8)], it[(296, 32)], it[(16, 8)] = (
            (0 if number == worthless else 80),
            100,
            ONE,
            chain.slot,
        )
        it[(5024, 8)], it[(272, 8)], it[(2592, 8)] = 2**64 - 1, 6, chain.supply(number)
        it[(232, 16)] &= ~(ONE - 1)
        chain.write(key(10 + number), chain.reserves[number].account())
    market = Market(address=MARKET, bump=255, numbers={(126, 1): 20, (136, 8): 500_000})
    chain.write(MARKET, market.account())
    near = [key(500 + number) for number in range(12)]
    for number, address in enumerate(near):
        deposits = {0: (key(10 + worthless), {(32, 8): 10**13}), 1: (key(10 + counted), {(32, 8): 1_000})}
        owed = (800 - number) * ONE  # the line is at 800
        borrows = {0: (key(10 + debt), {(32, 32): ONE, (88, 16): owed})}
        made = Obligation(address=address, market=MARKET, owner=key(9), deposits=deposits, borrows=borrows)
        made.numbers = {(16, 8): chain.slot, (2287, 1): 1}
        chain.write(address, made.account())
        chain.positions.append(address)
    for growth in (1, 7, 100, 900):  # the book is opened anew for a thousandfold anyway
        chain.prices[worthless] = 1e3 * growth
        chain.put_prices(stale=0)
        chain.deliver()
        found = chain.liquidatable() & set(map(str, near))
        assert found <= chain.suspects()
    assert len(found) > 3
