"""The market at genesis, as account bytes: every token that is lent, borrowed or insured is in some token account.

Per mint: vault + fund vault + liquidator + circulation = supply, and vault + what borrowers took into circulation = deposits.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from solders.account import Account
from solders.pubkey import Pubkey

from liquidation_engine.localnet.scenarios.arithmetic import HeldLeg, up
from liquidation_engine.localnet.scenarios.assets import ASSETS, BY_SYMBOL, CONFIDENCE_BPS, Asset
from liquidation_engine.localnet.scenarios.population import Drawn
from liquidation_engine.protocols.reference import addresses
from liquidation_engine.protocols.reference.accounts import (
    WAD,
    InsuranceFundAccount,
    Leg,
    MarketAccount,
    OracleAccount,
    PositionAccount,
    ReserveAccount,
    Side,
)
from liquidation_engine.protocols.reference.tokens import pack_mint, pack_token_account

ASSOCIATED_TOKEN_PROGRAM_ID = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
MARKET_ID = 1
TOKEN_ACCOUNT_BYTES = 165
LIQUIDATOR_LAMPORTS = 1_000 * 10**9
AUTHORITY_LAMPORTS = 100 * 10**9
NEVER = 2**64 - 1  # rent epoch of an account that is exempt

Entry = tuple[Pubkey, Account]


@dataclass(frozen=True, slots=True, kw_only=True)
class MintInfo:
    """Where one asset's accounts are."""

    symbol: str
    mint: Pubkey
    decimals: int
    reserve: Pubkey
    vault: Pubkey
    oracle: Pubkey
    fund: Pubkey
    fund_vault: Pubkey
    liquidator_tokens: Pubkey  # the liquidator's associated token account
    circulation: Pubkey  # the token account that stands for everybody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPosition:
    """A position with its address."""

    address: Pubkey
    owner: Pubkey
    id: int
    bump: int
    kind: str
    legs: tuple[HeldLeg, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The addresses of the market and of those who act on it."""

    program: Pubkey
    market: Pubkey
    market_bump: int
    creator: Pubkey
    liquidator: Pubkey
    oracle_authority: Pubkey
    mints: tuple[MintInfo, ...]


def places(program: Pubkey, seed: int, liquidator: Pubkey, oracle_authority: Pubkey) -> Places:
    """Derive every address of the scenario's market."""
    creator = named_key("creator", seed)
    market, bump = addresses.market(creator, MARKET_ID, program=program)
    mints = tuple(_mint_info(program, market, asset, liquidator, oracle_authority, seed) for asset in ASSETS)
    return Places(
        program=program,
        market=market,
        market_bump=bump,
        creator=creator,
        liquidator=liquidator,
        oracle_authority=oracle_authority,
        mints=mints,
    )


def named_key(name: str, seed: int) -> Pubkey:
    """Return an address that nobody holds a key of, the same for the same name and seed."""
    return Pubkey(hashlib.sha256(f"scenario {seed} {name}".encode()).digest())


def associated_token_account(owner: Pubkey, mint: Pubkey) -> Pubkey:
    """Return the owner's associated token account of a mint."""
    seeds = [bytes(owner), bytes(addresses.TOKEN_PROGRAM_ID), bytes(mint)]
    return Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM_ID)[0]


def place(drawn: Sequence[Drawn], where: Places, seed: int) -> tuple[PlacedPosition, ...]:
    """Give positions owners and addresses, and debts their shares; the first is the lender's."""
    return tuple(_placed(one, number, where, seed) for number, one in enumerate(drawn))


def shares_of(tokens: int, asset: Asset) -> int:
    """Return the shares that borrowing `tokens` makes."""
    return up(tokens * WAD, asset.borrow_index)


def _placed(drawn: Drawn, number: int, where: Places, seed: int) -> PlacedPosition:
    owner = named_key(f"owner {number}", seed)
    address, bump = addresses.position(where.market, owner, number, program=where.program)
    legs = tuple(
        HeldLeg(leg.symbol, shares_of(leg.tokens, BY_SYMBOL[leg.symbol]) if leg.debt else leg.tokens, leg.debt)
        for leg in drawn.legs
    )
    return PlacedPosition(address=address, owner=owner, id=number, bump=bump, kind=drawn.kind, legs=legs)


