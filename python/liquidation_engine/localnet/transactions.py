"""What a transaction's bytes say before it runs: signature, keys, price it bids, nonce it uses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from solders.hash import Hash
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

MAX_BYTES = 1_232  # an IPv6 packet's minimum MTU less its headers: what fits into one packet of the network
_COMPUTE_BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
_SET_UNIT_PRICE = 3
_ADVANCE_NONCE = (4).to_bytes(4, "little")
_LOOKUP_TABLE_HEADER = 56


class UndecodableTransaction(Exception):
    """The bytes are no well-formed transaction; the message says why."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The accounts a transaction names, in the order in which its instructions count them."""

    all: tuple[Pubkey, ...]
    writable: frozenset[int]
    static_count: int

    def writable_keys(self) -> list[Pubkey]:
        """Return the keys that the transaction may change."""
        return [key for index, key in enumerate(self.all) if index in self.writable]

    def loaded(self) -> tuple[list[Pubkey], list[Pubkey]]:
        """Return what came out of lookup tables: writable keys, read-only keys."""
        indices = range(self.static_count, len(self.all))
        return (
            [self.all[index] for index in indices if index in self.writable],
            [self.all[index] for index in indices if index not in self.writable],
        )


class Decoded:
    """A well-formed transaction; whether its signatures are true is asked apart."""

    def __init__(self, raw: bytes, transaction: VersionedTransaction, message: Message | MessageV0) -> None:
        self.raw = raw
        self.transaction = transaction
        self.message = message
        self.signature = str(transaction.signatures[0])

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Decoded":
        """Decode `raw`, or raise `UndecodableTransaction`."""
        try:
            transaction = VersionedTransaction.from_bytes(raw)
        except ValueError as error:
            raise UndecodableTransaction(
                f"failed to deserialize solana_transaction::versioned::VersionedTransaction: {error}"
            ) from error
        try:
            transaction.sanitize()
        except Exception as error:  # solders raises its own SanitizeError, which it exports under no typed name
            raise UndecodableTransaction(f"invalid transaction: {error}") from error
        if not transaction.signatures:
            raise UndecodableTransaction("invalid transaction: no signatures")
        message = transaction.message
        if not isinstance(message, Message | MessageV0):
            raise UndecodableTransaction("invalid transaction: Transaction version is unsupported")
        return cls(raw, transaction, message)

    @property
    def blockhash(self) -> Hash:
        """The recent blockhash, or the nonce that stands in its place."""
        return self.message.recent_blockhash

    @property
    def payer(self) -> Pubkey:
        """The account that pays the fee."""
        return self.message.account_keys[0]

    def signatures_are_true(self) -> bool:
        """Return whether every required signature is the signer's own."""
        return all(self.transaction.verify_with_results())

    @cached_property
    def unit_price(self) -> int:
        """The bid in micro-lamports per compute unit."""
        keys = self.message.account_keys
        for instruction in self.message.instructions:
            data = instruction.data
            if data[:1] == bytes((_SET_UNIT_PRICE,)) and len(data) == 9 and self._program(instruction, keys):
                return int.from_bytes(data[1:9], "little")
        return 0

    @staticmethod
    def _program(instruction: object, keys: list[Pubkey]) -> bool:
        index: int = instruction.program_id_index  # type: ignore[attr-defined]
        return keys[index] == _COMPUTE_BUDGET

    @cached_property
    def nonce_account(self) -> Pubkey | None:
        """The durable nonce's account when the first instruction advances it, else None."""
        instructions = self.message.instructions
        if not instructions or not instructions[0].accounts:
            return None
        first, keys = instructions[0], self.message.account_keys
        if keys[first.program_id_index] != Pubkey.default() or first.data[:4] != _ADVANCE_NONCE:
            return None
        index = first.accounts[0]
        return keys[index] if index < len(keys) and self._is_writable(index) else None

    def is_signer(self, pubkey: Pubkey) -> bool:
        """Return whether `pubkey` signs."""
        return pubkey in self.message.account_keys[: self.message.header.num_required_signatures]

    def keys(self, table_data: Callable[[Pubkey], bytes]) -> Keys:
        """Resolve all keys; `table_data` gives a lookup table's account data (empty if there is none)."""
        static = list(self.message.account_keys)
        writable = {index for index in range(len(static)) if self._is_writable(index)}
        lookups = self.message.address_table_lookups if isinstance(self.message, MessageV0) else []
        loaded_writable: list[Pubkey] = []
        loaded_readonly: list[Pubkey] = []
        for lookup in lookups:
            table = table_data(lookup.account_key)[_LOOKUP_TABLE_HEADER:]
            loaded_writable += _pick(table, lookup.writable_indexes)
            loaded_readonly += _pick(table, lookup.readonly_indexes)
        writable |= set(range(len(static), len(static) + len(loaded_writable)))
        return Keys((*static, *loaded_writable, *loaded_readonly), frozenset(writable), len(static))

    def _is_writable(self, index: int) -> bool:
        header, count = self.message.header, len(self.message.account_keys)
        signers = header.num_required_signatures
        if index < signers:
            return index < signers - header.num_readonly_signed_accounts
        return index < count - header.num_readonly_unsigned_accounts


def _pick(table: bytes, indexes: bytes) -> list[Pubkey]:
    """Return the table's addresses at `indexes`; one beyond its end is left out (the VM refuses it anyway)."""
    return [Pubkey(table[32 * i : 32 * i + 32]) for i in indexes if 32 * i + 32 <= len(table)]
