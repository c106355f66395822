"""Instructions as bytes: their names, arguments and order, and the reader of what was sent and returned."""

import struct
from dataclasses import dataclass
from hashlib import sha256

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError
from liquidation_engine.protocols.reference.accounts import ReserveConfig

ARGUMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "init_market": (("id", "u64"), ("insurance_authority", "pubkey")),
    "update_market": (("owner", "pubkey"), ("insurance_authority", "pubkey"), ("paused", "u8")),
    "init_oracle": (("exponent", "i32"),),
    "set_price": (("price", "u64"), ("confidence", "u64")),
    "init_insurance_fund": (),
    "contribute_to_insurance": (("amount", "u64"),),
    "init_reserve": (("config", "config"),),
    "update_reserve": (("config", "config"),),
    "init_position": (("id", "u64"),),
    "close_position": (),
    "deposit": (("amount", "u64"),),
    "withdraw": (("amount", "u64"),),
    "borrow": (("amount", "u64"),),
    "repay": (("amount", "u64"),),
    "accrue": (),
    "liquidate": (("amount", "u64"), ("min_seize", "u64"), ("expected_version", "u64")),
    "write_off": (),
    "cover_bad_debt": (("amount", "u64"),),
}
"""Every instruction and its arguments, in the order of their bytes."""

_SIZES = {"u8": 1, "i32": 4, "u64": 8, "pubkey": 32, "config": ReserveConfig.SIZE}


def discriminator(name: str) -> bytes:
    """Return the first eight bytes of an instruction's data."""
    return sha256(f"global:{name}".encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class DecodedInstruction:
    """An instruction's name and arguments."""

    name: str
    arguments: dict[str, int | Pubkey | ReserveConfig]


_NAMES = {discriminator(name): name for name in ARGUMENTS}


def _value(kind: str, data: bytes) -> int | Pubkey | ReserveConfig:
    if kind == "pubkey":
        return Pubkey(data)
    if kind == "config":
        return ReserveConfig.decode(data)
    return int.from_bytes(data, "little", signed=kind == "i32")


def decode_instruction(data: bytes) -> DecodedInstruction:
    """Read an instruction's data."""
    name = _NAMES.get(data[:8])
    if name is None:
        raise DecodeError(f"no instruction of the program begins with {data[:8].hex()}")
    expected = 8 + sum(_SIZES[kind] for _, kind in ARGUMENTS[name])
    if len(data) != expected:
        raise DecodeError(f"{name} has {len(data)} bytes, expected {expected}")
    values, offset = {}, 8
    for argument, kind in ARGUMENTS[name]:
        values[argument] = _value(kind, data[offset : offset + _SIZES[kind]])
        offset += _SIZES[kind]
    return DecodedInstruction(name, values)


@dataclass(frozen=True, slots=True)
class LiquidationResult:
    """What `liquidate` returns and logs."""

    repaid: int
    received: int
    fee: int
    bonus_bps: int
    version: int
    debt_left: int


def decode_liquidation(data: bytes) -> LiquidationResult:
    """Read `liquidate`'s return data. Trailing zero bytes, which a node may cut off, are put back."""
    if len(data) > 48:
        raise DecodeError(f"liquidate returned {len(data)} bytes, expected 48")
    return LiquidationResult(*struct.unpack("<6Q", data.ljust(48, b"\0")))
