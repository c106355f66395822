"""A Solana VM of the judge's own, loaded with the recorded program and states, that asks the program itself."""

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta
from solders.instruction import Instruction as WireInstruction
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo
from solders.transaction_status import InstructionErrorCustom, TransactionErrorInstructionError

from liquidation_auditor.arithmetic import U64_MAX, Health, Pair, Seizure, health, liquidate, pairs, refusal
from liquidation_auditor.decode import (
    COLLATERAL,
    DEBT,
    LIQUIDATE,
    TOKEN_PROGRAM,
    WRAPPED_SOL,
    Leg,
    Position,
    base58,
)
from liquidation_auditor.faults import Fault
from liquidation_auditor.recording import AccountRow
from liquidation_auditor.state import ChainState

ERRORS = {
    6009: "Paused",
    6010: "VersionMismatch",
    6011: "Healthy",
    6012: "StalePrice",
    6013: "UncertainPrice",
    6014: "SeizeBelowMinimum",
    6015: "AmountTooSmall",
    6016: "DustLeft",
}
REFUSES_ANY_PAIR = ("Healthy", "StalePrice", "UncertainPrice", "Paused")
AMPLE = 2**60
SYSVARS = b"\x06\xa7\xd5\x17"  # every sysvar's address begins with these bytes


class Machine:
    """LiteSVM without signature and blockhash checks, which were the recorded chain's business."""

    def __init__(self, programs: list[tuple[bytes, bytes]]) -> None:
        self.svm = LiteSVM().with_sigverify(False).with_blockhash_check(False).with_transaction_history(0)
        for program, elf in programs:
            self.svm.add_program(Pubkey.from_bytes(program), elf)
        self._programs = {program for program, _ in programs}

    def set_clock(self, slot: int, unix_time: int) -> None:
        """Make `slot` the current one."""
        clock = self.svm.get_clock()
        clock.slot, clock.unix_timestamp = slot, unix_time
        self.svm.set_clock(clock)

    def load(self, row: AccountRow) -> None:
        """Put a recorded account state in place; programs are deployed and sysvars set already."""
        if not row.executable and row.pubkey not in self._programs and row.pubkey[:4] != SYSVARS:
            account = Account(row.lamports, row.data, Pubkey.from_bytes(row.owner), False)
            self.svm.set_account(Pubkey.from_bytes(row.pubkey), account)

    def holds(self, row: AccountRow) -> bool:
        """Whether the machine's account equals the recorded one; a closed account equals a missing one."""
        found = self.svm.get_account(Pubkey.from_bytes(row.pubkey))
        if found is None or found.lamports == 0:
            return row.lamports == 0
        return found.lamports == row.lamports and bytes(found.owner) == row.owner and found.data == row.data

    def row(self, pubkey: bytes, slot: int) -> AccountRow:
        """Return the machine's present state of an account in the recording's shape."""
        found = self.svm.get_account(Pubkey.from_bytes(pubkey))
        if found is None:
            return AccountRow(0, slot, pubkey, bytes(32), 0, False, b"")
        return AccountRow(0, slot, pubkey, bytes(found.owner), found.lamports, found.executable, found.data)


