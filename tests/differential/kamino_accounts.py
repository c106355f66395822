"""Accounts of Kamino's lending program as bytes, written from the published layouts: what the differential runs feed to the real program."""

import hashlib
import struct
from dataclasses import dataclass, field

from solders.account import Account
from solders.pubkey import Pubkey

PROGRAM = Pubkey.from_string("KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD")
SCOPE_PROGRAM = Pubkey.from_string("HFn8GnPADiny6XqUoWE8uRPPxb29ikn4yTuPa9MF2fWJ")
PYTH_PROGRAM = Pubkey.from_string("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ")
SWITCHBOARD_PROGRAM = Pubkey.from_string("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv")
PYTH_LEGACY_PROGRAM = Pubkey.from_string("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH")
AGGREGATOR_PROGRAM = Pubkey.from_string("SW1TCH7qEPTdLsDHRgPuMQjbQxKdH2aBStViMFnt64f")
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
NO_KEY = Pubkey.default()
ONE = 1 << 60
UNUSED = 65535  # ends a Scope chain


def discriminator(namespace: str, name: str) -> bytes:
    """Return Anchor's eight bytes."""
    return hashlib.sha256(f"{namespace}:{name}".encode()).digest()[:8]


class Bytes:
    """A buffer whose fields are set by offset and width."""

    def __init__(self, size: int, name: str) -> None:
        self.data = bytearray(size)
        self.data[:8] = discriminator("account", name)

    def number(self, offset: int, value: int, width: int = 8) -> None:
        """Write an unsigned (or a negative two's complement) little-endian number."""
        self.data[offset : offset + width] = value.to_bytes(width, "little", signed=value < 0)

    def key(self, offset: int, value: Pubkey) -> None:
        """Write an address."""
        self.data[offset : offset + 32] = bytes(value)


def account(data: bytes | bytearray, owner: Pubkey) -> Account:
    """Return a funded account."""
    return Account(10**10, bytes(data), owner, False, 0)


def mint(authority: Pubkey, supply: int, decimals: int) -> Account:
    """Return an SPL mint."""
    return account(struct.pack("<I32sQBBI32s", 1, bytes(authority), supply, decimals, 1, 0, bytes(32)), TOKEN_PROGRAM)


def tokens(of: Pubkey, owner: Pubkey, amount: int) -> Account:
    """Return an SPL token account."""
    layout = "<32s32sQI32sBIQQI32s"
    data = struct.pack(layout, bytes(of), bytes(owner), amount, 0, bytes(32), 1, 0, 0, 0, 0, bytes(32))
    return account(data, TOKEN_PROGRAM)


def scope(entries: dict[int, tuple[int, int, int]]) -> Account:
    """Return Scope's price table; entry = (value, exponent, unix time)."""
    table = Bytes(28712, "OraclePrices")
    for index, (value, exponent, time) in entries.items():
        table.number(40 + 56 * index, value)
        table.number(48 + 56 * index, exponent)
        table.number(64 + 56 * index, time)
    return account(table.data, SCOPE_PROGRAM)


def pyth(price: int, conf: int, exponent: int, time: int, *, ema: int, ema_conf: int, full: bool = True) -> Account:
    """Return a PriceUpdateV2."""
    data = discriminator("account", "PriceUpdateV2") + bytes(32) + (b"\x01" if full else b"\x00\x05") + bytes(32)
    data += struct.pack("<qQiqqqQQ", price, conf, exponent, time, time - 1, ema, ema_conf, 0)
    return account(data.ljust(134, b"\0"), PYTH_PROGRAM)


def pyth_legacy(
    price: tuple[int, int],
    exponent: int,
    time: int,
    *,
    average: tuple[int, int],
    trading: bool = True,
    previous: tuple[int, int, int] = (0, 0, 0),
) -> Account:
    """Return Pyth's old price account; price and average with their confidence, the previous price with its time too."""
    data = bytearray(3312)
    struct.pack_into("<IIIIIi", data, 0, 0xA1B2C3D4, 2, 3, 3312, 1, exponent)
    struct.pack_into("<q", data, 48, average[0])
    struct.pack_into("<q", data, 72, average[1])
    struct.pack_into("<q", data, 96, time)
    struct.pack_into("<qQq", data, 184, *previous)
    struct.pack_into("<qQI", data, 208, *price, int(trading))
    return account(data, PYTH_LEGACY_PROGRAM)


