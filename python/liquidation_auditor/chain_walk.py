"""Who was liquidatable at the end of which slot: exact at every block, computed only where it can change.

A position's weighted sums depend on its legs, its reserves' parameters, its prices and the borrow indexes. Indexes only
rise, so three classes cover everybody: *carried* (healthy even at an index that cannot be reached before the recording
ends), *under* (already below the line: rising interest keeps it there) and *drifting* (between the two), which is
recomputed at every block. Any change of legs, parameters, price or exponent recomputes the position; should an index
ever fall or pass its bound, everybody is recomputed. Staleness, uncertainty, the pause flag and what the collateral
vault holds are looked at on every block for everyone below the line.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from liquidation_auditor.arithmetic import (
    ATTO_PER_MICRO_USD,
    Pair,
    Seizure,
    health,
    index_bound,
    liquidate,
    pairs,
    refusal,
)
from liquidation_auditor.decode import COLLATERAL, DEBT, WRAPPED_SOL, Position, Reserve, base58
from liquidation_auditor.faults import Fault
from liquidation_auditor.state import ChainState
from liquidation_auditor.windows import Ending, Window


@dataclass(frozen=True, slots=True)
class Refusal:
    """The engine's claim that a position was not worth liquidating in the state of `slot`."""

    slot: int
    min_profit_micro_usd: int
    fee_lamports: int


@dataclass(frozen=True, slots=True)
class Landed:
    """A successful liquidation of `position`; `ours` where one of the judged wallets signed it.

    `counts` is False for a token gesture: the position stayed liquidatable and less was done than the program allowed.
    """

    position: bytes
    ours: bool
    counts: bool = True


def possible(state: ChainState, position: Position, slot: int) -> list[tuple[Pair, Seizure]]:
    """Return the pairs that can be liquidated at `slot`, each with what that would move."""
    indexes = state.indexes_at(slot)
    worth = health(position, state.reserves, state.oracles, indexes)
    found = []
    for pair in pairs(position, state.reserves, state.oracles, indexes):
        result = liquidate(pair, worth)
        if isinstance(result, Seizure) and state.balance(pair.collateral.vault) >= result.received + result.fee:
            found.append((pair, result))
    return found


def allowed(state: ChainState, position: Position, slot: int) -> tuple[int, int] | None:
    """Return repaid value and profit, in atto-USD, of the pair that earns most; None if no pair can be liquidated."""
    offers = [
        (result.repaid * pair.debt_unit, result.received * pair.collateral_unit - result.repaid * pair.debt_unit)
        for pair, result in possible(state, position, slot)
    ]
    return max(offers, key=lambda offer: offer[1], default=None)


def best_profit_micro_usd(state: ChainState, position: Position, slot: int, fee_lamports: int) -> int | None:
    """Return the most that one liquidation earns after the network fee, at on-chain prices; None if no pair can be."""
    indexes = state.indexes_at(slot)
    worth = health(position, state.reserves, state.oracles, indexes)
    best: int | None = None
    for pair in pairs(position, state.reserves, state.oracles, indexes):
        result = liquidate(pair, worth)
        if isinstance(result, Seizure):
            profit = result.received * pair.collateral_unit - result.repaid * pair.debt_unit
            best = profit if best is None else max(best, profit)
    return None if best is None else (best - fee_lamports * lamport_price(state)) // ATTO_PER_MICRO_USD


def lamport_price(state: ChainState) -> int:
    """Return atto-USD per lamport by the chain's own SOL oracle, 0 where it has none."""
    for oracle in state.oracles.values():
        if oracle.mint == WRAPPED_SOL:
            power = oracle.exponent - 9 + 18
            scale: int = 10 ** abs(power)
            return oracle.price * scale if power >= 0 else oracle.price // scale
    return 0


