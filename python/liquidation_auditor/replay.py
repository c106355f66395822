"""Re-executes each block's transactions: what each one moved, and whether the recorded states follow from them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from liquidation_auditor.arithmetic import unit_price
from liquidation_auditor.chain_walk import allowed
from liquidation_auditor.decode import (
    COVER_BAD_DEBT,
    LIQUIDATE,
    TOKEN_PROGRAM,
    WRAPPED_SOL,
    WRITE_OFF,
    Instruction,
    Oracle,
    Position,
    Transaction,
    base58,
    lending_account,
    liquidated_position,
    token_account,
    transaction,
)
from liquidation_auditor.faults import Fault
from liquidation_auditor.recording import AccountRow, ExecutionRow, SlotRow
from liquidation_auditor.state import ChainState
from liquidation_auditor.vm import SYSVARS, Machine, seizure

NATIVE = "native"
LENDING_VERBS = {LIQUIDATE: "liquidate", WRITE_OFF: "write_off", COVER_BAD_DEBT: "cover_bad_debt"}


@dataclass(frozen=True, slots=True)
class Act:
    """One successful instruction of the lending program: its accounts and what it returned.

    `paid` is in `mint`: repaid, written off or covered; `price` is atto-USD per smallest unit at that moment. `allowed`
    is the repaid value and profit of the best pair that the position offered before the transaction.
    """

    verb: str
    position: bytes | None
    mint: bytes
    paid: int
    price: int
    collateral_mint: bytes | None = None
    received: int = 0
    fee: int = 0
    collateral_price: int = 0
    version_before: int = 0
    debt_left: int = 0
    still_liquidatable: bool = False
    allowed: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """A transaction of a judged wallet, one that liquidates, writes off or covers, or one that names a fund's vault.

    `purses` are the token accounts in it that a judged wallet owned before or after.
    """

    signature: str
    slot: int
    seq: int
    succeeded: bool
    fee_lamports: int
    wallets: frozenset[bytes]
    verbs: tuple[str, ...]
    positions: tuple[bytes, ...]
    deltas: dict[tuple[str, str], int]
    acts: tuple[Act, ...]
    purses: frozenset[str] = frozenset()


class Replay:
    """Runs block after block; `state` is the chain before the block, `machine` has the same accounts."""

    def __init__(self, machine: Machine, state: ChainState, wallets: frozenset[bytes]) -> None:
        self._machine = machine
        self._state = state
        self._wallets = wallets
        self.faults: list[Fault] = []
        self.set_from_outside = 0

    def place(self, rows: Sequence[AccountRow], *, judged: bool = False) -> None:
        """Put account states in place that belong to no block: a genesis, or, where `judged`, somebody's doing."""
        for row in rows:
            if judged and self._state.judged(row):
                self._differs(row.slot, row.pubkey, "it changed outside of any block")
            self._machine.load(row)
        self._state.apply(rows)

    def run(self, slot: SlotRow, executions: Sequence[ExecutionRow], rows: Sequence[AccountRow]) -> list[Executed]:
        """Execute a block, compare with the recorded states, put those in place, and return what matters of it."""
        self._machine.set_clock(slot.slot, slot.unix_time)
        executed: list[Executed] = []
        touched: set[bytes] = set()
        for row in executions:
            wire = VersionedTransaction.from_bytes(row.transaction_bytes)
            read = transaction(row.transaction_bytes, self._table)
            touched.update(read.accounts)
            found = self._execute(row, wire, read)
            if found is not None:
                executed.append(found)
        self._compare(slot.slot, touched, rows)
        return executed

    def _table(self, address: bytes) -> bytes | None:
        row = self._state.raw.get(address)
        return row.data if row else None

    def _execute(self, row: ExecutionRow, wire: VersionedTransaction, read: Transaction) -> Executed | None:
        program = self._state.program
        ours = frozenset(self._wallets & set(read.signers))
        lending = [
            at
            for at, found in enumerate(read.instructions)
            if found.program == program and found.data[:8] in LENDING_VERBS
        ]
        if row.error is not None and row.fee_lamports == 0:
            return None  # refused before it was loaded: nothing was charged and nothing ran
        funds = {fund.vault for fund in self._state.funds.values()}
        looked_at = bool(ours or lending) or not funds.isdisjoint(read.accounts)
        before = {key: self._machine.row(key, row.slot) for key in read.accounts} if looked_at else {}
        result = self._machine.svm.send_transaction(wire)
        failed = isinstance(result, FailedTransactionMetadata)
        meta = result.meta() if isinstance(result, FailedTransactionMetadata) else result
        if failed != (row.error is not None) or meta.fee() != row.fee_lamports:
            said = "failed" if failed else "succeeded"
            why = f"re-executed it {said} with fee {meta.fee()}, recorded error {row.error} and fee {row.fee_lamports}"
            self.faults.append(Fault("replay_mismatches", row.signature, [row.slot], why))
        if not before:
            return None
        after = {key: self._machine.row(key, row.slot) for key in read.accounts}
        returns = [] if failed else returned(meta.logs(), base58(program))
        acts = (
            [self._act(read.instructions[at], dict(returns).get(at, b""), before, after) for at in lending]
            if not failed
            else []
        )
        positions = [liquidated_position(found, program) for found in read.instructions]
        return Executed(
            signature=row.signature,
            slot=row.slot,
            seq=row.seq,
            succeeded=not failed,
            fee_lamports=meta.fee(),
            wallets=ours,
            verbs=tuple(LENDING_VERBS[read.instructions[at].data[:8]] for at in lending),
            positions=tuple(dict.fromkeys(position for position in positions if position)),
            deltas=deltas(before, after, meta.fee()),
            acts=tuple(act for act in acts if act),
            purses=self._purses(before) | self._purses(after),
        )

    def _purses(self, rows: dict[bytes, AccountRow]) -> frozenset[str]:
        held = {key: token_account(row.owner, row.data) for key, row in rows.items()}
        return frozenset(base58(key) for key, found in held.items() if found and found.authority in self._wallets)

    def _act(
        self, found: Instruction, data: bytes, before: dict[bytes, AccountRow], after: dict[bytes, AccountRow]
    ) -> Act | None:
        verb, accounts = LENDING_VERBS[found.data[:8]], found.accounts
        if verb == "liquidate":
            moved = seizure(data)
            debt, collateral = self._state.reserves.get(accounts[10]), self._state.reserves.get(accounts[12])
            if isinstance(moved, str) or debt is None or collateral is None:
                return None
            held = lending_account(before[accounts[2]].data)
            return Act(
                verb,
                accounts[2],
                debt.mint,
                moved.repaid,
                self._price(accounts[10], after),
                collateral_mint=collateral.mint,
                received=moved.received,
                fee=moved.fee,
                collateral_price=self._price(accounts[12], after),
                version_before=held.version if isinstance(held, Position) else 0,
                debt_left=moved.debt_left,
                still_liquidatable=self._allowed(accounts[2], after) is not None,
                allowed=self._allowed(accounts[2], before),
            )
        address = accounts[3] if verb == "write_off" else accounts[2]
        reserve = self._state.reserves.get(address)
        if reserve is None or len(data) != 8:
            return None
        position = accounts[2] if verb == "write_off" else None
        return Act(verb, position, reserve.mint, int.from_bytes(data, "little"), self._price(address, after))

    def _price(self, reserve: bytes, now: dict[bytes, AccountRow]) -> int:
        held = self._state.reserves[reserve]
        oracle = lending_account(
            now[held.oracle].data if held.oracle in now else self._machine.row(held.oracle, 0).data
        )
        return unit_price(held, oracle) if isinstance(oracle, Oracle) else 0

    def _allowed(self, address: bytes, rows: dict[bytes, AccountRow]) -> tuple[int, int] | None:
        """Return what the position's best pair would move, by the accounts before or after a transaction that names it."""

        def known(key: bytes) -> AccountRow:
            return rows[key] if key in rows else self._machine.row(key, 0)

        now = ChainState(self._state.program, self._state.market_address)
        now.apply([known(address)])
        position = now.positions.get(address)
        if position is None:
            return None
        now.apply(known(leg.reserve) for leg in position.legs)
        now.apply([known(key) for reserve in now.reserves.values() for key in (reserve.oracle, reserve.vault)])
        return allowed(now, position, self._machine.svm.get_clock().slot)

    def _compare(self, slot: int, touched: set[bytes], rows: Sequence[AccountRow]) -> None:
        """Hold the machine against the recording; what no transaction names was set from outside (an airdrop)."""
        recorded = {row.pubkey: row for row in rows}
        for row in recorded.values():
            if self._machine.holds(row) or row.pubkey[:4] == SYSVARS:
                continue
            if row.pubkey in touched or self._state.judged(row):
                self._differs(slot, row.pubkey, "the recorded state is not what the block's transactions lead to")
            else:
                self.set_from_outside += 1
            self._machine.load(row)
        for pubkey in touched - recorded.keys():
            before = self._state.raw.get(pubkey)
            if before is None:
                made = self._machine.row(pubkey, slot)
                if made.owner in (self._state.program, TOKEN_PROGRAM) and not made.executable:
                    self._differs(slot, pubkey, "the block's transactions make it, the recording does not know it")
            elif not before.executable and not self._machine.holds(before):
                self._differs(slot, pubkey, "the block's transactions change it, the recording does not")
                self._machine.load(before)

    def _differs(self, slot: int, pubkey: bytes, why: str) -> None:
        self.faults.append(Fault("replay_mismatches", base58(pubkey), [slot], why))


