"""Building transactions: compute budget first, then the instructions, in one packet."""

from collections.abc import Sequence

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from liquidation_engine.errors import LiquidationEngineError

PACKET_BYTES = 1232


class TransactionTooLarge(LiquidationEngineError):
    """The transaction does not fit into one packet."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the transaction has {size} bytes, expected at most {PACKET_BYTES}: a lookup table makes it smaller"
        )
        self.size = size


def compile_message(
    payer: str,
    instructions: Sequence[Instruction],
    blockhash: str,
    limit: int,
    price: int,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> Message | MessageV0:
    """Return the message of `instructions` behind a compute limit (units) and, unless it is 0, price (micro-lamports per unit).

    With `tables` it names accounts by their place in them.
    """
    budget = [set_compute_unit_limit(limit)]
    if price:
        budget.append(set_compute_unit_price(price))
    everything = [*budget, *instructions]
    if tables:
        return MessageV0.try_compile(Pubkey.from_string(payer), everything, list(tables), Hash.from_string(blockhash))
    return Message.new_with_blockhash(everything, Pubkey.from_string(payer), Hash.from_string(blockhash))


def build_transaction(
    payer: str,
    instructions: Sequence[Instruction],
    blockhash: str,
    limit: int,
    price: int,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> bytes:
    """Return a transaction with empty signatures, for simulation without signature check."""
    message = compile_message(payer, instructions, blockhash, limit, price, tables)
    empty = [Signature.default()] * message.header.num_required_signatures
    return serialize(VersionedTransaction.populate(message, empty))


def serialize(transaction: VersionedTransaction) -> bytes:
    """Return the bytes that go on the wire; TransactionTooLarge above 1232 of them."""
    packet = bytes(transaction)
    if len(packet) > PACKET_BYTES:
        raise TransactionTooLarge(len(packet))
    return packet
