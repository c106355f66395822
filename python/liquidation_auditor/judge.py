"""One audit from beginning to end: walk the recording, hold the books against it, put the report together."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from liquidation_auditor.arithmetic import unit_price
from liquidation_auditor.books import check
from liquidation_auditor.chain_walk import ChainWalk, Landed, lamport_price
from liquidation_auditor.claims import claims, last_signed_ns, refusals
from liquidation_auditor.database import Books, read_books
from liquidation_auditor.decode import (
    COLLATERAL,
    DEBT,
    WRAPPED_SOL,
    Oracle,
    Position,
    base58,
    from_base58,
    lending_account,
    signers,
)
from liquidation_auditor.duplicates import double_landings, duplicates, submissions
from liquidation_auditor.errors import BadInput
from liquidation_auditor.faults import Fault
from liquidation_auditor.money import count
from liquidation_auditor.prices import Prices
from liquidation_auditor.recording import AccountRow, ExecutionRow, Recording, SlotRow
from liquidation_auditor.replay import NATIVE, Act, Executed, Replay
from liquidation_auditor.report import Report
from liquidation_auditor.state import ChainState
from liquidation_auditor.vm import Asker, Machine
from liquidation_auditor.windows import judge
from liquidation_auditor.witness import (
    Balances,
    Chain,
    fund_balances,
    income_from_outside,
    wallet_addresses,
    wallet_balances,
)

MOST_REFUSED_PERCENT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is judged, and how strictly; `min_profit_micro_usd` caps the profit that the engine may claim to want."""

    program: bytes
    market: bytes
    wallets: frozenset[bytes]
    missed_slots: int = 50
    from_seq: int = 0
    min_profit_micro_usd: int | None = None


