"""The deployed marginfi 0.1.1 in a Solana VM: one liquidation."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tests.differential.marginfi_accounts import PROGRAM, TOKEN, Balance, kind, vault
from tests.differential.marginfi_states import AUTHORITY, POSITION, State

BINARY = "quartz_marginfi.so"
COMPUTE = Instruction(
    Pubkey.from_string("ComputeBudget111111111111111111111111111111"), b"\2" + struct.pack("<I", 1_400_000), []
)
SYSTEM = Pubkey.default()


@dataclass
class Landed:
    """What the chain did: an error code, or the program's accounts afterwards and what reached the insurance vault."""

    error: int | None
    fee: int = 0
    after: dict[Pubkey, bytes] | None = None
    logs: tuple[str, ...] = ()


class Vm:
    """One VM for many states; every state sets all of its accounts."""

    def __init__(self, programs: Path) -> None:
        """Load the program from the folder of binaries."""
        svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        svm.add_program(PROGRAM, (programs / BINARY).read_bytes())
        self.svm = svm

    def run(self, given: State) -> Landed:
        """Return what the program does with a state."""
        clock = self.svm.get_clock()
        clock.slot, clock.unix_timestamp = given.slot, given.time
        self.svm.set_clock(clock)
        self.set(AUTHORITY, SYSTEM, b"")
        for address, (owner, data) in given.accounts.items():
            self.set(address, owner, data)
        message = MessageV0.try_compile(AUTHORITY, [COMPUTE, liquidate(given)], [], Hash.default())
        answer: Any = self.svm.send_transaction(VersionedTransaction.populate(message, [Signature.default()]))
        if type(answer).__name__ != "TransactionMetadata":
            error = answer.err()
            code = getattr(getattr(error, "err", None), "code", None)
            return Landed(-1 if code is None else int(code), logs=tuple(answer.meta().logs()))
        owned = [address for address, (owner, _) in given.accounts.items() if owner == PROGRAM]
        insurance = self.data(vault("insurance_vault", given.banks[given.debt].address)[0])
        fee = int(struct.unpack_from("<Q", insurance, 64)[0])
        return Landed(None, fee, {address: self.data(address) for address in owned})

    def set(self, address: Pubkey, owner: Pubkey, data: bytes) -> None:
        """Write an account."""
        self.svm.set_account(address, Account(10**10, data, owner, executable=False, rent_epoch=0))

    def data(self, address: Pubkey) -> bytes:
        """Return an account's bytes."""
        account = self.svm.get_account(address)
        return b"" if account is None else bytes(account.data)


def liquidate(given: State) -> Instruction:
    """Return lending_account_liquidate."""
    asset, debt = given.banks[given.asset], given.banks[given.debt]
    opened = [it for it in given.liquidator if it]
    if given.liquidator_address == POSITION:
        opened = [it for it in given.position if it]
    free = [*given.liquidator] + [None] * (16 - len(given.liquidator))
    for bank in (debt, asset):
        if not any(it and it.bank == bank.address for it in free) and None in free:
            free[free.index(None)] = Balance(bank.address)
    opened = [it for it in free if it] if given.liquidator_address != POSITION else opened
    observed = lambda held: [  # noqa: E731
        meta for it in held for meta in (readable(it.bank), *map(readable, given.oracles[given.named(it.bank)]))
    ]
    metas = [readable(given.group), writable(asset.address), writable(debt.address), writable(given.liquidator_address)]
    metas += [AccountMeta(AUTHORITY, is_signer=True, is_writable=False), writable(POSITION)]
    metas += [writable(vault(seed, debt.address)[0]) for seed in ("liquidity_vault_auth", "liquidity_vault")]
    metas += [writable(vault("insurance_vault", debt.address)[0]), readable(TOKEN)]
    metas += [*map(readable, given.oracles[given.asset]), *map(readable, given.oracles[given.debt])]
    metas += observed(opened) + observed([it for it in given.position if it])
    return Instruction(PROGRAM, kind("global", "lending_account_liquidate") + struct.pack("<Q", given.amount), metas)


def writable(address: Pubkey) -> AccountMeta:
    """Return a meta of an account that is written."""
    return AccountMeta(address, is_signer=False, is_writable=True)


def readable(address: Pubkey) -> AccountMeta:
    """Return a meta of an account that is read."""
    return AccountMeta(address, is_signer=False, is_writable=False)
