"""The addresses, and what a flash loan depends on, in Save's accounts; no values, which only the arithmetic core computes."""

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError

RESERVE_SIZE = 619
OBLIGATION_SIZE = 1300
MARKET_SIZE = 290
MARKET_OFFSET = 10  # of the market's address in reserves and obligations

_DEPOSIT_SIZE, _BORROW_SIZE, _LEGS_OFFSET = 88, 112, 204


def _check(data: bytes, size: int, kind: str) -> None:
    if len(data) != size or data[0] != 1:
        raise DecodeError(
            f"found {len(data)} bytes of version {data[0] if data else 'none'}, expected a Save {kind}: {size} of version 1"
        )


def _key(data: bytes, at: int) -> Pubkey:
    return Pubkey(data[at : at + 32])


@dataclass(frozen=True, slots=True)
class Reserve:
    """What a reserve names."""

    market: Pubkey
    mint: Pubkey
    supply: Pubkey
    main_oracle: Pubkey
    second_oracle: Pubkey
    share_mint: Pubkey
    share_supply: Pubkey
    fee_receiver: Pubkey
    extra_oracle: Pubkey | None
    available: int  # smallest units that it holds
    flash_fee_wad: int  # 10^-18; 2^64 - 1 where flash loans are off
    host_fee_percent: int

    @classmethod
    def decode(cls, data: bytes) -> "Reserve":
        """Return the content; DecodeError for other bytes."""
        _check(data, RESERVE_SIZE, "reserve")
        extra = _key(data, 489)
        return cls(
            market=_key(data, 10),
            mint=_key(data, 42),
            supply=_key(data, 75),
            main_oracle=_key(data, 107),
            second_oracle=_key(data, 139),
            share_mint=_key(data, 227),
            share_supply=_key(data, 267),
            fee_receiver=_key(data, 339),
            extra_oracle=None if extra == Pubkey.default() else extra,
            available=struct.unpack_from("<Q", data, 171)[0],
            flash_fee_wad=struct.unpack_from("<Q", data, 314)[0],
            host_fee_percent=data[322],
        )


@dataclass(frozen=True, slots=True)
class Obligation:
    """What an obligation names, in stored order."""

    market: Pubkey
    owner: Pubkey
    deposits: tuple[Pubkey, ...]
    borrows: tuple[Pubkey, ...]

    @classmethod
    def decode(cls, data: bytes) -> "Obligation":
        """Return the content; DecodeError for other bytes."""
        _check(data, OBLIGATION_SIZE, "obligation")
        deposits, borrows = data[202], data[203]
        behind = _LEGS_OFFSET + _DEPOSIT_SIZE * deposits
        if behind + _BORROW_SIZE * borrows > OBLIGATION_SIZE:
            raise DecodeError(
                f"found {deposits} deposits and {borrows} borrows, expected as many as an obligation holds"
            )
        return cls(
            market=_key(data, 10),
            owner=_key(data, 42),
            deposits=tuple(_key(data, _LEGS_OFFSET + _DEPOSIT_SIZE * place) for place in range(deposits)),
            borrows=tuple(_key(data, behind + _BORROW_SIZE * place) for place in range(borrows)),
        )

    @property
    def reserves(self) -> tuple[Pubkey, ...]:
        """Every reserve once, in the order of its first leg."""
        return tuple(dict.fromkeys((*self.deposits, *self.borrows)))


@dataclass(frozen=True, slots=True)
class Market:
    """What a market names."""

    bump: int
    owner: Pubkey
    only_liquidator: Pubkey | None

    @classmethod
    def decode(cls, data: bytes) -> "Market":
        """Return the content; DecodeError for other bytes."""
        _check(data, MARKET_SIZE, "lending market")
        liquidator = _key(data, 218)
        return cls(data[1], _key(data, 2), None if liquidator == Pubkey.default() else liquidator)