class Asker:
    """Runs `liquidate` as a liquidator of the judge's own, in simulation, so that nothing changes."""

    def __init__(self, machine: Machine, program: bytes, market: bytes) -> None:
        self._svm = machine.svm
        self._program = Pubkey.from_bytes(program)
        self._market = Pubkey.from_bytes(market)
        self._me = Pubkey.from_bytes(b"liquidation-auditor's-own-wallet")
        self._svm.set_account(self._me, Account(AMPLE, b"", Pubkey.default(), False))
        self._purses: dict[bytes, Pubkey] = {}
        self._prepared: dict[bytes, tuple[Position, VersionedTransaction]] = {}
        self.asked = 0

    def disagreements(self, state: ChainState, slot: int) -> list[Fault]:
        """Ask for every position with debt and collateral and return where the program's verdict is not the judge's."""
        indexes = state.indexes_at(slot)
        paused = state.market is not None and state.market.paused
        found = []
        for address, position in state.positions.items():
            if not position.of(DEBT) or not position.of(COLLATERAL):
                continue
            self.asked += 1
            refusals = {
                refusal(state.reserves[leg.reserve], state.oracles[state.reserves[leg.reserve].oracle], slot)
                for leg in position.legs
            } - {None}
            worth = health(position, state.reserves, state.oracles, indexes)
            why = self._disagreement(state, address, position, worth, indexes, paused or bool(refusals))
            if why is not None:
                found.append(Fault("verdict_mismatches", base58(address), [slot], why))
        return found

    def _disagreement(
        self,
        state: ChainState,
        address: bytes,
        position: Position,
        worth: Health,
        indexes: dict[bytes, int],
        refused: bool,
    ) -> str | None:
        legs = [(debt, collateral) for debt in position.of(DEBT) for collateral in position.of(COLLATERAL)]
        for number, ((debt, collateral), pair) in enumerate(
            zip(legs, pairs(position, state.reserves, state.oracles, indexes), strict=True)
        ):
            said = self._ask(state, address, position, debt, collateral, reuse=number == 0)
            expected = _expected(state, pair, worth)
            if refused:
                agrees = said in REFUSES_ANY_PAIR
            else:
                agrees = said == expected or (
                    expected == "Custom(1)" and isinstance(said, str) and said not in REFUSES_ANY_PAIR
                )
            if not agrees:
                return f"program: {said}; judge: {'refused' if refused else expected} (Cw {worth.cw}, Dw {worth.dw})"
            if refused or not isinstance(said, str) or said in REFUSES_ANY_PAIR:
                return None
        return None

    def _ask(
        self, state: ChainState, address: bytes, position: Position, debt: Leg, collateral: Leg, *, reuse: bool
    ) -> Seizure | str:
        kept = self._prepared.get(address) if reuse else None
        if kept is not None and kept[0].version == position.version and _same_legs(kept[0], position):
            transaction = kept[1]
        else:
            transaction = self._transaction(state, address, position, debt, collateral)
            if reuse:
                self._prepared[address] = (position, transaction)
        return _read(self._svm.simulate_transaction(transaction))

    def _transaction(
        self, state: ChainState, address: bytes, position: Position, debt: Leg, collateral: Leg
    ) -> VersionedTransaction:
        d, c = state.reserves[debt.reserve], state.reserves[collateral.reserve]
        fund_address, fund = state.fund_of(c.mint)
        named: list[tuple[bytes | Pubkey, bool]] = [
            (self._market, False),
            (address, True),
            (self._purse(d.mint), True),
            (d.vault, True),
            (c.vault, True),
            (self._purse(c.mint), True),
            (fund_address, True),
            (fund.vault, True),
            (TOKEN_PROGRAM, False),
            (debt.reserve, True),
            (d.oracle, False),
            (collateral.reserve, True),
            (c.oracle, False),
        ]
        for leg in position.legs:
            if leg.reserve not in (debt.reserve, collateral.reserve):
                named += [(leg.reserve, False), (state.reserves[leg.reserve].oracle, False)]
        metas = [AccountMeta(self._me, True, True)]
        metas += [AccountMeta(_key(account), False, writable) for account, writable in named]
        data = LIQUIDATE + U64_MAX.to_bytes(8, "little") + bytes(8) + position.version.to_bytes(8, "little")
        wire = [set_compute_unit_limit(1_400_000), WireInstruction(self._program, data, metas)]
        message = Message.new_with_blockhash(wire, self._me, Hash.default())
        return VersionedTransaction.populate(message, [Signature.default()])

    def _purse(self, mint: bytes) -> Pubkey:
        """Return the judge's own token account of a mint, filled on first use."""
        if mint not in self._purses:
            address = Pubkey.create_with_seed(
                self._me, str(Pubkey.from_bytes(mint))[:32], Pubkey.from_bytes(TOKEN_PROGRAM)
            )
            rent = self._svm.minimum_balance_for_rent_exemption(165)
            native = mint == WRAPPED_SOL
            data = mint + bytes(self._me) + AMPLE.to_bytes(8, "little") + bytes(36) + b"\x01"
            data += (
                (1 if native else 0).to_bytes(4, "little") + (rent if native else 0).to_bytes(8, "little") + bytes(44)
            )
            lamports = rent + (AMPLE if native else 0)
            self._svm.set_account(address, Account(lamports, data, Pubkey.from_bytes(TOKEN_PROGRAM), False))
            self._purses[mint] = address
        return self._purses[mint]


def _key(account: bytes | Pubkey) -> Pubkey:
    return account if isinstance(account, Pubkey) else Pubkey.from_bytes(account)


def _same_legs(one: Position, other: Position) -> bool:
    return [(leg.reserve, leg.side) for leg in one.legs] == [(leg.reserve, leg.side) for leg in other.legs]


def _expected(state: ChainState, pair: Pair, worth: Health) -> Seizure | str:
    """Return the judge's own answer; a vault that cannot pay fails in SPL Token with `Custom(1)`."""
    result = liquidate(pair, worth)
    if isinstance(result, Seizure) and state.balance(pair.collateral.vault) < result.received + result.fee:
        return "Custom(1)"
    return result


def error_name(failed: FailedTransactionMetadata) -> str:
    """Return the lending program's name of an error, else the runtime's words."""
    error = failed.err()
    if isinstance(error, TransactionErrorInstructionError) and isinstance(error.err, InstructionErrorCustom):
        return ERRORS.get(error.err.code, f"Custom({error.err.code})")
    return str(error)


def _read(result: SimulatedTransactionInfo | FailedTransactionMetadata) -> Seizure | str:
    if isinstance(result, FailedTransactionMetadata):
        return error_name(result)
    return seizure(bytes(result.meta().return_data().data))


def seizure(data: bytes) -> Seizure | str:
    """Return what `liquidate` reported in its 48 bytes: repaid, received, fee, bonus, new version, debt left."""
    if len(data) != 48:
        return f"returned {len(data)} bytes, expected 48"
    repaid, received, fee, bonus_bps, _, left = (int.from_bytes(data[at : at + 8], "little") for at in range(0, 48, 8))
    return Seizure(repaid, received, fee, bonus_bps, left)