def _mint_info(
    program: Pubkey, market: Pubkey, asset: Asset, liquidator: Pubkey, oracle_authority: Pubkey, seed: int
) -> MintInfo:
    reserve, _ = addresses.reserve(market, asset.mint, program=program)
    return MintInfo(
        symbol=asset.symbol,
        mint=asset.mint,
        decimals=asset.decimals,
        reserve=reserve,
        vault=addresses.vault(reserve, program=program)[0],
        oracle=addresses.oracle(oracle_authority, asset.mint, program=program)[0],
        fund=addresses.insurance_fund(asset.mint, program=program)[0],
        fund_vault=addresses.insurance_vault(asset.mint, program=program)[0],
        liquidator_tokens=associated_token_account(liquidator, asset.mint),
        circulation=associated_token_account(named_key("circulation", seed), asset.mint),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """One mint's tokens at genesis."""

    deposits: int
    debt_shares: int
    borrowed: int  # tokens, Σ over debt legs
    vault: int
    fund: int
    liquidator: int
    circulation: int

    @property
    def supply(self) -> int:
        """Σ of all token accounts."""
        return self.vault + self.fund + self.liquidator + self.circulation


def balances(positions: Sequence[PlacedPosition], funds: Mapping[str, int]) -> dict[str, Balances]:
    """Add up each symbol's legs; what is deposited and not borrowed lies in the vault."""
    found = {}
    for asset in ASSETS:
        legs = [leg for one in positions for leg in one.legs if leg.symbol == asset.symbol]
        deposits = sum(leg.amount for leg in legs if not leg.debt)
        borrowed = sum(leg.tokens for leg in legs if leg.debt)
        found[asset.symbol] = Balances(
            deposits=deposits,
            debt_shares=sum(leg.amount for leg in legs if leg.debt),
            borrowed=borrowed,
            vault=deposits - borrowed,
            fund=funds[asset.symbol],
            liquidator=2 * borrowed + 10**asset.decimals,
            circulation=borrowed,
        )
    return found


def rent(size: int) -> int:
    """Return the lamports that exempt an account of `size` bytes from rent."""
    return (128 + size) * 6_960


def accounts(
    where: Places, positions: Sequence[PlacedPosition], totals: Mapping[str, Balances], slot: int, seed: int
) -> Iterator[Entry]:
    """Yield every account of the genesis, as of `slot`."""
    yield where.liquidator, _wallet(LIQUIDATOR_LAMPORTS)
    yield where.oracle_authority, _wallet(AUTHORITY_LAMPORTS)
    market = MarketAccount(
        owner=where.creator,
        insurance_authority=where.liquidator,
        creator=where.creator,
        id=MARKET_ID,
        reserve_count=len(where.mints),
        bump=where.market_bump,
    )
    yield where.market, _owned(where.program, market.pack())
    for info in where.mints:
        yield from _asset_accounts(where, info, totals[info.symbol], slot, seed)
    reserves = {info.symbol: info.reserve for info in where.mints}
    for one in positions:
        yield one.address, _owned(where.program, _position(where.market, one, reserves, slot).pack())


def _asset_accounts(where: Places, info: MintInfo, total: Balances, slot: int, seed: int) -> Iterator[Entry]:
    asset = BY_SYMBOL[info.symbol]
    yield info.mint, _owned(addresses.TOKEN_PROGRAM_ID, pack_mint(where.creator, total.supply, asset.decimals))
    yield info.oracle, _owned(where.program, _oracle(where, asset, slot).pack())
    yield info.reserve, _owned(where.program, _reserve(where, info, asset, total, slot).pack())
    fund = InsuranceFundAccount(
        mint=info.mint,
        vault=info.fund_vault,
        market=where.market,
        contributed=total.fund,
        bump=addresses.insurance_fund(info.mint, program=where.program)[1],
    )
    yield info.fund, _owned(where.program, fund.pack())
    yield info.vault, token_account(info.mint, where.market, total.vault)
    yield info.fund_vault, token_account(info.mint, info.fund, total.fund)
    yield info.liquidator_tokens, token_account(info.mint, where.liquidator, total.liquidator)
    yield info.circulation, token_account(info.mint, named_key("circulation", seed), total.circulation)


def token_account(mint: Pubkey, owner: Pubkey, amount: int) -> Account:
    """Return a token account; one of wrapped SOL holds its tokens as lamports above its rent."""
    least = rent(TOKEN_ACCOUNT_BYTES)
    if mint == addresses.SOL_MINT:
        data = pack_token_account(mint, owner, amount, native_rent=least)
        return Account(least + amount, data, addresses.TOKEN_PROGRAM_ID, False, NEVER)
    return _owned(addresses.TOKEN_PROGRAM_ID, pack_token_account(mint, owner, amount))


def _oracle(where: Places, asset: Asset, slot: int) -> OracleAccount:
    return OracleAccount(
        authority=where.oracle_authority,
        mint=asset.mint,
        exponent=asset.exponent,
        price=asset.price,
        confidence=confidence(asset.price),
        slot=slot,
        updates=1,
        bump=addresses.oracle(where.oracle_authority, asset.mint, program=where.program)[1],
    )


def confidence(price: int) -> int:
    """Return the confidence that the scenario's oracles state beside a price."""
    return max(price * CONFIDENCE_BPS // 10_000, 1)


def _reserve(where: Places, info: MintInfo, asset: Asset, total: Balances, slot: int) -> ReserveAccount:
    return ReserveAccount(
        market=where.market,
        mint=info.mint,
        vault=info.vault,
        oracle=info.oracle,
        decimals=asset.decimals,
        config=asset.config,
        total_deposits=total.deposits,
        total_debt_shares=total.debt_shares,
        borrow_index=asset.borrow_index,
        accrued_slot=slot,
        bump=addresses.reserve(where.market, info.mint, program=where.program)[1],
    )


def _position(market: Pubkey, placed: PlacedPosition, reserves: Mapping[str, Pubkey], slot: int) -> PositionAccount:
    legs = tuple(
        Leg(reserves[leg.symbol], Side.DEBT if leg.debt else Side.COLLATERAL, leg.amount) for leg in placed.legs
    )
    return PositionAccount(
        market=market, owner=placed.owner, id=placed.id, legs=legs, last_update_slot=slot, bump=placed.bump
    )


def _wallet(lamports: int) -> Account:
    return Account(lamports, b"", Pubkey.default(), False, NEVER)


def _owned(program: Pubkey, data: bytes) -> Account:
    return Account(rent(len(data)), data, program, False, NEVER)
