"""The reference market as the worker sees it: reads a position whole, quotes every pair of its legs, builds the transaction.

A read is two calls at most: everything the candidate names in one, and what the position holds besides in another. The quotes are the
program's own arithmetic, from Rust.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine import _core
from liquidation_engine._core import ArgumentError, Refused
from liquidation_engine.chain.blockhash import BlockhashCache
from liquidation_engine.chain.fees import MAX_COMPUTE_UNITS, FeePolicy, network_fee_lamports
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.signer import ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM, Signer
from liquidation_engine.chain.transaction import build_transaction
from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.errors import ConfigError, SigningRefused
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
from liquidation_engine.protocols.reference import addresses, instructions
from liquidation_engine.protocols.reference.accounts import MarketAccount, OracleAccount, PositionAccount, Side
from liquidation_engine.protocols.reference.arguments import decode_liquidation
from liquidation_engine.protocols.reference.market import ATTO_PER_MICRO, MarketMap, ReserveFacts, load_market
from liquidation_engine.protocols.reference.refusals import REFUSALS
from liquidation_engine.protocols.reference.returns import little_endian_u64, returned
from liquidation_engine.protocols.reference.tokens import token_amount

log = structlog.get_logger(__name__)

U64_MAX = 2**64 - 1
TYPICAL_UNITS = 35_000  # of a liquidation with eight legs, for the fee estimate before a simulation has told


class ReferenceLending:
    """One market of the reference program, for one wallet.

    Without a wallet, in a dry run, plans assume ample funds and nothing can be simulated.
    """

    def __init__(
        self,
        rpc: RpcClient,
        market: MarketMap,
        *,
        program: str,
        wallet: str | None,
        signer: Signer | None,
        blockhashes: BlockhashCache,
        fees: FeePolicy,
        sol_price_micro_usd: int | None,
    ) -> None:
        self.program = program
        self.error_names: Mapping[int, str] = REFUSALS
        self._rpc, self._signer = rpc, signer
        self._program = Pubkey.from_string(program)
        self._for_nobody = wallet is None
        self._wallet = Pubkey.from_string(wallet) if wallet else Pubkey.default()
        self._blockhashes, self._fees = blockhashes, fees
        self._fallback_sol_price = sol_price_micro_usd
        self._take(market)

    def _take(self, market: MarketMap) -> None:
        """Take the market's standing facts, and what follows from them for this wallet."""
        self._market = market
        mints = [Pubkey.from_string(mint) for mint in market.by_mint]
        self._tokens = {str(mint): associated_token_account(self._wallet, mint) for mint in mints}
        self._funds = {str(mint): addresses.insurance_fund(mint, program=self._program)[0] for mint in mints}
        self._fund_vaults = {str(mint): addresses.insurance_vault(mint, program=self._program)[0] for mint in mints}
        self.roles = ChainRoles(
            wallet=str(self._wallet),
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
        if any(str(leg.reserve) not in self._market.reserves for leg in held.legs):
            await self._reload()
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
        try:
            return self._quote(candidate, held, accounts, slot)
        except ArgumentError:
            await self._reload()  # a reserve has another oracle than when we started: the next read finds it
            raise

    async def _reload(self) -> None:
        """Read the market's reserves anew: one was added, or its oracle changed."""
        self._take(await load_market(self._rpc, self.program, str(self._market.market)))

    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated:
        """Run the plan's transaction on the node's newest state."""
        if self._for_nobody:
            return Simulated(error=None, logs=(), units=0)
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

    def written_off(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return debt mint -> tokens that became bad debt in this transaction, from the program's return data."""
        return self._answered(record, plan, "write_off")

    def is_full(self, record: TransactionRecord, plan: Plan) -> bool:
        """Tell whether the debt leg is gone, from the program's return data; a write-off always ends its leg."""
        answers = returned(record.logs, self.program)
        if plan.kind == "write_off" or not answers or answers[0] is None:
            return plan.is_full_liquidation
        return decode_liquidation(answers[0]).debt_left == 0

    def covered(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return debt mint -> tokens that the insurance fund paid in this transaction, from the program's return data."""
        return self._answered(record, plan, "cover_bad_debt")

    def _answered(self, record: TransactionRecord, plan: Plan, name: str) -> Mapping[str, int]:
        answers = returned(record.logs, self.program)
        steps = self._steps(plan)
        if len(answers) != len(steps):
            # A node that cuts logs must not keep an intent open: the chain's own counter of bad debt still tells.
            log.error("Return data is incomplete", signature=record.signature, found=len(answers), expected=len(steps))
            return {}
        total: dict[str, int] = {}
        for (step, reserve), answer in zip(steps, answers, strict=True):
            if step == name:
                mint = self._market.reserves[reserve].mint
                total[mint] = total.get(mint, 0) + little_endian_u64(answer)
        return total

    async def fund_balances(self) -> tuple[int, Mapping[str, int]]:
        """Return the slot and the balance of each mint's insurance vault."""
        vaults = {mint: str(vault) for mint, vault in self._fund_vaults.items()}
        slot, found = await self._rpc.accounts(list(vaults.values()), commitment="confirmed")
        accounts = _present(found)
        return slot, {mint: token_amount(accounts[vault].data) for mint, vault in vaults.items() if vault in accounts}

    def _read_set(self, position: str, reserves: Sequence[ReserveFacts]) -> list[str]:
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
        wallet = {
            mint: U64_MAX if self._for_nobody else _balance(accounts, account) for mint, account in self._tokens.items()
        }
        view = PositionView(
            protocol=candidate.protocol,
            position=candidate.position,
            owner=str(held.owner),
            market=str(held.market),
            version=held.version,
            slot=slot,
            state_digest=_core.state_digest(accounts[candidate.position].data),
            debt_reserves=tuple(str(leg.reserve) for leg in held.legs if leg.side == Side.DEBT),
            collateral_reserves=tuple(str(leg.reserve) for leg in held.legs if leg.side == Side.COLLATERAL),
            mint_of={address: reserve.mint for address, reserve in self._market.reserves.items()},
            wallet_balance=wallet,
            fund_balance=self._drawable(accounts),
            unit_atto_usd={mint: reserve.unit for mint, reserve in self._market.by_mint.items()},
            health_factor=None,
        )
        raw = {_core.from_base58(address): account.data for address, account in accounts.items()}
        refusal, found = None, []
        try:
            found = _core.quotes(raw, _core.from_base58(candidate.position), slot)
            found = [quote for one in found for quote in self._affordable(one, raw, candidate, slot, wallet)]
        except Refused as error:
            refusal = error.name
        if found:
            view = replace(view, health_factor=found[0].health_before)
        return Reading(
            view=view,
            quotes=tuple(map(_pair_quote, found)),
            refusal=refusal,
            slot=slot,
            sol_price_micro_usd=self._sol_price(),
        )

    def _affordable(
        self,
        quote: _core.Quote,
        raw: Mapping[bytes, bytes],
        candidate: Candidate,
        slot: int,
        wallet: Mapping[str, int],
    ) -> list[_core.Quote]:
        """Return the quote, or the smaller one that the wallet can pay for."""
        balance = wallet[_core.to_base58(quote.debt_mint)]
        if quote.repaid <= balance:
            return [quote]
        position = _core.from_base58(candidate.position)
        pair = (quote.debt_reserve, quote.collateral_reserve)
        try:
            smaller = _core.quotes(raw, position, slot, balance) if balance else []
        except Refused:
            return []
        return [one for one in smaller if (one.debt_reserve, one.collateral_reserve) == pair]

    def _drawable(self, accounts: Mapping[str, ChainAccount]) -> Mapping[str, int]:
        market = accounts.get(str(self._market.market))
        if market is None or MarketAccount.decode(market.data).insurance_authority != self._wallet:
            return {}
        return {mint: _balance(accounts, vault) for mint, vault in self._fund_vaults.items()}

    def _steps(self, plan: Plan) -> list[tuple[str, str]]:
        """Return the lending program's instructions of a plan, in order, as (name, reserve)."""
        steps = [("liquidate", plan.debt_reserve)] if plan.kind == "liquidate" else []
        for reserve in plan.writes_off:
            steps.append(("write_off", reserve))
            if plan.covers:
                steps.append(("cover_bad_debt", reserve))
        return steps

    def _instructions(self, plan: Plan) -> list[Instruction]:
        return [self._instruction(name, reserve, plan) for name, reserve in self._steps(plan)]

    def _instruction(self, name: str, reserve: str, plan: Plan) -> Instruction:
        position = Pubkey.from_string(plan.position)
        debt = self._market.reserves[reserve]
        if name == "write_off":
            return instructions.write_off(
                self._wallet, self._market.market, position, debt.address, program=self._program
            )
        if name == "cover_bad_debt":
            mint = Pubkey.from_string(debt.mint)
            return instructions.cover_bad_debt(
                self._wallet, self._market.market, debt.address, mint, U64_MAX, program=self._program
            )
        assert plan.collateral_reserve is not None
        collateral = self._market.reserves[plan.collateral_reserve]
        named = (reserve, plan.collateral_reserve)
        return instructions.liquidate(
            self._wallet,
            self._market.market,
            position,
            debt=debt.pair,
            collateral=collateral.pair,
            collateral_mint=Pubkey.from_string(collateral.mint),
            source=self._tokens[debt.mint],
            destination=self._tokens[collateral.mint],
            amount=plan.repay_amount,
            min_seize=plan.min_seize,
            expected_version=plan.expected_version,
            others=[self._market.reserves[other].pair for other in plan.other_reserves if other not in named],
            program=self._program,
        )


def associated_token_account(owner: Pubkey, mint: Pubkey) -> Pubkey:
    """Return the associated token account of a wallet for a mint."""
    seeds = [bytes(owner), bytes(Pubkey.from_string(TOKEN_PROGRAM)), bytes(mint)]
    return Pubkey.find_program_address(seeds, Pubkey.from_string(ASSOCIATED_TOKEN_PROGRAM))[0]


def fund_addresses(mint: str, program: str) -> tuple[str, str]:
    """Return the insurance fund's address and its vault's for a mint in base58, or `SOL`."""
    try:
        token = addresses.SOL_MINT if mint == "SOL" else Pubkey.from_string(mint)
        owner = Pubkey.from_string(program)
    except ValueError as error:
        raise ConfigError(f"{mint!r} or {program!r} is not an address: expected base58 of 32 bytes") from error
    fund, vault = addresses.insurance_fund(token, program=owner)[0], addresses.insurance_vault(token, program=owner)[0]
    return str(fund), str(vault)


def _present(found: Sequence[ChainAccount | None]) -> dict[str, ChainAccount]:
    return {account.address: account for account in found if account is not None}


def _balance(accounts: Mapping[str, ChainAccount], address: Pubkey) -> int:
    account = accounts.get(str(address))
    return token_amount(account.data) if account is not None and account.owner == TOKEN_PROGRAM else 0


def _pair_quote(quote: _core.Quote) -> PairQuote:
    return PairQuote(
        debt_reserve=_core.to_base58(quote.debt_reserve),
        collateral_reserve=_core.to_base58(quote.collateral_reserve),
        repaid=quote.repaid,
        seized=quote.seized_net,
        fee=quote.fee,
        bonus_bps=quote.bonus_bps,
        repaid_micro_usd=quote.repaid_micro_usd,
        seized_micro_usd=quote.seized_micro_usd,
        health_after=quote.health_after,
        is_full=quote.debt_left_tokens == 0,
        leaves_bad_debt=quote.leaves_bad_debt,
    )
