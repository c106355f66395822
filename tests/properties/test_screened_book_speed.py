"""What a price costs the book of 10,000 obligations of Save with and without the screen: `pytest -s` prints the times.

Five legs in 20 reserves, 20 obligations below the line, the others 2 % and more above it.
"""

import random
import time
from statistics import median

import pytest
from solders.pubkey import Pubkey

from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.runner import program_book
from liquidation_engine.runner.program_book import ProgramBook
from tests.differential import save_accounts as save
from tests.differential.save_accounts import PROGRAM, PULL, WAD, Borrow, Deposit, Obligation, Reserve
from tests.differential.save_states import MARKETS, START_SLOT, START_TIME, key

MARKET = MARKETS[0][0]
POSITIONS, RESERVES, STANDING, UPDATES = 10_000, 20, 20, 21
DECIMALS, THRESHOLD = 6, 0.8


def account(address: Pubkey, owner: Pubkey, data: bytes, slot: int = START_SLOT) -> ChainAccount:
    return ChainAccount(address=str(address), owner=str(owner), lamports=10**9, data=data, slot=slot)


def oracle(number: int, dollars: float, slot: int = START_SLOT) -> ChainAccount:
    price = int(dollars * 10**8)
    return account(key(30 + number), PULL, save.pull_price(price, 0, -8, START_TIME, price), slot)


def reserve(number: int) -> ChainAccount:
    mint, supply, shares, share_supply, fees = (key(60 + 5 * number + place) for place in range(5))
    made = Reserve(MARKET, mint, supply, shares, share_supply, fees, key(30 + number))
    made.slot, made.decimals, made.available, made.shares = START_SLOT, DECIMALS, 10**15, 10**15
    return account(key(10 + number), PROGRAM, made.pack())


def obligation(number: int, prices: list[float], rng: random.Random) -> ChainAccount:
    debt, health = 10 ** rng.uniform(0, 5), 0.98 if number < STANDING else rng.uniform(1.02, 2.5)
    lent = debt * health / THRESHOLD / 3
    legs = rng.sample(range(RESERVES), 5)
    units = [10**DECIMALS / prices[leg] for leg in legs]
    deposits = [Deposit(key(10 + leg), int(lent * unit)) for leg, unit in zip(legs[:3], units, strict=False)]
    borrows = [
        Borrow(key(10 + leg), WAD, int(debt / 2 * unit) * WAD) for leg, unit in zip(legs[3:], units[3:], strict=True)
    ]
    address = Pubkey((10**6 + number).to_bytes(32, "big"))
    return account(address, PROGRAM, Obligation(MARKET, key(4), deposits, borrows).pack())


def test_a_price_costs_a_screened_book_a_tenth_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    prices = [10 ** rng.uniform(-1, 3) for _ in range(RESERVES)]
    accounts = [account(MARKET, PROGRAM, save.market(MARKETS[0][2], key(7), liquidator=bytes(32), risk=bytes(32)))]
    accounts += [obligation(number, prices, rng) for number in range(POSITIONS)]
    accounts += [each for n, price in enumerate(prices) for each in (reserve(n), oracle(n, price))]
    books = [ProgramBook("save", str(PROGRAM), str(MARKET), wall_seconds=lambda: START_TIME)]
    monkeypatch.setattr(program_book, "screening", lambda *_: None)
    books.append(ProgramBook("save", str(PROGRAM), str(MARKET), wall_seconds=lambda: START_TIME))
    for book in books:
        assert len(book.apply(accounts).crossed) == STANDING
    taken: list[list[float]] = [[], []]
    judged = [0, 0]
    for update in range(UPDATES):
        number = rng.randrange(RESERVES)
        news = oracle(number, prices[number] * rng.uniform(0.998, 1.002), START_SLOT + update)
        for place, book in enumerate(books):
            started = time.process_time()
            judged[place] += book.apply([news]).evaluated
            taken[place].append(time.process_time() - started)
    for name, times, count in zip(("with", "without"), taken, judged, strict=True):
        print(f"{name} screen: {median(times) * 1e3:.2f} ms, {count // UPDATES} judged")
    assert set(books[0].liquidatable()) == set(books[1].liquidatable())
    assert judged[0] <= 2 * STANDING * UPDATES < judged[1]
    assert 10 * median(taken[0]) < median(taken[1])