class ChainWalk:
    """Keeps every position's verdict while slots go by, and the windows in which it was liquidatable."""

    def __init__(self, state: ChainState, last_slot: int, refusals: Mapping[bytes, list[Refusal]]) -> None:
        self._state = state
        self._last_slot = last_slot
        self._refusals = refusals
        self._seen: dict[bytes, Position] = {}
        self._inputs: dict[bytes, object] = {}
        self._indexes: dict[bytes, int] = {}
        self._bounds: dict[bytes, int | None] = {}
        self._users: dict[bytes, set[bytes]] = defaultdict(set)
        self._under: dict[bytes, tuple[bytes, int] | None] = {}
        self._drifting: set[bytes] = set()
        self._unknown: set[bytes] = set()
        self.open: dict[bytes, Window] = {}
        self.windows: list[Window] = []
        self.liquidatable: set[bytes] = set()
        self.liquidated: set[bytes] = set()
        self.under_water: set[bytes] = set()
        self.faults: list[Fault] = []

    def step(self, slot: int, landed: Iterable[Landed]) -> None:
        """Judge everybody at the end of `slot`, whose account states are already applied."""
        for event in landed:
            self._note_landed(slot, event)
        self._recompute(slot, self._changed(slot))
        now = {position for position in self._under if self._can_be_liquidated(position, slot)}
        for position in self.open.keys() - now:
            self._close(position, slot, Ending.HEALTHY)
        for position in now - self.open.keys():
            self.open[position] = Window(position, slot, owed=[(slot, slot)])
            self.liquidatable.add(position)
        for position in self._refusals.keys() & self.open.keys():
            self._weigh(self.open[position], slot)

    def finish(self) -> None:
        """Close what is still open at the last slot."""
        for position in list(self.open):
            self._close(position, self._last_slot + 1, Ending.AT_THE_END)

    def under_the_line(self, position: bytes) -> bool:
        """Whether the weighted sums alone make the position liquidatable."""
        return position in self._under

    def _note_landed(self, slot: int, event: Landed) -> None:
        self.liquidatable.add(event.position)
        if not event.counts:
            return
        if event.ours:
            self.liquidated.add(event.position)
        if event.position in self.open:
            self._close(event.position, slot, Ending.LIQUIDATED if event.ours else Ending.LIQUIDATED_BY_ANOTHER)

    def _close(self, position: bytes, end: int, ending: Ending) -> None:
        window = self.open.pop(position)
        window.end, window.ending = end, ending
        if window.owed and window.owed[-1][0] == window.owed[-1][1]:
            window.owed[-1] = (window.owed[-1][0], end)
        self.windows.append(window)

    def _changed(self, slot: int) -> set[bytes]:
        """Return the positions whose verdict may have changed, and remember what they were judged on."""
        state = self._state
        changed = set(self._drifting)
        for address, reserve in state.reserves.items():
            inputs = self._inputs_of(reserve)
            if inputs != self._inputs.get(address):
                self._inputs[address] = inputs
                self._bounds[address] = index_bound(reserve, self._last_slot)
                changed |= self._users[address]
        indexes = state.indexes_at(slot)
        for address, index in indexes.items():
            bound = self._bounds[address]
            if index < self._indexes.get(address, 0) or (bound is not None and index > bound):
                self._bounds[address] = index_bound(state.reserves[address], self._last_slot)
                changed |= self._users[address]
        self._indexes = indexes
        for address in [address for address in self._seen if address not in state.positions]:
            self._forget(address)
        for address, position in state.positions.items():
            if self._seen.get(address) is not position:
                self._seen[address] = position
                changed.add(address)
                for leg in position.legs:
                    self._users[leg.reserve].add(address)
        return changed

    def _inputs_of(self, reserve: Reserve) -> object:
        oracle = self._state.oracles.get(reserve.oracle)
        priced = (oracle.price, oracle.exponent) if oracle else None
        return (
            priced,
            reserve.oracle,
            reserve.vault,
            reserve.liquidation_threshold_bps,
            reserve.borrow_factor_bps,
            reserve.min_bonus_bps,
            reserve.max_bonus_bps,
            reserve.close_factor_bps,
            reserve.protocol_fee_bps,
            reserve.dust_limit_micro_usd,
            reserve.interest_rate_bps,
        )

    def _forget(self, address: bytes) -> None:
        self._seen.pop(address)
        self._under.pop(address, None)
        self._drifting.discard(address)

    def _recompute(self, slot: int, changed: set[bytes]) -> None:
        state = self._state
        bounded = {address: bound for address, bound in self._bounds.items() if bound is not None}
        for address in changed:
            position = state.positions.get(address)
            if position is None:
                continue
            self._under.pop(address, None)
            self._drifting.discard(address)
            if not position.of(DEBT):
                continue
            if not self._known(address, position, slot):
                continue
            worth = health(position, state.reserves, state.oracles, self._indexes)
            if worth.c < worth.d:
                self.under_water.add(address)
            if worth.liquidatable and position.of(COLLATERAL):
                self._find_pair(address, position, slot)
            elif position.of(COLLATERAL) and self._may_drift(position, bounded):
                self._drifting.add(address)

    def _known(self, address: bytes, position: Position, slot: int) -> bool:
        missing = [leg.reserve for leg in position.legs if leg.reserve not in self._state.reserves]
        missing += [
            self._state.reserves[leg.reserve].oracle
            for leg in position.legs
            if leg.reserve in self._state.reserves
            and self._state.reserves[leg.reserve].oracle not in self._state.oracles
        ]
        if missing and address not in self._unknown:
            self._unknown.add(address)
            why = f"refers to {base58(missing[0])}, of which the recording has no state"
            self.faults.append(Fault("unknown_account", base58(address), [slot], why))
        return not missing

    def _may_drift(self, position: Position, bounded: Mapping[bytes, int]) -> bool:
        if any(leg.reserve not in bounded for leg in position.of(DEBT)):
            return True
        return health(position, self._state.reserves, self._state.oracles, {**self._indexes, **bounded}).liquidatable

    def _find_pair(self, address: bytes, position: Position, slot: int) -> None:
        """Note a pair that the program takes; a position without one is looked at again at every block."""
        for pair, seizure in possible(self._state, position, slot):
            self._under[address] = (pair.collateral.vault, seizure.received + seizure.fee)
            return
        self._under[address] = None
        self._drifting.add(address)

    def _can_be_liquidated(self, address: bytes, slot: int) -> bool:
        if self._state.market is None or self._state.market.paused:
            return False
        position = self._state.positions[address]
        reserves = [self._state.reserves[leg.reserve] for leg in position.legs]
        if any(refusal(reserve, self._state.oracles[reserve.oracle], slot) for reserve in reserves):
            return False
        taken = self._under[address]
        if taken is not None and self._state.balance(taken[0]) < taken[1]:
            self._find_pair(address, position, slot)
            taken = self._under[address]
        return taken is not None

    def _weigh(self, window: Window, slot: int) -> None:
        """Take out of what is owed the slots for which the engine's "unprofitable" is confirmed."""
        claims = [claim for claim in self._refusals[window.position] if window.start <= claim.slot <= slot]
        owing = bool(window.owed) and window.owed[-1][0] == window.owed[-1][1]
        if claims:
            claim = max(claims, key=lambda claim: claim.slot)
            profit = best_profit_micro_usd(
                self._state, self._state.positions[window.position], slot, claim.fee_lamports
            )
            if profit is None or profit < claim.min_profit_micro_usd:
                window.refused_unprofitable = True
                if owing:
                    window.owed.append((window.owed.pop()[0], slot))
                    if window.owed[-1][0] == slot:
                        window.owed.pop()
                return
            window.best_profit_micro_usd = max(profit, window.best_profit_micro_usd or profit)
        if not owing:
            window.owed.append((slot, slot))
