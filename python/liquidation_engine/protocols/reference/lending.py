"""The reference market as the worker sees it: reads a position whole, quotes every pair of its legs, builds the transaction.

A read is two calls at most: everything the candidate names in one, and what the position holds besides in another. The quotes are the
program's own arithmetic, from Rust.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from liquidation_engine.protocols.reference.returns import returned_data
from solders.pubkey import Pubkey

from liquidation_engine import _core
from liquidation_engine.chain.blockhash import BlockhashCache
from liquidation_engine.chain.fees import MAX_COMPUTE_UNITS, FeePolicy, network_fee_lamports
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.signer import Signer
from liquidation_engine.chain.transaction import build_transaction
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import ConfigError, SigningRefused
from liquidation_engine.model import (
    NATIVE,
    Candidate,
    ChainRoles,
    Plan,
    PositionView,
    Reading,
    SignedTransaction,
    Simulated,
    TransactionRecord,
)
from liquidation_engine.protocols.reference import addresses, instructions
from liquidation_engine.protocols.reference.accounts import (
    MarketAccount,
    OracleAccount,
    PositionAccount,
    ReserveAccount,
    Side,
)
from liquidation_engine.protocols.reference.refusals import REFUSALS

ATTO_PER_MICRO = 10**12
TYPICAL_UNITS = 120_000  # of a liquidation, for the fee estimate before a simulation has told


@dataclass(slots=True)
class _Reserve:
    """What does not change about a reserve, and the last price read."""

    address: Pubkey
    mint: str
    oracle: Pubkey
    decimals: int
    price: int = 0
    exponent: int = 0

    @property
    def unit(self) -> int:
        """Atto-USD per smallest unit."""
        return int(self.price * 10 ** (self.exponent - self.decimals + 18))


@dataclass(slots=True)
class MarketMap:
    """The market's standing facts: its reserves, and which funds there are."""

    market: Pubkey
    insurance_authority: str
    reserves: dict[str, _Reserve] = field(default_factory=dict)  # by address
    by_mint: dict[str, _Reserve] = field(default_factory=dict)


async def load_market(rpc: RpcClient, program: str, market: str | None) -> MarketMap:
    """Read the market and its reserves; ConfigError when there is none, or several and none was named."""
    _, found = await rpc.program_accounts(program, filters=[{"dataSize": MarketAccount.SIZE}])
    markets = {address: MarketAccount.decode(account.data) for address, account in found}
    if market is None and len(markets) == 1:
        market = next(iter(markets))
    if market is None or market not in markets:
        known = ", ".join(sorted(markets)) or "none"
        raise ConfigError(f"MARKET is {market or 'not set'}; the program {program} has these markets: {known}")
    pubkey = Pubkey.from_string(market)
    loaded = MarketMap(pubkey, str(markets[market].insurance_authority))
    _, accounts = await rpc.program_accounts(program, filters=[{"dataSize": ReserveAccount.SIZE}])
    for address, account in accounts:
        reserve = ReserveAccount.decode(account.data)
        if reserve.market == pubkey:
            one = _Reserve(Pubkey.from_string(address), str(reserve.mint), reserve.oracle, reserve.decimals)
            loaded.reserves[address] = loaded.by_mint[one.mint] = one
    if not loaded.reserves:
        raise ConfigError(f"the market {market} has no reserves")
    return loaded