def aggregator(
    value: int, places: int, deviation: int, deviation_places: int, time: int, *, answered: int = 3, wanted: int = 2
) -> Account:
    """Return Switchboard's aggregator with its latest confirmed round."""
    it = Bytes(3851, "AggregatorAccountData")
    it.number(236, wanted, 4)
    it.number(341, answered, 4)
    it.number(358, time)
    for offset, number, scale in ((366, value, places), (386, deviation, deviation_places)):
        it.number(offset, number, 16)
        it.number(offset + 16, scale, 4)
    return account(it.data, AGGREGATOR_PROGRAM)


def switchboard(value: int, deviation: int, slot: int, time: int, *, samples: int = 3, minimum: int = 1) -> Account:
    """Return an on-demand pull feed; value and deviation scaled by 10**18."""
    feed = Bytes(3208, "PullFeedAccountData")
    feed.number(2176, minimum, 4)
    feed.number(2216, time)
    for offset, number in ((2264, value), (2280, deviation), (2296, value), (2328, value), (2344, value)):
        feed.number(offset, number, 16)
    feed.data[2360] = samples
    for offset in (2368, 2376, 2384):
        feed.number(offset, slot)
    return account(feed.data, SWITCHBOARD_PROGRAM)


@dataclass(kw_only=True)
class Group:
    """An elevation group of the market."""

    id: int
    ltv: int
    threshold: int
    max_bonus: int
    debt: Pubkey
    max_reserves: int = 8
    allow_new: int = 1


@dataclass(kw_only=True)
class Market:
    """The market's parameters; offsets as published."""

    address: Pubkey
    bump: int
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)  # (offset, width) -> value
    groups: list[Group] = field(default_factory=list)

    def account(self) -> Account:
        """Return its account."""
        it = Bytes(4664, "LendingMarket")
        it.number(8, 1)
        it.number(16, self.bump)
        for (offset, width), value in self.numbers.items():
            it.number(offset, value, width)
        for group in self.groups:
            at = 200 + 72 * (group.id - 1)
            it.number(at, group.max_bonus, 2)
            it.data[at + 2 : at + 7] = bytes(
                (group.id, group.ltv, group.threshold, group.allow_new, group.max_reserves)
            )
            it.key(at + 8, group.debt)
        return account(it.data, PROGRAM)


@dataclass(kw_only=True)
class Reserve:
    """A reserve: its keys by offset, its numbers by (offset, width)."""

    address: Pubkey
    keys: dict[int, Pubkey]
    numbers: dict[tuple[int, int], int]
    curve: list[tuple[int, int]]
    groups: list[int] = field(default_factory=list)

    def account(self) -> Account:
        """Return its account."""
        it = Bytes(8624, "Reserve")
        it.number(8, 1)
        for offset, key in self.keys.items():
            it.key(offset, key)
        for (offset, width), value in self.numbers.items():
            it.number(offset, value, width)
        for place, (utilization, rate) in enumerate(self.curve + [self.curve[-1]] * (11 - len(self.curve))):
            it.number(4920 + 8 * place, utilization, 4)
            it.number(4924 + 8 * place, rate, 4)
        it.data[5480 : 5480 + len(self.groups)] = bytes(self.groups)
        return account(it.data, PROGRAM)


@dataclass(kw_only=True)
class Obligation:
    """A position; deposits and borrows by their place, as (reserve, fields by (offset, width))."""

    address: Pubkey
    market: Pubkey
    owner: Pubkey
    deposits: dict[int, tuple[Pubkey, dict[tuple[int, int], int]]]
    borrows: dict[int, tuple[Pubkey, dict[tuple[int, int], int]]]
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    referrer: Pubkey = NO_KEY

    def account(self) -> Account:
        """Return its account."""
        it = Bytes(3344, "Obligation")
        it.key(32, self.market)
        it.key(64, self.owner)
        it.key(2288, self.referrer)
        for start, size, legs in ((96, 136, self.deposits), (1208, 200, self.borrows)):
            for place, (reserve, numbers) in legs.items():
                it.key(start + size * place, reserve)
                for (offset, width), value in numbers.items():
                    it.number(start + size * place + offset, value, width)
        for (offset, width), value in self.numbers.items():
            it.number(offset, value, width)
        return account(it.data, PROGRAM)
