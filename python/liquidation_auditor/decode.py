"""The chain's bytes as frozen words: the lending program's accounts, SPL token accounts, transactions.

Addresses stay raw 32 bytes inside the auditor and become base58 only in the report. Layouts: docs/reference-program.md.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_auditor.errors import BadInput

TOKEN_PROGRAM = bytes(Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"))
SYSTEM_PROGRAM = bytes(32)
WRAPPED_SOL = bytes(Pubkey.from_string("So11111111111111111111111111111111111111112"))

COLLATERAL, DEBT = 1, 2


def base58(address: bytes) -> str:
    """Return an address as people write it."""
    return str(Pubkey.from_bytes(address))


def from_base58(text: str, name: str) -> bytes:
    """Return the bytes of an address; `name` says in the error where it stood."""
    try:
        return bytes(Pubkey.from_string(text))
    except ValueError as error:
        raise BadInput(f"{name} {text!r} is no address: {error}") from error


def discriminator(kind: str, name: str) -> bytes:
    """Return Anchor's 8-byte mark of an account (`account`) or an instruction (`global`)."""
    return sha256(f"{kind}:{name}".encode()).digest()[:8]


@dataclass(frozen=True, slots=True)
class Market:
    """A market account, as far as a judge needs it."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Reserve:
    """Where one mint is lent; names and units as in the program's contract."""

    decimals: int
    market: bytes
    mint: bytes
    vault: bytes
    oracle: bytes
    liquidation_threshold_bps: int
    borrow_factor_bps: int
    min_bonus_bps: int
    max_bonus_bps: int
    close_factor_bps: int
    protocol_fee_bps: int
    max_confidence_bps: int
    interest_rate_bps: int
    max_oracle_age_slots: int
    dust_limit_micro_usd: int
    borrow_index: int
    accrued_slot: int
    bad_debt_total: int
    bad_debt_covered: int


@dataclass(frozen=True, slots=True)
class Oracle:
    """A price: `price·10^exponent` USD per whole token, as of `slot`."""

    exponent: int
    mint: bytes
    price: int
    confidence: int
    slot: int


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a position: tokens of collateral or *shares* of debt."""

    reserve: bytes
    amount: int
    side: int


@dataclass(frozen=True, slots=True)
class Position:
    """A borrower's account; `version` counts its liquidations."""

    market: bytes
    owner: bytes
    version: int
    legs: tuple[Leg, ...]

    def of(self, side: int) -> tuple[Leg, ...]:
        """Return the legs on one side that hold something."""
        return tuple(leg for leg in self.legs if leg.side == side and leg.amount)


@dataclass(frozen=True, slots=True)
class Fund:
    """The insurance fund of one mint."""

    mint: bytes
    vault: bytes
    market: bytes


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """An SPL token account: whose, of what, how much."""

    mint: bytes
    authority: bytes
    amount: int


Lending = Market | Reserve | Oracle | Position | Fund


def _u(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "little")


def _market(data: bytes) -> Market:
    return Market(paused=data[10] != 0)


def _reserve(data: bytes) -> Reserve:
    return Reserve(
        decimals=data[10],
        market=data[16:48],
        mint=data[48:80],
        vault=data[80:112],
        oracle=data[112:144],
        liquidation_threshold_bps=_u(data, 146, 2),
        borrow_factor_bps=_u(data, 148, 4),
        min_bonus_bps=_u(data, 152, 2),
        max_bonus_bps=_u(data, 154, 2),
        close_factor_bps=_u(data, 156, 2),
        protocol_fee_bps=_u(data, 158, 2),
        max_confidence_bps=_u(data, 160, 2),
        interest_rate_bps=_u(data, 164, 4),
        max_oracle_age_slots=_u(data, 168, 8),
        dust_limit_micro_usd=_u(data, 176, 8),
        borrow_index=_u(data, 200, 16),
        accrued_slot=_u(data, 216, 8),
        bad_debt_total=_u(data, 224, 8),
        bad_debt_covered=_u(data, 232, 8),
    )


