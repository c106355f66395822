"""A book with a screen tells of the same positions as one that judges everybody, whatever happens to a market of Save."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pytest
from solders.pubkey import Pubkey

from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import DecodeError
from liquidation_engine.runner import program_book
from liquidation_engine.runner.market_book import Crossings
from liquidation_engine.runner.program_book import ProgramBook
from liquidation_engine.runner.screening import Screening
from tests.differential import save_accounts as save
from tests.differential.save_accounts import PROGRAM, PULL, WAD, Borrow, Deposit, Obligation, Reserve
from tests.differential.save_states import MARKETS, START_SLOT, START_TIME, key, state

MARKET = MARKETS[0][0]
RESERVES, POSITIONS, STEPS = 5, 60, 150


class Everybody(ProgramBook):
    """Judges everybody at every change."""

    def _suspected(self, otherwise: Iterable[str]) -> dict[str, None]:
        return dict.fromkeys(self._held)


@dataclass
class Wall:
    """The clock of both books."""

    time: float = START_TIME


class Trial:
    """A market that changes, and two books that hear the same of it: late, twice, or not at all."""

    def __init__(self, seed: int) -> None:
        self.rng, self.wall, self.slot = random.Random(seed), Wall(), START_SLOT
        self.chain: dict[Pubkey, ChainAccount] = {}
        self.prices = [10 ** self.rng.uniform(-1, 3) for _ in range(RESERVES)]
        self.reserves: list[Reserve] = []
        self.late: list[ChainAccount] = []
        self.news: list[ChainAccount] = []
        self.screened, self.everybody = (
            kind("save", str(PROGRAM), str(MARKET), wall_seconds=lambda: self.wall.time, monotonic=lambda: 0.0)
            for kind in (ProgramBook, Everybody)
        )
        self.told = {"crossed": 0, "recovered": 0, "by time alone": 0}
        self.judged = [0, 0]
        self.write(MARKET, PROGRAM, save.market(MARKETS[0][2], key(7), liquidator=bytes(32), risk=bytes(32)))
        for number in range(RESERVES):
            self.add_reserve(number)
        for number in range(POSITIONS):
            self.put_position(key(200 + number))
        self.rng.shuffle(self.news)

    def write(self, address: Pubkey, owner: Pubkey, data: bytes) -> None:
        """Change an account; a closed one has no data."""
        state = ChainAccount(
            address=str(address), owner=str(owner), lamports=10**9 if data else 0, data=data, slot=self.slot
        )
        if data:
            self.chain[address] = state
        else:
            self.chain.pop(address, None)
        self.news.append(state)

    def add_reserve(self, number: int) -> None:
        """Open a reserve and its oracle."""
        named = key(1_000 + number), key(1_100 + number), key(1_200 + number), key(1_300 + number), key(1_400 + number)
        made = Reserve(MARKET, *named, main_oracle=key(30 + number))
        made.slot, made.decimals = self.slot, self.rng.choice([6, 9])
        made.available, made.borrowed, made.shares = 10**15, 7 * 10**14 * WAD, 9 * 10**14
        made.index, made.added_weight = WAD + self.rng.randrange(WAD), self.rng.choice([0, 0, 2_000])
        self.reserves.append(made)
        self.write(key(10 + number), PROGRAM, made.pack())
        self.put_price(number)

    def put_price(self, number: int, age: int = 0) -> None:
        """Write a price into the oracle that the reserve names."""
        price = int(self.prices[number] * 10**8)
        data = save.pull_price(price, 0, -8, int(self.wall.time) - age, price)
        self.write(self.reserves[number].main_oracle, PULL, data)

    def put_position(self, address: Pubkey) -> None:
        """Write an obligation around the line."""
        rng = self.rng
        value = 10 ** (rng.uniform(7, 8.3) if rng.random() < 0.1 else rng.uniform(-3, 6))
        lent, owed = rng.sample(range(len(self.prices)), 2)
        units = [value / self.prices[n] * 10 ** self.reserves[n].decimals for n in (lent, owed)]
        deposit = Deposit(key(10 + lent), max(1, int(units[0] / rng.uniform(0.6, 1.1))))
        borrow = Borrow(key(10 + owed), WAD, max(1, int(units[1])) * WAD // 2)
        made = Obligation(MARKET, key(4), [deposit], [borrow] if rng.random() < 0.95 else [])
        made.closeable = int(rng.random() < 0.03)
        self.write(address, PROGRAM, made.pack())

    def happen(self) -> None:
        """Change the chain in one way."""
        rng, number = self.rng, self.rng.randrange(len(self.prices))
        address = key(200 + rng.randrange(POSITIONS + 5))
        rare = ["stale", "close", "reserve", "move", "spoil", "interest", "shut"]
        match rng.choice(["price"] * 8 + ["all prices"] * 4 + ["open"] * 3 + rare):
            case "price":
                self.prices[number] *= rng.choice([rng.uniform(0.97, 1.03), rng.uniform(0.4, 2.6)])
                self.put_price(number)
            case "all prices":
                for each in range(len(self.prices)):
                    self.put_price(each)
            case "stale":
                self.put_price(number, age=rng.choice([119, 120, 121, 500]))
            case "open":
                self.put_position(address)
            case "close":
                self.write(address, PROGRAM, b"")
            case "reserve" if len(self.prices) < 2 * RESERVES:
                self.prices.append(10 ** rng.uniform(-1, 3))
                self.add_reserve(len(self.prices) - 1)
            case "move":  # another oracle, which may have been there before the reserve named it
                self.reserves[number].main_oracle = key(rng.choice([30, 60]) + number)
                for write in rng.sample([self.put_price, self.put_reserve], 2):
                    write(number)
            case "spoil" if address in self.chain:
                data = bytearray(self.chain[address].data)
                data[rng.choice([0, 202, 203])] = rng.choice([0, 2, 255])
                self.write(address, PROGRAM, bytes(data))
            case "interest":
                self.reserves[number].index += rng.randrange(WAD // 10)
                self.reserves[number].slot = self.slot
                self.put_reserve(number)
            case "shut":
                oracle = rng.random() < 0.5
                closed = self.reserves[number].main_oracle if oracle else key(10 + number)
                self.write(closed, PULL if oracle else PROGRAM, b"")

    def put_reserve(self, number: int) -> None:
        """Write a reserve as it is now."""
        self.write(key(10 + number), PROGRAM, self.reserves[number].pack())

    def heard(self) -> list[ChainAccount]:
        """Return what the books hear of the news: some is lost, some comes twice, some late."""
        rng, heard = self.rng, list[ChainAccount]()
        for one in self.news:
            heard += [one] * rng.choice([0, 1, 1, 1, 1, 1, 1, 1, 1, 2])
            if rng.random() < 0.1:
                self.late.append(one)
        if self.late and rng.random() < 0.3:
            heard.append(self.late.pop(rng.randrange(len(self.late))))
        self.news = []
        return heard

    def step(self) -> None:
        """Let something happen, tell both books, and compare what they say."""
        rng = self.rng
        later = rng.choice([0, 1, 1, 10, 100_000])
        self.slot, self.wall.time = self.slot + later, self.wall.time + rng.choice([0, 0, 1, 5, 20])
        for _ in range(rng.choice([0, 1, 2, 4])):
            self.happen()
        match rng.choice(["apply"] * 6 + ["advance", "advance", "snapshot"]):
            case "apply":
                heard = self.heard()
                self.compare([book.apply(heard) for book in self.books])
            case "advance":
                crossings = [book.advance(self.slot) for book in self.books]
                self.told["by time alone"] += len(crossings[0].crossed)
                self.compare(crossings)
            case "snapshot":
                found = [replace(one, slot=self.slot) for one in self.chain.values()]
                ours = [one for one in found if one.owner == str(PROGRAM)]
                self.compare([book.replace(self.slot, ours) for book in self.books])
                self.compare([book.apply([one for one in found if one not in ours]) for book in self.books])
        if rng.random() < 0.1 and (standing := self.screened.liquidatable()):
            for book in self.books:
                book.rearm(min(standing))

    @property
    def books(self) -> Sequence[ProgramBook]:
        """Both."""
        return self.screened, self.everybody

    def compare(self, crossings: Sequence[Crossings]) -> None:
        """Hold both answers, and who stands, against each other."""
        with_screen, without = crossings
        assert sorted(with_screen.crossed) == sorted(without.crossed)
        assert sorted(with_screen.recovered) == sorted(without.recovered)
        assert sorted(self.screened.liquidatable()) == sorted(self.everybody.liquidatable())
        self.told["crossed"] += len(without.crossed)
        self.told["recovered"] += len(without.recovered)
        self.judged = [self.judged[0] + with_screen.evaluated, self.judged[1] + without.evaluated]


@pytest.mark.parametrize("seed", range(8))
def test_a_screened_book_tells_what_one_that_judges_everybody_tells(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        program_book, "SLICE", 1
    )  # what the screen forgets must not be found by the turns that all have
    trial = Trial(seed)
    for _ in range(STEPS):
        trial.step()
    assert min(trial.told.values()) > 0
    assert trial.told["crossed"] > 30
    assert 2 * trial.judged[0] < trial.judged[1]


def test_a_screened_book_agrees_on_markets_with_every_kind_of_oracle_and_damage() -> None:
    found = 0
    for seed in range(600):
        world = state(seed)
        accounts = [
            ChainAccount(address=str(address), owner=str(owner), lamports=10**9, data=data, slot=START_SLOT)
            for address, (owner, data) in world.accounts.items()
        ]
        random.Random(seed).shuffle(accounts)
        books = [
            kind("save", str(PROGRAM), str(world.market), wall_seconds=lambda: START_TIME)
            for kind in (ProgramBook, Everybody)
        ]
        for part in (accounts[::2], accounts[1::2]):
            for book in books:
                book.apply(part)
            assert books[0].liquidatable() == books[1].liquidatable()
        for book in books:
            book.advance(START_SLOT)
        assert books[0].liquidatable() == books[1].liquidatable()
        found += len(books[0].liquidatable())
    assert found > 100


def lone_borrower(trial: Trial) -> tuple[list[ChainAccount], list[ChainAccount]]:
    """Return a market with a healthy borrower, oracles before reserves, and the price of the collateral that ends that."""
    trial.news, trial.prices[:2] = [], [100.0, 1.0]
    for number in (0, 1):
        trial.reserves[number].index, trial.reserves[number].added_weight = WAD, 0
        trial.put_price(number)
        trial.put_reserve(number)
    trial.write(MARKET, PROGRAM, save.market(MARKETS[0][2], key(7), liquidator=bytes(32), risk=bytes(32)))
    units = [10**reserve.decimals for reserve in trial.reserves]
    made = Obligation(MARKET, key(4), [Deposit(key(10), units[0])], [Borrow(key(11), WAD, 70 * units[1] * WAD)])
    trial.write(key(200), PROGRAM, made.pack())
    before, trial.news, trial.prices[0] = trial.news, [], 30.0
    trial.put_price(0)
    return before, trial.news


def test_an_oracle_that_came_before_its_reserve_is_screened_too() -> None:
    trial = Trial(0)
    before, fall = lone_borrower(trial)
    assert trial.screened.apply(before).crossed == ()
    assert trial.screened.apply(fall).crossed == (str(key(200)),)


def test_who_holds_a_reserve_of_another_market_is_judged_without_the_screen() -> None:
    trial = Trial(0)
    trial.reserves[1].market = MARKETS[1][0]
    before, fall = lone_borrower(trial)
    assert trial.screened.apply(before).crossed == ()
    assert trial.screened.apply(fall).crossed == (str(key(200)),)


def test_a_reserve_that_cannot_be_read_hides_nothing_of_those_beside_it() -> None:
    trial = Trial(0)
    before, _ = lone_borrower(trial)
    data = bytearray(trial.chain[key(12)].data)
    data[0] = 9  # a version that is none
    trial.write(key(12), PROGRAM, bytes(data))
    for number in range(30):
        borrows = [Borrow(key(10 + reserve), WAD, WAD) for reserve in (0, 1, 2)]
        trial.write(key(300 + number), PROGRAM, Obligation(MARKET, key(4), [], borrows).pack())
    trial.screened.apply([*before, *trial.news])
    assert len(trial.screened) == 31
    trial.news, trial.reserves[0].main_oracle = [], key(60)
    trial.put_reserve(0)
    trial.screened.apply(trial.news)
    assert str(key(60)) in trial.screened.foreign
    trial.news = []
    trial.put_price(0)
    assert trial.screened.apply(trial.news).crossed == (str(key(200)),)


@dataclass
class Helpless:
    """A screen that cannot read an account, or cannot tell."""

    refuses: bool

    def apply(self, address: bytes, owner: bytes, slot: int, data: bytes, lamports: int) -> bool:
        """Refuse."""
        if self.refuses:
            raise DecodeError("found something, expected something else")
        return True

    def wanted(self) -> list[bytes]:
        """Return nothing."""
        return []

    def suspects(self, slot: int, unix_time: int) -> list[bytes]:
        """Fail, unless everything was refused."""
        if not self.refuses:
            raise DecodeError("found something, expected something else")
        return []


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses an account", "cannot tell"])
def test_what_a_screen_cannot_read_is_judged_without_it(refuses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_book, "screening", lambda *_: Screening(Helpless(refuses)))  # type: ignore[arg-type]
    trial = Trial(0)
    before, fall = lone_borrower(trial)
    assert trial.screened.apply(before).crossed == ()
    assert trial.screened.apply(fall).crossed == (str(key(200)),)
