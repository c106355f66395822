"""A protocol's deployed program as accounts and instructions, in one shape: discover, read, liquidate.

`program("save")` gives the words for the chain, `get("save")` the arithmetic. Nothing here connects to anything: the caller reads what
`discovery` and `accounts_of` name, plans with the arithmetic, and sends what `liquidation` returns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.protocols.adapter import Account, Clock, Plan

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ASSOCIATED_TOKEN_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
_CREATE_IDEMPOTENT = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of a program's accounts: what `getProgramAccounts` and `programSubscribe` are asked for."""

    name: str  # "position", "reserve", "market"
    filters: Sequence[Mapping[str, Any]]  # in the RPC's JSON form
    data_slice: tuple[int, int] | None = None  # (offset, length) that discovery needs; all of it without


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a position holds: each reserve (bank) with its mint, in stored order."""

    owner: str
    market: str
    debts: Mapping[str, str]
    collateral: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wallet:
    """Who liquidates, and its token accounts where they are not the associated ones (mint -> account)."""

    key: str
    token_accounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def pubkey(self) -> Pubkey:
        """The address as instructions take it."""
        return Pubkey.from_string(self.key)

    def account(self, mint: Pubkey, token_program: Pubkey = TOKEN_PROGRAM) -> Pubkey:
        """Return the token account of a mint."""
        given = self.token_accounts.get(str(mint))
        if given is not None:
            return Pubkey.from_string(given)
        seeds = [bytes(self.pubkey), bytes(token_program), bytes(mint)]
        return Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM)[0]

    def create(self, mint: Pubkey, token_program: Pubkey = TOKEN_PROGRAM) -> Instruction:
        """Return what makes the associated token account of a mint, and does nothing where it exists."""
        metas = [
            AccountMeta(self.pubkey, is_signer=True, is_writable=True),
            AccountMeta(self.account(mint, token_program), is_signer=False, is_writable=True),
            *(AccountMeta(it, False, False) for it in (self.pubkey, mint, Pubkey.default(), token_program)),
        ]
        return Instruction(ASSOCIATED_TOKEN_PROGRAM, _CREATE_IDEMPOTENT, metas)

    def setup(self, *mints: Pubkey) -> tuple[Instruction, ...]:
        """Return what makes every associated account of these mints."""
        return tuple(self.create(mint) for mint in dict.fromkeys(mints) if str(mint) not in self.token_accounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """A liquidation ready to be signed: everything in `instructions` has to land in one transaction."""

    instructions: tuple[Instruction, ...]  # behind the compute budget
    compute_units: int  # enough for all of them
    setup: tuple[Instruction, ...] = ()  # idempotent, in transactions before: token accounts, program's records
    borrowed: int = 0  # smallest units of the debt that a flash loan brings
    loan_fee: int = 0  # smallest units to be paid back on top

    @property
    def lookup(self) -> tuple[str, ...]:
        """The addresses that may stand in a lookup table: all but signers and programs, those used most first."""
        programs = {instruction.program_id for instruction in self.instructions}
        metas = [meta for instruction in self.instructions for meta in instruction.accounts]
        signers = {meta.pubkey for meta in metas if meta.is_signer}
        uses: dict[Pubkey, int] = {}
        for meta in metas:
            uses[meta.pubkey] = uses.get(meta.pubkey, 0) + 1
        candidates = [key for key in uses if key not in programs and key not in signers]
        return tuple(str(key) for key in sorted(candidates, key=lambda key: -uses[key]))


class Program(Protocol):
    """A deployed lending program. Every method raises DecodeError for bytes that the program did not write."""

    name: str
    program_id: str
    refusals: Mapping[int, str]
    """Error code -> name. `Healthy`, `StalePrice`, `UncertainPrice`, `VersionMismatch` and `SeizeBelowMinimum` are what execution
    understands; any other name is the program's own."""

    def discovery(self, market: str | None = None) -> Sequence[Kind]:
        """Return the program's kinds of accounts, positions first; with `market` (marginfi: group) only that one's."""

    def accounts_of(self, position: str, known: Mapping[str, Account]) -> list[str]:
        """Return what has still to be read to answer about a position: read, add to `known`, ask again until it is empty."""

    def holding(self, position: str, known: Mapping[str, Account]) -> Holding:
        """Return what a position holds; MissingAccounts where `known` lacks one of its reserves."""

    def liquidation(
        self,
        accounts: Mapping[str, Account],
        clock: Clock,
        plan: Plan,
        wallet: Wallet,
        *,
        flash: bool = False,
        swap: Sequence[Instruction] = (),
        first: int = 2,
    ) -> Liquidation:
        """Return the transaction of a plan: refreshes, liquidation, and with `flash` a loan of the debt around them.

        `accounts` are those of `accounts_of`; what is needed besides is raised as MissingAccounts. `swap` turns the seized into the
        debt, before a loan is paid back. `first` is the place of the first instruction in the transaction: compute limit and price
        stand before it. ArgumentError where a loan is asked for and the reserve gives none.
        """
