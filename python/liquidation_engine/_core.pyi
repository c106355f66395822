"""The arithmetic core, compiled from Rust: addresses are 32 bytes, amounts smallest units, values atto-USD unless named.

Exceptions raised here: the four below, `errors.DecodeError` and `errors.WalletError`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

from liquidation_engine.errors import LiquidationEngineError

class ArgumentError(LiquidationEngineError, ValueError):
    """An argument is of another type, length or range than it must be; the message says what was found and expected."""

class UnknownPosition(LiquidationEngineError, KeyError):
    """The book has no position at this address."""

class Refused(LiquidationEngineError):
    """The program would refuse; `name` is its error's name (such as 'Healthy'), `code` the number (6011)."""

    name: str
    code: int

class BookBroken(LiquidationEngineError):
    """An earlier call on this book failed inside; build a new one from a snapshot."""

@final
class Change:
    """What a call on a book changed; positions in the order of their addresses."""

    @property
    def crossed(self) -> list[bytes]:
        """Positions that newly need an act: each crossing is here exactly once."""
    @property
    def recovered(self) -> list[bytes]:
        """Positions that need an act no more, removed ones included."""
    @property
    def kind(self) -> Literal["market", "reserve", "oracle", "position", "removed", "older", "foreign", "tick"]:
        """What the call was about."""
    @property
    def evaluated(self) -> int:
        """How many positions were judged."""

@final
class PositionBook:
    """One market: every position judged in exact integers at the prices that the program would read.

    Accounts come in by apply, time by tick, both by tick_accounts; each answers with the positions that newly need an
    act. After every call the set liquidatable() equals what judging each position anew at the clock would give. Calls
    may come from several threads: one runs at a time, with the GIL released.
    """

    @staticmethod
    def for_market(protocol: str, program: bytes, market: bytes) -> PositionBook:
        """Return an empty book of one market, its clock at slot 0. The only protocol yet is "reference".

        Raises ArgumentError for another protocol, or addresses that are not 32 bytes.
        """
    @property
    def protocol(self) -> str:
        """The protocol's name."""
    @property
    def program(self) -> bytes:
        """The program's address, 32 bytes."""
    @property
    def market(self) -> bytes:
        """The market's address, 32 bytes."""
    @property
    def clock(self) -> tuple[int, int]:
        """The slot and unix time (seconds) that positions are judged at; only ticks move it, and never back."""
    @property
    def paused(self) -> bool:
        """Whether the market refuses liquidations."""
    def apply(self, address: bytes, owner: bytes, slot: int, data: bytes) -> Change:
        """Take one account's state at a slot and judge whom it concerns, at the clock.

        A state older than the one known is ignored (kind "older"); of two at one slot the later call counts. Empty data
        or another owner removes the account (kind "removed"). Accounts of other markets or kinds are "foreign".
        Raises DecodeError for bytes the program did not write, ArgumentError for a wrong type, length or range; the
        book is then unchanged.
        """
    def tick(self, slot: int, unix_time: int) -> Change:
        """Move the clock to a slot and judge whoever time alone may have changed: interest, prices grown too old.

        A slot before the clock leaves the clock as it is; positions rearmed since are judged all the same.
        """
    def tick_accounts(self, accounts: Sequence[tuple[bytes, bytes, int, bytes]], slot: int, unix_time: int) -> Change:
        """Move the clock and take several accounts' states in one go; each position is judged once, at the end.

        `accounts` is a list of tuples (address, owner, slot, data). Raises as apply does, and then nothing changed.
        """
    def liquidatable(self) -> list[bytes]:
        """Return every position that needs an act at the clock, bad debt included, in the order of the addresses."""
    def rearm(self, address: bytes) -> None:
        """Let the next tick emit a position again if it still needs an act; an unknown address is left alone."""
    def health(self, address: bytes) -> tuple[int, int, bool, str | None]:
        """Return (weighted collateral, weighted debt, liquidatable, reason), the sums in atto-USD, exact.

        The sums are at the last prices, believed or not; 0 where they cannot be computed. `reason` is None where
        their comparison decides, else "bad_debt" (liquidatable: to be written off), "paused", "missing_account",
        "stale_price", "uncertain_price", "overflow" or "invalid_config" (not liquidatable now).
        Raises UnknownPosition.
        """
    def explain(self, address: bytes) -> dict[str, Any]:
        """Return every figure behind a position's verdict as a dict, each rounding included.

        Raises UnknownPosition.
        """
    def position(self, address: bytes) -> dict[str, Any]:
        """Return what a position is: owner, version, legs, digest, candidate_id and the slot of this state.

        `legs` are tuples (reserve, side "collateral" or "debt", amount, tokens, mint): amount is tokens of collateral
        or shares of debt, tokens are at the clock and None where they cannot be computed. Raises UnknownPosition.
        """
    def positions(self) -> list[bytes]:
        """Return the addresses of all positions, in order."""
    def addresses(self) -> list[bytes]:
        """Return the addresses of all accounts kept, of every kind, in order: what a fresh snapshot is compared with."""
    def rows(self, max_health: float | None = None) -> list[tuple[bytes, bytes, float | None, bool, int, int, int]]:
        """Return a tuple per position: (address, owner, health factor or None, liquidatable, C, D, slot of its state).

        C (rounded down) and D (rounded up) are unweighted micro-USD; the health factor Cw/Dw is for display and None
        without debt. With `max_health` only positions with a health factor up to it. In the order of the addresses.
        """
    def __len__(self) -> int: ...

