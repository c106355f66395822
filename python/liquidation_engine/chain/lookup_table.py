"""Address lookup tables: make one, fill it, read it, and compile a transaction that names accounts by their place in it.

A liquidation over many reserves names more accounts than fit into one packet; with a table each takes one byte instead of 32. A table can
be used from the slot after the one that filled it.
"""

import struct
from collections.abc import Awaitable, Callable, Sequence

from solders.address_lookup_table_account import (
    LOOKUP_TABLE_META_SIZE,
    AddressLookupTableAccount,
    derive_lookup_table_address,
)
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey

from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import ConfigError, DecodeError

LOOKUP_TABLE_PROGRAM = "AddressLookupTab1e1111111111111111111111111"
MOST_AT_ONCE = 20
"""Addresses that one extension takes, so that it fits into a packet with the creation before it."""
_CREATE, _EXTEND = 0, 2
_TABLE = 1  # the account's type

ReadAccounts = Callable[[Sequence[str]], Awaitable[tuple[int, list[ChainAccount | None]]]]


def create_table(payer: str, recent_slot: int) -> tuple[str, Instruction]:
    """Return a new table's address and the instruction that makes it; `recent_slot` is one of the last 512."""
    owner = Pubkey.from_string(payer)
    table, bump = derive_lookup_table_address(owner, recent_slot)
    return str(table), _instruction(struct.pack("<IQB", _CREATE, recent_slot, bump), table, owner)


def extend_table(table: str, payer: str, addresses: Sequence[str]) -> list[Instruction]:
    """Return the instructions that append these addresses, each small enough for a transaction of its own."""
    key, owner = Pubkey.from_string(table), Pubkey.from_string(payer)
    parts = [addresses[at : at + MOST_AT_ONCE] for at in range(0, len(addresses), MOST_AT_ONCE)]
    return [
        _instruction(
            struct.pack("<IQ", _EXTEND, len(part)) + b"".join(bytes(Pubkey.from_string(it)) for it in part), key, owner
        )
        for part in parts
    ]


def read_table(address: str, data: bytes) -> AddressLookupTableAccount:
    """Return a table's content; DecodeError for bytes that are none."""
    size = len(data) - LOOKUP_TABLE_META_SIZE
    if size < 0 or size % 32 or struct.unpack_from("<I", data)[0] != _TABLE:
        raise DecodeError(f"account {address} has {len(data)} bytes that are no lookup table")
    starts = range(LOOKUP_TABLE_META_SIZE, len(data), 32)
    return AddressLookupTableAccount(Pubkey.from_string(address), [Pubkey(data[at : at + 32]) for at in starts])


async def read_tables(read: ReadAccounts, addresses: Sequence[str]) -> list[AddressLookupTableAccount]:
    """Return the tables at these addresses; ConfigError for one that is not there."""
    if not addresses:
        return []
    _, found = await read(addresses)
    missing = [name for name, account in zip(addresses, found, strict=True) if account is None]
    if missing:
        raise ConfigError(f"LOOKUP_TABLES names accounts that do not exist: {', '.join(missing)}")
    return [read_table(account.address, account.data) for account in found if account is not None]


def compile_with_tables(
    payer: str,
    instructions: Sequence[Instruction],
    blockhash: str,
    limit: int,
    price: int,
    tables: Sequence[AddressLookupTableAccount],
) -> MessageV0:
    """Return the message of `instructions` behind a compute limit (units) and price (micro-lamports per unit), always both."""
    everything = [set_compute_unit_limit(limit), set_compute_unit_price(price), *instructions]
    return MessageV0.try_compile(Pubkey.from_string(payer), everything, list(tables), Hash.from_string(blockhash))


def _instruction(data: bytes, table: Pubkey, payer: Pubkey) -> Instruction:
    metas = [
        AccountMeta(table, is_signer=False, is_writable=True),
        AccountMeta(payer, is_signer=True, is_writable=False),
        AccountMeta(payer, is_signer=True, is_writable=True),
        AccountMeta(Pubkey.default(), is_signer=False, is_writable=False),
    ]
    return Instruction(Pubkey.from_string(LOOKUP_TABLE_PROGRAM), data, metas)
