"""Save's accounts and those of its oracles, packed field by field; no arithmetic, and nothing of the engine's."""

import struct
from dataclasses import dataclass, field
from hashlib import sha256

from solders.pubkey import Pubkey

WAD = 10**18
ALL = 2**64 - 1
PROGRAM = Pubkey.from_string("So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
PULL = Pubkey.from_string("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ")
LEGACY = Pubkey.from_string("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH")
AGGREGATOR = Pubkey.from_string("SW1TCH7qEPTdLsDHRgPuMQjbQxKdH2aBStViMFnt64f")
FEED = Pubkey.from_string("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv")
NO_ORACLE = Pubkey.from_string("nu11111111111111111111111111111111111111111")


def wide(value: int) -> bytes:
    """Return a u128."""
    return value.to_bytes(16, "little")


@dataclass
class Reserve:
    """A reserve before it is packed; names follow the layout."""

    market: Pubkey
    mint: Pubkey
    supply: Pubkey
    share_mint: Pubkey
    share_supply: Pubkey
    fee_receiver: Pubkey
    main_oracle: Pubkey
    second_oracle: Pubkey = NO_ORACLE
    version: int = 1
    slot: int = 0
    stale: int = 1
    decimals: int = 6
    available: int = 0
    borrowed: int = 0
    index: int = WAD
    price: int = 0
    shares: int = 0
    rates: tuple[int, ...] = (80, 75, 5, 80, 0, 8, 50)
    borrow_fee: int = 10**15
    flash_fee: int = 3 * 10**15
    host_fee: int = 20
    protocol_fee: int = 10
    take_rate: int = 20
    fees: int = 0
    limiter: bytes = bytes(56)
    added_weight: int = 0
    smoothed: int = 0
    kind: int = 0
    max_utilization: int = 90
    super_max_rate: int = 150
    max_bonus: int = 10
    max_threshold: int = 85
    offset: int = 0
    extra_oracle: Pubkey = field(default_factory=Pubkey.default)
    extra_flag: int = 0
    extra_price: int = 0
    attributed: int = 0
    open_limit: int = 0
    close_limit: int = 0
    padding: bytes = bytes(49)

    def pack(self) -> bytes:
        """Return the 619 bytes."""
        parts = [
            struct.pack("<BQB", self.version, self.slot, self.stale),
            bytes(self.market) + bytes(self.mint) + bytes([self.decimals]) + bytes(self.supply),
            bytes(self.main_oracle) + bytes(self.second_oracle),
            struct.pack("<Q", self.available) + wide(self.borrowed) + wide(self.index) + wide(self.price),
            bytes(self.share_mint) + struct.pack("<Q", self.shares) + bytes(self.share_supply) + bytes(self.rates),
            struct.pack("<QQBQQ", self.borrow_fee, self.flash_fee, self.host_fee, ALL, ALL),
            bytes(self.fee_receiver) + bytes([self.protocol_fee, self.take_rate]) + wide(self.fees) + self.limiter,
            struct.pack("<Q", self.added_weight) + wide(self.smoothed) + bytes([self.kind, self.max_utilization]),
            struct.pack("<QBBq", self.super_max_rate, self.max_bonus, self.max_threshold, self.offset),
            bytes(self.extra_oracle) + bytes([self.extra_flag]) + wide(self.extra_price) + wide(self.attributed),
            struct.pack("<QQ", self.open_limit, self.close_limit) + self.padding,
        ]
        return b"".join(parts)


@dataclass
class Deposit:
    """A deposit; value and attributed are what the last refresh wrote."""

    reserve: Pubkey
    shares: int
    value: int = 0
    attributed: int = 0


@dataclass
class Borrow:
    """A debt."""

    reserve: Pubkey
    index: int
    amount: int
    value: int = 0


@dataclass
class Obligation:
    """An obligation before it is packed."""

    market: Pubkey
    owner: Pubkey
    deposits: list[Deposit]
    borrows: list[Borrow]
    version: int = 1
    slot: int = 0
    stale: int = 1
    sums: tuple[int, ...] = (0,) * 7
    isolated: int = 0
    closeable: int = 0
    filler: bytes = bytes(1300)

    def pack(self) -> bytes:
        """Return the 1300 bytes; what no entry covers is `filler`."""
        head = struct.pack("<BQB", self.version, self.slot, self.stale) + bytes(self.market) + bytes(self.owner)
        head += b"".join(wide(each) for each in self.sums[:5]) + bytes([self.isolated])
        head += wide(self.sums[5]) + wide(self.sums[6]) + bytes([self.closeable]) + self.filler[188:202]
        head += bytes([len(self.deposits), len(self.borrows)])
        for deposit in self.deposits:
            head += bytes(deposit.reserve) + struct.pack("<Q", deposit.shares)
            head += wide(deposit.value) + wide(deposit.attributed) + self.filler[:16]
        for borrow in self.borrows:
            head += bytes(borrow.reserve) + wide(borrow.index) + wide(borrow.amount) + wide(borrow.value)
            head += self.filler[:32]
        return head[:1300] + self.filler[len(head) :]


def market(
    bump: int, owner: Pubkey, *, liquidator: bytes, risk: bytes, token: Pubkey = TOKEN, version: int = 1
) -> bytes:
    """Return a lending market's 290 bytes."""
    currency = b"USD" + bytes(29)
    programs = bytes(token) + bytes(PULL) + bytes(NO_ORACLE)
    return bytes([version, bump]) + bytes(owner) + currency + programs + bytes(56) + liquidator + risk + bytes(8)


def mint(authority: Pubkey, supply: int, decimals: int) -> bytes:
    """Return an SPL mint's 82 bytes."""
    return struct.pack("<I32sQBBI32s", 1, bytes(authority), supply, decimals, 1, 0, bytes(32))


def token(mint: Pubkey, owner: Pubkey, amount: int) -> bytes:
    """Return an SPL token account's 165 bytes."""
    return struct.pack(
        "<32s32sQI32sBIQQI32s", bytes(mint), bytes(owner), amount, 0, bytes(32), 1, 0, 0, 0, 0, bytes(32)
    )


def pull_price(price: int, conf: int, exponent: int, time: int, average: int, level: bytes = b"\1") -> bytes:
    """Return a PriceUpdateV2's 134 bytes."""
    head = sha256(b"account:PriceUpdateV2").digest()[:8] + bytes(32) + level + b"feed" * 8
    data = head + struct.pack("<qQiqqqQQ", price, conf, exponent, time, time - 1, average, conf, 7)
    return data.ljust(134, b"\0")


def legacy_price(
    price: int,
    conf: int,
    exponent: int,
    slot: int,
    average: int,
    *,
    status: int = 1,
    previous: tuple[int, int, int] = (0, 0, 0),
) -> bytes:
    """Return a legacy Price's 3312 bytes; `previous` is (slot, price, confidence)."""
    data = bytearray(3312)
    struct.pack_into("<IIIIIi", data, 0, 0xA1B2C3D4, 2, 3, 3312, 1, exponent)
    struct.pack_into("<q", data, 48, average)
    struct.pack_into("<QqQ", data, 176, *previous)
    struct.pack_into("<qQIIQ", data, 208, price, conf, status, 0, slot)
    return bytes(data)


def aggregator(mantissa: int, scale: int, slot: int, *, wanted: int = 1, answered: int = 1, sliding: int = 0) -> bytes:
    """Return a Switchboard version 2 aggregator's 3851 bytes."""
    data = bytearray(3851)
    data[:8] = sha256(b"account:AggregatorAccountData").digest()[:8]
    struct.pack_into("<I", data, 236, wanted)
    struct.pack_into("<I", data, 341, answered)
    struct.pack_into("<Q", data, 350, slot)
    data[366:382] = mantissa.to_bytes(16, "little", signed=True)
    struct.pack_into("<I", data, 382, scale)
    data[3712] = sliding
    return bytes(data)


def feed(value: int, spread: int, slot: int) -> bytes:
    """Return a Switchboard on-demand feed's 3208 bytes."""
    data = bytearray(3208)
    data[:8] = sha256(b"account:PullFeedAccountData").digest()[:8]
    data[2264:2280] = value.to_bytes(16, "little", signed=True)
    data[2312:2328] = spread.to_bytes(16, "little", signed=True)
    data[2360] = 1
    struct.pack_into("<Q", data, 2368, slot)
    return bytes(data)
