"""The addresses and fees that stand in Kamino's accounts; no values, which only the arithmetic core computes."""

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.kamino.addresses import NOTHING

RESERVE_SIZE, OBLIGATION_SIZE, MARKET_SIZE = 8624, 3344, 4664
RESERVE, OBLIGATION, MARKET = (bytes.fromhex(it) for it in ("2bf2ccca1af73b7f", "a8ce8d6a584caca7", "f6723262489d1c78"))
MARKET_OFFSET = 32  # of the market's address in reserves and obligations
HAS_DEBT_OFFSET = 2287

_DEPOSITS = [96 + 136 * place for place in range(8)]
_BORROWS = [1208 + 200 * place for place in range(5)]


def _check(data: bytes, size: int, discriminator: bytes, kind: str) -> None:
    if len(data) != size or data[:8] != discriminator:
        raise DecodeError(f"found {len(data)} bytes that are not a Kamino {kind}, expected {size}")


def _key(data: bytes, at: int) -> Pubkey:
    return Pubkey(data[at : at + 32])


def _some(data: bytes, at: int) -> Pubkey | None:
    key = _key(data, at)
    return None if key == NOTHING else key


def _number(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a reserve names."""

    market: Pubkey
    collateral_farm: Pubkey | None
    debt_farm: Pubkey | None
    mint: Pubkey
    supply: Pubkey
    fee_vault: Pubkey
    available: int
    token_program: Pubkey
    share_mint: Pubkey
    share_supply: Pubkey
    obsolete: bool
    flash_fee: int  # 2^-60; 2^64 - 1 where flash loans are off
    oracles: tuple[Pubkey | None, Pubkey | None, Pubkey | None, Pubkey | None]
    """Pyth, Switchboard's price and average, Scope."""

    @classmethod
    def decode(cls, data: bytes) -> "Reserve":
        """Return the content; DecodeError for other bytes."""
        _check(data, RESERVE_SIZE, RESERVE, "reserve")
        return cls(
            market=_key(data, 32),
            collateral_farm=_some(data, 64),
            debt_farm=_some(data, 96),
            mint=_key(data, 128),
            supply=_key(data, 160),
            fee_vault=_key(data, 192),
            available=_number(data, 224),
            token_program=_key(data, 408),
            share_mint=_key(data, 2560),
            share_supply=_key(data, 2600),
            obsolete=data[4856] == 1,
            flash_fee=_number(data, 4904),
            oracles=(_some(data, 5224), _some(data, 5160), _some(data, 5192), _some(data, 5112)),
        )


@dataclass(frozen=True, slots=True)
class Obligation:
    """What an obligation names, in stored order; empty places left out."""

    market: Pubkey
    owner: Pubkey
    deposits: tuple[Pubkey, ...]
    borrows: tuple[Pubkey, ...]
    elevation_group: int
    referrer: Pubkey | None

    @classmethod
    def decode(cls, data: bytes) -> "Obligation":
        """Return the content; DecodeError for other bytes."""
        _check(data, OBLIGATION_SIZE, OBLIGATION, "obligation")
        return cls(
            market=_key(data, 32),
            owner=_key(data, 64),
            deposits=tuple(key for at in _DEPOSITS if (key := _some(data, at)) is not None),
            borrows=tuple(key for at in _BORROWS if (key := _some(data, at)) is not None),
            elevation_group=data[2285],
            referrer=_some(data, 2288),
        )

    @property
    def reserves(self) -> tuple[Pubkey, ...]:
        """Every reserve once, in the order of its first leg."""
        return tuple(dict.fromkeys((*self.deposits, *self.borrows)))


@dataclass(frozen=True, slots=True)
class Market:
    """What a market names."""

    owner: Pubkey
    referral_fee_bps: int

    @classmethod
    def decode(cls, data: bytes) -> "Market":
        """Return the content; DecodeError for other bytes."""
        _check(data, MARKET_SIZE, MARKET, "lending market")
        return cls(_key(data, 24), int(struct.unpack_from("<H", data, 120)[0]))
