"""Instructions of the program: builders that derive every address they can.

"Others" are the (reserve, oracle) pairs of a position's remaining legs; the program prices the whole position, so all
of them have to be there.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.reference import addresses
from liquidation_engine.protocols.reference.accounts import ReserveConfig
from liquidation_engine.protocols.reference.addresses import PROGRAM_ID, SYSTEM_PROGRAM_ID, TOKEN_PROGRAM_ID
from liquidation_engine.protocols.reference.arguments import discriminator

ALL = 2**64 - 1
"""The amount that means everything, to `withdraw` and `repay`."""


class Pair(NamedTuple):
    """A reserve and the oracle that prices it."""

    reserve: Pubkey
    oracle: Pubkey


def _signer(key: Pubkey, *, writable: bool = False) -> AccountMeta:
    return AccountMeta(key, True, writable)


def _writable(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, False, True)


def _readonly(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, False, False)


def _pairs(others: Iterable[Pair]) -> list[AccountMeta]:
    return [_readonly(key) for pair in others for key in pair]


def _build(name: str, arguments: bytes, accounts: list[AccountMeta], program: Pubkey) -> Instruction:
    return Instruction(program, discriminator(name) + arguments, accounts)


def init_market(
    owner: Pubkey, market_id: int, insurance_authority: Pubkey, *, program: Pubkey = PROGRAM_ID
) -> Instruction:
    """Make a market under `owner`'s id."""
    market, _ = addresses.market(owner, market_id, program=program)
    accounts = [_signer(owner, writable=True), _writable(market), _readonly(SYSTEM_PROGRAM_ID)]
    return _build("init_market", struct.pack("<Q", market_id) + bytes(insurance_authority), accounts, program)


