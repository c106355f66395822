"""Which of Save's accounts to subscribe to, and which accounts a question about one position needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.save.accounts import (
    MARKET_OFFSET,
    MARKET_SIZE,
    OBLIGATION_SIZE,
    RESERVE_SIZE,
    Obligation,
    Reserve,
)
from liquidation_engine.protocols.save.addresses import NO_ORACLE


@dataclass(frozen=True, slots=True)
class Filter:
    """What selects one kind of account; native accounts have no discriminator, so their length does."""

    size: int
    in_market: bool

    def rpc(self, *, market: Pubkey | None = None) -> list[dict[str, Any]]:
        """Return the filters of `getProgramAccounts` and `programSubscribe`; with `market` only that market's."""
        filters: list[dict[str, Any]] = [{"dataSize": self.size}]
        if market is not None and self.in_market:
            filters.append({"memcmp": {"offset": MARKET_OFFSET, "bytes": str(market)}})
        return filters


FILTERS = {
    "market": Filter(MARKET_SIZE, in_market=False),
    "reserve": Filter(RESERVE_SIZE, in_market=True),
    "obligation": Filter(OBLIGATION_SIZE, in_market=True),
}

LEGS_SLICE = {"offset": 202, "length": OBLIGATION_SIZE - 202}
"""The `dataSlice` that discovery needs: the numbers of legs and the legs; two zero bytes first are an empty obligation."""


def needed(accounts: Mapping[str, Account], position: str) -> list[str]:
    """Return which accounts have to be read next to answer a question about a position; empty when all are there.

    Fetch, add, ask again: the obligation names reserves and market, the reserves name their oracles.
    """
    if position not in accounts:
        return [position]
    obligation = Obligation.decode(bytes(accounts[position].data))
    names = [obligation.market, *obligation.reserves]
    for reserve in obligation.reserves:
        if str(reserve) in accounts:
            names += oracles(Reserve.decode(bytes(accounts[str(reserve)].data)))
    return [name for name in dict.fromkeys(map(str, names)) if name not in accounts]


def oracles(reserve: Reserve) -> list[Pubkey]:
    """Return the accounts that price a reserve."""
    named = (reserve.main_oracle, reserve.second_oracle, reserve.extra_oracle)
    return [oracle for oracle in named if oracle is not None and oracle != NO_ORACLE]