@final
class Quote:
    """One liquidation that the program would accept, and what it leaves. Amounts in smallest units, values in micro-USD."""

    @property
    def debt_reserve(self) -> bytes: ...
    @property
    def debt_mint(self) -> bytes: ...
    @property
    def collateral_reserve(self) -> bytes: ...
    @property
    def collateral_mint(self) -> bytes: ...
    @property
    def expected_version(self) -> int:
        """The position's version that the instruction must expect."""
    @property
    def repaid(self) -> int:
        """Debt tokens that the liquidator pays."""
    @property
    def seized(self) -> int:
        """Collateral tokens that leave the position: seized_net + fee."""
    @property
    def seized_net(self) -> int:
        """Collateral tokens that the liquidator receives."""
    @property
    def fee(self) -> int:
        """Collateral tokens that the insurance fund receives."""
    @property
    def bonus_bps(self) -> int: ...
    @property
    def mode(self) -> Literal["partial", "whole"]: ...
    @property
    def limited_by(self) -> Literal["amount", "collateral", "whole", "dust", "close_factor"]:
        """What keeps the repayment from being larger."""
    @property
    def debt_left_tokens(self) -> int:
        """Debt tokens left in the leg."""
    @property
    def collateral_left(self) -> int:
        """Collateral tokens left in the leg."""
    @property
    def repaid_micro_usd(self) -> int:
        """Rounded up."""
    @property
    def seized_micro_usd(self) -> int:
        """Value of seized_net, rounded down."""
    @property
    def fee_micro_usd(self) -> int:
        """Rounded up."""
    @property
    def health_before(self) -> float | None:
        """Cw/Dw, for display."""
    @property
    def health_after(self) -> float | None:
        """Cw/Dw at the same slot and prices, for display; None without debt."""
    @property
    def leaves_bad_debt(self) -> bool:
        """Whether debt but no collateral is left, in any leg."""
    @property
    def still_liquidatable(self) -> bool:
        """Whether Cw < Dw holds afterwards, at the same slot and prices."""

def quotes(
    accounts: Mapping[bytes, bytes], position: bytes, slot: int, amount: int = 18446744073709551615
) -> list[Quote]:
    """Return what liquidating each pair of a debt and a collateral leg would do at a slot, for at most `amount` tokens.

    `accounts` maps addresses to account data and holds the position, and reserve and oracle of each of its legs; a
    market given there is asked whether it is paused. Pairs that the program would refuse are left out; if it would
    refuse all of them, Refused is raised with the first pair's error (`name` such as "Healthy", "StalePrice",
    "AmountTooSmall"). A position with debt but no collateral has no pairs: the list is empty (write it off).
    Raises ArgumentError for a missing account, DecodeError for bytes the program did not write.
    """

def sign_message(secret_64: bytes, message: bytes) -> bytes:
    """Return the ed25519 signature (64 bytes) of `message` under a keypair: 32 secret bytes, then their public key.

    Raises WalletError if the two halves do not belong together.
    """

def state_digest(position_data: bytes) -> str:
    """Return the digest of a position account's material fields as 64 hex digits: version and legs, not the slot.

    Raises DecodeError if the bytes are not a position.
    """

def candidate_id(position: bytes, digest: str) -> str:
    """Return the id of the need to liquidate a position in a state, as 32 hex digits.

    It is the first half of sha256(position, digest): the same on any instance, after any restart.
    """

def to_base58(address: bytes) -> str:
    """Return a 32-byte address in base58."""

def from_base58(text: str) -> bytes:
    """Return the 32 bytes of an address in base58.

    Raises ArgumentError for any other text.
    """
