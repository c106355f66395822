"""Looks at one position of any protocol: reads what its arithmetic asks for, as of one slot, and explains its health."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from liquidation_engine import _core, protocols
from liquidation_engine.chain import RpcClient
from liquidation_engine.config import Settings
from liquidation_engine.errors import ConfigError, MissingAccounts
from liquidation_engine.protocols import Adapter, Health, Term
from liquidation_engine.protocols.reading import State, answered
from liquidation_engine.runner.venues import Place, Venue


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A position's health with every term, as of one slot."""

    protocol: str
    program: str
    position: str
    place: Place
    health: Health
    terms: Sequence[Term]
    slot: int
    unix_timestamp: int


@asynccontextmanager
async def client(settings: Settings) -> AsyncIterator[RpcClient]:
    """Give the endpoints that are set."""
    rpc = RpcClient(settings.rpc_urls, timeout_seconds=settings.rpc_timeout_ms / 1000)
    try:
        yield rpc
    finally:
        await rpc.close()


async def explain(rpc: RpcClient, venue: Venue, settings: Settings, position: str) -> Explained:
    """Return the position explained; ConfigError for an address that is no position of the program."""
    _check_address(position)
    adapter = protocols.get(venue.name)

    def ask(state: State) -> Explained:
        return _explained(adapter, venue, settings, position, state)

    try:
        found, _ = await answered(rpc, ask, [position])
    except MissingAccounts as error:
        if position in error.addresses:
            raise ConfigError(
                f"there is no account {position} on this chain: check --position and --rpc-url, or it was closed"
            ) from error
        raise ConfigError(f"{position} names accounts that do not exist: {', '.join(error.addresses)}") from error
    return found


def _explained(adapter: Adapter, venue: Venue, settings: Settings, position: str, state: State) -> Explained:
    account = state.accounts.get(position)
    if account is None:
        raise MissingAccounts([position])
    if account.owner != settings.program_id:
        raise ConfigError(
            f"{position} belongs to the program {account.owner}, expected {settings.program_id}: "
            "check --position, and --protocol and --program"
        )
    return Explained(
        protocol=venue.name,
        program=settings.program_id,
        position=position,
        place=venue.place(position, state.accounts),
        health=adapter.health(state.accounts, state.clock, position),
        terms=adapter.explain(state.accounts, state.clock, position),
        slot=state.slot,
        unix_timestamp=state.clock.unix_timestamp,
    )


def _check_address(text: str) -> None:
    try:
        _core.from_base58(text)
    except (_core.ArgumentError, ValueError) as error:
        raise ConfigError(f"{text!r} is not an address, expected base58 of 32 bytes") from error
