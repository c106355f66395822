"""The deployed Save program in a Solana VM: refresh all, refresh the obligation, liquidate."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import AccountMeta, Instruction
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from tests.differential import save_accounts as save
from tests.differential.save_accounts import PROGRAM, TOKEN
from tests.differential.save_states import PAYER, RICH, State, key

SOURCE, SHARES, LIQUIDITY = key(7_000), key(7_001), key(7_002)
NO_RESERVE = Pubkey.default()


@dataclass
class Landed:
    """What the chain did: an error code, or balances moved and the program's accounts afterwards."""

    error: int | None
    paid: int = 0
    received: int = 0
    shares: int = 0
    fee: int = 0
    after: dict[Pubkey, bytes] | None = None


class Vm:
    """One VM for many states; every state sets all of its accounts."""

    def __init__(self, programs: Path) -> None:
        """Load the program from the folder of binaries."""
        svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        svm.add_program(PROGRAM, (programs / "solend.so").read_bytes())
        self.svm = svm
        self.set(PAYER.pubkey(), Pubkey.default(), b"")

    def run(self, state: State) -> Landed:
        """Return what the program does with a state."""
        self.prepare(state)
        for instructions in bundles(state):
            error = self.send(instructions)
            if error is not None:
                return Landed(error)
        fee_receiver = state.reserves[state.collateral].fee_receiver
        owned = (address for address, (owner, _) in state.accounts.items() if owner == PROGRAM)
        return Landed(
            error=None,
            paid=RICH - self.balance(SOURCE),
            received=self.balance(LIQUIDITY) - 10,
            shares=self.balance(SHARES),
            fee=self.balance(fee_receiver),
            after={address: self.data(address) for address in owned},
        )

    def prepare(self, state: State) -> None:
        """Set clock and accounts, the liquidator's included."""
        clock = self.svm.get_clock()
        clock.slot, clock.unix_timestamp = state.slot, state.time
        self.svm.set_clock(clock)
        for address, (owner, data) in state.accounts.items():
            self.set(address, owner, data)
        wallet = state.liquidator
        if state.debt in state.reserves and state.collateral in state.reserves:
            debt, collateral = state.reserves[state.debt], state.reserves[state.collateral]
            self.set(SOURCE, TOKEN, save.token(debt.mint, wallet, RICH))
            self.set(SHARES, TOKEN, save.token(collateral.share_mint, wallet, 0))
            self.set(LIQUIDITY, TOKEN, save.token(collateral.mint, wallet, 10))

    def send(self, instructions: list[Instruction]) -> int | None:
        """Return None, or the failing instruction's code (-1 without one)."""
        all_units = set_compute_unit_limit(1_400_000)
        message = Message.new_with_blockhash([all_units, *instructions], PAYER.pubkey(), self.svm.latest_blockhash())
        answer: Any = self.svm.send_transaction(Transaction([PAYER], message, self.svm.latest_blockhash()))
        if type(answer).__name__ == "TransactionMetadata":
            return None
        error = answer.err()
        code = getattr(getattr(error, "err", None), "code", None)
        return -1 if code is None else int(code)

    def set(self, address: Pubkey, owner: Pubkey, data: bytes) -> None:
        """Write an account."""
        self.svm.set_account(address, Account(10**10, data, owner, executable=False, rent_epoch=0))

    def data(self, address: Pubkey) -> bytes:
        """Return an account's bytes."""
        account = self.svm.get_account(address)
        return b"" if account is None else bytes(account.data)

    def balance(self, address: Pubkey) -> int:
        """Return a token account's balance."""
        return int(struct.unpack_from("<Q", self.data(address), 64)[0])


def bundles(state: State) -> list[list[Instruction]]:
    """Return the transaction's instructions, cut where a legacy transaction would not hold them."""
    named = [*state.deposits, *state.borrows] if state.readable else []
    order = dict.fromkeys([*named, state.debt, state.collateral])
    refreshes = [refresh_reserve(address, state) for address in order]
    cut = [refreshes[at : at + 4] for at in range(0, len(refreshes), 4)]
    return [*cut, [refresh_obligation(state)], [liquidate(state)]]


def refresh_reserve(address: Pubkey, state: State) -> Instruction:
    """Return RefreshReserve."""
    made = state.reserves[address]
    metas = [writable(address), readable(made.main_oracle), readable(made.second_oracle)]
    if made.extra_oracle != NO_RESERVE:
        metas.append(readable(made.extra_oracle))
    return Instruction(PROGRAM, b"\3", metas)


def refresh_obligation(state: State) -> Instruction:
    """Return RefreshObligation."""
    metas = [writable(address) for address in (state.obligation, *state.deposits, *state.borrows)]
    return Instruction(PROGRAM, b"\7", metas)


def liquidate(state: State) -> Instruction:
    """Return LiquidateObligationAndRedeemReserveCollateral."""
    debt, collateral = state.reserves[state.debt], state.reserves[state.collateral]
    writables = [SOURCE, SHARES, LIQUIDITY, state.debt, debt.supply, state.collateral, collateral.share_mint]
    writables += [collateral.share_supply, collateral.supply, collateral.fee_receiver, state.obligation, state.market]
    metas = [*map(writable, writables), readable(state.authority)]
    metas += [AccountMeta(state.liquidator, is_signer=True, is_writable=False), readable(TOKEN)]
    return Instruction(PROGRAM, b"\x11" + struct.pack("<Q", state.amount), metas)


def writable(address: Pubkey) -> AccountMeta:
    """Return a meta of an account that is written."""
    return AccountMeta(address, is_signer=False, is_writable=True)


def readable(address: Pubkey) -> AccountMeta:
    """Return a meta of an account that is read."""
    return AccountMeta(address, is_signer=False, is_writable=False)
