"""Which of Kamino's accounts to subscribe to, and which accounts a question about one position needs."""

from collections.abc import Mapping
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.kamino.accounts import (
    HAS_DEBT_OFFSET,
    MARKET_OFFSET,
    MARKET_SIZE,
    OBLIGATION_SIZE,
    RESERVE_SIZE,
    Obligation,
    Reserve,
)
from liquidation_engine.protocols.kamino.addresses import referrer_token_state
from liquidation_engine.protocols.onchain import Kind

LEGS = (96, 2600 - 96)
"""Offset and length that a screen needs of an obligation: legs, elevation group, referrer, margin call and orders."""
_RESERVE, _OBLIGATION, _MARKET = "8MMas8GHex6", "VEdzkJnDweW", "iDqUHzx8skB"
"""The discriminators in base58, as the RPC wants them."""
_YES = "2"
"""The byte 1 in base58."""


def kinds(market: Pubkey | None = None) -> tuple[Kind, ...]:
    """Return what selects each kind of account; of obligations only those with a debt."""
    mine = [] if market is None else [_at(MARKET_OFFSET, str(market))]
    return (
        Kind(
            name="position",
            filters=[{"dataSize": OBLIGATION_SIZE}, _at(0, _OBLIGATION), _at(HAS_DEBT_OFFSET, _YES), *mine],
            data_slice=LEGS,
        ),
        Kind(name="reserve", filters=[{"dataSize": RESERVE_SIZE}, _at(0, _RESERVE), *mine]),
        Kind(name="market", filters=[{"dataSize": MARKET_SIZE}, _at(0, _MARKET)]),
    )


def _at(offset: int, content: str) -> Mapping[str, Any]:
    return {"memcmp": {"offset": offset, "bytes": content}}


def needed(accounts: Mapping[str, Account], position: str) -> list[str]:
    """Return which accounts have to be read next to answer a question about a position; empty when all are there.

    Fetch, add, ask again: the obligation names reserves, market and the referrer's accounts, the reserves name their oracles.
    """
    if position not in accounts:
        return [position]
    obligation = Obligation.decode(bytes(accounts[position].data))
    names = [obligation.market, *obligation.reserves]
    if obligation.referrer is not None:
        names += [referrer_token_state(obligation.referrer, reserve) for reserve in obligation.borrows]
    for reserve in obligation.reserves:
        if str(reserve) in accounts:
            found = Reserve.decode(bytes(accounts[str(reserve)].data))
            names += [oracle for oracle in found.oracles if oracle is not None]
    return [name for name in dict.fromkeys(map(str, names)) if name not in accounts]
