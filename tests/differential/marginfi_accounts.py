"""Bytes of marginfi's accounts and of the prices they name, written from the documented offsets."""

import hashlib
import struct
from dataclasses import dataclass, field
from functools import cache

from solders.pubkey import Pubkey

PROGRAM = Pubkey.from_string("MFv2hWf31Z9kbCa1snEPYctwafyhdvnV7FZnsebVacA")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
RECEIVER = Pubkey.from_string("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ")
PYTH = Pubkey.from_string("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH")
SWITCHBOARD = Pubkey.from_string("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv")
STAKE = Pubkey.from_string("Stake11111111111111111111111111111111111111")
ONE = 1 << 48


def key(number: int) -> Pubkey:
    """Return the address of this number."""
    return Pubkey(hashlib.sha256(f"marginfi {number}".encode()).digest())


def kind(namespace: str, name: str) -> bytes:
    """Return a discriminator."""
    return hashlib.sha256(f"{namespace}:{name}".encode()).digest()[:8]


@cache
def vault(seed: str, bank: Pubkey) -> tuple[Pubkey, int]:
    """Return a bank's vault or authority, and its bump."""
    return Pubkey.find_program_address([seed.encode(), bytes(bank)], PROGRAM)


@cache
def sponsored(feed: bytes) -> Pubkey:
    """Return where Pyth keeps the sponsored price of a feed."""
    push = Pubkey.from_string("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT")
    return Pubkey.find_program_address([bytes(2), feed], push)[0]


def fixed(value: int) -> bytes:
    """Return 16 bytes of a fixed-point number's bits."""
    return value.to_bytes(16, "little", signed=True)


def price_update(
    price: tuple[int, int], ema: tuple[int, int], exponent: int, time: int, feed: bytes, level: int
) -> bytes:
    """Return a PriceUpdateV2; `level` 1 is fully verified."""
    verified = b"\1" if level == 1 else bytes([0, 5])
    numbers = struct.pack("<qQiqqqQQ", *price, exponent, time, time - 1, *ema, 7)
    data = kind("account", "PriceUpdateV2") + bytes(32) + verified + feed + numbers
    return data.ljust(134, b"\0")


def legacy_price(price: tuple[int, int], ema: tuple[int, int], exponent: int, time: int, *, trading: bool) -> bytes:
    """Return one of Pyth's old price accounts; one that does not trade holds the price as its previous one."""
    data = bytearray(3312)
    struct.pack_into("<III", data, 0, 0xA1B2C3D4, 2, 3)
    struct.pack_into("<i", data, 20, exponent)
    struct.pack_into("<q", data, 48, ema[0])
    struct.pack_into("<Q", data, 72, ema[1])
    struct.pack_into("<q", data, 96, time)
    struct.pack_into("<QqQq", data, 176, 1, price[0] if not trading else 1, price[1] if not trading else 1, time)
    struct.pack_into("<qQI", data, 208, price[0] if trading else 1, price[1] if trading else 1, 1 if trading else 0)
    return bytes(data)


def pull_feed(value: int, deviation: int, time: int) -> bytes:
    """Return a Switchboard feed."""
    data = bytearray(3208)
    data[:8] = bytes.fromhex("c41b6cc40ad7db28")
    struct.pack_into("<q", data, 2216, time)
    data[2264:2296] = value.to_bytes(16, "little", signed=True) + deviation.to_bytes(16, "little", signed=True)
    return bytes(data)


def mint(supply: int, decimals: int) -> bytes:
    """Return an SPL mint."""
    return struct.pack("<I32sQBBI32s", 1, bytes(key(0)), supply, decimals, 1, 0, bytes(32))


def token(of: Pubkey, owner: Pubkey, amount: int) -> bytes:
    """Return an SPL token account."""
    return struct.pack("<32s32sQI32sBIQQI32s", bytes(of), bytes(owner), amount, 0, bytes(32), 1, 0, 0, 0, 0, bytes(32))


def stake(lamports: int, tag: int = 2) -> bytes:
    """Return a stake account that delegates."""
    data = bytearray(200)
    struct.pack_into("<I", data, 0, tag)
    struct.pack_into("<Q", data, 156, lamports)
    return bytes(data)