class ReferenceLending:
    """One market of the reference program, for one wallet."""

    def __init__(
        self,
        rpc: RpcClient,
        market: MarketMap,
        *,
        program: str,
        wallet: str,
        signer: Signer | None,
        blockhashes: BlockhashCache,
        fees: FeePolicy,
        sol_price_micro_usd: int | None,
    ) -> None:
        self.program = program
        self.error_names: Mapping[int, str] = REFUSALS
        self._rpc, self._market, self._signer = rpc, market, signer
        self._program = Pubkey.from_string(program)
        self._wallet = Pubkey.from_string(wallet)
        self._blockhashes, self._fees = blockhashes, fees
        self._fallback_sol_price = sol_price_micro_usd
        mints = [Pubkey.from_string(mint) for mint in market.by_mint]
        self._tokens = {str(mint): associated_token_account(self._wallet, mint) for mint in mints}
        self._funds = {str(mint): addresses.insurance_fund(mint, program=self._program)[0] for mint in mints}
        self._fund_vaults = {str(mint): addresses.insurance_vault(mint, program=self._program)[0] for mint in mints}
        self.roles = ChainRoles(
            wallet=wallet,
            market_authorities=frozenset({str(market.market)}),
            funds={str(fund): mint for mint, fund in self._funds.items()},
        )

    @property
    def funds(self) -> Mapping[str, tuple[str, str]]:
        """Mint -> the fund's address and its vault's."""
        return {mint: (str(fund), str(self._fund_vaults[mint])) for mint, fund in self._funds.items()}

    async def read(self, candidate: Candidate, *, min_context_slot: int) -> Reading:
        """Read the position, all its reserves and oracles, and the balances a plan needs, at or after the slot."""
        named = [self._market.by_mint[mint] for mint in candidate.assets if mint in self._market.by_mint]
        wanted = self._read_set(candidate.position, named)
        slot, found = await self._rpc.accounts(wanted, min_context_slot=min_context_slot)
        accounts = _present(found)
        position = accounts.get(candidate.position)
        if position is None or position.owner != self.program:
            return Reading(view=None, quotes=(), refusal=None, slot=slot, sol_price_micro_usd=self._sol_price())
        held = PositionAccount.decode(position.data)
        unread = [self._market.reserves[str(leg.reserve)] for leg in held.legs if str(leg.reserve) not in accounts]
        if unread:
            # The legs changed since the candidate was made: read all of it again, as of one slot.
            legs = [self._market.reserves[str(leg.reserve)] for leg in held.legs]
            slot, found = await self._rpc.accounts(self._read_set(candidate.position, legs), min_context_slot=slot)
            accounts = _present(found)
            if candidate.position not in accounts:
                return Reading(view=None, quotes=(), refusal=None, slot=slot, sol_price_micro_usd=self._sol_price())
            held = PositionAccount.decode(accounts[candidate.position].data)
        self._note_prices(accounts)
        return self._quote(candidate, held, accounts, slot)

    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated:
        """Run the plan's transaction on the node's newest state."""
        packet = build_transaction(
            str(self._wallet), self._instructions(plan), self._blockhashes.current().blockhash, MAX_COMPUTE_UNITS, 0
        )
        done = await self._rpc.simulate(packet, replace_blockhash=True, min_context_slot=min_context_slot)
        return Simulated(error=done.error, logs=done.logs, units=done.units)

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        """Sign the plan's transaction with a compute limit from the simulation and this attempt's bid."""
        if self._signer is None:
            raise SigningRefused("this is a dry run: it has no signer")
        current = self._blockhashes.current()
        return self._signer.sign(
            self._instructions(plan),
            blockhash=current.blockhash,
            expires_above=current.expires_above,
            compute_unit_limit=self._fees.limit(units),
            compute_unit_price_micro_lamports=self._fees.price(attempt),
        )

    def fee_estimate_lamports(self, attempt: int) -> int:
        """Return what a typical liquidation's transaction costs at this attempt's bid."""
        return network_fee_lamports(self._fees.limit(TYPICAL_UNITS), self._fees.price(attempt))

    def micro_usd(self, mint: str, amount: int) -> int:
        """Return the value of tokens (or `native` lamports) at the latest prices read, rounded down."""
        if mint == NATIVE:
            return amount * self._sol_price() // 10**9
        return amount * self._market.by_mint[mint].unit // ATTO_PER_MICRO

    def written_off(self, record: TransactionRecord) -> Mapping[str, int]:
        """Return debt mint -> tokens that became bad debt in this transaction, from the program's return data."""
        total: dict[str, int] = {}
        for data, reserve in returned_data(record.logs, self.program, instructions.WRITE_OFF_LOG):
            mint = self._market.reserves[reserve].mint
            total[mint] = total.get(mint, 0) + int.from_bytes(base64.b64decode(data)[:8].ljust(8, b"\0"), "little")
        return total

    def _read_set(self, position: str, reserves: Sequence[_Reserve]) -> list[str]:
        wanted = [position, str(self._market.market)]
        for reserve in reserves:
            wanted += [str(reserve.address), str(reserve.oracle), str(self._tokens[reserve.mint])]
            wanted.append(str(self._fund_vaults[reserve.mint]))
        sol = self._market.by_mint.get(str(addresses.SOL_MINT))
        if sol is not None and str(sol.oracle) not in wanted:
            wanted.append(str(sol.oracle))
        return wanted

    def _note_prices(self, accounts: Mapping[str, ChainAccount]) -> None:
        for reserve in self._market.reserves.values():
            account = accounts.get(str(reserve.oracle))
            if account is not None:
                oracle = OracleAccount.decode(account.data)
                reserve.price, reserve.exponent = oracle.price, oracle.exponent

    def _sol_price(self) -> int:
        sol = self._market.by_mint.get(str(addresses.SOL_MINT))
        if sol is not None and sol.price:
            return 10**9 * sol.unit // ATTO_PER_MICRO
        if self._fallback_sol_price is None:
            raise ConfigError("the market has no SOL reserve: set SOL_PRICE_MICRO_USD, so that costs can be weighed")
        return self._fallback_sol_price

    def _quote(
        self, candidate: Candidate, held: PositionAccount, accounts: Mapping[str, ChainAccount], slot: int
    ) -> Reading:
        wallet = {mint: _balance(accounts, account) for mint, account in self._tokens.items()}
        raw = {bytes(Pubkey.from_string(address)): account.data for address, account in accounts.items()}
        key = bytes(Pubkey.from_string(candidate.position))
        answer = _core.quotes(raw, key, slot, [wallet[self._mint(leg.reserve)] for leg in held.legs])
        view = PositionView(
            protocol=candidate.protocol,
            position=candidate.position,
            owner=str(held.owner),
            market=str(held.market),
            version=held.version,
            slot=slot,
            state_digest=_core.state_digest(accounts[candidate.position].data).hex(),
            debt_reserves=tuple(str(leg.reserve) for leg in held.legs if leg.side == Side.DEBT),
            collateral_reserves=tuple(str(leg.reserve) for leg in held.legs if leg.side == Side.COLLATERAL),
            mint_of={address: reserve.mint for address, reserve in self._market.reserves.items()},
            wallet_balance=wallet,
            fund_balance=self._drawable(accounts),
            health_factor=answer.health_factor,
        )
        return Reading(
            view=view,
            quotes=tuple(_pair_quote(quote) for quote in answer.quotes),
            refusal=answer.refusal,
            slot=slot,
            sol_price_micro_usd=self._sol_price(),
        )
