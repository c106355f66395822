"""Runs a state through the real program in LiteSVM, and says what it did."""

import re
from dataclasses import dataclass
from pathlib import Path

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata

from tests.differential.kamino_accounts import PROGRAM
from tests.differential.kamino_world import LIQUIDATOR, RICH, World

CUSTOM = re.compile(r"custom program error: 0x([0-9a-f]+)")


@dataclass(frozen=True)
class Outcome:
    """What the program did: an error code (-1 for none of its own), or the accounts afterwards."""

    error: int | None
    accounts: dict[Pubkey, bytes]
    logs: list[str]
    units: int = 0

    def amount(self, wallet: Pubkey) -> int:
        """Return the balance of a token account."""
        return int.from_bytes(self.accounts[wallet][64:72], "little")

    def numbers(self, world: World) -> tuple[int, int, int, int]:
        """Return what the liquidator paid, received, kept as collateral tokens, and the protocol's fee."""
        source, shares, destination = world.wallets
        fees = Pubkey(bytes(world.accounts[world.collateral].data)[192:224])
        return RICH - self.amount(source), self.amount(destination), self.amount(shares), self.amount(fees)


class Machine:
    """One LiteSVM with the program loaded, used for many states."""

    def __init__(self, program: Path) -> None:
        self.code = program.read_bytes()
        self.fresh()

    def fresh(self) -> None:
        """Start over: the accounts of earlier states would only pile up."""
        self.svm = LiteSVM()
        self.svm.set_account(LIQUIDATOR.pubkey(), Account(10**15, b"", Pubkey.default(), False, 0))
        self.svm.add_program(PROGRAM, self.code)
        self.runs = 0

    def run(self, world: World) -> Outcome:
        """Send the world's transaction."""
        self.runs += 1
        if self.runs > 200:
            self.fresh()
        clock = self.svm.get_clock()
        clock.slot, clock.unix_timestamp = world.slot, world.time
        self.svm.set_clock(clock)
        for key, account in world.accounts.items():
            self.svm.set_account(key, account)
        self.svm.expire_blockhash()
        blockhash = self.svm.latest_blockhash()
        message = Message.new_with_blockhash(world.instructions(), LIQUIDATOR.pubkey(), blockhash)
        result = self.svm.send_transaction(Transaction([LIQUIDATOR], message, blockhash))
        if isinstance(result, FailedTransactionMetadata):
            found = CUSTOM.search(str(result.err()) + "\n".join(result.meta().logs()))
            return Outcome(int(found[1], 16) if found else -1, {}, [*result.meta().logs(), str(result.err())])
        after = {key: self.svm.get_account(key) for key in world.accounts}
        held = {key: bytes(account.data) for key, account in after.items() if account is not None}
        return Outcome(None, held, result.logs(), result.compute_units_consumed())
