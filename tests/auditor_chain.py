"""A tiny chain for the auditor's tests: LiteSVM with the real program, recorded as docs/recording.md says."""

import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from auditor_builder import (
    AUTHORITY,
    CREATOR,
    MARKET,
    PROGRAM,
    SYSTEM_PROGRAM,
    TOKEN_PROGRAM,
    WALLET,
    Asset,
    Borrower,
    Town,
    named,
    token_data,
)

BINARY = Path(__file__).parents[1] / "python/liquidation_engine/localnet/program/reference_lending.so"
RENT = 10**7
GENESIS = "genesis of the tiny chain"
SCHEMA = """
CREATE TABLE meta (key text PRIMARY KEY, value text);
CREATE TABLE programs (program_id blob, elf blob);
CREATE TABLE slots (slot integer PRIMARY KEY, block_height integer, unix_time integer, seq integer);
CREATE TABLE accounts (seq integer PRIMARY KEY, slot integer, pubkey blob, owner blob, lamports integer, executable integer, data blob);
CREATE TABLE sends (seq integer PRIMARY KEY, slot integer, unix_ns integer, signature text, transaction_bytes blob,
    last_valid_block_height integer, verdict text, endpoint text);
CREATE TABLE executions (seq integer PRIMARY KEY, slot integer, position_in_slot integer, signature text, error text,
    fee_lamports integer, compute_units integer, transaction_bytes blob);
CREATE TABLE faults (seq integer PRIMARY KEY, slot integer, kind text, details text);
CREATE TABLE marks (seq integer PRIMARY KEY, slot integer, kind text, details text);
"""


def purse(asset: Asset) -> Pubkey:
    """Return the wallet's token account of a mint."""
    return named(f"the wallet's {asset.mint}")


@dataclass(frozen=True)
class Done:
    """What one transaction did, measured on the chain's side."""

    signature: str
    slot: int
    error: str | None
    fee: int
    moved: dict[tuple[str, str], int]
    returned: bytes