def returned(logs: Sequence[str], program: str) -> list[tuple[int, bytes]]:
    """Return, for each top-level instruction by number, what `program` returned in it."""
    at, found = -1, []
    for line in logs:
        if line.startswith("Program ") and line.endswith(" invoke [1]"):
            at += 1
        elif line.startswith(f"Program return: {program} "):
            found.append((at, base64.b64decode(line.rsplit(" ", 1)[1])))
    return found


def deltas(before: dict[bytes, AccountRow], after: dict[bytes, AccountRow], fee: int) -> dict[tuple[str, str], int]:
    """Return the change of every (address, mint); `native` is lamports, the fee is the network's income.

    A wrapped-SOL account's tokens are lamports too: they count once, as tokens.
    """
    moved: dict[tuple[str, str], int] = {("network", NATIVE): fee}
    for pubkey, old in before.items():
        new = after[pubkey]
        held, holds = token_account(old.owner, old.data), token_account(new.owner, new.data)
        lamports = new.lamports - old.lamports
        for account, sign in ((held, -1), (holds, 1)):
            if account is None:
                continue
            key = (base58(pubkey), base58(account.mint))
            moved[key] = moved.get(key, 0) + sign * account.amount
            lamports -= sign * account.amount if account.mint == WRAPPED_SOL else 0
        key = (base58(pubkey), NATIVE)
        moved[key] = moved.get(key, 0) + lamports
    return {key: amount for key, amount in moved.items() if amount}
