"""Random Save markets with one obligation and one liquidation of it: ordinary, at the edge, broken.

Everything follows from the seed. Addresses come from a small pool, so that vectors compress.
"""

import random
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tests.differential import save_accounts as save
from tests.differential.save_accounts import ALL, PROGRAM, TOKEN, WAD, Borrow, Deposit, Obligation, Reserve

PAYER = Keypair.from_seed(bytes(range(32)))
START_SLOT = 300_000_000
START_TIME = 1_750_000_000
RICH = 2**62  # token balances that never run out


def key(number: int) -> Pubkey:
    """Return the pool's address of that number; their order is not the numbers'."""
    return Pubkey(bytes([number * 89 % 251 + 1, number % 256, number // 256]) + bytes(29))


def authority_of(market: Pubkey) -> tuple[Pubkey, int]:
    """Return a market's authority and bump."""
    for bump in range(255, -1, -1):
        with suppress(Exception):  # solders does not export its class
            return Pubkey.create_program_address([bytes(market), bytes([bump])], PROGRAM), bump
    raise AssertionError("every bump gives a point on the curve")


MARKETS = [(key(n), *authority_of(key(n))) for n in (1, 2)]
OBLIGATION, NOBODY, WALLET = key(3), key(0), PAYER.pubkey()


@dataclass
class State:
    """A transaction's accounts, clock and plan."""

    slot: int = START_SLOT
    time: int = START_TIME
    accounts: dict[Pubkey, tuple[Pubkey, bytes]] = field(default_factory=dict)
    reserves: dict[Pubkey, Reserve] = field(default_factory=dict)
    obligation: Pubkey = OBLIGATION
    deposits: list[Pubkey] = field(default_factory=list)
    borrows: list[Pubkey] = field(default_factory=list)
    readable: bool = True  # whether the obligation's bytes name its reserves
    market: Pubkey = MARKETS[0][0]
    authority: Pubkey = MARKETS[0][1]
    debt: Pubkey = NOBODY
    collateral: Pubkey = NOBODY
    amount: int = ALL
    liquidator: Pubkey = WALLET
    kind: str = "ordinary"


def state(seed: int) -> State:
    """Return the state of a seed."""
    rnd = random.Random(seed)
    return Maker(rnd).make()


class Maker:
    """Builds one state out of one source of randomness."""

    def __init__(self, rnd: random.Random) -> None:
        """Take the source."""
        self.rnd = rnd
        self.state = State()
        self.chance = rnd.random
        self.pool = list(range(10, 60))
        rnd.shuffle(self.pool)

    def make(self) -> State:
        """Return a state of a random kind."""
        kinds = ["ordinary"] * 9 + ["exact"] * 3 + ["dust"] * 3 + ["broken"] * 3 + ["huge", "oracles", "oracles"]
        self.state.kind = self.rnd.choice(kinds)
        if self.state.kind == "exact":
            self.exact()
        else:
            self.world()
        if self.state.kind == "broken":
            self.break_something()
        self.limit_outflow()
        return self.state

    def address(self) -> Pubkey:
        """Return an unused address."""
        return key(self.pool.pop())

    # Prices ------------------------------------------------------------------------------------------------------

    def oracle(self, dollars: float, *, sound: bool) -> Pubkey:
        """Add a price account of any kind; unless `sound`, one that may be refused."""
        rnd, now, slot = self.rnd, self.state.time, self.state.slot
        exponent = rnd.choice([-8, -8, -8, -6, -5, -10, -12, 0, 2] if dollars > 100 else [-8, -8, -9, -10, -12])
        price = max(1, min(2**62, int(dollars * 10.0**-exponent)))
        conf = int(price * (rnd.uniform(0, 0.09) if sound or self.chance() < 0.6 else rnd.uniform(0.09, 0.2)))
        if self.chance() < 0.05:
            conf = price // 10 + rnd.choice([0, 1])
        average = int(price * rnd.uniform(0.9, 1.1))
        bad = not sound and self.chance() < 0.5
        age = rnd.choice([119, 120, 121, 1000, -50]) if bad else rnd.randrange(100)
        slots = rnd.choice([239, 240, 241, 5000, -5]) if bad else rnd.randrange(200)
        kind = rnd.choices(["pull", "legacy", "aggregator", "feed"], [6, 1, 1, 1])[0]
        if kind == "pull":
            level = rnd.choice([b"\1", b"\0\5", b"\0\xff", b"\2"]) if bad else b"\1"
            price = -price if bad and self.chance() < 0.1 else price
            average = -average if bad and self.chance() < 0.1 else average
            owner, data = save.PULL, save.pull_price(price, conf, exponent, now - age, average, level)
        elif kind == "legacy":
            status = rnd.choice([0, 1, 2]) if bad else 1
            before = (slot - rnd.choice([1, 240, 241, 900]), int(price * 0.99), conf)
            owner = save.LEGACY
            data = save.legacy_price(price, conf, exponent, slot - slots, average, status=status, previous=before)
        elif kind == "aggregator":
            scale = rnd.choice([0, 8, 9, 18, 28, 38, 39] if bad else [2, 8, 9, 12])
            mantissa = int(dollars * 10 ** min(scale, 18)) * (-1 if bad and self.chance() < 0.1 else 1)
            few = rnd.choice([1, 5])
            sliding = rnd.choice([0, 1])
            owner, data = (
                save.AGGREGATOR,
                save.aggregator(mantissa, scale, slot - slots, wanted=3 if bad else 1, answered=few, sliding=sliding),
            )
        else:
            value = int(dollars * 1e9) * 10**9 * (-1 if bad and self.chance() < 0.1 else 1)
            value = value * 10**12 if bad and self.chance() < 0.1 else value
            spread = (
                abs(value) // 10 + rnd.choice([0, 1])
                if self.chance() < 0.1
                else abs(value) // rnd.choice([11, 50, 9] if bad else [20, 50])
            )
            owner, data = save.FEED, save.feed(value, spread, slot - slots)
        if bad and self.chance() < 0.15:
            data = data[: rnd.choice([0, 4, 8, 60, len(data) - 1])]
        if bad and self.chance() < 0.1:
            data = b"\7" + data[1:]
        if bad and self.chance() < 0.1:
            owner = TOKEN
        address = self.address()
        self.state.accounts[address] = (owner, data)
        return address

    # Reserves ----------------------------------------------------------------------------------------------------

    def reserve(self, dollars: float, *, sound: bool) -> Pubkey:
        """Add a reserve, its oracles and its token accounts."""
        rnd, slot = self.rnd, self.state.slot
        address, mint, share_mint, supply, share_supply, fees = (self.address() for _ in range(6))
        decimals = rnd.choice([0, 2, 5, 6, 6, 6, 8, 9, 9, 9, 12])
        total = int(10 ** rnd.uniform(6, 15.5))
        used = rnd.choice([0.0, rnd.uniform(0, 1), rnd.uniform(0.7, 1), 0.999999, 1.0])
        ltv = rnd.choice([0, 50, 60, 75])
        threshold = ltv + rnd.choice([0, 5, 10, 20])
        main = self.oracle(dollars, sound=sound)
        second = self.oracle(dollars * rnd.uniform(0.9, 1.1), sound=True) if self.chance() < 0.25 else save.NO_ORACLE
        if self.chance() < 0.04:
            main, second = save.NO_ORACLE, self.oracle(dollars, sound=True)
        made = Reserve(self.state.market, mint, supply, share_mint, share_supply, fees, main, second)
        made.slot = slot - rnd.choice([0, 0, 1, 2, rnd.randrange(5000), rnd.randrange(5000), rnd.randrange(10**7)])
        made.stale = rnd.randrange(2)
        made.decimals = decimals
        made.available = total - int(total * used)
        made.borrowed = int(total * used) * WAD + rnd.randrange(WAD) if used else 0
        made.index = WAD + rnd.randrange(WAD * rnd.choice([1, 1, 50]))
        made.price, made.smoothed = rnd.randrange(10**24), rnd.choice([0, int(dollars * 1e18)])
        made.shares = rnd.choice(
            [int(total * rnd.uniform(0.5, 1)), int(total * rnd.uniform(0.5, 1)), total, int(total * 1.2), 1]
        )
        optimal = rnd.choice([0, 70, 80, 80, 100])
        low, middle = rnd.randrange(4), rnd.choice([4, 8, 12])
        high = rnd.choice([middle, 50, 150])
        bonus = rnd.choice([0, 2, 5, 12, 25])
        made.rates = (optimal, ltv, bonus, threshold, low, middle, high)
        made.max_utilization = rnd.choice([0, 90, 95, 100])
        made.super_max_rate = rnd.choice([0, 150, 300, 1000])
        made.max_bonus = rnd.choice([0, bonus, bonus + 5, 20, 40])
        made.max_threshold = rnd.choice([0, threshold, threshold + 5, 95])
        made.protocol_fee, made.take_rate = rnd.choice([0, 1, 5, 10, 30, 60]), rnd.choice([0, 10, 20, 100])
        made.fees = min(made.borrowed, rnd.randrange(10**6) * WAD // 7)
        made.added_weight = rnd.choice([0, 0, 2000, 5000, 30000])
        made.kind = int(self.chance() < 0.05)
        made.offset = rnd.choice([0, 0, 0, -150, 300, 5000, -9999])
        if self.chance() < 0.15:
            made.extra_oracle = self.oracle(dollars * rnd.uniform(0.7, 1.3), sound=self.chance() < 0.8)
            made.extra_flag, made.extra_price = rnd.randrange(2), rnd.randrange(10**20)
        made.attributed = rnd.randrange(10**7) * WAD
        made.open_limit, made.close_limit = rnd.choice([(0, 0), (0, 0), (10, 20), (10**6, 10**7), (ALL, ALL)])
        made.padding = rnd.choice([bytes(49), b"p" * 49])
        self.put_reserve(address, made)
        return address

    def put_reserve(self, address: Pubkey, made: Reserve) -> None:
        """Add a reserve's account and its token accounts."""
        state = self.state
        state.reserves[address] = made
        accounts = state.accounts
        accounts[address] = (PROGRAM, made.pack())
        accounts[made.mint] = (TOKEN, save.mint(state.authority, ALL, made.decimals))
        accounts[made.share_mint] = (TOKEN, save.mint(state.authority, ALL, made.decimals))
        accounts[made.supply] = (TOKEN, save.token(made.mint, state.authority, RICH))
        accounts[made.share_supply] = (TOKEN, save.token(made.share_mint, state.authority, RICH))
        accounts[made.fee_receiver] = (TOKEN, save.token(made.mint, state.authority, 0))

    def limit_outflow(self) -> None:
        """Give some reserves and markets a rate limiter that is nearly or wholly used up: liquidations are free of it."""
        places = {619: 389, 290: 162}
        for address, (owner, data) in self.state.accounts.items():
            at = places.get(len(data))
            if at is None or owner != PROGRAM or self.chance() < 0.8:
                continue
            most, window = self.rnd.choice([0, 1, 10**6, 10**15]), self.rnd.choice([0, 1, 1_000, 10**9])
            begun = max(0, self.state.slot - self.rnd.choice([0, 10, 5_000]))
            used = [self.rnd.choice([0, most * WAD, most * WAD // 2]).to_bytes(16, "little") for _ in range(2)]
            limiter = struct.pack("<QQ16sQ16s", most, window, used[0], begun, used[1])
            self.state.accounts[address] = (owner, data[:at] + limiter + data[at + 56 :])

    # Obligations -------------------------------------------------------------------------------------------------

    def world(self) -> None:
        """Add a market with two to five reserves and an obligation near liquidation."""
        rnd, state = self.rnd, self.state
        sound = state.kind != "oracles"
        prices = [
            10 ** rnd.uniform(-3, 4.5) if self.chance() < 0.6 else 1.0 for _ in range(rnd.choice([2, 2, 2, 3, 4, 5]))
        ]
        reserves = [(self.reserve(price, sound=sound), price) for price in prices]
        value = {"dust": 10 ** rnd.uniform(-9, 0.5), "huge": 10 ** rnd.uniform(6.5, 8.6)}.get(
            state.kind, 10 ** rnd.uniform(-1, 6.5)
        )
        split = rnd.randrange(1, len(reserves))
        lent, owed = reserves[:split], reserves[split:]
        if self.chance() < 0.1:
            owed = [*owed, rnd.choice(lent)]
        deposits = [self.deposit(*each, value / rnd.uniform(0.5, 1.3) / len(lent)) for each in lent]
        borrows = [self.borrow(*each, value / len(owed)) for each in owed]
        if self.chance() < 0.05:
            (rnd.choice(deposits)).shares = 0
        if self.chance() < 0.05:
            (rnd.choice(borrows)).amount = 0
        if self.chance() < 0.03:
            deposits.append(self.deposit(*lent[0], value / 10))
        self.finish(deposits, borrows)
        heaviest = max(owed, key=lambda each: (state.reserves[each[0]].added_weight, bytes(each[0])))[0]
        state.debt = heaviest if self.chance() < 0.93 else rnd.choice(reserves)[0]
        state.collateral = rnd.choice(lent)[0] if self.chance() < 0.96 else rnd.choice(reserves)[0]
        amount = next((each.amount for each in borrows if each.reserve == state.debt), 0) // WAD
        choices = [ALL, ALL, ALL, max(1, amount // rnd.randrange(2, 2000)), amount + 1, 1, rnd.randrange(1, ALL)]
        state.amount = min(ALL, rnd.choice(choices)) if self.chance() < 0.99 else 0

    def deposit(self, address: Pubkey, price: float, value: float) -> Deposit:
        """Return a deposit worth about `value`."""
        made = self.state.reserves[address]
        units = value / price * 10**made.decimals
        rate = made.shares / max(1, made.available + made.borrowed // WAD)
        shares = max(1, min(2**60, int(units * rate)))
        attributed = self.rnd.choice([0, self.rnd.randrange(10**5) * WAD])
        return Deposit(address, shares, self.rnd.randrange(10**20), attributed)

    def borrow(self, address: Pubkey, price: float, value: float) -> Borrow:
        """Return a debt worth about `value` with its weight."""
        made = self.state.reserves[address]
        units = value / price * 10**made.decimals / (1 + made.added_weight / 10_000)
        amount = max(1, min(2**60 * WAD, int(units * 1e6) * 10**12 + self.rnd.randrange(10**12)))
        index = made.index - self.rnd.choice([0, self.rnd.randrange(WAD // 1000), self.rnd.randrange(WAD // 2)])
        if self.chance() < 0.02:
            index = made.index + self.rnd.randrange(1, WAD)
        return Borrow(address, index, amount, self.rnd.randrange(10**20))

    def finish(self, deposits: list[Deposit], borrows: list[Borrow]) -> None:
        """Add obligation, market and the liquidator's token accounts."""
        rnd, state = self.rnd, self.state
        made = Obligation(state.market, key(4), deposits, borrows)
        made.slot, made.stale = state.slot - rnd.randrange(100), rnd.randrange(2)
        made.sums = tuple(rnd.randrange(10**24) for _ in range(7))
        made.closeable = int(self.chance() < 0.1)
        made.isolated = rnd.randrange(2)
        made.filler = rnd.choice([bytes(1300), bytes(range(1, 256)) * 6])[:1300]
        state.accounts[state.obligation] = (PROGRAM, made.pack())
        state.deposits = [each.reserve for each in deposits]
        state.borrows = [each.reserve for each in borrows]
        whitelist = bytes(32) if self.chance() < 0.97 else rnd.choice([bytes(state.liquidator), bytes(key(5))])
        risk = bytes(key(6)) if self.chance() < 0.8 else bytes(32)
        state.accounts[state.market] = (PROGRAM, save.market(MARKETS[0][2], key(7), liquidator=whitelist, risk=risk))

    def exact(self) -> None:
        """Add an obligation whose debt equals its unhealthy value, give or take a few units of 10^-18."""
        rnd, state = self.rnd, self.state
        reserves = []
        for _ in range(2):
            address, *others = (self.address() for _ in range(7))
            made = Reserve(state.market, *others[:5], others[5])
            state.accounts[made.main_oracle] = (save.PULL, save.pull_price(10**8, 0, -8, state.time, 10**8))
            made.slot, made.decimals = state.slot, rnd.choice([6, 9])
            made.shares = made.available = 10**15
            threshold = rnd.choice([50, 75, 80])
            made.rates = (80, 50, 5, threshold, 0, 8, 50)
            made.max_threshold = rnd.choice([0, threshold, 90, 100])
            made.protocol_fee = rnd.choice([0, 10])
            self.put_reserve(address, made)
            reserves.append(address)
        lent, owed = reserves
        deposit = Deposit(lent, int(10 ** rnd.uniform(2, 14)))
        collateral = state.reserves[lent]
        micro = deposit.shares * 10 ** (9 - collateral.decimals)  # of 10^-9 dollars
        debt = micro * collateral.rates[3] * 10**7 * 10 ** state.reserves[owed].decimals  # of 10^-18 units
        debt = debt // WAD if state.reserves[owed].decimals == 0 else debt
        owed_amount = max(1, debt + rnd.choice([0, 0, 0, -1, 1, -5, 5]) * 10 ** state.reserves[owed].decimals)
        if self.chance() < 0.2:
            owed_amount = max(1, debt + rnd.randrange(-(10**10), 10**10))
        self.finish([deposit], [Borrow(owed, WAD, owed_amount)])
        state.debt, state.collateral = owed, lent
        state.amount = rnd.choice([ALL, ALL, rnd.randrange(1, 2 + owed_amount // WAD)])

    def break_something(self) -> None:
        """Damage one account the way an attacker, an upgrade or bad luck would."""
        if self.chance() < 0.2:
            return self.break_the_rest()
        rnd, state = self.rnd, self.state
        pick = rnd.choice([state.debt, state.collateral, *state.reserves])
        made = state.reserves[pick]
        broken = rnd.randrange(14)
        if broken == 0:
            made.slot = state.slot + 1
        elif broken == 1:
            made.version = rnd.choice([0, 2])
        elif broken == 2:
            made.kind = 2
        elif broken == 3:
            made.market = MARKETS[1][0]
        elif broken == 4:
            made.borrowed = 2**128 - 1 - rnd.randrange(2**100)
        elif broken == 5:
            made.fees = made.borrowed + made.available * WAD + rnd.choice([0, 1, WAD])
        elif broken == 6:
            made.decimals = rnd.choice([18, 19, 20, 30, 38, 39, 255])
        elif broken == 7:
            made.rates = tuple(rnd.randrange(256) for _ in range(7))
        elif broken == 8:
            made.extra_flag = 2
        elif broken == 9:
            made.available = 0
        elif broken == 10:
            made.index = rnd.choice([0, 1, 2**127, 2**128 - 1])
        elif broken == 11:
            made.slot = rnd.choice([0, state.slot - 10**8])
            made.super_max_rate = rnd.choice([10**4, 10**12, ALL])
        elif broken == 12:
            made.added_weight = rnd.choice([ALL, 2**40])
        else:
            made.shares = rnd.choice([0, 1, ALL])
        data = made.pack()
        owner = PROGRAM
        if self.chance() < 0.1:
            data = rnd.choice([data[:-1], data + b"\0", bytes(619), b""])
        elif self.chance() < 0.1:
            owner = TOKEN
        state.accounts[pick] = (owner, data)
        return None

    def break_the_rest(self) -> None:
        """Damage market or obligation."""
        rnd, state = self.rnd, self.state
        target = rnd.choice([state.market, state.obligation])
        owner, data = state.accounts[target]
        damaged = bytearray(data)
        if target == state.market:
            damaged[rnd.choice([0, 1, 98, 130])] = rnd.randrange(256)
            bump = bytes([damaged[1]])
            with suppress(Exception):  # solders does not export its class
                state.authority = Pubkey.create_program_address([bytes(target), bump], PROGRAM)
            for address, made in state.reserves.items():
                self.put_reserve(address, made)
        else:
            damaged[rnd.choice([0, 9, 154, 187])] = rnd.choice([0, 1, 2, 255])
            if self.chance() < 0.2:
                damaged[rnd.choice([202, 203])] = 255
            flags = [damaged[at] for at in (9, 154, 187)]
            state.readable = damaged[0] == 1 and max(flags) < 2 and max(damaged[202:204]) < 255
        state.accounts[target] = (owner if self.chance() < 0.8 else TOKEN, bytes(damaged))
