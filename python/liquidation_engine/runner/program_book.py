"""The positions of any protocol's market, each judged by the protocol's exact arithmetic over the raw accounts that it hangs on.

Where the protocol has a screen (`runner/screening`), it tells at every change and with every slot whom to judge. Where it has none,
whoever hangs on what changed is judged at once; time alone changes little (interest grows, prices age), so that with each slot only a slice
is judged anew, and everybody with each sweep.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from liquidation_engine import _core, protocols
from liquidation_engine.chain.words import AccountUpdate, ChainAccount
from liquidation_engine.detect.at_risk import AssetExposure
from liquidation_engine.detect.candidates import BookPosition
from liquidation_engine.errors import DecodeError, LiquidationEngineError, MissingAccounts
from liquidation_engine.protocols.bookkeeping import bookkeeping, values_micro_usd
from liquidation_engine.protocols.lending import digest
from liquidation_engine.protocols.program_market import POSITION, followed, kind_of, passes
from liquidation_engine.protocols.reading import CLOCK, Now
from liquidation_engine.runner.market_book import BookRow, Crossings
from liquidation_engine.runner.screening import Given, screening

log = structlog.get_logger(__name__)

SLICE = 200  # positions judged anew with each slot, besides those that are liquidatable
LATE_SLOTS = 150
SWEEP_SECONDS = 2.0
ATTO_PER_MICRO = 10**12

State = AccountUpdate | ChainAccount


@dataclass(slots=True)
class Held:
    """A position: what it hangs on, and how it was judged last."""

    owner: str
    assets: tuple[str, ...]
    digest: str
    hangs_on: tuple[str, ...]
    numerator: int = 0
    denominator: int = 0


class ProgramBook:
    """Fits what detection and the leader ask of a book."""

    def __init__(
        self,
        protocol: str,
        program: str,
        market: str,
        *,
        wall_seconds: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.protocol, self.program, self.market = protocol, program, market
        self._on_chain, self._bookkeeping = protocols.program(protocol), bookkeeping(protocol)
        self._filters = kind_of(self._on_chain.discovery(market), POSITION).filters
        self._wall_seconds, self._monotonic = wall_seconds, monotonic
        self._accounts: dict[str, State] = {}
        self._given: dict[str, Given] = {}
        self._closed: dict[str, int] = {}  # of late: what comes late must not bring an account back
        self._held: dict[str, Held] = {}
        self._dependents: dict[str, set[str]] = {}
        self._standing: dict[str, None] = {}  # who is liquidatable, as judged last
        self._unjudged: set[str] = set()  # who was not judged since it changed, mostly for want of accounts
        self._unread: set[str] = set()  # who hangs on an account, or is one, that cannot be read
        self._screening = screening(protocol, market)
        self._clock = (0, 0)
        self._next_in_turn = 0
        self._skew = 0.0  # seconds that the chain's clock is ahead of ours, as it was read last
        self._swept = float("-inf")
        self.not_understood = 0  # positions that could not be judged, or read

    def __len__(self) -> int:
        return len(self._held)

    @property
    def slot(self) -> int:
        """The slot that positions are judged at."""
        return self._clock[0]

    @property
    def watched(self) -> list[str]:
        """The accounts that somebody's verdict hangs on, positions aside, and the chain's clock."""
        return [CLOCK, *self._hung_on()]

    def _hung_on(self) -> list[str]:
        return [address for address in self._dependents if address not in self._held]

    @property
    def foreign(self) -> frozenset[str]:
        """Those of them that belong to other programs, as oracles do, or are not known yet."""
        return frozenset(
            address
            for address in self._hung_on()
            if address not in self._accounts or self._accounts[address].owner != self.program
        )

    def apply(self, accounts: Sequence[State]) -> Crossings:
        """Take account states; whoever hangs on one of them is judged once, at the newest slot among them."""
        if not accounts:
            return Crossings((), ())
        for account in accounts:
            if account.address == CLOCK:
                self._skew = Now.decode(account.data).unix_timestamp - self._wall_seconds()
        self._move_clock(max(account.slot for account in accounts))
        changed: dict[str, None] = {}
        for account in accounts:
            if account.address != CLOCK and self._known_slot(account.address) <= account.slot:
                changed[account.address] = None
                self._take(account)
        self._find_out([address for address in changed if address in self._accounts])
        if self._screening is not None:
            self._screening.complete(self._given, self.slot)
        gone = [address for address in self._standing if address not in self._held]
        for address in gone:
            del self._standing[address]
        dependents = [self._dependents.get(address, set()) for address in changed]
        touched = (position for positions in dependents for position in positions)
        unjudged = [position for positions in dependents for position in positions & self._unjudged]
        judged = self._judge(dict.fromkeys((*unjudged, *self._suspected(touched))))
        return Crossings(judged.crossed, (*gone, *judged.recovered), judged.evaluated)

    def replace(self, slot: int, accounts: Sequence[ChainAccount]) -> Crossings:
        """Take a whole picture of the program's accounts: what it does not hold, and the book knows from before, is closed."""
        there = {account.address for account in accounts}
        closed = [
            ChainAccount(address=address, owner=self.program, lamports=0, data=b"", slot=slot)
            for address, known in self._accounts.items()
            if address not in there and known.slot <= slot and known.owner == self.program
        ]
        return self.apply([*accounts, *closed])

    def advance(self, slot: int) -> Crossings:
        """Move the clock, and judge anew those who are or may be liquidatable and the next slice of the others."""
        self._move_clock(slot)
        self._closed = {address: at for address, at in self._closed.items() if at > slot - LATE_SLOTS}
        turn = list(self._held)[self._next_in_turn : self._next_in_turn + SLICE]
        self._next_in_turn = self._next_in_turn + SLICE if len(turn) == SLICE else 0
        return self._judge(dict.fromkeys((*self._suspected(self._standing), *turn)))

    def liquidatable(self) -> list[str]:
        """Return who needs an act now; whoever may is judged anew unless that was done a moment ago."""
        if (now := self._monotonic()) - self._swept >= SWEEP_SECONDS:
            self._swept = now
            self._judge(self._suspected(self._held))
        return list(self._standing)

    def position(self, address: str) -> BookPosition | None:
        """Return a position, None where the book does not hold it."""
        held = self._held.get(address)
        if held is None:
            return None
        return BookPosition(
            position=address,
            owner=held.owner,
            assets=held.assets,
            candidate_id=_core.candidate_id(_core.from_base58(address), held.digest),
            slot=self._accounts[address].slot,
        )

    def worth(self, address: str) -> int:
        """Return what one may hope to repay, atto-quote units: all of the debt that the collateral covers; 0 for nobody."""
        held = self._held.get(address)
        return 0 if held is None else min(self._values(address)) * ATTO_PER_MICRO

    def rearm(self, address: str) -> None:
        """Let the next judgement report a position again if it still needs an act."""
        self._standing.pop(address, None)

    def legs(self, address: str) -> list[Mapping[str, object]]:
        """Return a position's legs for display."""
        holding = self._on_chain.holding(address, self._accounts)
        sides = {"collateral": holding.collateral, "debt": holding.debts}
        return [
            {"reserve": reserve, "side": side, "amount": None, "tokens": None}
            for side, legs in sides.items()
            for reserve in legs
        ]

    def near(self, max_health: float) -> list[bytes]:
        """Return nobody: at which price of one asset a position crosses is not asked of this book yet."""
        return []

    def exposures(self, address: bytes) -> tuple[str, list[AssetExposure]]:
        """Return nothing, for the same reason."""
        return _core.to_base58(address), []

    def rows(self, max_health: float | None = None, among: Collection[str] | None = None) -> list[BookRow]:
        """Return positions with a health up to `max_health`, or all; only those `among` them where it is given."""
        return [
            self._row(address, held)
            for address, held in self._held.items()
            if (among is None or address in among)
            and (max_health is None or (held.denominator and held.numerator <= max_health * held.denominator))
        ]

    def _row(self, address: str, held: Held) -> BookRow:
        collateral, debt = self._values(address)
        return BookRow(
            position=address,
            owner=held.owner,
            health_factor=held.numerator / held.denominator if held.denominator else None,
            liquidatable=address in self._standing,
            collateral_micro_usd=collateral,
            debt_micro_usd=debt,
            slot=self._accounts[address].slot,
        )

    def _values(self, address: str) -> tuple[int, int]:
        """Return what collateral and debt are worth, micro-quote units; zeros where they cannot be told."""
        try:
            terms = _core.explain(self.protocol, self._given_of(address), self._clock, _core.from_base58(address))
        except LiquidationEngineError as error:
            log.debug("Position not valued", address=address, error=str(error))
            return 0, 0
        return values_micro_usd([protocols.Term(*term) for term in terms])

    def _move_clock(self, slot: int) -> None:
        self._clock = max(self._clock[0], slot), int(self._wall_seconds() + self._skew)

    def _known_slot(self, address: str) -> int:
        known = self._accounts.get(address)
        return self._closed.get(address, 0) if known is None else known.slot

    def _take(self, account: State) -> None:
        """Keep a state, or drop an account that is closed."""
        address = account.address
        given = _core.from_base58(address), _core.from_base58(account.owner), account.lamports, account.data
        if self._screening is not None:
            self._screening.take(given, self.slot)
        if account.lamports or account.data:
            self._closed.pop(address, None)
            self._accounts[address], self._given[address] = account, given
            return
        self._accounts.pop(address, None)
        self._given.pop(address, None)
        self._closed[address] = account.slot
        self._forget(address)

    def _find_out(self, taken: Sequence[str]) -> None:
        """Find anew what positions hang on: those that changed, and those whose accounts lead elsewhere than before."""
        held: dict[str, None] = {}
        for address in taken:
            account = self._accounts[address]
            if account.owner == self.program and passes(self._filters, account.data):
                self._hold(address)
                held[address] = None
        for address in taken:
            if address in held:
                continue
            # What an account names, it names for everybody: one position tells whether that has changed, but for those that lead nowhere.
            dependents = self._dependents.get(address, set())
            again = dependents & self._unread
            one = next((it for it in dependents if it not in held and it not in self._unread), None)
            if one and followed(self._on_chain, one, self._accounts) != (self._held[one].hangs_on, True):
                again = dependents
            for position in again - held.keys():
                self._hold(position)
                held[position] = None

    def _hold(self, address: str) -> None:
        """Find what a position is and hangs on; one that cannot be read yet is judged when what it lacks is there."""
        hangs_on, read = followed(self._on_chain, address, self._accounts)
        before = self._held.get(address)
        held = Held("", (), "", hangs_on)
        try:
            held.digest = digest(self._bookkeeping, bytes(self._accounts[address].data))
            holding = self._on_chain.holding(address, self._accounts)
            held.owner = holding.owner
            held.assets = tuple(dict.fromkeys((*holding.collateral.values(), *holding.debts.values())))
        except (DecodeError, MissingAccounts) as error:
            self._not_understood(address, error)
        if before is not None:
            held.numerator, held.denominator = before.numerator, before.denominator
            self._unlink(address, before)
        self._held[address] = held
        self._unjudged.add(address)
        self._unread.discard(address)
        if not read:
            self._unread.add(address)
        for name in (address, *hangs_on):
            self._dependents.setdefault(name, set()).add(address)

    def _forget(self, address: str) -> None:
        held = self._held.pop(address, None)
        self._unjudged.discard(address)
        self._unread.discard(address)
        if held is not None:
            self._unlink(address, held)

    def _unlink(self, address: str, held: Held) -> None:
        for name in (address, *held.hangs_on):
            positions = self._dependents.get(name, set())
            positions.discard(address)
            if not positions:
                self._dependents.pop(name, None)

    def _given_of(self, address: str) -> list[Given]:
        return [self._given[name] for name in self._held[address].hangs_on if name in self._given]

    def _suspected(self, otherwise: Iterable[str]) -> dict[str, None]:
        """Return who is liquidatable and whoever may be it by now; `otherwise` where no screen can tell."""
        if self._screening is None or (suspects := self._screening.suspects(self._clock)) is None:
            return dict.fromkeys(otherwise)
        unseen = (one for address in self._screening.refused for one in self._dependents.get(address, ()))
        return dict.fromkeys((*self._standing, *suspects, *unseen))

    def _judge(self, positions: Iterable[str]) -> Crossings:
        crossed, recovered, evaluated = [], [], 0
        for address in positions:
            held = self._held.get(address)
            if held is None:
                continue
            evaluated += 1
            liquidatable = self._verdict(address, held)
            if liquidatable and address not in self._standing:
                self._standing[address] = None
                crossed.append(address)
            elif address in self._standing and not liquidatable:
                del self._standing[address]
                recovered.append(address)
        return Crossings(tuple(crossed), tuple(recovered), evaluated)

    def _verdict(self, address: str, held: Held) -> bool:
        try:
            held.numerator, held.denominator, liquidatable, _ = _core.health(
                self.protocol, self._given_of(address), self._clock, _core.from_base58(address)
            )
        except LiquidationEngineError as error:
            self._not_understood(address, error)
            return False
        self._unjudged.discard(address)
        return liquidatable

    def _not_understood(self, address: str, error: Exception) -> None:
        self.not_understood += 1
        log.debug("Position not understood", address=address, error=str(error))
