"""Random states of marginfi 0.1.9: those of 0.1.1 with seven-point curves, e-mode, confidence limits and other protocols' deposits."""

import random
import struct

from solders.pubkey import Pubkey

from liquidation_engine.protocols.marginfi import addresses
from tests.differential import marginfi_states as old
from tests.differential.marginfi_accounts import ONE, PROGRAM, STAKE, SWITCHBOARD, Bank, fixed, key, kind, stake
from tests.differential.marginfi_states import AUTHORITY, NOW, POSITION, SLOT, State, number

U32 = 2**32 - 1
RECEIVER, FEE_WALLET = key(6), key(7)
KAMINO, DRIFT, SAVE, JUPITER = 3, 4, 5, 6
OWNERS = {
    KAMINO: "KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD",
    DRIFT: "dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH",
    SAVE: "So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo",
    JUPITER: "jup3YeL8QhtSx1e253b2FDvsMNC87fDrgQZivbrndc9",
}
SETUPS = {KAMINO: (6, 7, 13), DRIFT: (9, 10, 14), SAVE: (11, 12, 11), JUPITER: (15, 16, 17)}
"""Pyth, Switchboard and fixed price by what a deposit lies in."""


def state(seed: int) -> State:
    """Return the state of a seed."""
    given = old.state(seed, renew)
    rnd = random.Random(seed + 1_000_000_007)
    accounts = given.accounts
    for address, (owner, data) in list(accounts.items()):
        if owner == PROGRAM and data[:8] == kind("account", "MarginfiAccount") and len(data) == 2312:
            accounts[address] = (owner, noted(rnd, address, data, record=address == POSITION))
    accounts[addresses.fee_state()] = (PROGRAM, fee_state(rnd))
    accounts[addresses.liquidation_record(POSITION)] = (PROGRAM, record(rnd))
    return given


def renew(rnd: random.Random, given: State) -> None:
    """Make a state of the older version one of the newer."""
    if given.kind in ("no vault", "wrong kind"):
        given.kind = "ordinary"
    for place, bank in enumerate(given.banks):
        was = bank.oracle
        if was == 1:
            price(rnd, given, place)
        elif was == 3:
            bank.keys = [bytes(given.oracles[place][0])]
        elif was == 5:
            ramp = key(800 + place)
            bank.keys = [bytes(given.oracles[place][0]), *bank.keys[1:], bytes(ramp)]
            given.oracles[place].append(ramp)
            given.accounts[ramp] = (STAKE, stake(10**9))
            bank.flags |= rnd.choice((0, 0, 0, 1 << 9, 1 << 10))
        extend(rnd, bank, given.kind)
    for balance in filter(None, given.position + given.liquidator):
        balance.tag = given.banks[given.named(balance.bank)].tag
    if given.kind == "flash loan":
        given.flags = rnd.choice(((2, 0), (0, 2), (1, 1), (16, 0), (0, 16), (0, 64), (64, 0), (32, 0), (128, 0)))


def price(rnd: random.Random, given: State, place: int) -> None:
    """Give a bank what the older program did not know: a fixed price or deposits in another protocol."""
    bank, debt = given.banks[place], place == given.debt
    dollars = legacy_dollars(given.accounts[given.oracles[place][0]][1])
    bank.patches[808] = fixed(int(dollars * ONE) * (-1 if rnd.random() < 0.02 else 1))
    if debt or rnd.random() < 0.3:
        bank.oracle, bank.keys, given.oracles[place] = 8, [], []
        return
    held = rnd.choice((KAMINO, DRIFT, SAVE, JUPITER))
    way = rnd.randrange(3)
    bank.tag, bank.oracle = held, SETUPS[held][way]
    source, second = given.oracles[place][0], key(700 + place)
    given.accounts[second] = (Pubkey.from_string(OWNERS[held]), integration(rnd, held))
    fixed_price = bank.oracle in (13, 14, 17)
    bank.keys = [bytes(source), bytes(second)]
    given.oracles[place] = [second] if fixed_price else [source, second]
    if not fixed_price:
        seen = old.set_oracle(rnd, probe := Bank(bank.number, bank.group, max_age=bank.max_age, oracle=(3, 4, 3)[way]), dollars,
                              given.accounts, given.kind)  # fmt: skip
        bank.keys[0], given.oracles[place][0] = bytes(seen[0]), seen[0]
        assert probe.oracle != 4 or given.accounts[seen[0]][0] == SWITCHBOARD


def legacy_dollars(data: bytes) -> float:
    """Return the price that one of Pyth's old accounts tells."""
    trading = data[224] == 1
    price, exponent = struct.unpack_from("<q", data, 208 if trading else 184)[0], struct.unpack_from("<i", data, 20)[0]
    return float(min(max(price, 1) * 10.0**exponent, 1e9))


