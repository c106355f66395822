"""What each mint was worth when: the chain's own prices, so that the books' values can be held against them."""

from bisect import bisect_left
from collections import defaultdict

from liquidation_auditor.arithmetic import ATTO_PER_MICRO_USD, ceil_div, unit_price
from liquidation_auditor.chain_walk import lamport_price
from liquidation_auditor.decode import base58
from liquidation_auditor.replay import NATIVE
from liquidation_auditor.state import ChainState

ROUNDING_MICRO_USD = 2


class Prices:
    """Atto-USD per smallest unit of every mint of the market, and per lamport (`native`), from slot to slot."""

    def __init__(self) -> None:
        self._since: dict[str, list[int]] = defaultdict(list)
        self._price: dict[str, list[int]] = defaultdict(list)
        self._undone: dict[str, list[tuple[int, int, int]]] = defaultdict(list)

    def note_undone(self, mint: str, first: int, last: int, price: int) -> None:
        """Take over a price that was in force from slot `first` to `last`, in blocks that a fork undid: who planned there saw it."""
        self._undone[mint].append((first, last, price))

    def note(self, slot: int, state: ChainState) -> None:
        """Take over the prices at the end of `slot`."""
        now = {
            base58(reserve.mint): unit_price(reserve, state.oracles[reserve.oracle])
            for reserve in state.reserves.values()
            if reserve.oracle in state.oracles
        }
        for mint, price in {**now, NATIVE: lamport_price(state)}.items():
            if self._price[mint][-1:] != [price]:
                self._since[mint].append(slot)
                self._price[mint].append(price)

    def in_force(self, mint: str, first: int, last: int) -> list[int]:
        """Return the prices of the slots `first` to `last`, the one at the beginning of `first` too."""
        since = self._since.get(mint, [])
        begin = max(0, bisect_left(since, first) - 1)
        undone = [price for start, end, price in self._undone.get(mint, ()) if start <= last and first <= end]
        return self._price[mint][begin : bisect_left(since, last + 1)] + undone

    def worth(self, mint: str, amount: int, first: int, last: int) -> tuple[int, int]:
        """Return the least and the most micro-USD that `amount` was worth, rounding of the books included."""
        prices = self.in_force(mint, first, last) or [0]
        least, most = amount * min(prices), amount * max(prices)
        return least // ATTO_PER_MICRO_USD - ROUNDING_MICRO_USD, ceil_div(most, ATTO_PER_MICRO_USD) + ROUNDING_MICRO_USD
