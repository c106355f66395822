"""Each protocol as the pipeline meets it: its market, its book, and the adapters of execution.

The reference program has its own reading, book and instructions; every other protocol is driven by its arithmetic and its words for
the chain alone. `venue(name)` is the only place that tells them apart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from liquidation_engine import _core, protocols
from liquidation_engine.chain import AccountUpdate, BlockhashCache, ChainAccount, FeePolicy, RpcClient, Signer
from liquidation_engine.config import PROGRAM_IDS
from liquidation_engine.detect.at_risk import AssetExposure
from liquidation_engine.detect.candidates import Book
from liquidation_engine.errors import ConfigError, MissingAccounts
from liquidation_engine.execute.ports import Lending
from liquidation_engine.protocols.adapter import Account
from liquidation_engine.protocols.bookkeeping import bookkeeping
from liquidation_engine.protocols.lending import ProgramLending, Terms, digest
from liquidation_engine.protocols.program_market import ProgramMarket, load_program_market
from liquidation_engine.protocols.reference.accounts import PositionAccount, ReserveAccount
from liquidation_engine.protocols.reference.lending import ReferenceLending
from liquidation_engine.protocols.reference.market import MarketMap, load_market, overdue_oracles
from liquidation_engine.runner.market_book import BookRow, Crossings, MarketBook
from liquidation_engine.runner.program_book import ProgramBook


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position stands: what a candidate says of it besides its address."""

    owner: str
    market: str
    assets: tuple[str, ...]  # mints of its legs
    digest: str  # of its material fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What execution works with; without a wallet nothing can be simulated, without a signer nothing is signed."""

    rpc: RpcClient
    wallet: str | None
    signer: Signer | None
    blockhashes: BlockhashCache
    fees: FeePolicy
    sol_price_micro_usd: int | None
    flash_loan: bool
    lookup_tables: tuple[str, ...] = ()
    liquidator: str | None = None  # the wallet's own account with the protocol
    version: str | None = None  # of the deployed program


class Market(Protocol):
    """A market's standing facts."""

    @property
    def address(self) -> str:
        """The market's account."""

    @property
    def mint_of(self) -> Mapping[str, str]:
        """Reserve -> mint."""


class ReadBook(Book, Protocol):
    """What the leader asks of a book besides detection."""

    @property
    def watched(self) -> Sequence[str]:
        """What everybody's verdict hangs on: market, reserves, oracles."""

    @property
    def foreign(self) -> frozenset[str]:
        """Those of them that are other programs' accounts, which the program's own subscription does not tell of."""

    def __len__(self) -> int: ...
    def apply(self, accounts: Sequence[AccountUpdate | ChainAccount]) -> Crossings: ...
    def replace(self, slot: int, accounts: Sequence[ChainAccount]) -> Crossings: ...
    def advance(self, slot: int) -> Crossings: ...
    def rows(self, max_health: float | None = None, among: Collection[str] | None = None) -> list[BookRow]: ...
    def legs(self, address: str) -> list[Mapping[str, object]]: ...
    def near(self, max_health: float) -> list[bytes]: ...
    def exposures(self, address: bytes) -> tuple[str, list[AssetExposure]]: ...


class Venue(Protocol):
    """One protocol."""

    name: str

    async def load(self, rpc: RpcClient, program: str, market: str | None) -> Market:
        """Return the market that is named, or the program's only one; ConfigError where that is not there."""

    def kinds(self, market: Market) -> Sequence[Sequence[Mapping[str, Any]]]:
        """Return the RPC filters of each kind of account that the book takes."""

    def book(self, program: str, market: Market) -> ReadBook:
        """Return an empty book."""

    def place(self, position: str, accounts: Mapping[str, Account]) -> Place:
        """Return where a position stands; DecodeError for an account that is none, MissingAccounts for what it needs."""

    def lending(self, desk: Desk, program: str, market: Market) -> Lending:
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


