"""Save's instructions around a liquidation, with every account's flags."""

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.save.accounts import Obligation, Reserve
from liquidation_engine.protocols.save.addresses import INSTRUCTIONS_SYSVAR, PROGRAM_ID, TOKEN_PROGRAM_ID

REFRESH_RESERVE, REFRESH_OBLIGATION, LIQUIDATE_AND_REDEEM, FLASH_BORROW, FLASH_REPAY = 3, 7, 17, 19, 20


def _signer(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=False)


def _writable(*keys: Pubkey) -> list[AccountMeta]:
    return [AccountMeta(key, is_signer=False, is_writable=True) for key in keys]


def _readonly(*keys: Pubkey) -> list[AccountMeta]:
    return [AccountMeta(key, is_signer=False, is_writable=False) for key in keys]


def refresh_reserve(address: Pubkey, reserve: Reserve) -> Instruction:
    """Bring a reserve's prices and interest up to date."""
    metas = [*_writable(address), *_readonly(reserve.main_oracle, reserve.second_oracle)]
    if reserve.extra_oracle is not None:
        metas += _readonly(reserve.extra_oracle)
    return Instruction(PROGRAM_ID, bytes([REFRESH_RESERVE]), metas)


def refresh_obligation(address: Pubkey, obligation: Obligation) -> Instruction:
    """Bring an obligation's values up to date; its reserves come first, in the same slot."""
    metas = _writable(address, *obligation.deposits, *obligation.borrows)
    return Instruction(PROGRAM_ID, bytes([REFRESH_OBLIGATION]), metas)


def liquidate_and_redeem(
    liquidator: Pubkey,
    obligation: Pubkey,
    amount: int,
    *,
    market: Pubkey,
    authority: Pubkey,
    debt: tuple[Pubkey, Reserve],
    collateral: tuple[Pubkey, Reserve],
    source: Pubkey,
    shares: Pubkey,
    destination: Pubkey,
) -> Instruction:
    """Repay at most `amount` from `source`; collateral tokens go through `shares`, their liquidity to `destination`."""
    (debt_address, repaid), (collateral_address, seized) = debt, collateral
    metas = _writable(
        source,
        shares,
        destination,
        debt_address,
        repaid.supply,
        collateral_address,
        seized.share_mint,
        seized.share_supply,
        seized.supply,
        seized.fee_receiver,
        obligation,
        market,
    )
    metas += [*_readonly(authority), _signer(liquidator), *_readonly(TOKEN_PROGRAM_ID)]
    return Instruction(PROGRAM_ID, struct.pack("<BQ", LIQUIDATE_AND_REDEEM, amount), metas)


def flash_borrow(
    address: Pubkey, reserve: Reserve, amount: int, *, authority: Pubkey, destination: Pubkey
) -> Instruction:
    """Take `amount` out of a reserve; it marks the reserve stale, so it comes before the refreshes."""
    metas = _writable(reserve.supply, destination, address)
    metas += _readonly(reserve.market, authority, INSTRUCTIONS_SYSVAR, TOKEN_PROGRAM_ID)
    return Instruction(PROGRAM_ID, struct.pack("<BQ", FLASH_BORROW, amount), metas)


def flash_repay(
    payer: Pubkey, address: Pubkey, reserve: Reserve, amount: int, *, borrowed_at: int, source: Pubkey, host: Pubkey
) -> Instruction:
    """Give back what the instruction at index `borrowed_at` took, and its fee; `host` gets the host's part."""
    metas = _writable(source, reserve.supply, reserve.fee_receiver, host, address)
    metas += [*_readonly(reserve.market), _signer(payer), *_readonly(INSTRUCTIONS_SYSVAR, TOKEN_PROGRAM_ID)]
    return Instruction(PROGRAM_ID, struct.pack("<BQB", FLASH_REPAY, amount, borrowed_at), metas)
