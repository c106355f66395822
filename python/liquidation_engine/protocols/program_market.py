"""A market of any protocol from its accounts on chain: found by the program's own filters, its reserves with their mints."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liquidation_engine.chain.executed import from_base58
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.bookkeeping import Bookkeeping
from liquidation_engine.protocols.onchain import Kind, Program

POSITION, RESERVE = "position", "reserve"
NAMED = 5  # markets in a message
SOL_MINT = "So11111111111111111111111111111111111111112"


@dataclass(slots=True)
class ProgramMarket:
    """A market's standing facts."""

    address: str
    authorities: frozenset[str]
    mint_of: dict[str, str]  # reserve -> mint

    @property
    def sol_reserve(self) -> str | None:
        """The reserve that prices SOL, where there is one."""
        return next((reserve for reserve, mint in self.mint_of.items() if mint == SOL_MINT), None)


async def load_program_market(
    rpc: RpcClient, program: Program, bookkeeping: Bookkeeping, market: str | None
) -> ProgramMarket:
    """Read a market and its reserves; ConfigError where it is not there, or several are and none was named."""
    address, data = await _market(rpc, program, market)
    _, reserves = await rpc.program_accounts(
        program.program_id, filters=kind_of(program.discovery(address), RESERVE).filters
    )
    mint_of = {reserve: bookkeeping.mint(account.data) for reserve, account in reserves}
    if not mint_of:
        raise ConfigError(f"the market {address} has no reserves")
    return ProgramMarket(address, bookkeeping.authorities(address, data, mint_of), mint_of)


async def _market(rpc: RpcClient, program: Program, market: str | None) -> tuple[str, bytes]:
    if market is not None:
        account = await rpc.account(market)
        if account is None or account.owner != program.program_id:
            raise ConfigError(f"MARKET is {market}, which is no market of the program {program.program_id}")
        return market, account.data
    kinds = program.discovery()
    _, found = await rpc.program_accounts(program.program_id, filters=kinds[-1].filters)
    if len(found) != 1:
        named = ", ".join(sorted(address for address, _ in found)[:NAMED]) or "none"
        raise ConfigError(
            f"MARKET is not set; the program {program.program_id} has {len(found)} {kinds[-1].name}s: {named}"
        )
    return found[0][0], found[0][1].data


def kind_of(kinds: Sequence[Kind], name: str) -> Kind:
    """Return the kind of that name."""
    found = next((kind for kind in kinds if kind.name == name), None)
    if found is None:
        raise ConfigError(f"found kinds {', '.join(kind.name for kind in kinds)}, expected one called {name}")
    return found


def passes(filters: Sequence[Mapping[str, Any]], data: bytes) -> bool:
    """Tell whether an account's bytes pass the RPC's filters, as a node judges them."""
    return all(_passes(one, data) for one in filters)


def _passes(one: Mapping[str, Any], data: bytes) -> bool:
    if "dataSize" in one:
        return len(data) == int(one["dataSize"])
    wanted = one["memcmp"]
    expected = _decoded(wanted["bytes"], wanted.get("encoding", "base58"))
    start = int(wanted["offset"])
    return data[start : start + len(expected)] == expected


def _decoded(text: str, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.b64decode(text)
    return from_base58(text)


def followed(program: Program, position: str, known: Mapping[str, Account]) -> tuple[tuple[str, ...], bool]:
    """Return every account that a position's health hangs on, as far as `known` leads, and whether all that is known could be read.

    Bytes that the program did not write lead nowhere.
    """
    seen: dict[str, Account] = {}
    missing: dict[str, None] = {}
    try:
        while wanted := [name for name in program.accounts_of(position, seen) if name not in missing]:
            for name in wanted:
                if name in known:
                    seen[name] = known[name]
                else:
                    missing[name] = None
    except DecodeError:
        return (*seen, *missing), False
    return (*seen, *missing), True
