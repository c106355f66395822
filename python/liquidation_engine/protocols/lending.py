"""Any protocol's market as the worker sees it: reads a position as of one slot, asks the arithmetic for the best plan, builds it.

What was read last of a position is kept for its simulation and its signature, so that a transaction is built from the very state that
its plan was made from.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.chain.blockhash import BlockhashCache
from liquidation_engine.chain.fees import MAX_COMPUTE_UNITS, FeePolicy, network_fee_lamports
from liquidation_engine.chain.lookup_table import read_tables
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.signer import ASSOCIATED_TOKEN_PROGRAM, Signer
from liquidation_engine.chain.transaction import TransactionTooLarge, build_transaction
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import ConfigError, MissingAccounts, SigningRefused
from liquidation_engine.model import (
    Candidate,
    ChainRoles,
    PairQuote,
    Plan,
    PositionView,
    Reading,
    SignedTransaction,
    Simulated,
    TransactionRecord,
)
from liquidation_engine.protocols import adapter as arithmetic
from liquidation_engine.protocols.adapter import Account, Adapter
from liquidation_engine.protocols.bookkeeping import Bookkeeping
from liquidation_engine.protocols.onchain import Holding, Liquidation, Program, Wallet
from liquidation_engine.protocols.program_market import ProgramMarket
from liquidation_engine.protocols.reading import Now, State, answered
from liquidation_engine.protocols.reference.tokens import token_amount

ATTO_PER_MICRO = 10**12
LAMPORTS_PER_SOL = 10**9
ANY_LOSS = -(10**30)  # what pays is decided later, with the fees in sight
TYPICAL_UNITS = 450_000  # of a liquidation over three reserves, for the fee estimate before a simulation has told
KEPT_READINGS = 512
NOBODY = "11111111111111111111111111111111"
REFUSALS = {"healthy": "Healthy", "no debt": "Healthy", "no collateral": "Healthy", "stale oracle": "StalePrice"}
"""What the arithmetic calls a refusal, and how execution does."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The state a plan was made from."""

    state: State
    plan: arithmetic.Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How this instance liquidates."""

    flash_loan: bool = False
    lookup_tables: tuple[str, ...] = ()
    liquidator: str | None = None  # the wallet's own account with the protocol, where it needs one
    version: str | None = None  # of the deployed program; the newest known without


class ProgramLending:
    """One market of a protocol's program, for one wallet. Without one, plans assume ample funds and nothing can be simulated."""

    def __init__(
        self,
        rpc: RpcClient,
        market: ProgramMarket,
        program: Program,
        bookkeeping: Bookkeeping,
        *,
        wallet: str | None,
        signer: Signer | None,
        blockhashes: BlockhashCache,
        fees: FeePolicy,
        sol_price_micro_usd: int | None,
        terms: "Terms",
    ) -> None:
        self.program = program.program_id
        self.error_names: Mapping[int, str] = program.refusals
        self.roles = ChainRoles(wallet=wallet or NOBODY, market_authorities=market.authorities, funds={})
        self._rpc, self._signer, self._market = rpc, signer, market
        self._on_chain, self._bookkeeping, self._adapter = program, bookkeeping, Adapter(program.name)
        self._wallet = None if wallet is None else Wallet(wallet)
        self._blockhashes, self._fees = blockhashes, fees
        self._fallback_sol_price, self._terms = sol_price_micro_usd, terms
        self._tables: list[AddressLookupTableAccount] | None = None
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def read(self, candidate: Candidate, *, min_context_slot: int) -> Reading:
        """Read the position, all that its health hangs on, and the balances a plan needs, at or after the slot."""
        await self._read_tables()
        position = candidate.position
        first = [name for name in (position, self._market.sol_reserve, self._terms.liquidator) if name is not None]
        try:
            reading, _ = await answered(
                self._rpc, lambda state: self._reading(position, state), first, min_context_slot=min_context_slot
            )
        except MissingAccounts as error:
            return self._refused(f"accounts do not exist: {', '.join(error.addresses)}", min_context_slot, None)
        return reading

    def _reading(self, position: str, state: State) -> Reading:
        account = state.accounts.get(position)
        if account is None or account.owner != self.program:
            return self._refused(None, state.slot, state)
        health = self._adapter.health(state.accounts, state.clock, position)
        if not health.liquidatable:
            return self._refused(self._name(health.reason), state.slot, state)
        unread = [name for name in self._on_chain.accounts_of(position, state.accounts) if name not in state.asked]
        if unread:
            raise MissingAccounts(unread)
        holding = self._on_chain.holding(position, state.accounts)
        balances = self._balances(holding, state)
        found = self._best(position, state, balances)
        if isinstance(found, arithmetic.Refusal) and found.reason == "no balance":
            found = self._best(position, state, {})  # the plan that the wallet cannot pay for
        if isinstance(found, arithmetic.Refusal):
            return self._refused(self._name(found.reason), state.slot, state)
        ready = None if self._wallet is None else self._built(state, found, self._wallet, price=1)
        if ready is not None and (obstacle := self._obstacle(ready, state)):
            return self._refused(obstacle, state.slot, state)
        self._keep(position, _Kept(state, found))
        quote = self._quote(found, state, holding, ready)
        ratio = health.numerator / health.denominator if health.denominator else None
        view = self._view(position, holding, state, found, balances, ratio)
        return Reading(
            view=view, quotes=(quote,), refusal=None, slot=state.slot, sol_price_micro_usd=self._sol_price(state)
        )

    def _best(self, position: str, state: State, balances: Mapping[str, int]) -> arithmetic.Plan | arithmetic.Refusal:
        policy = arithmetic.Policy(
            position=position,
            liquidator=self._terms.liquidator or (None if self._wallet is None else self._wallet.key),
            balances=balances,
            min_profit=ANY_LOSS,
            version=self._terms.version,
        )
        accounts, liquidator = state.accounts, self._terms.liquidator
        if self._terms.flash_loan and liquidator is not None:
            return self._adapter.best_plan(self._bookkeeping.on_loan(accounts, liquidator), state.clock, policy)
        return self._adapter.best_plan(accounts, state.clock, policy)

    def _balances(self, holding: Holding, state: State) -> Mapping[str, int]:
        """Return what the wallet holds of each debt's mint; nothing limits a wallet that is not there, or a loan."""
        if self._wallet is None or self._terms.flash_loan:
            return {}
        accounts = {mint: str(self._wallet.account(Pubkey.from_string(mint))) for mint in holding.debts.values()}
        unread = [address for address in accounts.values() if address not in state.asked]
        if unread:
            raise MissingAccounts(unread)
        found = {mint: state.accounts.get(address) for mint, address in accounts.items()}
        return {mint: 0 if account is None else token_amount(account.data) for mint, account in found.items()}

    def _built(self, state: State, plan: arithmetic.Plan, wallet: Wallet, *, price: int) -> Liquidation:
        """Return the transaction's instructions behind a compute limit, and a compute price unless it is 0."""
        return self._on_chain.liquidation(
            state.accounts, state.clock, plan, wallet, flash=self._terms.flash_loan, first=2 if price else 1
        )

    def _obstacle(self, ready: Liquidation, state: State) -> str | None:
        """Return what keeps the transaction from being sent: an account of ours that is not there yet, or its size."""
        needed = [str(account) for account in map(made_by, ready.setup)]
        unread = [address for address in needed if address not in state.asked]
        if unread:
            raise MissingAccounts(unread)
        without = next((address for address in needed if address not in state.accounts), None)
        if without is not None:
            return f"insufficient funds: there is no token account {without} of the wallet's"
        assert self._wallet is not None
        try:
            self._packet(ready, self._wallet, NOBODY)
        except TransactionTooLarge as error:
            return f"too large: {error}"
        return None

    def _quote(self, plan: arithmetic.Plan, state: State, holding: Holding, ready: Liquidation | None) -> PairQuote:
        done = plan.prediction
        assert done is not None
        assert plan.profit is not None
        unit = self._bookkeeping.unit_atto_usd(plan.debt_reserve, state.accounts, state.clock, plan)
        repaid_micro_usd = -(-done.repaid * unit // ATTO_PER_MICRO)
        loan_fee = 0 if ready is None else ready.loan_fee
        after = {**state.accounts, **_replaced(state.accounts, done.accounts_after)}
        left = self._on_chain.holding(plan.position, after)
        return PairQuote(
            debt_reserve=plan.debt_reserve,
            collateral_reserve=plan.collateral_reserve,
            repaid=done.repaid,
            seized=done.seized,
            fee=done.protocol_fee,
            bonus_bps=done.bonus_bps,
            repaid_micro_usd=repaid_micro_usd,
            seized_micro_usd=plan.profit + repaid_micro_usd,  # the arithmetic's own profit, which has no costs in it
            health_after=self._health_after(plan.position, after, state.clock),
            is_full=plan.debt_reserve not in left.debts,
            leaves_bad_debt=False,
            amount=plan.amount,
            loan_fee_micro_usd=-(-loan_fee * unit // ATTO_PER_MICRO),
        )

    def _health_after(self, position: str, after: Mapping[str, Account], clock: Now) -> float | None:
        health = self._adapter.health(after, clock, position)
        return health.numerator / health.denominator if health.denominator else None

    def _view(
        self,
        position: str,
        holding: Holding,
        state: State,
        plan: arithmetic.Plan,
        balances: Mapping[str, int],
        health: float | None,
    ) -> PositionView:
        mint_of = {**holding.collateral, **holding.debts}
        units = {
            mint_of[reserve]: self._bookkeeping.unit_atto_usd(reserve, state.accounts, state.clock, plan)
            for reserve in (plan.debt_reserve, plan.collateral_reserve)
        }
        return PositionView(
            protocol=self._on_chain.name,
            position=position,
            owner=holding.owner,
            market=holding.market,
            version=0,  # nothing in the instruction names a version: the guard alone keeps it from being done twice
            slot=state.slot,
            state_digest=digest(self._bookkeeping, state.accounts[position].data),
            debt_reserves=tuple(holding.debts),
            collateral_reserves=tuple(holding.collateral),
            mint_of=mint_of,
            wallet_balance={mint: balances.get(mint, arithmetic.ALL) for mint in mint_of.values()},
            fund_balance={},
            unit_atto_usd=units,
            health_factor=health,
        )

    def _refused(self, refusal: str | None, slot: int, state: State | None) -> Reading:
        """Return a reading without a view; one without a refusal says that the position is gone."""
        price = 0 if state is None else self._sol_price(state)
        return Reading(view=None, quotes=(), refusal=refusal, slot=slot, sol_price_micro_usd=price)

    def _name(self, reason: str) -> str:
        """Return the program's name for what the arithmetic calls a refusal."""
        if reason.startswith("error ") and reason.removeprefix("error ").isdigit():
            return self.error_names.get(int(reason.removeprefix("error ")), reason)
        return REFUSALS.get(reason, reason)

    def _sol_price(self, state: State) -> int:
        reserve = state.accounts.get(self._market.sol_reserve or "")
        stored = 0 if reserve is None else self._bookkeeping.stored_unit_atto_usd(reserve.data)
        if stored:
            return stored * LAMPORTS_PER_SOL // ATTO_PER_MICRO
        if self._fallback_sol_price is None:
            raise ConfigError("the SOL reserve has never had a price: set SOL_PRICE_MICRO_USD")
        return self._fallback_sol_price

    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated:
        """Run the plan's transaction on the node's newest state."""
        if self._wallet is None:
            return Simulated(error=None, logs=(), units=0)
        blockhash = self._blockhashes.current().blockhash
        packet = self._packet(self._ready(plan, price=1), self._wallet, blockhash)
        done = await self._rpc.simulate(packet, replace_blockhash=True, min_context_slot=min_context_slot)
        return Simulated(error=done.error, logs=done.logs, units=done.units)

    def _packet(self, ready: Liquidation, wallet: Wallet, blockhash: str) -> bytes:
        """Return the transaction with an empty signature; TransactionTooLarge where no table is there that makes it fit."""
        return build_transaction(wallet.key, ready.instructions, blockhash, MAX_COMPUTE_UNITS, 1, self._tables or ())

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        """Sign the plan's transaction with this attempt's bid.

        A simulation may meet reserves that were refreshed in its very slot, which costs less than what lands: the compute limit is
        what the program needs at most, or more where the simulation did.
        """
        if self._signer is None:
            raise SigningRefused("this is a dry run: it has no signer")
        current, price = self._blockhashes.current(), self._fees.price(attempt)
        ready = self._ready(plan, price=price)
        return self._signer.sign(
            ready.instructions,
            blockhash=current.blockhash,
            expires_above=current.expires_above,
            compute_unit_limit=max(self._fees.limit(units), ready.compute_units),
            compute_unit_price_micro_lamports=price,
            tables=self._tables or (),
        )

    def _ready(self, plan: Plan, *, price: int) -> Liquidation:
        kept = self._kept.get(plan.position)
        if kept is None or self._wallet is None or kept.state.slot != plan.slot:
            raise SigningRefused(f"what {plan.position} was read as at slot {plan.slot} is not known any more")
        return self._built(kept.state, kept.plan, self._wallet, price=price)

    def _keep(self, position: str, kept: _Kept) -> None:
        self._kept[position] = kept
        self._kept.move_to_end(position)
        while len(self._kept) > KEPT_READINGS:
            self._kept.popitem(last=False)

    async def _read_tables(self) -> None:
        """Read the lookup tables once; they only grow, and this process needs what they held when it began."""
        if self._tables is None:
            self._tables = await read_tables(self._rpc.accounts, self._terms.lookup_tables)

    def fee_estimate_lamports(self, attempt: int) -> int:
        """Return what a typical liquidation's transaction costs at this attempt's bid."""
        return network_fee_lamports(self._fees.limit(TYPICAL_UNITS), self._fees.price(attempt))

    def written_off(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return nothing: bad debt is the protocol's own affair."""
        return {}

    def is_full(self, record: TransactionRecord, plan: Plan) -> bool:
        """Return what the plan expected; the program says nothing of it."""
        return plan.is_full_liquidation

    def covered(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return nothing: the program has no fund of ours."""
        return {}


def made_by(setup: Instruction) -> Pubkey:
    """Return the account that a setup instruction makes: the second of the associated token program's, the third of a record's."""
    of_tokens = str(setup.program_id) == ASSOCIATED_TOKEN_PROGRAM
    return setup.accounts[1 if of_tokens else 2].pubkey


@dataclass(frozen=True, slots=True)
class _Changed:
    owner: str
    data: bytes
    lamports: int


def _replaced(accounts: Mapping[str, ChainAccount], after: Mapping[str, bytes]) -> dict[str, Account]:
    """Return the accounts that a prediction changes."""
    return {
        address: _Changed(accounts[address].owner, data, accounts[address].lamports) for address, data in after.items()
    }


def digest(bookkeeping: Bookkeeping, position: bytes) -> str:
    """Return the digest of a position's material fields."""
    return sha256(bookkeeping.material(position)).hexdigest()
