"""One market's book in base58, fed with what the subscription and the snapshots bring."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from liquidation_engine import PositionBook
from liquidation_engine._core import Change, UnknownPosition, from_base58, to_base58
from liquidation_engine.chain.words import AccountUpdate, ChainAccount
from liquidation_engine.detect.at_risk import AssetExposure
from liquidation_engine.detect.candidates import BookPosition
from liquidation_engine.errors import DecodeError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Crossings:
    """Positions that newly need an act, those that no longer do, and how many were judged to find them."""

    crossed: tuple[str, ...]
    recovered: tuple[str, ...]
    evaluated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """A position's figures for display."""

    position: str
    owner: str
    health_factor: float | None
    liquidatable: bool
    collateral_micro_usd: int
    debt_micro_usd: int
    slot: int


class MarketBook:
    """The reference market's positions, judged in exact integers; fits what detection asks of a book."""

    protocol = "reference"

    foreign: frozenset[str] = frozenset()  # all that a verdict hangs on is the program's own

    def __init__(self, program: str, market: str, watched: Sequence[str] = ()) -> None:
        """Take the market's address, and what everybody's verdict hangs on."""
        self.program, self.market, self.watched = program, market, watched
        self._book = PositionBook.for_market(self.protocol, from_base58(program), from_base58(market))
        self.not_understood = 0  # account states that were not what the program writes

    def __len__(self) -> int:
        return len(self._book)

    @property
    def slot(self) -> int:
        """The slot that positions are judged at."""
        return self._book.clock[0]

    def apply(self, accounts: Sequence[AccountUpdate | ChainAccount]) -> Crossings:
        """Take account states; each position is judged once, at the newest slot among them.

        A state that cannot be decoded is left out, logged and counted: the book keeps what it knew of that account.
        """
        if not accounts:
            return Crossings((), ())
        states = [(from_base58(a.address), from_base58(a.owner), a.slot, a.data) for a in accounts]
        slot = max(account.slot for account in accounts)
        try:
            return _crossings([self._book.tick_accounts(states, slot, int(time.time()))])
        except DecodeError:
            return _crossings([*self._one_by_one(states), self._book.tick(slot, int(time.time()))])

    def _one_by_one(self, states: Sequence[tuple[bytes, bytes, int, bytes]]) -> Iterable[Change]:
        """Take each state by itself; the batch they came in was refused whole, and nothing of it was taken."""
        for address, owner, slot, data in states:
            try:
                yield self._book.apply(address, owner, slot, data)
            except DecodeError as error:
                self.not_understood += 1
                log.error("Account not understood", address=to_base58(address), slot=slot, error=str(error))

    def replace(self, slot: int, accounts: Sequence[ChainAccount]) -> Crossings:
        """Take a whole picture: what it does not hold, and the book knows from before, is closed."""
        gone = set(map(to_base58, self._book.addresses())) - {account.address for account in accounts}
        closed = [ChainAccount(address=a, owner=self.program, lamports=0, data=b"", slot=slot) for a in gone]
        return self.apply([*accounts, *closed])

    def advance(self, slot: int) -> Crossings:
        """Move the clock: interest grows, prices age."""
        return _crossings([self._book.tick(slot, int(time.time()))])

    def liquidatable(self) -> list[str]:
        """Return every position that needs an act now."""
        return [to_base58(address) for address in self._book.liquidatable()]

    def position(self, address: str) -> BookPosition | None:
        """Return a position, None where the book does not hold it."""
        try:
            held = self._book.position(from_base58(address))
        except UnknownPosition:
            return None
        return BookPosition(
            position=address,
            owner=to_base58(held["owner"]),
            assets=tuple(to_base58(mint) for *_, mint in held["legs"] if mint is not None),
            candidate_id=held["candidate_id"],
            slot=held["slot"],
        )

    def worth(self, address: str) -> int:
        """Return what one may hope to repay, weighted, in atto-USD: all of the debt that the collateral covers.

        What a liquidation earns is a share of it; 0 for bad debt, and for a position that the book does not hold.
        """
        try:
            collateral, debt, *_ = self._book.health(from_base58(address))
        except UnknownPosition:
            return 0
        return min(collateral, debt)

    def legs(self, address: str) -> list[Mapping[str, object]]:
        """Return a position's legs for display."""
        held = self._book.position(from_base58(address))
        return [
            {"reserve": to_base58(reserve), "side": side, "amount": amount, "tokens": tokens}
            for reserve, side, amount, tokens, _ in held["legs"]
        ]

    def near(self, max_health: float) -> list[bytes]:
        """Return the positions with a health factor up to `max_health`."""
        return [row[0] for row in self._book.rows(max_health)]

    def exposures(self, address: bytes) -> tuple[str, list[AssetExposure]]:
        """Return a position and what it has in each asset, weighted; nothing where its sums cannot be computed now."""
        try:
            found = self._book.explain(address)
        except UnknownPosition:
            return to_base58(address), []
        sums: dict[bytes, AssetExposure] = {}
        for leg in found["legs"]:
            if not isinstance(leg["weighted"], int):
                return to_base58(address), []
            before = sums.get(leg["mint"])
            collateral, debt = (leg["weighted"], 0) if leg["side"] == "collateral" else (0, leg["weighted"])
            sums[leg["mint"]] = AssetExposure(
                asset=to_base58(leg["mint"]),
                price=leg["price"] * 10.0 ** leg["exponent"],
                collateral=collateral + (before.collateral if before else 0),
                debt=debt + (before.debt if before else 0),
            )
        return to_base58(address), list(sums.values())

    def rearm(self, address: str) -> None:
        """Let the next tick emit a position again if it still needs an act."""
        self._book.rearm(from_base58(address))

    def rows(self, max_health: float | None = None, among: Collection[str] | None = None) -> list[BookRow]:
        """Return positions with a health factor up to `max_health`, or all; only those `among` them where it is given."""
        return [
            BookRow(
                position=to_base58(address),
                owner=to_base58(owner),
                health_factor=health,
                liquidatable=liquidatable,
                collateral_micro_usd=collateral,
                debt_micro_usd=debt,
                slot=slot,
            )
            for address, owner, health, liquidatable, collateral, debt, slot in self._book.rows(max_health)
            if among is None or to_base58(address) in among
        ]


def _crossings(changes: Iterable[Change]) -> Crossings:
    """Return what stands after all changes: a position that crossed and came back meanwhile has only come back."""
    needs: dict[bytes, bool] = {}
    evaluated = 0
    for change in changes:
        evaluated += change.evaluated
        needs.update(dict.fromkeys(change.recovered, False))
        needs.update(dict.fromkeys(change.crossed, True))
    return Crossings(
        crossed=tuple(to_base58(address) for address, need in needs.items() if need),
        recovered=tuple(to_base58(address) for address, need in needs.items() if not need),
        evaluated=evaluated,
    )
