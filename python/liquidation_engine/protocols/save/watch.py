"""Which of Save's accounts to subscribe to, and which accounts a question about one position needs."""

from collections.abc import Mapping

from solders.pubkey import Pubkey

from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.onchain import Kind
from liquidation_engine.protocols.save.accounts import (
    MARKET_OFFSET,
    MARKET_SIZE,
    OBLIGATION_SIZE,
    RESERVE_SIZE,
    Obligation,
    Reserve,
)
from liquidation_engine.protocols.save.addresses import NO_ORACLE

LEGS = (202, OBLIGATION_SIZE - 202)
"""Offset and length that discovery needs of an obligation: how many legs, and the legs; two zero bytes first are an empty one."""


def kinds(market: Pubkey | None = None) -> tuple[Kind, ...]:
    """Return what selects each kind of account; native accounts have no discriminator, so their length does."""
    pool = [] if market is None else [{"memcmp": {"offset": MARKET_OFFSET, "bytes": str(market)}}]
    return (
        Kind(name="position", filters=[{"dataSize": OBLIGATION_SIZE}, *pool], data_slice=LEGS),
        Kind(name="reserve", filters=[{"dataSize": RESERVE_SIZE}, *pool]),
        Kind(name="market", filters=[{"dataSize": MARKET_SIZE}]),
    )


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
