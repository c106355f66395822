"""The chain at the end of one slot: raw accounts, what the lending program means by them, and token sums per mint."""

from collections import Counter
from collections.abc import Iterable

from liquidation_auditor.arithmetic import index_at
from liquidation_auditor.decode import (
    Fund,
    Market,
    Oracle,
    Position,
    Reserve,
    TokenAccount,
    lending_account,
    token_account,
)
from liquidation_auditor.recording import AccountRow


class ChainState:
    """Accounts replayed so far; only those of `market` are decoded (oracles belong to none and all are kept)."""

    def __init__(self, program: bytes, market: bytes) -> None:
        self.program = program
        self.market_address = market
        self.raw: dict[bytes, AccountRow] = {}
        self.market: Market | None = None
        self.reserves: dict[bytes, Reserve] = {}
        self.oracles: dict[bytes, Oracle] = {}
        self.positions: dict[bytes, Position] = {}
        self.funds: dict[bytes, Fund] = {}
        self.tokens: dict[bytes, TokenAccount] = {}
        self.token_sums: Counter[bytes] = Counter()

    def apply(self, rows: Iterable[AccountRow]) -> None:
        """Take over new account states."""
        for row in rows:
            self.raw[row.pubkey] = row
            self._take_tokens(row)
            self._take_lending(row)

    def judged(self, row: AccountRow) -> bool:
        """Whether an account is the lending program's or holds tokens: only transactions may change it."""
        return row.owner == self.program or token_account(row.owner, row.data) is not None

    def _take_tokens(self, row: AccountRow) -> None:
        old = self.tokens.pop(row.pubkey, None)
        new = token_account(row.owner, row.data)
        if old is not None:
            self.token_sums[old.mint] -= old.amount
        if new is not None:
            self.token_sums[new.mint] += new.amount
            self.tokens[row.pubkey] = new

    def _take_lending(self, row: AccountRow) -> None:
        holds = lending_account(row.data) if row.owner == self.program else None
        for kind in (self.reserves, self.positions, self.oracles, self.funds):
            kind.pop(row.pubkey, None)
        match holds:
            case Market() if row.pubkey == self.market_address:
                self.market = holds
            case Reserve() if holds.market == self.market_address:
                self.reserves[row.pubkey] = holds
            case Position() if holds.market == self.market_address:
                self.positions[row.pubkey] = holds
            case Fund() if holds.market == self.market_address:
                self.funds[row.pubkey] = holds
            case Oracle():
                self.oracles[row.pubkey] = holds
            case _:
                pass

    def indexes_at(self, slot: int) -> dict[bytes, int]:
        """Return every reserve's borrow index projected to `slot`."""
        return {address: index_at(reserve, slot) for address, reserve in self.reserves.items()}

    def fund_of(self, mint: bytes) -> tuple[bytes, Fund]:
        """Return the address and account of the market's insurance fund of a mint."""
        return next((address, fund) for address, fund in self.funds.items() if fund.mint == mint)

    def balance(self, account: bytes) -> int:
        """Return the tokens in an account, 0 where there is none."""
        held = self.tokens.get(account)
        return held.amount if held else 0

    def lamports(self, account: bytes) -> int:
        """Return an account's lamports, 0 where there is none."""
        row = self.raw.get(account)
        return row.lamports if row else 0
