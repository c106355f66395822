"""Instructions of the program, every account with its flags, in both versions."""

import hashlib
import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.marginfi import addresses
from liquidation_engine.protocols.marginfi.accounts import Bank, MarginAccount
from liquidation_engine.protocols.marginfi.addresses import INSTRUCTIONS_SYSVAR, PROGRAM_ID
from liquidation_engine.protocols.marginfi.observations import OLD, Observer, readonly, signer, writable


def _build(name: str, arguments: bytes, accounts: list[AccountMeta]) -> Instruction:
    discriminator = hashlib.sha256(f"global:{name}".encode()).digest()[:8]
    return Instruction(PROGRAM_ID, discriminator + arguments, accounts)


def _authority_flag(observer: Observer, bank: Pubkey) -> AccountMeta:
    """0.1.1 declares the vault's authority writable, the newer program does not."""
    authority = addresses.liquidity_vault_authority(bank)
    return writable(authority) if observer.version == OLD else readonly(authority)


def accrue_interest(bank: Bank) -> Instruction:
    """Bring a bank to now; anyone may."""
    return _build("lending_pool_accrue_bank_interest", b"", [readonly(bank.group), writable(bank.address)])


def liquidate(
    observer: Observer, liquidator: MarginAccount, position: MarginAccount, asset: Pubkey, debt: Pubkey, amount: int
) -> Instruction:
    """Take `amount` of a position's collateral and the debt that it stands for; both banks are accrued by it."""
    takers = observer.balances(liquidator.opened(debt, asset))
    owners = observer.balances(position.banks())
    accounts = [
        readonly(position.group),
        writable(asset),
        writable(debt),
        writable(liquidator.address),
        signer(liquidator.authority),
        writable(position.address),
        _authority_flag(observer, debt),
        writable(addresses.liquidity_vault(debt)),
        writable(addresses.insurance_vault(debt)),
        readonly(observer.token_program(debt)),
        *observer.mint(debt),
        *map(readonly, observer.oracle(asset)),
        *map(readonly, observer.oracle(debt)),
        *takers,
        *owners,
    ]
    arguments = struct.pack("<Q", amount)
    if observer.version != OLD:
        arguments += bytes([len(owners), len(takers)])
    return _build("lending_account_liquidate", arguments, accounts)


def withdraw(
    observer: Observer,
    account: MarginAccount,
    bank: Pubkey,
    destination: Pubkey,
    amount: int,
    *,
    everything: bool = False,
    authority: Pubkey | None = None,
    observed: list[AccountMeta] | None = None,
) -> Instruction:
    """Take tokens out; `authority` is the receiver in a receivership. Outside of a flash loan margin is checked over `observed`."""
    accounts = [
        readonly(account.group),
        writable(account.address),
        signer(authority or account.authority),
        writable(bank),
        writable(destination),
        _authority_flag(observer, bank),
        writable(addresses.liquidity_vault(bank)),
        readonly(observer.token_program(bank)),
        *observer.mint(bank),
        *(observer.one(bank) if observed is None else observed),
    ]
    return _build("lending_account_withdraw", struct.pack("<QB?", amount, 1, everything), accounts)


def repay(
    observer: Observer,
    account: MarginAccount,
    bank: Pubkey,
    source: Pubkey,
    amount: int,
    *,
    everything: bool = False,
    authority: Pubkey | None = None,
) -> Instruction:
    """Pay debt back; `everything` pays it in full, rounded up, and frees the balance."""
    accounts = [
        readonly(account.group),
        writable(account.address),
        signer(authority or account.authority),
        writable(bank),
        writable(source),
        writable(addresses.liquidity_vault(bank)),
        readonly(observer.token_program(bank)),
        *observer.mint(bank),
    ]
    return _build("lending_account_repay", struct.pack("<QB?", amount, 1, everything), accounts)


def start_flashloan(account: MarginAccount, end: int) -> Instruction:
    """Suspend the margin check until instruction number `end` of the transaction."""
    accounts = [writable(account.address), signer(account.authority), readonly(INSTRUCTIONS_SYSVAR)]
    return _build("lending_account_start_flashloan", struct.pack("<Q", end), accounts)


def end_flashloan(observer: Observer, account: MarginAccount, left: tuple[Pubkey, ...]) -> Instruction:
    """Check the margin of what is `left`: the banks of the balances that are still open, in their order."""
    accounts = [writable(account.address), signer(account.authority), *observer.balances(left)]
    return _build("lending_account_end_flashloan", b"", accounts)
