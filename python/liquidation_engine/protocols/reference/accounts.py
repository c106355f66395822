"""The program's accounts as frozen words: `decode` refuses what the program did not write, `pack` writes its bytes.

Amounts are whole numbers of a mint's smallest unit; a debt leg's amount is shares. Offsets are those of
`docs/reference-program.md`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import ClassVar, Self

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError

LAYOUT = 1
MAX_LEGS = 8
WAD = 10**18

_HEAD = struct.Struct("<8sBB")
_MARKET = struct.Struct("<B5x32s32sQQ32s32x")
_CONFIG = struct.Struct("<HHIHHHHH2xIQQ")
_RESERVE_KEYS = struct.Struct("<B5x32s32s32s32s")
_RESERVE_TOTALS = struct.Struct("<QQ16sQQQQ8x")
_ORACLE = struct.Struct("<2xi32s32sQQQQ16x")
_POSITION = struct.Struct("<B5x32s32sQQQ")
_LEG = struct.Struct("<32sQB7x")
_FUND = struct.Struct("<6x32s32sQQQ32s8x")


class Side(IntEnum):
    """Which side of a position a leg is on."""

    COLLATERAL = 1
    DEBT = 2


def discriminator(name: str) -> bytes:
    """Return the first eight bytes of an account of this kind."""
    return sha256(f"account:{name}".encode()).digest()[:8]


def _open(data: bytes, name: str, size: int) -> int:
    if len(data) != size:
        raise DecodeError(f"{name} has {len(data)} bytes, expected {size}")
    found, layout, bump = _HEAD.unpack_from(data)
    if found != discriminator(name):
        raise DecodeError(f"{name} begins with {found.hex()}, expected {discriminator(name).hex()}")
    if layout != LAYOUT:
        raise DecodeError(f"{name} has layout {layout}, expected {LAYOUT}")
    return int(bump)


def _head(name: str, bump: int) -> bytes:
    return _HEAD.pack(discriminator(name), LAYOUT, bump)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketAccount:
    """A market; its address is the authority of its reserves' vaults."""

    SIZE: ClassVar[int] = 160
    NAME: ClassVar[str] = "Market"

    owner: Pubkey
    insurance_authority: Pubkey
    creator: Pubkey
    id: int
    reserve_count: int = 0
    paused: bool = False
    bump: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the account's bytes."""
        bump = _open(data, cls.NAME, cls.SIZE)
        paused, owner, authority, market_id, count, creator = _MARKET.unpack_from(data, 10)
        if paused > 1:
            raise DecodeError(f"Market has paused = {paused}, expected 0 or 1")
        return cls(
            owner=Pubkey(owner),
            insurance_authority=Pubkey(authority),
            creator=Pubkey(creator),
            id=market_id,
            reserve_count=count,
            paused=paused == 1,
            bump=bump,
        )

    def pack(self) -> bytes:
        """Return the account's bytes."""
        return _head(self.NAME, self.bump) + _MARKET.pack(
            self.paused,
            bytes(self.owner),
            bytes(self.insurance_authority),
            self.id,
            self.reserve_count,
            bytes(self.creator),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveConfig:
    """A reserve's parameters; basis points unless the name says otherwise. The program refuses what cannot work."""

    SIZE: ClassVar[int] = 40

    ltv_bps: int
    liquidation_threshold_bps: int
    borrow_factor_bps: int = 10_000
    min_bonus_bps: int
    max_bonus_bps: int
    close_factor_bps: int
    protocol_fee_bps: int
    max_confidence_bps: int
    interest_rate_bps: int
    max_oracle_age_slots: int
    dust_limit_micro_usd: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the 40 bytes."""
        if len(data) != cls.SIZE or data[18:20] != b"\0\0":
            raise DecodeError(f"a configuration of {len(data)} bytes is malformed, expected {cls.SIZE}")
        ltv, threshold, factor, least, most, close, fee, confidence, rate, age, dust = _CONFIG.unpack(data)
        return cls(
            ltv_bps=ltv,
            liquidation_threshold_bps=threshold,
            borrow_factor_bps=factor,
            min_bonus_bps=least,
            max_bonus_bps=most,
            close_factor_bps=close,
            protocol_fee_bps=fee,
            max_confidence_bps=confidence,
            interest_rate_bps=rate,
            max_oracle_age_slots=age,
            dust_limit_micro_usd=dust,
        )

    def pack(self) -> bytes:
        """Return the 40 bytes, as in the account and in instructions."""
        return _CONFIG.pack(
            self.ltv_bps,
            self.liquidation_threshold_bps,
            self.borrow_factor_bps,
            self.min_bonus_bps,
            self.max_bonus_bps,
            self.close_factor_bps,
            self.protocol_fee_bps,
            self.max_confidence_bps,
            self.interest_rate_bps,
            self.max_oracle_age_slots,
            self.dust_limit_micro_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveAccount:
    """One mint of a market, its parameters and its totals."""

    SIZE: ClassVar[int] = 256
    NAME: ClassVar[str] = "Reserve"

    market: Pubkey
    mint: Pubkey
    vault: Pubkey
    oracle: Pubkey
    decimals: int
    config: ReserveConfig
    total_deposits: int = 0
    total_debt_shares: int = 0
    borrow_index: int = WAD
    accrued_slot: int = 0
    bad_debt_total: int = 0
    bad_debt_covered: int = 0
    liquidations: int = 0
    bump: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the account's bytes."""
        bump = _open(data, cls.NAME, cls.SIZE)
        decimals, market, mint, vault, oracle = _RESERVE_KEYS.unpack_from(data, 10)
        deposits, shares, index, slot, bad, covered, liquidations = _RESERVE_TOTALS.unpack_from(data, 184)
        borrow_index = int.from_bytes(index, "little")
        if borrow_index < WAD:
            raise DecodeError(f"Reserve has borrow index {borrow_index}, expected at least {WAD}")
        return cls(
            market=Pubkey(market),
            mint=Pubkey(mint),
            vault=Pubkey(vault),
            oracle=Pubkey(oracle),
            decimals=decimals,
            config=ReserveConfig.decode(data[144:184]),
            total_deposits=deposits,
            total_debt_shares=shares,
            borrow_index=borrow_index,
            accrued_slot=slot,
            bad_debt_total=bad,
            bad_debt_covered=covered,
            liquidations=liquidations,
            bump=bump,
        )

    def pack(self) -> bytes:
        """Return the account's bytes."""
        keys = _RESERVE_KEYS.pack(
            self.decimals, bytes(self.market), bytes(self.mint), bytes(self.vault), bytes(self.oracle)
        )
        totals = _RESERVE_TOTALS.pack(
            self.total_deposits,
            self.total_debt_shares,
            self.borrow_index.to_bytes(16, "little"),
            self.accrued_slot,
            self.bad_debt_total,
            self.bad_debt_covered,
            self.liquidations,
        )
        return _head(self.NAME, self.bump) + keys + self.config.pack() + totals


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleAccount:
    """The last price of a mint: `price·10^exponent` USD a whole token."""

    SIZE: ClassVar[int] = 128
    NAME: ClassVar[str] = "Oracle"

    authority: Pubkey
    mint: Pubkey
    exponent: int
    price: int = 0
    confidence: int = 0
    slot: int = 0
    updates: int = 0
    bump: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the account's bytes."""
        bump = _open(data, cls.NAME, cls.SIZE)
        exponent, authority, mint, price, confidence, slot, updates = _ORACLE.unpack_from(data, 10)
        return cls(
            authority=Pubkey(authority),
            mint=Pubkey(mint),
            exponent=exponent,
            price=price,
            confidence=confidence,
            slot=slot,
            updates=updates,
            bump=bump,
        )

    def pack(self) -> bytes:
        """Return the account's bytes."""
        body = _ORACLE.pack(
            self.exponent,
            bytes(self.authority),
            bytes(self.mint),
            self.price,
            self.confidence,
            self.slot,
            self.updates,
        )
        return _head(self.NAME, self.bump) + body


@dataclass(frozen=True, slots=True)
class Leg:
    """One reserve's part of a position: tokens of collateral, or *shares* of debt."""

    reserve: Pubkey
    side: Side
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAccount:
    """Up to eight legs of collateral and debt under one owner; at most one leg of a reserve."""

    SIZE: ClassVar[int] = 488
    NAME: ClassVar[str] = "Position"

    market: Pubkey
    owner: Pubkey
    id: int
    legs: tuple[Leg, ...] = ()
    version: int = 0
    last_update_slot: int = 0
    bump: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the account's bytes."""
        bump = _open(data, cls.NAME, cls.SIZE)
        count, market, owner, position_id, version, slot = _POSITION.unpack_from(data, 10)
        if count > MAX_LEGS:
            raise DecodeError(f"Position has {count} legs, expected at most {MAX_LEGS}")
        legs = tuple(_leg(*_LEG.unpack_from(data, 104 + _LEG.size * place)) for place in range(count))
        if len({leg.reserve for leg in legs}) != count:
            raise DecodeError("Position has two legs of one reserve")
        return cls(
            market=Pubkey(market),
            owner=Pubkey(owner),
            id=position_id,
            legs=legs,
            version=version,
            last_update_slot=slot,
            bump=bump,
        )

    def pack(self) -> bytes:
        """Return the account's bytes."""
        if len(self.legs) > MAX_LEGS:
            raise DecodeError(f"Position has {len(self.legs)} legs, expected at most {MAX_LEGS}")
        body = _POSITION.pack(
            len(self.legs), bytes(self.market), bytes(self.owner), self.id, self.version, self.last_update_slot
        )
        legs = b"".join(_LEG.pack(bytes(leg.reserve), leg.amount, leg.side) for leg in self.legs)
        return (_head(self.NAME, self.bump) + body + legs).ljust(self.SIZE, b"\0")

    def leg(self, reserve: Pubkey) -> Leg | None:
        """Return the position's leg of a reserve, if it has one."""
        return next((leg for leg in self.legs if leg.reserve == reserve), None)


def _leg(reserve: bytes, amount: int, side: int) -> Leg:
    if side not in (Side.COLLATERAL, Side.DEBT) or amount == 0:
        raise DecodeError(f"Position has a leg of side {side} with {amount}, expected side 1 or 2 and an amount")
    return Leg(Pubkey(reserve), Side(side), amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsuranceFundAccount:
    """What pays for one market's bad debt in one mint; its vault holds at least `contributed + fees - covered`."""

    SIZE: ClassVar[int] = 144
    NAME: ClassVar[str] = "InsuranceFund"

    mint: Pubkey
    vault: Pubkey
    market: Pubkey
    contributed: int = 0
    fees: int = 0
    covered: int = 0
    bump: int

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the account's bytes."""
        bump = _open(data, cls.NAME, cls.SIZE)
        mint, vault, contributed, fees, covered, market = _FUND.unpack_from(data, 10)
        return cls(
            mint=Pubkey(mint),
            vault=Pubkey(vault),
            market=Pubkey(market),
            contributed=contributed,
            fees=fees,
            covered=covered,
            bump=bump,
        )

    def pack(self) -> bytes:
        """Return the account's bytes."""
        return _head(self.NAME, self.bump) + _FUND.pack(
            bytes(self.mint), bytes(self.vault), self.contributed, self.fees, self.covered, bytes(self.market)
        )


Account = MarketAccount | ReserveAccount | OracleAccount | PositionAccount | InsuranceFundAccount

_DECODERS: dict[bytes, Callable[[bytes], Account]] = {
    discriminator("Market"): MarketAccount.decode,
    discriminator("Reserve"): ReserveAccount.decode,
    discriminator("Oracle"): OracleAccount.decode,
    discriminator("Position"): PositionAccount.decode,
    discriminator("InsuranceFund"): InsuranceFundAccount.decode,
}


def decode(data: bytes) -> Account:
    """Read an account of any kind by its discriminator."""
    decoder = _DECODERS.get(data[:8])
    if decoder is None:
        raise DecodeError(f"no account of the program begins with {data[:8].hex()}")
    return decoder(data)
