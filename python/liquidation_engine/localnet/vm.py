"""The Solana VM (LiteSVM) with what it leaves to its host: clock, slot hashes, and nonces of failed transactions."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction_metadata import (
    FailedTransactionMetadata,
    SimulatedTransactionInfo,
    TransactionMetadata,
)

from liquidation_engine.localnet.blocks import Block
from liquidation_engine.localnet.transactions import Decoded

SYSVAR_OWNER = Pubkey.from_string("Sysvar1111111111111111111111111111111111111")
_SLOTS_PER_EPOCH = 432_000
_SLOT_HASHES = 512
_NONCE_BYTES = 80
_NONCE_CURRENT_AND_INITIALIZED = (1).to_bytes(4, "little") * 2


@dataclass(frozen=True, slots=True)
class Execution:
    """What the VM says about one transaction; `error` is the TransactionError in its JSON shape."""

    meta: TransactionMetadata
    error: Any | None
    post_accounts: dict[Pubkey, Account]


class Vm:
    """One LiteSVM. It checks neither blockhash, repetition nor signatures: the chain does, before it runs anything."""

    def __init__(self) -> None:
        self._svm = LiteSVM().with_blockhash_check(False).with_sigverify(False).with_transaction_history(0)
        self._slot_hashes: list[tuple[int, Hash]] = []

    def begin_slot(self, slot: int, unix_time: int, parent: Block) -> None:
        """Move the clock sysvar, the slot hashes and the blockhash from which nonces are made."""
        epoch = slot // _SLOTS_PER_EPOCH
        self._svm.set_clock(Clock(slot, unix_time - unix_time % 86_400, epoch, epoch + 1, unix_time))
        self._slot_hashes.insert(0, (parent.slot, parent.blockhash))
        del self._slot_hashes[_SLOT_HASHES:]
        self._svm.set_slot_hashes(self._slot_hashes)
        self._svm.expire_blockhash()

    def leave(self, kept_slot: int) -> None:
        """Forget the hashes of the blocks above `kept_slot`."""
        self._slot_hashes = [(slot, found) for slot, found in self._slot_hashes if slot <= kept_slot]

    def get_account(self, pubkey: Pubkey) -> Account | None:
        """Return the account as it is now."""
        return self._svm.get_account(pubkey)

    def lamports(self, pubkey: Pubkey) -> int:
        """Return the account's balance, 0 where there is none."""
        return self._svm.get_balance(pubkey) or 0

    def set_account(self, pubkey: Pubkey, account: Account) -> None:
        """Put an account into the VM as it is given."""
        self._svm.set_account(pubkey, account)

    def add_program(self, program_id: Pubkey, elf: bytes) -> None:
        """Deploy a program."""
        self._svm.add_program(program_id, elf)

    def minimum_balance(self, data_bytes: int) -> int:
        """Return the lamports that make an account of that size exempt from rent."""
        return self._svm.minimum_balance_for_rent_exemption(data_bytes)

    def execute(self, decoded: Decoded) -> Execution:
        """Run a transaction and keep its effects: a failed one pays its fee and uses up its nonce."""
        result = self._svm.send_transaction(decoded.transaction)
        if isinstance(result, TransactionMetadata):
            return Execution(result, None, {})
        return Execution(result.meta(), _error_json(result), {})

    def simulate(self, decoded: Decoded) -> Execution:
        """Run a transaction and keep nothing."""
        result = self._svm.simulate_transaction(decoded.transaction)
        if isinstance(result, SimulatedTransactionInfo):
            return Execution(result.meta(), None, dict(result.post_accounts()))
        return Execution(result.meta(), _error_json(result), {})

    def nonce_is_valid(self, decoded: Decoded) -> bool:
        """Return whether the transaction's nonce account holds its blockhash and may be advanced by its signers."""
        pubkey = decoded.nonce_account
        account = None if pubkey is None else self._svm.get_account(pubkey)
        if account is None or account.owner != Pubkey.default() or len(account.data) != _NONCE_BYTES:
            return False
        data = bytes(account.data)
        return (
            data[:8] == _NONCE_CURRENT_AND_INITIALIZED
            and data[40:72] == bytes(decoded.blockhash)
            and data[40:72] != self._next_nonce()
            and decoded.is_signer(Pubkey(data[8:40]))
        )

    def advance_nonce(self, pubkey: Pubkey) -> None:
        """Advance a nonce as the chain does after a failure; LiteSVM rolls it back with everything else."""
        account = self._svm.get_account(pubkey)
        if account is None or len(account.data) != _NONCE_BYTES:
            return
        data = bytes(account.data)
        data = data[:40] + self._next_nonce() + data[72:]
        self._svm.set_account(pubkey, Account(account.lamports, data, account.owner, False, account.rent_epoch))

    def _next_nonce(self) -> bytes:
        return hashlib.sha256(b"DURABLE_NONCE" + bytes(self._svm.latest_blockhash())).digest()


def _error_json(result: FailedTransactionMetadata) -> Any:
    return orjson.loads(result.to_json())["err"]
