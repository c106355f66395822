"""The fields of banks and margin accounts that instructions are built from; amounts and health are Rust's."""

import struct
from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.adapter import Account

BANK, BANK_SIZE = bytes.fromhex("8e31a6f2324261bc"), 1864
MARGIN_ACCOUNT, MARGIN_ACCOUNT_SIZE = bytes.fromhex("43b2826d7e721c2a"), 2312
GROUP_ACCOUNT, GROUP_SIZE = bytes.fromhex("b617adf097ceb643"), 1064
FEE_STATE, FEE_STATE_SIZE = bytes.fromhex("3fe01055c124ebdc"), 264
_BALANCES, _BALANCE_SIZE, _FIRST_BALANCE = 16, 104, 72
_ONE_SHARE = 1 << 48
_NOBODY = Pubkey.default()


def _key(data: bytes, at: int) -> Pubkey:
    return Pubkey(data[at : at + 32])


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 16], "little", signed=True)


def checked(kind: str, data: bytes, discriminator: bytes, size: int) -> None:
    """Refuse other bytes with DecodeError."""
    if len(data) < size or data[:8] != discriminator:
        raise DecodeError(f"found {len(data)} bytes that are not a marginfi {kind}, expected {size}")


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank's addresses, and how its price is read."""

    address: Pubkey
    group: Pubkey
    mint: Pubkey
    oracle_setup: int
    oracle_keys: tuple[Pubkey, ...]
    asset_tag: int
    vote: Pubkey

    @classmethod
    def decode(cls, address: Pubkey, data: bytes) -> "Bank":
        """Read a bank; DecodeError for other bytes."""
        checked("bank", data, BANK, BANK_SIZE)
        keys = tuple(_key(data, 610 + 32 * place) for place in range(5))
        return cls(address, _key(data, 41), _key(data, 8), data[609], keys, data[785], _key(data, 1560))


@dataclass(frozen=True, slots=True)
class Balance:
    """One balance: shares are in 2^-48."""

    bank: Pubkey
    asset_shares: int
    liability_shares: int

    @property
    def is_debt(self) -> bool:
        """Whether it counts as debt."""
        return self.liability_shares >= _ONE_SHARE

    @property
    def is_deposit(self) -> bool:
        """Whether it counts as a deposit."""
        return self.asset_shares >= _ONE_SHARE


@dataclass(frozen=True, slots=True)
class MarginAccount:
    """A margin account: its sixteen places, None where one is free."""

    address: Pubkey
    group: Pubkey
    authority: Pubkey
    places: tuple[Balance | None, ...]
    flags: int
    liquidation_record: Pubkey | None

    @classmethod
    def decode(cls, address: Pubkey, data: bytes) -> "MarginAccount":
        """Read a margin account; DecodeError for other bytes."""
        checked("margin account", data, MARGIN_ACCOUNT, MARGIN_ACCOUNT_SIZE)
        starts = [_FIRST_BALANCE + _BALANCE_SIZE * place for place in range(_BALANCES)]
        places = tuple(
            Balance(_key(data, at + 1), _number(data, at + 40), _number(data, at + 56)) if data[at] else None
            for at in starts
        )
        record = _key(data, 2224)
        flags = int(struct.unpack_from("<Q", data, 1800)[0])
        return cls(address, _key(data, 8), _key(data, 40), places, flags, None if record == _NOBODY else record)

    @staticmethod
    def is_one(account: Account) -> bool:
        """Whether an account's bytes are a margin account's."""
        data = bytes(account.data)
        return len(data) >= MARGIN_ACCOUNT_SIZE and data[:8] == MARGIN_ACCOUNT

    def balance(self, bank: Pubkey) -> Balance | None:
        """Return the balance in a bank."""
        return next((it for it in self.places if it is not None and it.bank == bank), None)

    def banks(self) -> tuple[Pubkey, ...]:
        """Return the banks of the balances in use, in their order."""
        return tuple(it.bank for it in self.places if it is not None)

    def opened(self, *banks: Pubkey) -> tuple[Pubkey, ...]:
        """Return the banks of the balances after these have been opened, each in the first free place."""
        places: list[Pubkey | None] = [None if it is None else it.bank for it in self.places]
        for bank in banks:
            if bank not in places and None in places:
                places[places.index(None)] = bank
        return tuple(bank for bank in places if bank is not None)
