"""Kamino's instructions around a liquidation, with every account's flags."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.kamino.accounts import Obligation, Reserve
from liquidation_engine.protocols.kamino.addresses import (
    INSTRUCTIONS_SYSVAR,
    PROGRAM_ID,
    market_authority,
    referrer_token_state,
)
from liquidation_engine.protocols.onchain import TOKEN_PROGRAM

REFRESH_RESERVE = bytes.fromhex("02da8aeb4fc91966")
REFRESH_OBLIGATION = bytes.fromhex("218493e497c04859")
LIQUIDATE_V1 = bytes.fromhex("b1479abce2854a37")
LIQUIDATE_V2 = bytes.fromhex("a2a1238f1ebbb967")
FLASH_BORROW = bytes.fromhex("87e734a70734d4c1")
FLASH_REPAY = bytes.fromhex("b97500cb60f5b4ba")


def signer(key: Pubkey) -> AccountMeta:
    """Return an account that signs."""
    return AccountMeta(key, is_signer=True, is_writable=False)


def writable(*keys: Pubkey) -> list[AccountMeta]:
    """Return accounts that are written."""
    return [AccountMeta(key, is_signer=False, is_writable=True) for key in keys]


def readonly(*keys: Pubkey) -> list[AccountMeta]:
    """Return accounts that are read."""
    return [AccountMeta(key, is_signer=False, is_writable=False) for key in keys]


def optional(key: Pubkey | None, *, written: bool = False) -> list[AccountMeta]:
    """Return an account that may be absent: the program's own address stands for none."""
    if key is None:
        return readonly(PROGRAM_ID)
    return writable(key) if written else readonly(key)


@dataclass(frozen=True, slots=True)
class Leg:
    """A reserve with its address and the liquidator's account of its token."""

    address: Pubkey
    reserve: Reserve
    tokens: Pubkey


def refresh_reserve(address: Pubkey, reserve: Reserve) -> Instruction:
    """Bring a reserve's price and interest up to date."""
    metas = [*writable(address), *readonly(reserve.market)]
    for oracle in reserve.oracles:
        metas += optional(oracle)
    return Instruction(PROGRAM_ID, REFRESH_RESERVE, metas)


def refresh_obligation(address: Pubkey, obligation: Obligation) -> Instruction:
    """Bring an obligation's values up to date; its reserves come first, in the same slot."""
    metas = [*readonly(obligation.market), *writable(address, *obligation.deposits, *obligation.borrows)]
    if obligation.referrer is not None:
        metas += writable(*(referrer_token_state(obligation.referrer, reserve) for reserve in obligation.borrows))
    return Instruction(PROGRAM_ID, REFRESH_OBLIGATION, metas)


def liquidate(
    liquidator: Pubkey,
    position: Pubkey,
    obligation: Obligation,
    amounts: tuple[int, int],
    *,
    debt: Leg,
    collateral: Leg,
    shares: Pubkey,
    farms: Sequence[AccountMeta] | None = None,
) -> Instruction:
    """Repay at most the first of `amounts` and receive at least the second; collateral tokens go through `shares`.

    With `farms` (their five accounts) it is the second form, which needs no refresh of farms around it.
    """
    repaid, seized = debt.reserve, collateral.reserve
    metas = [signer(liquidator), *writable(position)]
    metas += readonly(obligation.market, market_authority(obligation.market))
    # Both mints too: builds of 1.7 demand it.
    metas += writable(debt.address, repaid.mint, repaid.supply, collateral.address, seized.mint, seized.share_mint)
    metas += writable(seized.share_supply, seized.supply, seized.fee_vault, debt.tokens, shares, collateral.tokens)
    metas += readonly(TOKEN_PROGRAM, repaid.token_program, seized.token_program, INSTRUCTIONS_SYSVAR)
    metas += farms or ()
    if obligation.elevation_group:
        metas += writable(*obligation.deposits)
    form = LIQUIDATE_V1 if farms is None else LIQUIDATE_V2
    return Instruction(PROGRAM_ID, form + struct.pack("<QQQ", *amounts, 0), metas)


def flash_borrow(user: Pubkey, leg: Leg, amount: int) -> Instruction:
    """Take `amount` out of a reserve; it marks the reserve stale, so it comes before the refreshes."""
    return Instruction(PROGRAM_ID, FLASH_BORROW + struct.pack("<Q", amount), _flash(user, leg))


def flash_repay(user: Pubkey, leg: Leg, amount: int, *, borrowed_at: int) -> Instruction:
    """Give back what the instruction at index `borrowed_at` took, and its fee."""
    return Instruction(PROGRAM_ID, FLASH_REPAY + struct.pack("<QB", amount, borrowed_at), _flash(user, leg))


def _flash(user: Pubkey, leg: Leg) -> list[AccountMeta]:
    reserve = leg.reserve
    metas = [signer(user), *readonly(market_authority(reserve.market), reserve.market), *writable(leg.address)]
    metas += [*readonly(reserve.mint), *writable(reserve.supply, leg.tokens, reserve.fee_vault)]
    return [*metas, *optional(None), *optional(None), *readonly(INSTRUCTIONS_SYSVAR, reserve.token_program)]