def update_market(
    owner: Pubkey,
    market: Pubkey,
    *,
    new_owner: Pubkey | None = None,
    insurance_authority: Pubkey,
    paused: bool,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Hand over, pause or resume a market."""
    data = bytes(new_owner or owner) + bytes(insurance_authority) + bytes([paused])
    return _build("update_market", data, [_signer(owner), _writable(market)], program)


def init_oracle(authority: Pubkey, mint: Pubkey, exponent: int, *, program: Pubkey = PROGRAM_ID) -> Instruction:
    """Make `authority`'s oracle of a mint."""
    oracle, _ = addresses.oracle(authority, mint, program=program)
    accounts = [
        _signer(authority, writable=True),
        _writable(oracle),
        _readonly(mint),
        _readonly(SYSTEM_PROGRAM_ID),
    ]
    return _build("init_oracle", struct.pack("<i", exponent), accounts, program)


def set_price(
    authority: Pubkey, oracle: Pubkey, price: int, confidence: int, *, program: Pubkey = PROGRAM_ID
) -> Instruction:
    """Write a price, in the oracle's exponent."""
    data = struct.pack("<QQ", price, confidence)
    return _build("set_price", data, [_signer(authority), _writable(oracle)], program)


def init_insurance_fund(owner: Pubkey, market: Pubkey, mint: Pubkey, *, program: Pubkey = PROGRAM_ID) -> Instruction:
    """Make the insurance fund of a mint, for this market's bad debt."""
    accounts = [
        _signer(owner, writable=True),
        _readonly(market),
        _writable(addresses.insurance_fund(mint, program=program)[0]),
        _writable(addresses.insurance_vault(mint, program=program)[0]),
        _readonly(mint),
        _readonly(TOKEN_PROGRAM_ID),
        _readonly(SYSTEM_PROGRAM_ID),
    ]
    return _build("init_insurance_fund", b"", accounts, program)


def contribute_to_insurance(
    contributor: Pubkey, mint: Pubkey, source: Pubkey, amount: int, *, program: Pubkey = PROGRAM_ID
) -> Instruction:
    """Move tokens from `source` into a mint's insurance fund."""
    accounts = [
        _signer(contributor),
        _writable(addresses.insurance_fund(mint, program=program)[0]),
        _writable(addresses.insurance_vault(mint, program=program)[0]),
        _writable(source),
        _readonly(TOKEN_PROGRAM_ID),
    ]
    return _build("contribute_to_insurance", struct.pack("<Q", amount), accounts, program)


def init_reserve(
    owner: Pubkey,
    market: Pubkey,
    mint: Pubkey,
    oracle: Pubkey,
    config: ReserveConfig,
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Make a market's reserve of a mint; the mint's insurance fund has to be there."""
    reserve, _ = addresses.reserve(market, mint, program=program)
    accounts = [
        _signer(owner, writable=True),
        _writable(market),
        _writable(reserve),
        _writable(addresses.vault(reserve, program=program)[0]),
        _readonly(mint),
        _readonly(oracle),
        _readonly(addresses.insurance_fund(mint, program=program)[0]),
        _readonly(TOKEN_PROGRAM_ID),
        _readonly(SYSTEM_PROGRAM_ID),
    ]
    return _build("init_reserve", config.pack(), accounts, program)


def update_reserve(
    owner: Pubkey,
    market: Pubkey,
    reserve: Pubkey,
    oracle: Pubkey,
    config: ReserveConfig,
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Change a reserve's parameters and its oracle."""
    accounts = [_signer(owner), _readonly(market), _writable(reserve), _readonly(oracle)]
    return _build("update_reserve", config.pack(), accounts, program)


def init_position(owner: Pubkey, market: Pubkey, position_id: int, *, program: Pubkey = PROGRAM_ID) -> Instruction:
    """Make a position without legs."""
    position, _ = addresses.position(market, owner, position_id, program=program)
    accounts = [
        _signer(owner, writable=True),
        _readonly(market),
        _writable(position),
        _readonly(SYSTEM_PROGRAM_ID),
    ]
    return _build("init_position", struct.pack("<Q", position_id), accounts, program)


def close_position(owner: Pubkey, position: Pubkey, *, program: Pubkey = PROGRAM_ID) -> Instruction:
    """Close a position that has no legs left; its lamports go to the owner."""
    return _build("close_position", b"", [_signer(owner, writable=True), _writable(position)], program)


def _move(
    who: Pubkey, market: Pubkey, position: Pubkey, token_account: Pubkey, reserve: Pubkey, program: Pubkey
) -> list[AccountMeta]:
    return [
        _signer(who),
        _readonly(market),
        _writable(position),
        _writable(token_account),
        _writable(addresses.vault(reserve, program=program)[0]),
        _readonly(TOKEN_PROGRAM_ID),
        _writable(reserve),
    ]


def deposit(
    owner: Pubkey,
    market: Pubkey,
    position: Pubkey,
    source: Pubkey,
    reserve: Pubkey,
    amount: int,
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move tokens from `source` into the position's collateral."""
    accounts = _move(owner, market, position, source, reserve, program)
    return _build("deposit", struct.pack("<Q", amount), accounts, program)


def withdraw(
    owner: Pubkey,
    market: Pubkey,
    position: Pubkey,
    destination: Pubkey,
    pair: Pair,
    amount: int,
    others: Iterable[Pair] = (),
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move collateral to `destination`; `ALL` is the whole leg."""
    accounts = _move(owner, market, position, destination, pair.reserve, program)
    accounts += [_readonly(pair.oracle), *_pairs(others)]
    return _build("withdraw", struct.pack("<Q", amount), accounts, program)


def borrow(
    owner: Pubkey,
    market: Pubkey,
    position: Pubkey,
    destination: Pubkey,
    pair: Pair,
    amount: int,
    others: Iterable[Pair] = (),
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Move borrowed tokens to `destination`."""
    accounts = _move(owner, market, position, destination, pair.reserve, program)
    accounts += [_readonly(pair.oracle), *_pairs(others)]
    return _build("borrow", struct.pack("<Q", amount), accounts, program)


def repay(
    payer: Pubkey,
    market: Pubkey,
    position: Pubkey,
    source: Pubkey,
    reserve: Pubkey,
    amount: int,
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Repay a position's debt from `source`; `ALL` is the whole debt."""
    accounts = _move(payer, market, position, source, reserve, program)
    return _build("repay", struct.pack("<Q", amount), accounts, program)


def accrue(reserve: Pubkey, *, program: Pubkey = PROGRAM_ID) -> Instruction:
    """Store a reserve's interest up to this slot."""
    return _build("accrue", b"", [_writable(reserve)], program)


def liquidate(
    liquidator: Pubkey,
    market: Pubkey,
    position: Pubkey,
    *,
    debt: Pair,
    collateral: Pair,
    collateral_mint: Pubkey,
    source: Pubkey,
    destination: Pubkey,
    amount: int,
    min_seize: int,
    expected_version: int,
    others: Iterable[Pair] = (),
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Repay at most `amount` of a debt leg from `source` for collateral to `destination`."""
    accounts = [
        _signer(liquidator),
        _readonly(market),
        _writable(position),
        _writable(source),
        _writable(addresses.vault(debt.reserve, program=program)[0]),
        _writable(addresses.vault(collateral.reserve, program=program)[0]),
        _writable(destination),
        _writable(addresses.insurance_fund(collateral_mint, program=program)[0]),
        _writable(addresses.insurance_vault(collateral_mint, program=program)[0]),
        _readonly(TOKEN_PROGRAM_ID),
        _writable(debt.reserve),
        _readonly(debt.oracle),
        _writable(collateral.reserve),
        _readonly(collateral.oracle),
        *_pairs(others),
    ]
    return _build("liquidate", struct.pack("<QQQ", amount, min_seize, expected_version), accounts, program)


def write_off(
    caller: Pubkey, market: Pubkey, position: Pubkey, reserve: Pubkey, *, program: Pubkey = PROGRAM_ID
) -> Instruction:
    """Turn a debt leg without any collateral beside it into the reserve's bad debt."""
    accounts = [_signer(caller), _readonly(market), _writable(position), _writable(reserve)]
    return _build("write_off", b"", accounts, program)


def cover_bad_debt(
    insurance_authority: Pubkey,
    market: Pubkey,
    reserve: Pubkey,
    mint: Pubkey,
    amount: int,
    *,
    program: Pubkey = PROGRAM_ID,
) -> Instruction:
    """Pay a reserve's bad debt from its mint's insurance fund, as far as both reach."""
    accounts = [
        _signer(insurance_authority),
        _readonly(market),
        _writable(reserve),
        _writable(addresses.vault(reserve, program=program)[0]),
        _writable(addresses.insurance_fund(mint, program=program)[0]),
        _writable(addresses.insurance_vault(mint, program=program)[0]),
        _readonly(TOKEN_PROGRAM_ID),
    ]
    return _build("cover_bad_debt", struct.pack("<Q", amount), accounts, program)
