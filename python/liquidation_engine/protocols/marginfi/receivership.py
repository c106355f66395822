"""The newer liquidation (from 0.1.6 on): a receiver acts for the account between a start and an end that checks the result.

The start is the first instruction of the transaction apart from compute budget and the refreshes of other protocols, the end is
the last. Known from the program's source only: no binary of such a version is public.
"""

import hashlib
from collections.abc import Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.marginfi import addresses
from liquidation_engine.protocols.marginfi.accounts import MarginAccount
from liquidation_engine.protocols.marginfi.addresses import INSTRUCTIONS_SYSVAR, PROGRAM_ID, SYSTEM_PROGRAM_ID
from liquidation_engine.protocols.marginfi.instructions import repay, withdraw
from liquidation_engine.protocols.marginfi.observations import Observer, readonly, signer, writable


def _discriminator(name: str) -> bytes:
    return hashlib.sha256(f"global:{name}".encode()).digest()[:8]


def init_record(position: MarginAccount, payer: Pubkey) -> Instruction:
    """Make the account's liquidation record, once; the payer bears its rent."""
    record = addresses.liquidation_record(position.address)
    accounts = [
        writable(position.address),
        signer(payer, is_writable=True),
        writable(record),
        readonly(SYSTEM_PROGRAM_ID),
    ]
    return Instruction(PROGRAM_ID, _discriminator("marginfi_account_init_liq_record"), accounts)


def start(observer: Observer, position: MarginAccount, receiver: Pubkey) -> Instruction:
    """Put the account under the receiver; every bank is written, because it keeps the prices until the end.

    The start does not sort the balances: an account that nobody touched since 0.1.4 still has them in its own order.
    """
    banks = position.banks()
    observed = [meta for bank in banks for meta in observer.one(bank)]
    accounts = [
        writable(position.address),
        writable(addresses.liquidation_record(position.address)),
        readonly(receiver),
        readonly(INSTRUCTIONS_SYSVAR),
        *(writable(meta.pubkey) if meta.pubkey in banks else meta for meta in observed),
    ]
    return Instruction(PROGRAM_ID, _discriminator("start_liquidation"), accounts)


def end(position: MarginAccount, receiver: Pubkey, fee_wallet: Pubkey, left: tuple[Pubkey, ...]) -> Instruction:
    """Check health and premium over the banks `left` (closed balances no longer count) and pay the flat fee."""
    accounts = [
        writable(position.address),
        writable(addresses.liquidation_record(position.address)),
        signer(receiver, is_writable=True),
        readonly(addresses.fee_state()),
        writable(fee_wallet),
        readonly(SYSTEM_PROGRAM_ID),
        *map(writable, sorted(left, key=bytes, reverse=True)),
    ]
    return Instruction(PROGRAM_ID, _discriminator("end_liquidation"), accounts)


def liquidation(
    observer: Observer,
    position: MarginAccount,
    receiver: Pubkey,
    fee_wallet: Pubkey,
    *,
    asset: Pubkey,
    debt: Pubkey,
    seized: int,
    repaid: int,
    destination: Pubkey,
    source: Pubkey,
    swap: Sequence[Instruction] = (),
) -> list[Instruction]:
    """Return the whole sequence for one pair of legs, the `swap` between withdraw and repay; the record has to be there."""
    return [
        start(observer, position, receiver),
        withdraw(observer, position, asset, destination, seized, authority=receiver),
        *swap,
        repay(observer, position, debt, source, repaid, authority=receiver),
        end(position, receiver, fee_wallet, position.banks()),
    ]