@dataclass
class Bank:
    """A bank's fields, numbers as bits."""

    number: int
    group: Pubkey
    decimals: int = 6
    asset_value: int = ONE
    debt_value: int = ONE
    assets: int = 10**12 * ONE
    debts: int = 10**11 * ONE
    fees: tuple[int, int, int] = (0, 0, 0)
    last_update: int = 0
    weights: tuple[int, int, int, int] = (ONE, ONE, ONE, ONE)
    limits: tuple[int, int] = (2**64 - 1, 2**64 - 1)
    curve: tuple[int, ...] = (0,) * 8
    state: int = 1
    oracle: int = 3
    keys: list[bytes] = field(default_factory=list)
    isolated: bool = False
    tag: int = 0
    init_limit: int = 0
    max_age: int = 60
    flags: int = 0
    emissions: tuple[int, int] = (0, 0)
    patches: dict[int, bytes] = field(default_factory=dict)
    """Bytes by offset that the newer program knows, over everything else."""

    @property
    def address(self) -> Pubkey:
        """Return its address."""
        return key(100 + self.number)

    @property
    def mint(self) -> Pubkey:
        """Return its mint."""
        return key(200 + self.number)

    def data(self) -> bytes:
        """Return its bytes."""
        data = bytearray(1864)
        vaults = [vault(seed, self.address) for seed in ("liquidity_vault", "liquidity_vault_auth", "insurance_vault")]
        data[:41] = kind("account", "Bank") + bytes(self.mint) + bytes([self.decimals])
        data[41:73] = bytes(self.group)
        data[80:112] = fixed(self.asset_value) + fixed(self.debt_value)
        data[112:146] = bytes(vaults[0][0]) + bytes([vaults[0][1], vaults[1][1]])
        data[146:179] = bytes(vaults[2][0]) + bytes([vaults[2][1]])
        for at, value in zip((184, 240, 904), self.fees, strict=True):
            data[at : at + 16] = fixed(value)
        data[256:296] = fixed(self.debts) + fixed(self.assets) + struct.pack("<q", self.last_update)
        for place, value in enumerate(self.weights):
            data[296 + 16 * place : 312 + 16 * place] = fixed(value)
        for place, value in enumerate(self.curve):
            data[368 + 16 * place : 384 + 16 * place] = fixed(value)
        struct.pack_into("<Q", data, 360, self.limits[0])
        data[608:610] = bytes([self.state, self.oracle])
        for place, value in enumerate(self.keys):
            data[610 + 32 * place : 642 + 32 * place] = value
        struct.pack_into("<QBB", data, 776, self.limits[1], int(self.isolated), self.tag)
        struct.pack_into("<QH", data, 792, self.init_limit, self.max_age)
        struct.pack_into("<QQ", data, 840, self.flags, self.emissions[0])
        data[856:872] = fixed(self.emissions[1])
        for at, value in self.patches.items():
            data[at : at + len(value)] = value
        return bytes(data)


@dataclass
class Balance:
    """One of an account's balances."""

    bank: Pubkey
    assets: int = 0
    debts: int = 0
    tag: int = 0
    emissions: int = 0
    touched: int = 0

    def data(self) -> bytes:
        """Return its bytes."""
        head = b"\1" + bytes(self.bank) + bytes([self.tag]) + bytes(6)
        return (
            head + fixed(self.assets) + fixed(self.debts) + fixed(self.emissions) + struct.pack("<QQ", self.touched, 0)
        )


def margin_account(group: Pubkey, authority: Pubkey, balances: list[Balance | None], flags: int = 0) -> bytes:
    """Return a margin account; None is a free place."""
    slots = b"".join(it.data() if it else bytes(104) for it in balances)
    head = kind("account", "MarginfiAccount") + bytes(group) + bytes(authority)
    return (head + slots).ljust(1800, b"\0") + struct.pack("<Q", flags) + bytes(504)


def group(flags: int, fixed_fee: int, rate_fee: int) -> bytes:
    """Return a group."""
    data = bytearray(1064)
    data[:8] = kind("account", "MarginfiGroup")
    data[40] = flags
    data[80:112] = fixed(fixed_fee) + fixed(rate_fee)
    return bytes(data)