def audit(
    recording: Path,
    database: str,
    wallets: Iterable[str],
    program: str,
    market: str,
    *,
    missed_slots: int = 50,
    from_seq: int = 0,
    min_profit_micro_usd: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Judge a recording and a database and return the report; both are only read. Raises `BadInput`."""
    terms = Terms(
        program=from_base58(program, "--program"),
        market=from_base58(market, "--market"),
        wallets=frozenset(from_base58(wallet, "--wallet") for wallet in wallets),
        missed_slots=missed_slots,
        from_seq=from_seq,
        min_profit_micro_usd=min_profit_micro_usd,
    )
    if not terms.wallets:
        raise BadInput("no --wallet given: name the wallets that the engine signed with")
    with Recording(recording) as chain:
        books = read_books(database)
        if books.genesis_hash not in (None, chain.meta.get("genesis_hash")):
            raise BadInput(
                f"the database is bound to chain {books.genesis_hash}, the recording is of {chain.meta.get('genesis_hash')}"
            )
        return Audit(chain, books, terms, progress).run()


@dataclass(slots=True)
class _Seen:
    """What the walk gathers besides the windows."""

    engine: list[Executed] = field(default_factory=list)
    others: list[Executed] = field(default_factory=list)
    strangers: list[Executed] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    landings: list[tuple[bytes, int, str, int]] = field(default_factory=list)
    first_left: dict[bytes, bool] = field(default_factory=dict)
    without_collateral: dict[bytes, tuple[int, bool]] = field(default_factory=dict)
    positions: set[bytes] = field(default_factory=set)
    sol_prices: dict[str, int] = field(default_factory=dict)
    fund_before: dict[str, int] = field(default_factory=dict)
    fund_openings: dict[str, int] = field(default_factory=dict)
    wallet_before: Balances = field(default_factory=dict)
    wallet_now: Balances = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    token_sums: dict[bytes, int] | None = None
    unconserved: set[bytes] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    slots: int = 0
    price_steps: int = 0
    prices_moved: bool = False


class Audit:
    """One run over one recording."""

    def __init__(self, recording: Recording, books: Books, terms: Terms, progress: Callable[[str], None]) -> None:
        self._recording = recording
        self._books = books
        self._terms = terms
        self._progress = progress
        self._slots = recording.slots()
        judged = [slot for slot in self._slots if slot.seq >= terms.from_seq]
        if not judged:
            raise BadInput(f"the recording has no slot from seq {terms.from_seq} on: nothing can be judged")
        if recording.elf(terms.program) is None:
            raise BadInput(f"the recording has no binary of program {base58(terms.program)}: check --program")
        self._state = ChainState(terms.program, terms.market)
        self._machine = Machine(recording.programs())
        self._replay = Replay(self._machine, self._state, terms.wallets)
        self._asker = Asker(self._machine, terms.program, terms.market)
        excuses = refusals(books, terms.min_profit_micro_usd, self._most_fee_paid())
        self._walk = ChainWalk(self._state, judged[-1].slot, excuses)
        self._seen = _Seen()

    def run(self) -> Report:
        """Walk all slots, then judge what was seen."""
        for number, (slot, executions, before, rows) in enumerate(self._blocks()):
            self._replay.place(before, judged=self._seen.slots > 0)
            self._openings(slot.slot)
            if slot.seq < self._terms.from_seq:
                self._replay.place(rows)
                continue
            self._block(slot, executions, rows)
            if number % 50 == 0:
                self._progress(f"slot {slot.slot}: {len(self._walk.liquidatable)} positions have been liquidatable")
        self._without_block()
        if self._state.market is None:
            raise BadInput(f"the recording has no market {base58(self._terms.market)}: check --market")
        self._openings(self._slots[-1].slot + 1)
        self._walk.finish()
        self._progress("holding the books against the chain")
        return self._report()

    def _most_fee_paid(self) -> int | None:
        """Return the highest network fee that a judged wallet paid, None where it signed nothing that was executed."""
        wallets, begin = self._terms.wallets, self._terms.from_seq
        rows = (row for row in self._recording.executions() if row.seq >= begin and row.fee_lamports)
        return max((row.fee_lamports for row in rows if wallets & signers(row.transaction_bytes)), default=None)

    def _blocks(self) -> Iterator[tuple[SlotRow, list[ExecutionRow], list[AccountRow], list[AccountRow]]]:
        """Yield every block: its transactions, account states written before these ran, and states at its end."""
        by_slot = {slot: list(found) for slot, found in groupby(self._recording.executions(), key=lambda row: row.slot)}
        rows = self._recording.accounts()
        row = next(rows, None)
        for number, slot in enumerate(self._slots):
            executions = by_slot.get(slot.slot, [])
            first = min((found.seq for found in executions), default=None)
            before: list[AccountRow] = []
            after: list[AccountRow] = []
            while row is not None and row.slot <= slot.slot:
                genesis = number == 0 and first is None
                early = row.slot < slot.slot or genesis or (first is not None and row.seq < first)
                (before if early else after).append(row)
                row = next(rows, None)
            yield slot, executions, before, after

    def _without_block(self) -> None:
        known = {slot.slot for slot in self._slots}
        for row in self._recording.executions():
            if row.slot not in known and row.seq >= self._terms.from_seq:
                why = "executed in a slot that has no block"
                self._seen.faults.append(Fault("replay_mismatches", row.signature, [row.slot], why))

    def _block(self, slot: SlotRow, executions: list[ExecutionRow], rows: list[AccountRow]) -> None:
        seen, state = self._seen, self._state
        if seen.token_sums is None:
            seen.token_sums = {mint: amount for mint, amount in state.token_sums.items() if amount}
            seen.fund_before = fund_balances(state)
            seen.wallet_before = wallet_balances(state, self._terms.wallets)
            seen.wallet_now = dict(seen.wallet_before)
            seen.prices.note(slot.slot - 1, state)
        prices = self._prices()
        executed = self._replay.run(slot, executions, rows)
        state.apply(rows)
        seen.slots += 1
        seen.positions |= state.positions.keys()
        for found in executed:
            self._note(found)
        self._wallet_income(executed)
        self._conserved(slot.slot)
        landed = [event for found in executed for event in landings(found)]
        self._walk.step(slot.slot, landed)
        self._stripped(slot.slot, landed, {row.pubkey for row in rows})
        if prices != self._prices():
            seen.prices_moved = True
            seen.prices.note(slot.slot, state)
        if prices != self._prices() or slot is self._slots[-1]:
            seen.price_steps += 1
            seen.faults += self._asker.disagreements(state, slot.slot)

    def _prices(self) -> dict[bytes, tuple[int, int]]:
        return {address: (oracle.price, oracle.confidence) for address, oracle in self._state.oracles.items()}

    def _note(self, found: Executed) -> None:
        seen = self._seen
        seen.acts += found.acts
        for act in found.acts:
            if act.verb == "liquidate" and act.position:
                seen.landings.append((act.position, act.version_before, found.signature, found.slot))
                seen.first_left.setdefault(act.position, act.still_liquidatable)
        if not found.wallets:
            seen.strangers.append(found)
        elif found.verbs:
            seen.engine.append(found)
            seen.sol_prices[found.signature] = lamport_price(self._state)
        else:
            seen.others.append(found)

    def _wallet_income(self, executed: list[Executed]) -> None:
        """Add to what the wallets began with what others gave them in this block."""
        seen, wallets = self._seen, self._terms.wallets
        now = wallet_balances(self._state, wallets)
        if now != seen.wallet_now or any(found.wallets for found in executed):
            mine = wallet_addresses(self._state, wallets)
            for mint, amount in income_from_outside(seen.wallet_now, now, executed, mine).items():
                seen.wallet_before[mint] = seen.wallet_before.get(mint, 0) + amount
        seen.wallet_now = now

    def _conserved(self, slot: int) -> None:
        seen = self._seen
        now = {mint: amount for mint, amount in self._state.token_sums.items() if amount}
        if now == seen.token_sums:
            return
        expected = seen.token_sums or {}
        for mint in now.keys() | expected.keys():
            if now.get(mint, 0) != expected.get(mint, 0) and mint not in seen.unconserved:
                seen.unconserved.add(mint)
                why = f"all token accounts hold {now.get(mint, 0)}, at the beginning {expected.get(mint, 0)}"
                seen.faults.append(Fault("tokens_conserved", base58(mint), [slot], why))

    def _stripped(self, slot: int, landed: list[Landed], changed: set[bytes]) -> None:
        """Keep who has debt and no collateral left, since when, and whether a liquidation of ours left it so."""
        ours = {event.position for event in landed if event.ours}
        kept, positions = self._seen.without_collateral, self._state.positions
        for key in changed if self._seen.slots > 1 else positions.keys():
            if key not in positions or not _is_bad_debt(positions[key]):
                kept.pop(key, None)
            else:
                kept.setdefault(key, (slot, key in ours))

    def _note_undone_prices(self) -> None:
        """Take over the prices of blocks that a fork undid: the engine saw them, and planned by them."""
        state = self._state
        for row, last_slot in self._recording.undone_accounts():
            oracle = lending_account(row.data) if row.owner == state.program else None
            if not isinstance(oracle, Oracle):
                continue
            for reserve in state.reserves.values():
                if reserve.oracle == row.pubkey:
                    mint, price = base58(reserve.mint), unit_price(reserve, oracle)
                    self._seen.prices.note_undone(mint, row.slot, last_slot, price)
                    if reserve.mint == WRAPPED_SOL:
                        self._seen.prices.note_undone(NATIVE, row.slot, last_slot, price)

    def _openings(self, slot: int) -> None:
        """Keep each fund's vault balance at the end of the slot that its row names."""
        for row in self._books.funds:
            if row.read_slot < slot and row.mint not in self._seen.fund_openings:
                self._seen.fund_openings[row.mint] = fund_balances(self._state).get(row.mint, 0)

    def _report(self) -> Report:
        seen, terms, state, walk = self._seen, self._terms, self._state, self._walk
        raw = state.raw
        self._note_undone_prices()
        sends = [send for send in self._recording.sends() if send.seq >= terms.from_seq]
        handed_in = submissions(sends, terms.program, terms.wallets, lambda key: raw[key].data if key in raw else None)
        twice = duplicates(handed_in, self._recording.executions(), self._slots, self._recording.undone_executions())
        landed_twice = double_landings(seen.landings)
        said = claims(self._books, handed_in, self._slots, last_signed_ns(sends, terms.wallets))
        windows = judge(walk.windows, said, terms.missed_slots)
        chain = Chain(
            state=state,
            wallets=terms.wallets,
            engine=seen.engine,
            others=seen.others,
            strangers=seen.strangers,
            earlier=frozenset(row.signature for row in self._recording.executions() if row.seq < terms.from_seq),
            wallet_before=seen.wallet_before,
            fund_openings=seen.fund_openings,
            prices=seen.prices,
        )
        books = check(self._books, chain)
        left = self._left_behind()
        money = count(seen.engine, seen.acts, seen.sol_prices)
        refused = sum(windows.refused.values())
        faults = [
            *windows.faults,
            *twice,
            *landed_twice,
            *walk.faults,
            *seen.faults,
            *self._replay.faults,
            *left,
            *books.faults,
        ]
        if refused * 100 > MOST_REFUSED_PERCENT * len(walk.liquidatable):
            why = f"{refused} of {len(walk.liquidatable)} liquidatable positions were refused, at most {MOST_REFUSED_PERCENT} % may be"
            faults.append(Fault("refused", None, [], why))
        if not seen.prices_moved:
            why = f"no price changed in {seen.slots} judged slots: the scenario never played, so nothing is proven"
            faults.append(Fault("nothing_to_judge", None, [self._slots[-1].slot], why))
        return Report(
            scenario=self._recording.marks(terms.from_seq),
            positions=len(seen.positions),
            liquidatable=len(walk.liquidatable),
            liquidated=len(walk.liquidated),
            missed=len(windows.missed),
            fleeting=windows.fleeting,
            duplicates=len(twice),
            double_landings=len(landed_twice),
            refused=dict(windows.refused),
            refused_confirmed=refused,
            verdict_mismatches=sum(fault.kind == "verdict_mismatches" for fault in seen.faults),
            replay_mismatches=sum(fault.kind == "replay_mismatches" for fault in faults),
            tokens_conserved=not seen.unconserved,
            ledger_zero_sum=books.ledger_zero_sum,
            ledger_matches_chain=books.ledger_matches_chain,
            fund_matches_chain=books.fund_matches_chain,
            books_complete=books.books_complete,
            bad_debt_not_written_off=len(seen.without_collateral),
            stayed_liquidatable_after_first=sum(seen.first_left.values()),
            under_water=len(walk.under_water),
            repaid_usd=money.micro_usd("repaid"),
            seized_usd=money.micro_usd("seized"),
            profit_usd=money.micro_usd("profit"),
            bad_debt_covered_usd=money.micro_usd("bad_debt_covered"),
            bad_debt_uncovered_usd=money.micro_usd("bad_debt_uncovered"),
            by_mint=money.units(),
            fund_before=seen.fund_before,
            fund_after=fund_balances(state),
            judged_slots=seen.slots,
            price_steps=seen.price_steps,
            asked_program=self._asker.asked,
            faults=faults,
            clean=not faults,
        )

    def _left_behind(self) -> list[Fault]:
        last, limit = self._slots[-1].slot, self._terms.missed_slots
        return [
            Fault(
                "bad_debt_not_written_off",
                base58(address),
                [since, last],
                "our liquidation left debt without collateral, never written off",
            )
            for address, (since, ours) in self._seen.without_collateral.items()
            if ours and last - since >= limit
        ]


def landings(found: Executed) -> list[Landed]:
    """Return whom a transaction liquidated.

    It counts where the position could not be liquidated again right after, or where at least half was done of what the
    best pair before it allowed: half of that pair's repaid value, or half of its profit.
    """
    closing: dict[bytes, list[Act]] = {}
    for act in found.acts:
        if act.verb == "liquidate" and act.position:
            closing.setdefault(act.position, []).append(act)
    events = []
    for position, acts in closing.items():
        repaid = sum(act.paid * act.price for act in acts)
        profit = sum(act.received * act.collateral_price for act in acts) - repaid
        most_repaid, most_profit = acts[0].allowed or (0, 0)
        half = 2 * repaid >= most_repaid or (most_profit > 0 and 2 * profit >= most_profit)
        events.append(Landed(position, bool(found.wallets), half or not acts[-1].still_liquidatable))
    return events


def _is_bad_debt(position: Position) -> bool:
    return bool(position.of(DEBT)) and not position.of(COLLATERAL)
