"""Each protocol as the pipeline meets it: its market, where a position stands in it, and the adapters of execution.

The reference program has its own reading, book and instructions; every other protocol is driven by its arithmetic and its words for
the chain alone. `venue(name)` is the only place that tells them apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from liquidation_engine import _core
from liquidation_engine.chain import BlockhashCache, FeePolicy, RpcClient, Signer
from liquidation_engine.errors import ConfigError
from liquidation_engine.execute.ports import Lending
from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.reference.accounts import PositionAccount
from liquidation_engine.protocols.reference.lending import ReferenceLending
from liquidation_engine.protocols.reference.market import MarketMap, load_market, overdue_oracles


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position stands: what a candidate says of it besides its address."""

    owner: str
    market: str
    reserves: tuple[str, ...]
    digest: str  # of its material fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What execution works with; without a wallet nothing can be simulated, without a signer nothing is signed."""

    rpc: RpcClient
    program: str
    wallet: str | None
    signer: Signer | None
    blockhashes: BlockhashCache
    fees: FeePolicy
    sol_price_micro_usd: int | None
    flash_loan: bool = False


class Market(Protocol):
    """A market's standing facts."""

    @property
    def address(self) -> str:
        """The market's account."""

    @property
    def mint_of(self) -> Mapping[str, str]:
        """Reserve -> mint."""

    @property
    def watched(self) -> Sequence[str]:
        """The accounts that everybody's verdict hangs on: market, reserves, oracles."""


class Venue(Protocol):
    """One protocol."""

    name: str

    async def load(self, rpc: RpcClient, program: str, market: str | None) -> Market:
        """Return the market that is named, or the program's only one; ConfigError where that is not there."""

    def place(self, position: str, accounts: Mapping[str, Account]) -> Place:
        """Return where a position stands; DecodeError for an account that is none."""

    def lending(self, desk: Desk, market: Market) -> Lending:
        """Return what reads positions, builds and signs transactions."""

    async def overdue(self, rpc: RpcClient, market: Market) -> list[str]:
        """Return the mints whose price is older than the program accepts."""


@dataclass(frozen=True, slots=True)
class ReferenceMarket:
    """The reference program's market."""

    map: MarketMap

    @property
    def address(self) -> str:
        """The market's account."""
        return str(self.map.market)

    @property
    def mint_of(self) -> Mapping[str, str]:
        """Reserve -> mint."""
        return {address: reserve.mint for address, reserve in self.map.reserves.items()}

    @property
    def watched(self) -> Sequence[str]:
        """Oracles first."""
        oracles = [str(reserve.oracle) for reserve in self.map.reserves.values()]
        return [*oracles, *self.map.reserves, self.address]


class ReferenceVenue:
    """The reference program."""

    name = "reference"

    async def load(self, rpc: RpcClient, program: str, market: str | None) -> ReferenceMarket:
        """Read the market and its reserves."""
        return ReferenceMarket(await load_market(rpc, program, market))

    def place(self, position: str, accounts: Mapping[str, Account]) -> Place:
        """Return where a position stands."""
        data = bytes(accounts[position].data)
        held = PositionAccount.decode(data)
        reserves = tuple(str(leg.reserve) for leg in held.legs)
        return Place(str(held.owner), str(held.market), reserves, _core.state_digest(data))

    def lending(self, desk: Desk, market: Market, kind: type[ReferenceLending] = ReferenceLending) -> ReferenceLending:
        """Return the market for one wallet; `kind` is another class of it, which does wrong."""
        assert isinstance(market, ReferenceMarket)
        if desk.flash_loan:
            raise ConfigError("the reference program gives no flash loans: use --own-funds")
        return kind(
            desk.rpc,
            market.map,
            program=desk.program,
            wallet=desk.wallet,
            signer=desk.signer,
            blockhashes=desk.blockhashes,
            fees=desk.fees,
            sol_price_micro_usd=desk.sol_price_micro_usd,
        )

    async def overdue(self, rpc: RpcClient, market: Market) -> list[str]:
        """Return the mints whose price is too old."""
        assert isinstance(market, ReferenceMarket)
        return await overdue_oracles(rpc, market.map)


VENUES: Mapping[str, Venue] = {one.name: one for one in (ReferenceVenue(),)}


def venue(name: str) -> Venue:
    """Return a protocol's venue; ConfigError for one that the pipeline does not run."""
    if name not in VENUES:
        raise ConfigError(f"found protocol {name!r}, expected one of {', '.join(VENUES)}")
    return VENUES[name]
