"""What planning and the books need to know of a protocol besides its arithmetic and its instructions: who, which state, what it is worth."""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Protocol

from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.adapter import Account, Clock, Plan, Term


class Bookkeeping(Protocol):
    """One protocol's; `BOOKKEEPING` of its package."""

    needs_loan: bool
    """Whether tokens only move inside a loan: without one the liquidator's own account with the protocol takes over instead."""

    stores_prices: bool
    """Whether a reserve's account holds the price of its last refresh."""

    def authorities(self, market: str, data: bytes, reserves: Iterable[str]) -> frozenset[str]:
        """Return who owns the vaults of a market's reserves, from the market's account."""

    def material(self, position: bytes) -> bytes:
        """Return what a position is, apart from time and price: the same bytes are the same need to liquidate."""

    def mint(self, reserve: bytes) -> str:
        """Return the mint that a reserve lends."""

    def on_loan(self, accounts: Mapping[str, Account], liquidator: str) -> Mapping[str, Account]:
        """Return the accounts as they are inside a loan, for the arithmetic: of the liquidator's own account it may ask less then."""

    def unit_atto_usd(self, reserve: str, accounts: Mapping[str, Account], clock: Clock, plan: Plan) -> int:
        """Return the price of a mint's smallest unit that the plan's prediction was made at, 10^-18 quote units."""

    def stored_unit_atto_usd(self, reserve: bytes) -> int:
        """Return the price of the smallest unit that the reserve's account holds: as of its last refresh, good enough for costs."""


def bookkeeping(name: str) -> Bookkeeping:
    """Return a protocol's; ConfigError where it has none, and positions of it cannot be liquidated by the pipeline."""
    found: Bookkeeping | None = getattr(import_module(f"{__package__}.{name}"), "BOOKKEEPING", None)
    if found is None:
        raise ConfigError(
            f"the protocol {name!r} can be explained and predicted, but not liquidated by this engine yet"
        )
    return found


def values_micro_usd(terms: Sequence[Term]) -> tuple[int, int]:
    """Return what an explanation's collateral and debts are worth, micro-quote units, rounded down; for display."""
    sums = {"collateral": 0, "debt": 0}
    for term in terms:
        words = term.name.split()
        if term.section in sums and len(words) == 2 and words[1] == "value":
            sums[term.section] += term.value * 10**6 // term.scale
    return sums["collateral"], sums["debt"]
