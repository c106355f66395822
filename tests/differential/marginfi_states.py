"""Random states of marginfi 0.1.1: ordinary ones, ones at a boundary, and ones with one thing wrong."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from solders.pubkey import Pubkey

from tests.differential.marginfi_accounts import (
    ONE,
    PROGRAM,
    PYTH,
    RECEIVER,
    STAKE,
    SWITCHBOARD,
    TOKEN,
    Balance,
    Bank,
    group,
    key,
    legacy_price,
    margin_account,
    mint,
    price_update,
    pull_feed,
    sponsored,
    stake,
    token,
    vault,
)

NOW, SLOT = 1_740_000_000, 320_000_000
GROUP, POSITION, LIQUIDATOR, AUTHORITY = key(1), key(2), key(3), key(4)
ODD = (
    "stale", "confidence", "negative price", "zero price", "exponent", "unverified", "paused", "reduce only", "isolated",
    "limits", "full", "flash loan", "tiny debt", "both sides", "future", "other group", "decimals", "no vault", "wrong kind",
    "utilisation", "tags", "huge price", "no debt", "same bank", "self", "emissions", "no program fee", "huge shares", "huge amount",
)  # fmt: skip


@dataclass
class State:
    """Everything that one trial needs."""

    kind: str
    banks: list[Bank]
    oracles: list[list[Pubkey]]
    asset: int
    debt: int
    amount: int
    position: list[Balance | None]
    liquidator: list[Balance | None]
    accounts: dict[Pubkey, tuple[Pubkey, bytes]] = field(default_factory=dict)
    flags: tuple[int, int] = (0, 0)
    liquidator_address: Pubkey = LIQUIDATOR
    slot: int = SLOT
    time: int = NOW
    group: Pubkey = GROUP

    def named(self, address: Pubkey) -> int:
        """Return the number of a bank."""
        return next(place for place, bank in enumerate(self.banks) if bank.address == address)


def number(text: str | float) -> int:
    """Return a decimal as bits."""
    return round(Fraction(str(text)) * ONE)


def state(seed: int, change: Callable[[random.Random, "State"], None] | None = None) -> State:
    """Return the state of a seed; `change` makes another version's of it before the accounts are written."""
    rnd = random.Random(seed)
    kind = rnd.choice(ODD) if rnd.random() < 0.35 else "ordinary"
    made, prices = [], []
    accounts: dict[Pubkey, tuple[Pubkey, bytes]] = {}
    oracles = []
    for place in range(rnd.choice((2, 2, 2, 3, 4, 5))):
        bank, price = random_bank(rnd, place, kind)
        made.append(bank)
        prices.append(price)
        oracles.append(set_oracle(rnd, bank, price, accounts, kind))
    asset, debt = rnd.sample(range(len(made)), 2)
    given = State(kind, made, oracles, asset, debt, 0, [], [], accounts)
    fill(rnd, given, prices)
    spoil(rnd, given)
    if change is not None:
        change(rnd, given)
    finish(rnd, given)
    return given


