"""Draws one random state of Kamino's program by its seed: market, reserves, oracles, position, and what is asked of it."""

import random
import struct

from solders.account import Account
from solders.pubkey import Pubkey

from tests.differential.kamino_accounts import (
    ONE,
    PROGRAM,
    TOKEN_PROGRAM,
    UNUSED,
    Bytes,
    Group,
    Market,
    Obligation,
    Reserve,
    account,
    aggregator,
    mint,
    pyth,
    pyth_legacy,
    scope,
    switchboard,
    tokens,
)
from tests.differential.kamino_world import ALL, CURVES, LIQUIDATOR, RICH, Asset, World, authority, referrer_state

WAD = 10**18


class Draw:
    """One state; every choice comes from the seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.keys = 0
        self.slot = 298_271_860 + self.rng.randrange(1000)
        self.time = 1_730_163_605 + self.rng.randrange(1000)
        self.accounts: dict[Pubkey, Account] = {}
        self.entries: dict[int, tuple[int, int, int]] = {}
        self.market = self.key()
        self.authority, self.bump = authority(self.market)
        self.feed = self.key()

    def key(self) -> Pubkey:
        """Return a fresh address, one that compresses well."""
        self.keys += 1
        return Pubkey(bytes(20) + struct.pack("<IQ", self.keys, self.seed))

    def rare(self, chance: float) -> bool:
        """Return True that often."""
        return self.rng.random() < chance

    def world(self) -> World:
        """Return the whole state."""
        rng = self.rng
        in_group = self.rare(0.2)
        assets = [self.asset() for _ in range(rng.randint(1 if self.rare(0.05) else 2, 5))]
        legs = len(assets)
        borrows = (
            [assets[-1]]
            if in_group and not self.rare(0.05)
            else rng.sample(assets, min(legs, rng.choice([1, 1, 1, 2, 3])))
        )
        others = [it for it in assets if it not in borrows or self.rare(0.1)] or [assets[0]]
        deposits = rng.sample(others, rng.randint(1, len(others)))
        groups = self.groups(assets, borrows[0]) if in_group or self.rare(0.2) else []
        group = groups[0].id if in_group else 0
        position = self.position(deposits, borrows, group, groups)
        for it in assets:
            self.place(it)
        self.accounts[self.market] = self.market_account(groups).account()
        self.accounts[self.feed] = scope(self.entries)
        debt, collateral = rng.choice(borrows), rng.choice(deposits)
        if self.rare(0.5):  # what the program's priorities ask for
            debt = max(borrows, key=lambda it: it.factor)
            collateral = min(deposits, key=lambda it: it.threshold or 999)
        return self.asked(position, debt, collateral)

    def asset(self) -> Asset:
        """Draw one reserve."""
        rng = self.rng
        decimals = rng.choice([6, 6, 8, 9, 9, 5, 2, 0, 12])
        price = rng.choice([1.0, 1.0, 178.0, 60_000.0, 0.00002, 2.5]) * rng.uniform(0.9, 1.1)
        size = 10 ** rng.uniform(2, 8) / price * 10**decimals
        size = min(size, 2**60)
        utilization = rng.choice([rng.random(), rng.random(), 0.999, 1.0, 0.0, 0.7])
        available, borrowed = int(size * (1 - utilization)), int(size * utilization * ONE)
        fees = [rng.randrange(borrowed // 10**4 + 1) for _ in range(3)]
        index = int(ONE * rng.choice([1, 1 + rng.random(), 1 + 5 * rng.random(), 100 * rng.random() + 1]))
        per_unit = rng.choice([1.0, rng.uniform(0.5, 1.0), rng.uniform(0.9, 1.3)])
        total = max((available << 60) + borrowed - sum(fees), 0)
        shares = 0 if self.rare(0.01) else int(total / ONE * per_unit)
        threshold = rng.choice([0, 40, 55, 75, 75, 90, 90, 95, rng.randint(1, 100)]) if self.rare(0.7) else 80
        factor = rng.choice([100, 100, 125, 150, 500, 0])
        bonus = sorted(rng.choice([0, 100, 200, 500, 1000, 1500, 2500]) for _ in range(2))
        reserve = Reserve(
            address=self.key(),
            keys={offset: self.key() for offset in (128, 160, 192, 2560, 2600)} | {32: self.market, 408: TOKEN_PROGRAM},
            numbers={
                (16, 8): self.slot - rng.choice([0, 0, 1, 2, 3, 4, 5, 100, 5000, 400_000, rng.randrange(10**6)]),
                (24, 1): rng.randrange(2),
                (25, 1): rng.choice([63, 63, 63, 35, 35, 0, 1]),
                (224, 8): available,
                (232, 16): borrowed,
                (248, 16): int(price * ONE),
                (264, 8): self.time - rng.choice([0, 30, 100, 10_000]),
                (272, 8): decimals,
                (280, 8): rng.choice([0, 0, self.time - 5000]),
                (288, 8): rng.choice([0, 0, self.time - 5000]),
                (296, 32): index,
                (344, 16): fees[0],
                (360, 16): fees[1],
                (376, 16): fees[2],
                (392, 16): rng.choice([0, ONE // 50]),
                (2592, 8): shares,
                (4856, 1): rng.choice([0] * 20 + [1, 2]),
                (4858, 2): rng.choice([0, 0, 50, 100, 1000]),
                (4870, 1): rng.choice([0, 10, 15, 20, 100]),
                (4871, 1): rng.choice([0, 10, 20, 50, 100]),
                (4872, 1): max(threshold - rng.choice([0, 5, 10]), 0),
                (4873, 1): threshold,
                (4874, 2): bonus[0],
                (4876, 2): bonus[1],
                (4878, 2): rng.choice([99, 99, 0, 50, bonus[0]]),
                (5008, 8): factor,
                (5016, 8): rng.choice([2**63, 2**63, int(size / 2), 0]),
                (5024, 8): rng.choice([2**63, 2**63, int(size / 3), 0]),
                (5096, 8): rng.choice([120, 180, 60] * 9 + [10]),
                (5104, 8): rng.choice([240, 120]),
                (6704, 8): rng.choice([0, (borrowed >> 60) + 1, borrowed >> 61, 5]),
            },
            curve=rng.choice(CURVES),
        )
        if self.rare(0.1):
            reserve.numbers[(4860, 9)] = rng.randrange(2**72)  # reserved bytes that a refresh clears
        for offset in (5416, 5448):
            if self.rare(0.2):
                reserve.numbers |= {
                    (offset, 8): rng.choice([10**15, 10, 0]),
                    (offset + 8, 8): rng.choice([0, 5, -5]),
                    (offset + 16, 8): self.time - rng.randrange(10**5),
                    (offset + 24, 8): rng.choice([0, 86_400]),
                }
        asset = Asset(
            reserve=reserve,
            price=price,
            decimals=decimals,
            shares_per_unit=per_unit,
            threshold=threshold,
            factor=max(factor, 100),
            available=available,
        )
        self.oracles(asset)
        return asset

    def oracles(self, asset: Asset) -> None:
        """Configure one or more oracles for a reserve, mostly fresh."""
        rng, numbers, keys = self.rng, asset.reserve.numbers, asset.reserve.keys
        kind = (
            rng.choice(["scope"] * 20 + ["chain"] * 6 + ["all"] * 3)
            if self.rare(0.94)
            else rng.choice(["pyth", "switchboard"])
        )
        twap = rng.choice([0, 0, 300, 1000])
        numbers[(5088, 8)] = twap
        if self.rare(0.1):
            numbers |= {
                (5064, 8): rng.choice([0, 1, 10**6]),
                (5072, 8): rng.choice([0, 2, 10**9]),
                (5080, 8): rng.choice([0, 2]),
            }
        if self.rare(0.01):
            numbers[(5256, 1)] = 1
        price_chain, twap_chain = [UNUSED] * 4, [UNUSED] * 4
        if kind in ("scope", "chain", "all"):
            keys[5112] = self.feed
            start = len(self.entries)
            if kind == "chain":
                count = rng.randint(2, 4)
                parts = [rng.uniform(0.5, 2) for _ in range(count - 1)]
                rest = asset.price
                for part in parts:
                    rest /= part
                for place, part in enumerate([*parts, rest]):
                    exponent = rng.choice([8, 15, 18, 6, 10] if part < 4 else [8, 6, 10])
                    self.entries[start + place] = (int(part * 10**exponent), exponent, self.late())
                    price_chain[place] = start + place
            else:
                exponent = rng.choice([8, 8, 18, 6, 12]) if asset.price < 2 else 8
                self.entries[start] = (int(asset.price * 10**exponent), exponent, self.late())
                price_chain[0] = start
            spot = asset.price * rng.choice([1, 1, 1.02, 0.98, 1.2])
            self.entries[start + 4] = (int(spot * 10**8) + 1, 8, self.late())
            for filler in range(start, start + 5):
                self.entries.setdefault(filler, (0, 0, 0))
            twap_chain[0] = start + 4
            if self.rare(0.01):
                price_chain = rng.choice(
                    [[0, 0, 0, 0], [UNUSED] * 4, [511, UNUSED, UNUSED, UNUSED], [512, UNUSED, UNUSED, UNUSED]]
                )
        for place in range(4):
            numbers[(5144 + 2 * place, 2)] = price_chain[place]
            numbers[(5152 + 2 * place, 2)] = twap_chain[place]
        if kind in ("pyth", "all"):
            self.pyth(asset, self.late())
        if kind in ("switchboard", "all"):
            self.switchboard(asset)

    def late(self) -> int:
        """Return the time of a price: mostly recent, sometimes about as old as allowed, or ahead."""
        ages = [0, 1, 9, 10, 11, 20] if self.rare(0.97) else [59, 60, 61, 119, 120, 121, 500, -5]
        return self.time - self.rng.choice(ages)

    def pyth(self, asset: Asset, time: int) -> None:
        """Give a reserve a Pyth account: of the old kind, seldom of the new one, which the old program does not read."""
        rng, key = self.rng, self.key()
        exponent = rng.choice([-8, -8, -5, -10]) if self.rare(0.97) else rng.choice([0, 1, -19, -31])
        price = int(asset.price * 10**-exponent) or 1
        conf = price // 2000
        if self.rare(0.3):
            conf = rng.choice([price // 1000, price // 50, price // 50 + 1, price // 51])
        ema = int(price * rng.uniform(0.97, 1.03))
        ema_conf = ema // rng.choice([40, 2000, 2000, 2000])
        asset.reserve.keys[5224] = key
        sign = rng.choice([-1, 0]) if self.rare(0.02) else 1
        if price >= 2**63 or self.rare(0.1):
            price, full = price % 2**40, not self.rare(0.02)
            ema %= 2**40
            self.accounts[key] = pyth(
                price * sign, conf % 2**40, exponent, time, ema=ema, ema_conf=ema_conf % 2**40, full=full
            )
            return
        self.accounts[key] = pyth_legacy(
            (price * sign, conf if self.rare(0.995) else 2**60),
            exponent,
            time,
            average=((-1 if self.rare(0.01) else 1) * min(ema, 2**62), min(ema_conf, 2**62)),
            trading=not self.rare(0.1),
            previous=(price + rng.randrange(9), conf, time - rng.choice([0, 1, 30, 200])),
        )

    def switchboard(self, asset: Asset) -> None:
        """Give a reserve a Switchboard feed, sometimes with a second one as its average."""
        rng, key = self.rng, self.key()
        asset.reserve.keys[5160] = key
        self.accounts[key] = self.round(asset.price)
        if asset.reserve.numbers[(5088, 8)]:
            twap = self.key()
            asset.reserve.keys[5192] = twap
            self.accounts[twap] = self.round(asset.price * rng.uniform(0.97, 1.03))

    def round(self, price: float) -> Account:
        """Return an aggregator, seldom a feed on demand, which the old program does not read."""
        rng = self.rng
        if self.rare(0.1):
            return switchboard(int(price * WAD), int(price * WAD) // 3000, self.slot - 10, self.time - 5)
        places = rng.choice([9, 9, 12, 18, 6]) if self.rare(0.98) else rng.choice([30, 31, 2])
        value = int(price * 10**places)
        spread_places = rng.choice([places, places, places + 3, max(places - 3, 0)])
        spread = int(price * 10**spread_places)
        parts = [3000] if self.rare(0.7) else [50, 49, 51, 40]
        deviation = spread // rng.choice(parts) + (rng.choice([0, 0, 1]) if self.rare(0.3) else 0)
        if self.rare(0.02):
            value, deviation = rng.choice(
                [(0, 0), (-value, 0), (value, -deviation), (value - value % 50, (value // 50))]
            )
        answered = 1 if self.rare(0.02) else 3
        return aggregator(value, places, deviation, spread_places, self.late(), answered=answered)

    def groups(self, assets: list[Asset], debt: Asset) -> list[Group]:
        """Draw elevation groups; the first lists every reserve and lends `debt`."""
        rng = self.rng
        found = []
        for place in rng.sample(range(1, 20), rng.randint(1, 3)):
            threshold = rng.randint(50, 95)
            reserve = (debt if not found else rng.choice(assets)).reserve.address
            bonus, most = rng.choice([0, 100, 500, 1000]), rng.choice([8, 8, 8, 1])
            found.append(
                Group(
                    id=place,
                    ltv=threshold - 5,
                    threshold=threshold,
                    max_bonus=bonus,
                    debt=reserve,
                    max_reserves=most,
                )
            )
        for asset in assets:
            ids = [group.id for group in found if group is found[0] or self.rare(0.5)]
            asset.reserve.groups = [] if self.rare(0.01) else ids
            for group in found:
                asset.reserve.numbers[(6712 + 8 * (group.id - 1), 8)] = rng.choice([0, 10**9, 10**15])
        return found

    def position(self, deposits: list[Asset], borrows: list[Asset], group: int, groups: list[Group]) -> Obligation:
        """Draw a position near the threshold."""
        rng = self.rng
        value = 10 ** rng.uniform(-2, 6.8)
        shares = [rng.random() + 0.05 for _ in deposits]
        parts = [rng.random() + 0.05 for _ in borrows]
        worth = [value * share / sum(shares) for share in shares]
        threshold = (
            sum(w * (groups[0].threshold if group else it.threshold) for w, it in zip(worth, deposits, strict=True))
            / 100
        )
        target = threshold * (rng.uniform(0.98, 1.25) if self.rare(0.7) else rng.choice([0.5, 1.0, 1.9]))
        if self.rare(0.15):
            target = value * rng.uniform(0.97, 1.2)
        drawn = Obligation(address=self.key(), market=self.market, owner=self.key(), deposits={}, borrows={})
        for place, it, part in zip(sorted(rng.sample(range(8), len(deposits))), deposits, worth, strict=True):
            units = part / it.price * 10**it.decimals
            amount = min(int(units * it.shares_per_unit), 2**62) if not self.rare(0.01) else 0
            supply = it.reserve.numbers[(2592, 8)]
            if supply and amount > supply and self.rare(0.8):
                amount = supply - rng.randrange(supply) // 8
            fields = {(32, 8): amount, (40, 16): rng.randrange(ONE), (56, 8): rng.choice([0, 10**6]) if group else 0}
            drawn.deposits[place] = (it.reserve.address, fields)
        for place, it, part in zip(sorted(rng.sample(range(5), len(borrows))), borrows, parts, strict=True):
            factor = 1 if group else it.factor / 100
            units = target * part / sum(parts) / factor / it.price * 10**it.decimals
            amount = min(int(units * ONE), 2**122) + rng.randrange(ONE) if not self.rare(0.01) else 0
            index = it.reserve.numbers[(296, 32)]
            index = (
                max(index - (index >> rng.randrange(12, 40)), ONE)
                if self.rare(0.9)
                else rng.choice([index] * 9 + [index + 5])
            )
            outside = rng.choice([(amount >> 60) + 1, amount >> 60, 0, 7])
            drawn.borrows[place] = (
                it.reserve.address,
                {(32, 32): index, (88, 16): amount, (104, 16): 5, (136, 8): outside},
            )
        drawn.numbers = {
            (16, 8): self.slot - rng.choice([0, 0, 0, 0, 0, 3, 1000]),
            (24, 1): rng.randrange(2),
            (2285, 1): group,
            (2287, 1): 1,
        }
        drawn.numbers[(2322, 1)] = rng.choice([0, 65])
        drawn.numbers[(1184, 8)] = rng.randrange(100)
        if self.rare(0.15):
            self.refer(drawn, borrows)
        self.accounts[drawn.address] = drawn.account()
        return drawn

    def refer(self, position: Obligation, borrows: list[Asset]) -> None:
        """Give the position a referrer with a fee account for each debt."""
        position.referrer = self.key()
        for it in borrows:
            state = Bytes(360, "ReferrerTokenState")
            state.key(8, position.referrer)
            state.key(40, it.reserve.keys[128])
            bump = Pubkey.find_program_address(
                [b"referrer_acc", bytes(position.referrer), bytes(it.reserve.address)], PROGRAM
            )[1]
            state.number(104, bump)
            state.number(72, self.rng.randrange(ONE), 16)
            state.number(88, self.rng.randrange(1 << 70), 16)
            self.accounts[referrer_state(position.referrer, it.reserve.address)] = account(state.data, PROGRAM)

    def place(self, asset: Asset) -> None:
        """Add a reserve with its mints and vaults."""
        reserve, supply = asset.reserve, asset.reserve.numbers[(2592, 8)]
        self.accounts[reserve.address] = reserve.account()
        asset_mint, vault, fees, shares_mint, shares_vault = (reserve.keys[it] for it in (128, 160, 192, 2560, 2600))
        self.accounts[asset_mint] = mint(self.authority, 2**63, asset.decimals)
        self.accounts[shares_mint] = mint(self.authority, supply, asset.decimals)
        self.accounts[vault] = tokens(asset_mint, self.authority, min(asset.available + 777, 2**63))
        self.accounts[fees] = tokens(asset_mint, self.authority, 0)
        self.accounts[shares_vault] = tokens(shares_mint, self.authority, max(supply, 2**62))

    def market_account(self, groups: list[Group]) -> Market:
        """Draw the market's parameters."""
        rng = self.rng
        numbers = {
            (120, 2): rng.choice([0, 0, 100, 2000]),
            (122, 1): 1 if self.rare(0.01) else 0,
            (123, 1): 0,
            (125, 1): rng.choice([0, 0, 0, 30, 80, 100]),
            (126, 1): rng.choice([20, 20, 50, 100, 1]),
            (127, 1): rng.choice([95, 95, 80, 100]),
            (128, 8): rng.choice([2, 2, 0, 100, 10**6]),
            (136, 8): rng.choice([2_500_000, 500_000, 500, 10]),
            (144, 8): rng.choice([50_000_000] * 9 + [1000]),
            (152, 8): rng.choice([45_000_000, 45_000_000, 1000]),
            (3240, 8): rng.choice([0, 0, 2, 1000]),
            (3280, 8): rng.choice([0, 0, 2, 1000]),
        }
        return Market(address=self.market, bump=self.bump, numbers=numbers, groups=groups)

    def asked(self, position: Obligation, debt: Asset, collateral: Asset) -> World:
        """Choose legs and amount, and give the liquidator its token accounts."""
        rng = self.rng
        owed = max(fields[(88, 16)] >> 60 for key, fields in position.borrows.values() if key == debt.reserve.address)
        amount = rng.choice([ALL, ALL, max(1, int(owed * rng.uniform(0.01, 1.1))), 1, owed + 1, 10**15])
        if self.rare(0.01):
            amount = 0
        liquidator = LIQUIDATOR.pubkey()
        wallets = (self.key(), self.key(), self.key())
        mints = (debt.reserve.keys[128], collateral.reserve.keys[2560], collateral.reserve.keys[128])
        for wallet, of, balance in zip(wallets, mints, (RICH, 0, 0), strict=True):
            self.accounts[wallet] = tokens(of, liquidator, balance)
        return World(
            slot=self.slot,
            time=self.time,
            accounts=self.accounts,
            position=position.address,
            debt=debt.reserve.address,
            collateral=collateral.reserve.address,
            amount=min(amount, ALL),
            min_received=rng.choice([0, 0, 0, 0, 1, 10**6]) if self.rare(0.2) else 0,
            liquidator=liquidator,
            market=self.market,
            wallets=wallets,
        )