class TinyChain:
    """Executes and records; slots divisible by 20 have no block."""

    def __init__(self, path: Path, town: Town) -> None:
        self.town = town
        self.slot = 100
        self._height = 90
        self._seq = 0
        self._signatures = 0
        self._meddled: list[Pubkey] = []
        self.log = sqlite3.connect(path)
        self.log.executescript(SCHEMA)
        self.svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        elf = BINARY.read_bytes()
        self.svm.add_program(PROGRAM, elf)
        self.log.execute("INSERT INTO programs VALUES (?, ?)", (bytes(PROGRAM), elf))
        meta = {"recording_version": "1", "genesis_hash": GENESIS, "first_slot": "100", "skip_every": "20"}
        self.log.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        for key, (owner, data) in town.accounts().items():
            self._genesis(key, owner, data, RENT)
        for asset in town.assets:
            self._genesis(purse(asset), TOKEN_PROGRAM, token_data(asset.mint, WALLET, 10**12), RENT)
        for payer in (WALLET, AUTHORITY, CREATOR):
            self._genesis(payer, SYSTEM_PROGRAM, b"", 10**12)
        self.block()

    def meddle(self, key: Pubkey, data: bytes) -> None:
        """Overwrite an account's data in the next block without any transaction."""
        held = self.svm.get_account(key)
        assert held is not None
        self.svm.set_account(key, Account(held.lamports, data, held.owner, False))
        self._meddled.append(key)

    def seq(self) -> int:
        self._seq += 1
        return self._seq

    def _genesis(self, key: Pubkey, owner: Pubkey, data: bytes, lamports: int) -> None:
        self.svm.set_account(key, Account(lamports, data, owner, False))
        self.record(key)

    def record(self, key: Pubkey) -> None:
        """Write the account down as it is now."""
        held = self.svm.get_account(key)
        owner, lamports, data = (bytes(held.owner), held.lamports, held.data) if held else (bytes(32), 0, b"")
        row = (self.seq(), self.slot, bytes(key), owner, lamports, 0, data)
        self.log.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def sign(self, payer: Pubkey, *instructions: Instruction) -> VersionedTransaction:
        """Return a transaction with a signature of its own (nobody checks it)."""
        self._signatures += 1
        message = Message.new_with_blockhash([set_compute_unit_limit(400_000), *instructions], payer, Hash.default())
        unique = Signature(self._signatures.to_bytes(64, "big"))
        return VersionedTransaction.populate(message, [unique] * message.header.num_required_signatures)

    def send(self, made: VersionedTransaction, verdict: str = "accepted", valid_for: int = 150) -> None:
        """Log that the transaction was handed in."""
        row = (
            self.seq(),
            self.slot,
            self.slot * 10**9,
            str(made.signatures[0]),
            bytes(made),
            self._height + valid_for,
            verdict,
            "test",
        )
        self.log.execute("INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def block(self, *transactions: VersionedTransaction) -> list[Done]:
        """Execute a block in the next slot that has one."""
        if self._height > 90:
            self.slot += 1 + (self.slot % 20 == 19)
        self._height += 1
        clock = self.svm.get_clock()
        clock.slot = self.slot
        self.svm.set_clock(clock)
        done, touched = [], set()
        before: dict[Pubkey, tuple[int, bytes, bytes] | None] = {}
        for number, made in enumerate(transactions):
            keys = list(made.message.account_keys)
            before |= {key: self._state(key) for key in keys if key not in touched}
            touched |= set(keys)
            done.append(self._execute(number, made, keys))
        for key in sorted(touched, key=bytes):
            if self._state(key) != before[key]:
                self.record(key)
        while self._meddled:
            self.record(self._meddled.pop())
        self.log.execute("INSERT INTO slots VALUES (?, ?, ?, ?)", (self.slot, self._height, self.slot, self.seq()))
        self.log.commit()
        return done

    def blocks(self, until: int) -> None:
        """Let empty blocks pass, the last one in slot `until`."""
        while self.slot < until:
            self.block()

    def _execute(self, number: int, made: VersionedTransaction, keys: Sequence[Pubkey]) -> Done:
        before = {key: self._balances(key) for key in keys}
        result = self.svm.send_transaction(made)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        error = str(result.err()) if isinstance(result, FailedTransactionMetadata) else None
        signature = str(made.signatures[0])
        row = (self.seq(), self.slot, number, signature, error, meta.fee(), meta.compute_units_consumed(), bytes(made))
        self.log.execute("INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        moved = {("network", "native"): meta.fee()}
        for key in keys:
            after = self._balances(key)
            for mint in before[key].keys() | after.keys():
                if change := after.get(mint, 0) - before[key].get(mint, 0):
                    moved[str(key), mint] = change
        return Done(signature, self.slot, error, meta.fee(), moved, b"" if failed else bytes(meta.return_data().data))

    def _state(self, key: Pubkey) -> tuple[int, bytes, bytes] | None:
        held = self.svm.get_account(key)
        return (held.lamports, bytes(held.owner), held.data) if held else None

    def _balances(self, key: Pubkey) -> dict[str, int]:
        held = self.svm.get_account(key)
        if held is None:
            return {}
        tokens = held.owner == TOKEN_PROGRAM and len(held.data) == 165
        return {"native": held.lamports} | ({str(Pubkey(held.data[:32])): self.tokens(key)} if tokens else {})

    def tokens(self, key: Pubkey) -> int:
        """Return a token account's balance."""
        held = self.svm.get_account(key)
        return int(struct.unpack_from("<Q", held.data, 64)[0]) if held else 0

    def version(self, borrower: Borrower) -> int:
        held = self.svm.get_account(borrower.address)
        assert held is not None
        return int(struct.unpack_from("<Q", held.data, 88)[0])


def _data(name: str, *arguments: int) -> bytes:
    return sha256(f"global:{name}".encode()).digest()[:8] + b"".join(
        number.to_bytes(8, "little") for number in arguments
    )


def set_price(asset: Asset, price: int, confidence: int = 0) -> Instruction:
    metas = [AccountMeta(AUTHORITY, True, False), AccountMeta(asset.oracle, False, True)]
    return Instruction(PROGRAM, _data("set_price", price, confidence), metas)


def liquidate(
    borrower: Borrower,
    debt: Asset,
    collateral: Asset,
    version: int,
    *,
    amount: int = 2**64 - 1,
    others: Sequence[Asset] = (),
) -> Instruction:
    named_ = [
        (MARKET, False),
        (borrower.address, True),
        (purse(debt), True),
        (debt.vault, True),
        (collateral.vault, True),
        (purse(collateral), True),
        (collateral.fund, True),
        (collateral.fund_vault, True),
        (TOKEN_PROGRAM, False),
        (debt.reserve, True),
        (debt.oracle, False),
        (collateral.reserve, True),
        (collateral.oracle, False),
    ]
    for asset in others:
        named_ += [(asset.reserve, False), (asset.oracle, False)]
    metas = [AccountMeta(WALLET, True, True), *(AccountMeta(key, False, writable) for key, writable in named_)]
    return Instruction(PROGRAM, _data("liquidate", amount, 0, version), metas)


def write_off(borrower: Borrower, debt: Asset) -> Instruction:
    metas = [AccountMeta(WALLET, True, True), AccountMeta(MARKET, False, False)]
    metas += [AccountMeta(borrower.address, False, True), AccountMeta(debt.reserve, False, True)]
    return Instruction(PROGRAM, _data("write_off"), metas)


def cover_bad_debt(debt: Asset, amount: int = 2**64 - 1) -> Instruction:
    metas = [AccountMeta(WALLET, True, True), AccountMeta(MARKET, False, False)]
    metas += [AccountMeta(key, False, True) for key in (debt.reserve, debt.vault, debt.fund, debt.fund_vault)]
    return Instruction(PROGRAM, _data("cover_bad_debt", amount), [*metas, AccountMeta(TOKEN_PROGRAM, False, False)])