def random_bank(rnd: random.Random, place: int, kind: str) -> tuple[Bank, float]:
    """Return a bank and the price of its token."""
    decimals = rnd.choice((6, 6, 8, 9, 5))
    price = 10 ** rnd.uniform(-4, 5)
    whole = rnd.randrange(10**12, 10**15)
    used = rnd.uniform(0.05, 0.95)
    asset_value, debt_value = ONE + rnd.randrange(ONE // 4), ONE + rnd.randrange(ONE // 2)
    asset_weight, debt_weight = rnd.choice((0.65, 0.8, 0.9, 1)), rnd.choice((1, 1.1, 1.25))
    return Bank(
        number=place,
        group=GROUP,
        decimals=decimals,
        asset_value=asset_value,
        debt_value=debt_value,
        assets=whole * ONE + rnd.randrange(ONE),
        debts=int(whole * used * asset_value / debt_value) * ONE + rnd.randrange(ONE),
        fees=(rnd.randrange(5 * ONE), rnd.randrange(5 * ONE), rnd.randrange(5 * ONE)),
        last_update=NOW - rnd.choice((0, 1, 60, 3_600, 86_400, 10_000_000)),
        weights=(
            number(round(asset_weight - 0.1, 4)), number(asset_weight), number(round(debt_weight + 0.15, 4)), number(debt_weight),
        ),
        curve=(
            number(rnd.choice((0.5, 0.8, 0.92))), number(0.1), number(rnd.choice((1.5, 3))), number(rnd.choice((0, 0.002))),
            number(rnd.choice((0, 0.05))), number(0.01), number(rnd.choice((0, 0.1))), 0,
        ),
        tag=rnd.choice((0, 0, 0, 1)) if kind != "tags" else rnd.randrange(3),
        init_limit=rnd.choice((0, 0, 10**5, 10**8)),
        max_age=rnd.choice((0, 30, 60, 300)),
        oracle=rnd.choice((3, 3, 3, 3, 4, 1)),
    ), price  # fmt: skip


def set_oracle(
    rnd: random.Random, bank: Bank, price: float, accounts: dict[Pubkey, tuple[Pubkey, bytes]], kind: str
) -> list[Pubkey]:
    """Write the price accounts of a bank and return them in the order in which the program takes them."""
    if bank.tag == 2:
        bank.oracle, bank.decimals = 5, 9
    hit = kind if rnd.random() < 0.6 else ""
    exponent = rnd.choice((-8, -8, -5, -10, -11)) if hit != "exponent" else rnd.choice((0, 2, -23, -24, 24, 3))
    units = max(1, min(2**62, int(price * 10 ** min(-exponent, 14))))
    if hit == "huge price":
        units = rnd.choice((2**63 - 1, 10**15, 2**62))
    if hit in ("negative price", "zero price"):
        units = -units if hit == "negative price" else 0
    spread = max(abs(units), 1)
    width = rnd.randrange(spread // 2000, max(spread // (5 if hit == "confidence" else 60), spread // 2000 + 1))
    ema = (int(units * rnd.uniform(0.95, 1.05)), rnd.randrange(spread // 2000, spread // 100 + 1))
    ema = (max(-(2**63), min(2**63 - 1, ema[0])), ema[1])
    age = bank.max_age or 60
    late = rnd.choice((age, age + 1, age + 100)) if hit == "stale" else rnd.choice((0, 1, min(age, 30), -5))
    address, feed = key(300 + bank.number), bytes(key(400 + bank.number))
    if bank.oracle == 4:
        age = bank.max_age
        late = rnd.choice((age, age + 1, 0)) if hit == "stale" else min(late, age)
        value = int(Fraction(price) * 10**18) if hit != "huge price" else rnd.choice((10**24, 2**90, 2**100))
        value = {"negative price": -value, "zero price": 0}.get(hit, value)
        deviation = rnd.choice((0, 1, value // 1000, abs(value) // 10, -1 if hit == "confidence" else 5))
        bank.keys = [bytes(address)]
        accounts[address] = (SWITCHBOARD, pull_feed(value, deviation, NOW - late))
        return [address]
    if bank.oracle == 1:
        bank.keys = [bytes(address)]
        trading = rnd.random() < 0.8
        accounts[address] = (PYTH, legacy_price((units, width), ema, exponent, NOW - late, trading=trading))
        return [address]
    level, address = 0 if hit == "unverified" else 1, sponsored(feed)
    accounts[address] = (RECEIVER, price_update((units, width), ema, exponent, NOW - late, feed, level))
    bank.keys = [feed]
    if bank.oracle != 5:
        return [address]
    pool, shares = key(500 + bank.number), key(600 + bank.number)
    supply = rnd.choice((10**12, 5 * 10**13, 1))
    accounts[shares] = (TOKEN, mint(supply, 9))
    accounts[pool] = (STAKE, stake(int(supply * rnd.uniform(1, 1.3)) + 10**9, rnd.choice((2, 2, 2, 2, 2, 2, 2, 1))))
    bank.keys += [bytes(shares), bytes(pool)]
    return [address, shares, pool]


def fill(rnd: random.Random, given: State, prices: list[float]) -> None:
    """Give both accounts balances, worth about what makes the position liquidatable."""
    worth = 10 ** rnd.uniform(-2, 6)
    units = lambda place, usd: usd / prices[place] * 10 ** given.banks[place].decimals  # noqa: E731
    shares = lambda amount, value: int(amount * ONE / value) * ONE + rnd.randrange(ONE)  # noqa: E731
    used = rnd.sample(range(len(given.banks)), rnd.randrange(2, len(given.banks) + 1))
    used = list(dict.fromkeys([given.asset, given.debt, *used]))
    rnd.shuffle(used)
    others = [place for place in used if place not in (given.asset, given.debt)]
    debts = {given.debt, *(place for place in others if rnd.random() < 0.4)}
    line = sum(worth * given.banks[place].weights[1] / ONE for place in used if place not in debts)
    ratio = rnd.choice((rnd.uniform(0.5, 1.5), rnd.uniform(0.97, 1.03), rnd.uniform(1, 1.15), rnd.uniform(1, 1.15)))
    for place in used:
        bank = given.banks[place]
        balance = Balance(bank.address, tag=bank.tag, touched=NOW - rnd.choice((0, 99, 10_000)))
        if place in debts:
            usd = line * ratio / len(debts) / (bank.weights[3] / ONE)
            balance.debts = shares(units(place, usd), bank.debt_value)
        else:
            balance.assets = shares(units(place, worth), bank.asset_value)
        given.position.append(balance)
        if rnd.random() < 0.1:
            given.position.append(None)
    deposit = next(it for it in given.position if it and it.bank == given.banks[given.asset].address).assets // ONE
    share = rnd.choice((rnd.uniform(0, 0.2), rnd.uniform(0, 0.2), rnd.uniform(0, 1.05), 0))
    given.amount = min(max(rnd.choice((0, 1, 1)), int(deposit * share)), 2**64 - 1)
    funds = worth * rnd.choice((0.05, 5, 5, 50))
    own = given.banks[rnd.choice((given.debt, given.debt, rnd.randrange(len(given.banks))))]
    place = own.number
    kept = Balance(own.address, assets=shares(units(place, funds), own.asset_value), tag=own.tag, touched=NOW - 9)
    given.liquidator = [kept]
    extra = given.banks[rnd.randrange(len(given.banks))]
    if rnd.random() < 0.5 and extra.address != own.address:
        side = (
            {"assets": rnd.randrange(1, 10**9) * ONE}
            if rnd.random() < 0.7
            else {"debts": rnd.randrange(1, 10**4) * ONE}
        )
        given.liquidator.append(Balance(extra.address, tag=extra.tag, touched=NOW, **side))
    if rnd.random() < 0.1:
        given.liquidator.insert(0, None)


def spoil(rnd: random.Random, given: State) -> None:
    """Make one thing odd."""
    bank = given.banks[rnd.choice((given.asset, given.debt, rnd.randrange(len(given.banks))))]
    owed = next(it for it in given.position if it and it.bank == given.banks[given.debt].address)
    match given.kind:
        case "paused" | "reduce only":
            bank.state = 0 if given.kind == "paused" else 2
        case "isolated":
            bank.isolated = True
        case "limits":
            bank.limits = (rnd.choice((10**11, 2**63)), rnd.choice((10**11, 2**63)))
        case "full":
            given.liquidator = [it for it in given.liquidator if it]
            free = 16 - len(given.liquidator)
            given.liquidator += [Balance(given.liquidator[0].bank, tag=given.liquidator[0].tag) for _ in range(free)]
        case "flash loan":
            given.flags = rnd.choice(((2, 0), (0, 2), (1, 1)))
        case "tiny debt":
            owed.debts = rnd.choice((ONE - 1, ONE, ONE + 1, 2 * ONE, 100 * ONE))
            given.amount = rnd.choice((1, 2, 10, given.amount))
        case "both sides":
            owed.assets = rnd.choice((ONE - 1, ONE, 5 * ONE))
        case "future":
            bank.last_update = NOW + rnd.choice((1, 100))
        case "other group":
            bank.group = key(9)
        case "decimals":
            bank.decimals = rnd.choice((0, 12, 18, 23, 24, 200))
        case "utilisation":
            bank.debts = bank.assets * bank.asset_value // bank.debt_value + rnd.choice((-(10**9), 0, 5)) * ONE
        case "no debt":
            given.position = [it for it in given.position if it is not owed]
        case "same bank":
            given.asset = given.debt
        case "self":
            given.liquidator_address = POSITION
        case "emissions":
            bank.flags, bank.emissions = rnd.randrange(8), (rnd.randrange(10**9), rnd.choice((0, 10**6, 10**15)) * ONE)
            for balance in filter(None, given.position + given.liquidator):
                balance.touched = rnd.choice((0, NOW, NOW - 10**6, NOW + 5, 1_681_989_983))
        case "huge amount":
            given.amount = rnd.choice((2**64 - 1, 2**63, 10**18))
        case "huge shares":
            owed.debts = rnd.choice((2**126, 2**110, 2**100))
        case _:
            pass


def holds(balances: list[Balance | None], bank: Bank) -> bool:
    """Return whether one of the balances is the bank's."""
    return any(it and it.bank == bank.address for it in balances)


def finish(rnd: random.Random, given: State) -> None:
    """Write the program's accounts and the vaults."""
    accounts = given.accounts
    flag = 0 if given.kind == "no program fee" else rnd.randrange(2)
    accounts[GROUP] = (PROGRAM, group(flag, number("0.01"), number("0.025")))
    for bank in given.banks:
        accounts[bank.address] = (PROGRAM, bank.data())
        held = 10**17 if given.kind != "no vault" else rnd.choice((0, 10, 10**6))
        accounts[vault("liquidity_vault", bank.address)[0]] = (TOKEN, vault_data(bank, "liquidity_vault_auth", held))
        accounts[vault("insurance_vault", bank.address)[0]] = (TOKEN, vault_data(bank, "insurance_vault_auth", 0))
    accounts[POSITION] = (
        PROGRAM,
        margin_account(GROUP, AUTHORITY if given.kind == "self" else key(5), given.position, given.flags[0]),
    )
    if given.liquidator_address == LIQUIDATOR:
        accounts[LIQUIDATOR] = (PROGRAM, margin_account(GROUP, AUTHORITY, given.liquidator, given.flags[1]))
    if given.kind == "wrong kind":
        address = rnd.choice((GROUP, POSITION, given.banks[given.asset].address, given.banks[given.debt].address))
        owner, data = accounts[address]
        bad = rnd.choice(((owner, b"\1" * 8 + data[8:]), (RECEIVER, data), (owner, data[:5]), (owner, data[:900])))
        accounts[address] = bad


def vault_data(bank: Bank, authority: str, amount: int) -> bytes:
    """Return a vault's token account."""
    return token(bank.mint, vault(authority, bank.address)[0], amount)