def _oracle(data: bytes) -> Oracle:
    return Oracle(
        exponent=int.from_bytes(data[12:16], "little", signed=True),
        mint=data[48:80],
        price=_u(data, 80, 8),
        confidence=_u(data, 88, 8),
        slot=_u(data, 96, 8),
    )


def _position(data: bytes) -> Position:
    legs = []
    for leg in range(data[10]):
        reserve, amount, side = struct.unpack_from("<32sQB", data, 104 + 48 * leg)
        legs.append(Leg(reserve, amount, side))
    return Position(market=data[16:48], owner=data[48:80], version=_u(data, 88, 8), legs=tuple(legs))


def _fund(data: bytes) -> Fund:
    return Fund(mint=data[16:48], vault=data[48:80], market=data[104:136])


_KINDS: dict[bytes, tuple[int, Callable[[bytes], Lending]]] = {
    discriminator("account", "Market"): (160, _market),
    discriminator("account", "Reserve"): (256, _reserve),
    discriminator("account", "Oracle"): (128, _oracle),
    discriminator("account", "Position"): (488, _position),
    discriminator("account", "InsuranceFund"): (144, _fund),
}


def lending_account(data: bytes) -> Lending | None:
    """Return what an account of the lending program holds, None where it is none of the five kinds."""
    size, decode = _KINDS.get(data[:8], (0, None))
    return decode(data) if decode is not None and len(data) == size and data[8] == 1 else None


def token_account(owner: bytes, data: bytes) -> TokenAccount | None:
    """Return the token account in these bytes, None where they are none (byte 108 is its state, 0 is uninitialised)."""
    if owner != TOKEN_PROGRAM or len(data) != 165 or data[108] == 0:
        return None
    return TokenAccount(mint=data[:32], authority=data[32:64], amount=_u(data, 64, 8))


@dataclass(frozen=True, slots=True)
class Instruction:
    """One top-level instruction, its accounts looked up."""

    program: bytes
    accounts: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as far as a judge looks into it."""

    signers: tuple[bytes, ...]
    accounts: tuple[bytes, ...]
    instructions: tuple[Instruction, ...]


LIQUIDATE = discriminator("global", "liquidate")
WRITE_OFF = discriminator("global", "write_off")
COVER_BAD_DEBT = discriminator("global", "cover_bad_debt")


def signers(raw: bytes) -> frozenset[bytes]:
    """Return who signed the transaction in these bytes."""
    return frozenset(transaction(raw, lambda _: None).signers)


def transaction(raw: bytes, table: Callable[[bytes], bytes | None]) -> Transaction:
    """Return the transaction in these bytes; `table` gives the data of an address lookup table."""
    try:
        message = VersionedTransaction.from_bytes(raw).message
    except ValueError as error:
        raise BadInput(f"the recording holds {len(raw)} bytes that are no transaction: {error}") from error
    keys = [bytes(key) for key in message.account_keys]
    signers = tuple(keys[: message.header.num_required_signatures])
    if isinstance(message, MessageV0):
        lookups = message.address_table_lookups
        for writable in (True, False):
            for lookup in lookups:
                data = table(bytes(lookup.account_key)) or b""
                indexes = lookup.writable_indexes if writable else lookup.readonly_indexes
                keys += [data[56 + 32 * index : 88 + 32 * index] for index in indexes]
    instructions = tuple(
        Instruction(keys[found.program_id_index], tuple(keys[index] for index in found.accounts), bytes(found.data))
        for found in message.instructions
    )
    return Transaction(signers, tuple(keys), instructions)


def liquidated_position(instruction: Instruction, program: bytes) -> bytes | None:
    """Return the position that this instruction liquidates or writes off, None where it does neither."""
    named = instruction.program == program and instruction.data[:8] in (LIQUIDATE, WRITE_OFF)
    return instruction.accounts[2] if named and len(instruction.accounts) > 2 else None
