"""The only place that signs: behind an allow-list of programs and the kill switch.

A dry run has no Signer, so that no code path can send.
"""

from collections.abc import Callable, Iterable, Sequence

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.transaction import VersionedTransaction

from liquidation_engine.chain.fees import network_fee_lamports
from liquidation_engine.chain.transaction import compile_message, serialize
from liquidation_engine.chain.wallet import Wallet
from liquidation_engine.errors import SigningPaused, SigningRefused
from liquidation_engine.model import SignedTransaction

TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - an address
ASSOCIATED_TOKEN_PROGRAM = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"  # noqa: S105 - an address
COMPUTE_BUDGET_PROGRAM = "ComputeBudget111111111111111111111111111111"
SYSTEM_PROGRAM = "11111111111111111111111111111111"


def allowed_programs(*lending_programs: str, system: bool = False) -> frozenset[str]:
    """Return the programs a liquidator needs; the system program, which can move SOL anywhere, only if asked for."""
    needed = {TOKEN_PROGRAM, ASSOCIATED_TOKEN_PROGRAM, COMPUTE_BUDGET_PROGRAM, *lending_programs}
    return frozenset(needed | {SYSTEM_PROGRAM}) if system else frozenset(needed)


class Signer:
    """Signs transactions that call allowed programs only, while the kill switch lets it."""

    def __init__(self, wallet: Wallet, allowed_programs: Iterable[str], may_sign: Callable[[], bool]) -> None:
        self._wallet = wallet
        self._allowed = frozenset(allowed_programs)
        self._may_sign = may_sign

    @property
    def pubkey(self) -> str:
        """Return the address that signs and pays."""
        return self._wallet.pubkey

    def sign(
        self,
        instructions: Sequence[Instruction],
        *,
        blockhash: str,
        expires_above: int,
        compute_unit_limit: int,
        compute_unit_price_micro_lamports: int,
        tables: Sequence[AddressLookupTableAccount] = (),
    ) -> SignedTransaction:
        """Return the signed transaction; SigningRefused if a program or a further signer, SigningPaused if the kill switch forbids."""
        self._check(instructions)
        limit, price = compute_unit_limit, compute_unit_price_micro_lamports
        message = compile_message(self.pubkey, instructions, blockhash, limit, price, tables)
        if not self._may_sign():
            raise SigningPaused("the kill switch is on, or its state is not known for certain")
        transaction = VersionedTransaction(message, [self._wallet.keypair])
        return SignedTransaction(
            signature=str(transaction.signatures[0]),
            transaction=serialize(transaction),
            blockhash=blockhash,
            expires_above=expires_above,
            compute_unit_limit=limit,
            compute_unit_price_micro_lamports=price,
            fee_lamports=network_fee_lamports(limit, price),
        )

    def _check(self, instructions: Sequence[Instruction]) -> None:
        if not instructions:
            raise SigningRefused("there is no instruction to sign")
        for instruction in instructions:
            program = str(instruction.program_id)
            if program not in self._allowed:
                raise SigningRefused(f"the program {program} is not on the signer's list")
            others = {str(meta.pubkey) for meta in instruction.accounts if meta.is_signer} - {self.pubkey}
            if others:
                raise SigningRefused(f"the instruction asks for signatures of {', '.join(sorted(others))}")