def integration(rnd: random.Random, held: int) -> bytes:
    """Return another protocol's account, nearly always fresh."""
    stale = rnd.random() < 0.05
    supply = rnd.choice((0, 1, 10**6)) if rnd.random() < 0.05 else rnd.randrange(10**9, 10**15)
    if held == KAMINO:
        data = bytearray(kind("account", "Reserve").ljust(8624, b"\0"))
        struct.pack_into("<Q", data, 16, SLOT - stale)
        struct.pack_into("<Q", data, 224, supply // 2)
        data[232:248] = (int(supply * rnd.uniform(0.4, 0.9)) << 60 | rnd.randrange(2**60)).to_bytes(16, "little")
        for at in (344, 360, 376):
            data[at : at + 16] = rnd.randrange(2**70).to_bytes(16, "little")
        struct.pack_into("<Q", data, 272, 6)
        struct.pack_into("<Q", data, 2592, supply)
    elif held == SAVE:
        data = bytearray(619)
        data[0], data[74] = 1, 6
        struct.pack_into("<Q", data, 1, SLOT - stale)
        struct.pack_into("<Q", data, 171, supply // 2)
        data[179:195] = (int(supply * rnd.uniform(0.4, 0.9)) * 10**18 + rnd.randrange(10**18)).to_bytes(16, "little")
        struct.pack_into("<Q", data, 259, supply)
        data[373:389] = rnd.randrange(10**22).to_bytes(16, "little")
    elif held == DRIFT:
        data = bytearray(bytes([100, 177, 8, 107, 168, 65, 65, 39]).ljust(776, b"\0"))
        data[464:480] = rnd.randrange(10**10, 2 * 10**10).to_bytes(16, "little")
        struct.pack_into("<Q", data, 568, NOW - stale)
    else:
        data = bytearray(bytes([135, 199, 82, 16, 249, 131, 182, 241]).ljust(196, b"\0"))
        struct.pack_into("<QQ", data, 115, rnd.randrange(10**12, 2 * 10**12), NOW - stale)
    return bytes(data)


def extend(rnd: random.Random, bank: Bank, odd: str) -> None:
    """Fill in the fields that are new."""
    knots = sorted(rnd.randrange(1, U32) for _ in range(rnd.randrange(6)))
    rates = sorted(rnd.randrange(U32 // rnd.choice((5, 50))) for _ in range(len(knots) + 2))
    if odd == "utilisation" and rnd.random() < 0.3:
        rates.reverse()
    bank.patches[496] = struct.pack("<II", rates[0], rates[-1])
    points = [struct.pack("<II", at, rate) for at, rate in zip(knots, rates[1:], strict=False)]
    while len(points) < 5:
        points.insert(rnd.randrange(len(points) + 1), bytes(8))
    bank.patches[504] = b"".join(points)
    bank.patches[544] = bytes([0 if rnd.random() < 0.01 else 1])
    bank.patches[804] = struct.pack("<I", rnd.choice((0, U32 // 20, *(U32 // 2,) * 3, *(U32,) * 4)))
    if rnd.random() < 0.04:
        bank.state = rnd.choice((3, 4, 5))
    bank.patches[920] = struct.pack("<H", rnd.choice((0, 1, 2, 3)))
    entries = [
        struct.pack("<HB5x", tag, 0) + fixed(number(round(weight - 0.05, 3))) + fixed(number(weight))
        for tag in rnd.sample(range(1, 5), rnd.choice((0, 1, 2, 4)))
        for weight in [round(rnd.uniform(0.5, 0.98), 3)]
    ]
    bank.patches[944] = b"".join(entries).ljust(400, b"\0")
    if rnd.random() < 0.2:
        bank.patches[1376] = rnd.randbytes(16) + fixed(rnd.randrange(2**80)) * 2
    bank.patches[1424] = struct.pack("<q", NOW - rnd.randrange(10**6)) + fixed(rnd.randrange(2**60))
    bank.patches[1448] = bytes([1 if rnd.random() < 0.01 else 0])
    bank.patches[1456] = fixed(ONE)
    bank.patches[1536] = struct.pack("<ii", rnd.randrange(100), rnd.randrange(100))
    if rnd.random() < 0.02:
        bank.patches[840] = struct.pack("<Q", bank.flags | 1 << 5)


def noted(rnd: random.Random, address: Pubkey, data: bytes, *, record: bool) -> bytes:
    """Return a margin account with its record and what its caches held before."""
    changed = bytearray(data)
    if rnd.random() < 0.2:
        changed[1840:2144] = rnd.randbytes(304)
    if record:
        changed[2224:2256] = bytes(addresses.liquidation_record(address))
    changed[2256:2271] = bytes(rnd.randrange(2) for _ in range(15))
    return bytes(changed)


def fee_state(rnd: random.Random) -> bytes:
    """Return the program's own fees."""
    data = bytearray(bytes.fromhex("3fe01055c124ebdc").ljust(264, b"\0"))
    data[8:40], data[72:104] = bytes(addresses.fee_state()), bytes(FEE_WALLET)
    data[120:136] = fixed(number(rnd.choice((0, "0.03", "0.05", "0.07", "0.1"))))
    return bytes(data)


def record(rnd: random.Random) -> bytes:
    """Return the position's record, with earlier entries."""
    data = bytearray(bytes.fromhex("5f74178459d2f5a2").ljust(520, b"\0"))
    data[8:40], data[40:72] = bytes(addresses.liquidation_record(POSITION)), bytes(POSITION)
    data[72:104] = bytes(AUTHORITY)
    if rnd.random() < 0.2:
        data[136:328] = rnd.randbytes(192)
    return bytes(data)