class ReferenceVenue:
    """The reference program: its book is Rust's own, and it writes bad debt off."""

    name = "reference"

    async def load(self, rpc: RpcClient, program: str, market: str | None) -> ReferenceMarket:
        """Read the market and its reserves."""
        return ReferenceMarket(await load_market(rpc, program, market))

    def kinds(self, market: Market) -> Sequence[Sequence[Mapping[str, Any]]]:
        """Return one kind: everything."""
        return [()]

    def book(self, program: str, market: Market) -> MarketBook:
        """Return an empty book."""
        assert isinstance(market, ReferenceMarket)
        oracles = [str(reserve.oracle) for reserve in market.map.reserves.values()]
        return MarketBook(program, market.address, [*oracles, *market.map.reserves, market.address])

    def place(self, position: str, accounts: Mapping[str, Account]) -> Place:
        """Return where a position stands."""
        data = bytes(accounts[position].data)
        held = PositionAccount.decode(data)
        reserves = [str(leg.reserve) for leg in held.legs]
        missing = [reserve for reserve in reserves if reserve not in accounts]
        if missing:
            raise MissingAccounts(missing)
        mints = [str(ReserveAccount.decode(bytes(accounts[reserve].data)).mint) for reserve in reserves]
        return Place(str(held.owner), str(held.market), tuple(dict.fromkeys(mints)), _core.state_digest(data))

    def lending(
        self, desk: Desk, program: str, market: Market, kind: type[ReferenceLending] = ReferenceLending
    ) -> ReferenceLending:
        """Return the market for one wallet; `kind` is another class of it, which does wrong."""
        assert isinstance(market, ReferenceMarket)
        if desk.flash_loan:
            raise ConfigError("the reference program gives no flash loans: use --own-funds, or unset FLASH_LOAN")
        return kind(
            desk.rpc,
            market.map,
            program=program,
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


class ProgramVenue:
    """A protocol by its arithmetic (`protocols.get`), its program (`protocols.program`) and its bookkeeping."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._program, self._bookkeeping = protocols.program(name), bookkeeping(name)

    async def load(self, rpc: RpcClient, program: str, market: str | None) -> ProgramMarket:
        """Read the market and its reserves."""
        if program != self._program.program_id:
            raise ConfigError(
                f"PROGRAM_ID is {program}, and the accounts of {self.name} are those of {self._program.program_id}: unset it"
            )
        return await load_program_market(rpc, self._program, self._bookkeeping, market)

    def kinds(self, market: Market) -> Sequence[Sequence[Mapping[str, Any]]]:
        """Return the filters of positions, reserves and markets."""
        return [kind.filters for kind in self._program.discovery(market.address)]

    def book(self, program: str, market: Market) -> ProgramBook:
        """Return an empty book."""
        return ProgramBook(self.name, program, market.address)

    def place(self, position: str, accounts: Mapping[str, Account]) -> Place:
        """Return where a position stands."""
        holding = self._program.holding(position, accounts)
        mints = (*holding.collateral.values(), *holding.debts.values())
        state = digest(self._bookkeeping, bytes(accounts[position].data))
        return Place(holding.owner, holding.market, tuple(dict.fromkeys(mints)), state)

    def lending(self, desk: Desk, program: str, market: Market) -> ProgramLending:
        """Return the market for one wallet."""
        assert isinstance(market, ProgramMarket)
        if self._bookkeeping.needs_loan and not (desk.flash_loan and desk.liquidator):
            raise ConfigError(
                f"{self.name} liquidates through an account of the wallet's with it, inside a flash loan: "
                "set LIQUIDATOR_ACCOUNT, and FLASH_LOAN or --flash-loan"
            )
        priced = market.sol_reserve is not None and self._bookkeeping.stores_prices
        if desk.sol_price_micro_usd is None and not priced:
            raise ConfigError("the market prices no SOL: set SOL_PRICE_MICRO_USD, so that costs can be weighed")
        return ProgramLending(
            desk.rpc,
            market,
            self._program,
            self._bookkeeping,
            wallet=desk.wallet,
            signer=desk.signer,
            blockhashes=desk.blockhashes,
            fees=desk.fees,
            sol_price_micro_usd=desk.sol_price_micro_usd,
            terms=Terms(
                flash_loan=desk.flash_loan,
                lookup_tables=desk.lookup_tables,
                liquidator=desk.liquidator,
                version=desk.version,
            ),
        )

    async def overdue(self, rpc: RpcClient, market: Market) -> list[str]:
        """Return nothing: with prices too old nobody is liquidatable, and each explanation says so."""
        return []


def venue(name: str) -> Venue:
    """Return a protocol's venue; ConfigError for one that the pipeline does not run."""
    if name not in PROGRAM_IDS:
        raise ConfigError(f"found protocol {name!r}, expected one of {', '.join(PROGRAM_IDS)}")
    return ReferenceVenue() if name == ReferenceVenue.name else ProgramVenue(name)
