"""What the chain shows of the wallets, the funds and the transactions: the side that the books are held against."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from liquidation_auditor.decode import WRAPPED_SOL, base58
from liquidation_auditor.prices import Prices
from liquidation_auditor.replay import NATIVE, Executed
from liquidation_auditor.state import ChainState

Balances = dict[str, int]


def wallet_balances(state: ChainState, wallets: Iterable[bytes]) -> Balances:
    """Return what the wallets hold: the tokens in all their accounts, per mint, and lamports (`native`).

    The lamports that lie in their token accounts as rent are theirs; a wrapped-SOL account's tokens count once.
    """
    mine = frozenset(wallets)
    held: Counter[str] = Counter({NATIVE: sum(state.lamports(wallet) for wallet in mine)})
    for address, account in state.tokens.items():
        if account.authority in mine:
            held[base58(account.mint)] += account.amount
            held[NATIVE] += state.lamports(address) - (account.amount if account.mint == WRAPPED_SOL else 0)
    return dict(held)


def wallet_addresses(state: ChainState, wallets: Iterable[bytes]) -> set[str]:
    """Return the wallets and the token accounts that they own now."""
    mine = frozenset(wallets)
    held = {base58(address) for address, account in state.tokens.items() if account.authority in mine}
    return held | {base58(wallet) for wallet in mine}


def income_from_outside(before: Balances, after: Balances, executed: Iterable[Executed], mine: set[str]) -> Balances:
    """Return what the wallets gained in a block beyond their own transactions: gifts and airdrops, never losses."""
    rest = Counter(after)
    rest.subtract(before)
    for found in executed:
        for (address, mint), amount in found.deltas.items():
            if found.wallets and (address in mine or address in found.purses):
                rest[mint] -= amount
    return dict(+rest)


def fund_balances(state: ChainState) -> Balances:
    """Return what the vault of every insurance fund of the market holds, per mint."""
    return {base58(fund.mint): state.balance(fund.vault) for fund in state.funds.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the books are held against.

    `engine` are the wallets' transactions that liquidate, write off or cover, in order, `others` their remaining ones,
    `strangers` those of others that liquidate, write off, cover or name a fund's vault, `earlier` the signatures before
    what is judged. `wallet_before` is what the wallets held in the first judged slot and were given since;
    `fund_openings` are the vaults' balances at the slots which the fund rows name.
    """

    state: ChainState
    wallets: frozenset[bytes]
    engine: list[Executed]
    others: list[Executed]
    wallet_before: Balances
    fund_openings: Mapping[str, int]
    strangers: list[Executed] = field(default_factory=list)
    earlier: frozenset[str] = frozenset()
    prices: Prices = field(default_factory=Prices)
