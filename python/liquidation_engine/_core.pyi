"""The arithmetic core, compiled from Rust: addresses are 32 bytes, amounts smallest units, values atto-USD unless named.

Exceptions raised here: the four below, `errors.DecodeError` and `errors.WalletError`.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, SupportsIndex, final, overload

import numpy as np
from numpy.typing import NDArray

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
    """A market of your own: amounts by asset, prices and weights, every position judged in exact integers.

    A leg is amount * mantissa * weight_bps * 10**(exponent - decimals + 18) / 10**4 in 1e-18 quote units, rounded down
    for collateral and up for debt; a position is liquidatable iff the sum of its collateral is below that of its debt.
    Slot 2 * asset is collateral, 2 * asset + 1 debt. Every weight is 10,000 until set_weights, every price missing (0)
    until the first tick. `decimals` is uint8[a], `exponents` int8[a] as Pyth's. After every call liquidatable() equals
    what judging each position anew would give, and each crossing was returned once. Calls may come from several
    threads: one runs at a time, with the GIL released. Arrays are aligned and without gaps; they are read where they
    are, so that no thread may write to them meanwhile, and read-only ones will do. Whatever is at fault raises
    ArgumentError, which says what was found and what was expected, and then nothing changed; BookBroken if an
    earlier call failed inside.
    """

    def __new__(
        cls, assets: Sequence[str], decimals: NDArray[np.uint8], exponents: NDArray[np.int8]
    ) -> PositionBook: ...
    @staticmethod
    def for_market(protocol: str, program: bytes, market: bytes) -> MarketBook:
        """Return an empty book of a protocol's market, its clock at slot 0. The only protocol yet is "reference".

        Raises ArgumentError for another protocol, or addresses that are not 32 bytes.
        """
    @property
    def assets(self) -> list[str]:
        """The names of the assets, in the order of their slots."""
    @property
    def clock(self) -> tuple[int, int]:
        """The largest slot and unix time (seconds) that a tick brought."""
    @property
    def kernel(self) -> Literal["avx512", "avx2", "portable"]:
        """The screen's instruction set: "avx512", "avx2" or "portable"; LIQUIDATION_KERNEL forces one on new books."""
    def set_positions(
        self,
        ids: NDArray[np.uint64],
        offsets: NDArray[np.uint32],
        slots: NDArray[np.uint16],
        amounts: NDArray[np.uint64],
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Insert or replace positions; return (crossed, recovered) at the current prices, ids ascending (uint64).

        `ids` is uint64[n], `offsets` uint32[n + 1] from 0, `slots` uint16[legs] and `amounts` uint64[legs] in smallest
        units: position i has the legs offsets[i] to offsets[i + 1], at most 16 a side. A replaced position that is
        liquidatable is in `crossed` again. Raises ArgumentError for a wrong dtype, shape, offset or slot, or an id
        that comes twice; the book is then unchanged.
        """
    def remove(self, ids: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Take positions (uint64[n]) out; return (crossed, recovered), of which the first is empty.

        `recovered` are those that were liquidatable, ascending (uint64). Raises UnknownPosition, or ArgumentError for a
        wrong dtype or shape or an id that comes twice; the book is then unchanged.
        """
    def set_weights(
        self, collateral_bps: NDArray[np.uint32], debt_bps: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Take the weights of collateral and debt (uint32[a] each, basis points); return (crossed, recovered).

        Both uint64, ascending, as of a tick. Raises ArgumentError for a wrong dtype or a length other than a; the book is
        then unchanged.
        """
    def tick(
        self, prices: NDArray[np.int64], slot: SupportsIndex, unix_time: SupportsIndex
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Take the prices' mantissas (int64[a], 0 for none), slot and unix time (seconds); return (crossed, recovered).

        `crossed` are positions that newly are liquidatable (or were rearmed), `recovered` those that no longer are;
        both uint64, ascending, each crossing exactly once. The clock never goes back. Raises ArgumentError for a wrong
        dtype (floats are never prices), a length other than a, a negative price, or a slot or time that is not an int from
        0 to 2**64 - 1; the book is then unchanged.
        """
    def sweep(self) -> NDArray[np.uint64]:
        """Return every liquidatable position (uint64, ascending) by looking at all of them."""
    def liquidatable(self) -> NDArray[np.uint64]:
        """Return every liquidatable position (uint64, ascending) as the last call left it."""
    def screen(self) -> int:
        """Return how many positions the screen of a full sweep cannot rule out, those known to be liquidatable aside."""
    def reanchor(self, wait: bool = True) -> None:
        """Order all positions anew at the current prices: ticks are cheapest right after.

        A book does so by itself, on a thread of its own, when ticks have become dear. With `wait` it is done when this returns,
        else it goes on beside later calls, of which one takes the new order into use.
        """
    def rearm(self, id: SupportsIndex) -> None:
        """Let the next tick return a position as crossed again if it is still liquidatable.

        Raises UnknownPosition, or ArgumentError for an id that is not an int from 0 to 2**64 - 1.
        """
    def health(self, ids: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return collateral over debt of each position (float64[n], for display); inf without debt.

        `ids` is uint64[n]. The quotient of the exact sums, rounded to within a few units in the last place: below 1 does
        not decide, health_exact does. Raises UnknownPosition, or ArgumentError for a wrong dtype or shape.
        """
    def health_exact(self, id: SupportsIndex) -> tuple[int, int]:
        """Return (collateral, debt) of a position in 1e-18 quote units, exact: liquidatable iff the first is smaller.

        Both with their weights, each leg rounded down for collateral and up for debt. Raises UnknownPosition, or
        ArgumentError for an id that is not an int from 0 to 2**64 - 1.
        """
    def nearest(self, n: SupportsIndex) -> NDArray[np.uint64]:
        """Return up to n positions with debt (uint64), lowest health first, of equal ones the lower id first.

        Raises ArgumentError for an n that is not an int from 0 to 2**64 - 1.
        """
    def liquidation_price(self, id: SupportsIndex, asset: SupportsIndex) -> int | None:
        """Return the price mantissa nearest to today's at which a position is liquidatable, all else as it is; None if none is.

        `asset` counts from 0; of two mantissas equally near the lower one is returned, from 0 to 2**63 - 1. Raises
        UnknownPosition, or ArgumentError for an unknown asset or one held by several legs on both sides.
        """
    def histogram(self, edges: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Return how many positions have a health in each bin (uint64[n - 1]) of `edges` (float64[n]), as numpy.histogram.

        Each edge is above the one before; only the last bin holds its upper one; without debt the health is inf. Raises
        ArgumentError for a wrong dtype or shape, fewer than two edges, or one that is not above the one before.
        """
    @overload
    def scenario(
        self,
        shocks: NDArray[np.float64],
        *,
        ids: Literal[False] = False,
        progress: Callable[[int, int], object] | bool | None = None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.float64]]:
        """Return (counts uint64[s], debt_at_risk float64[s], shortfall float64[s]) of all positions under shocked prices.

        `shocks` is float64[s, a], a row per scenario: -0.3 is a fall by 30 %. A mantissa becomes
        floor(mantissa * (1 + shock)) in IEEE doubles, as numpy computes it; 0 leaves it as it is, at -1 the price is
        gone. Counts are of liquidatable positions, by the exact rule; debt_at_risk is the market value of their debts,
        without weights and in quote currency, shortfall what of it their collateral's market value leaves uncovered.
        With `ids` also (offsets uint64[s + 1], ids uint64[offsets[s]]): scenario i has ids[offsets[i]:offsets[i + 1]],
        ascending. `progress` is a callable of (done, total), True for a line on stderr, False for none; without it the
        line is drawn where stderr is a terminal and the call takes over a second. Positions are as they are when the
        call begins: other threads may use the book meanwhile. What `progress` raises, or Ctrl-C, ends the call.
        Raises ArgumentError, also for a shock below -1 or a price from 2**63 on.
        """
    @overload
    def scenario(
        self,
        shocks: NDArray[np.float64],
        *,
        ids: Literal[True],
        progress: Callable[[int, int], object] | bool | None = None,
    ) -> tuple[
        NDArray[np.uint64], NDArray[np.float64], NDArray[np.float64], NDArray[np.uint64], NDArray[np.uint64]
    ]: ...
    def memory(self) -> dict[str, int]:
        """Return the bytes that the book occupies: {"hot": what a full sweep reads, "total": everything}."""
    def snapshot(self, path: str | PathLike[str]) -> None:
        """Write the book to a file, whole or not at all: versioned, checksummed, what was returned as crossed included.

        Raises OSError.
        """
    @staticmethod
    def restore(path: str | PathLike[str]) -> PositionBook:
        """Return the book that a file holds: it answers every call as the one that was written would.

        Raises OSError, or DecodeError for a file of another version, cut short or changed.
        """
    def __len__(self) -> int: ...

@final
class Screen:
    """One market of a real protocol, kept so that a change of prices or time tells at once who has to be judged exactly.

    Accounts come in by apply: reserves and positions as they are found, then what wanted() names. Calls may come from several threads: one
    runs at a time, with the GIL released. Raises ArgumentError for a protocol that has no screen, or a market that is not 32 bytes.
    """

    def __new__(cls, protocol: str, market: bytes) -> Screen: ...
    def apply(self, address: bytes, owner: bytes, slot: int, data: bytes, lamports: int = 1) -> bool:
        """Take one account's state; return whether it concerns this market and is not older than the one known.

        The balance counts where a price hangs on it, as a staked token's does. Empty data or another owner closes the account.
        Raises DecodeError for bytes the program did not write, and nothing changes.
        """
    def wanted(self) -> list[bytes]:
        """Return the accounts that prices hang on and that were not seen yet."""
    def suspects(self, slot: int, unix_time: int) -> list[bytes]:
        """Return every position that may be liquidatable then, in the order of the addresses: all that are, and few besides."""

@final
class MarketBook:
    """One market of a protocol: every position judged in exact integers at the prices that the program would read.

    Accounts come in by apply, time by tick, both by tick_accounts; each answers with the positions that newly need an
    act. After every call the set liquidatable() equals what judging each position anew at the clock would give. Calls
    may come from several threads: one runs at a time, with the GIL released.
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
    def kernel(self) -> Literal["avx512", "avx2", "portable"]:
        """The screen's instruction set: "avx512", "avx2" or "portable"; LIQUIDATION_KERNEL forces one on new books."""
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
    def snapshot(self, path: str | PathLike[str]) -> None:
        """Write the book to a file, whole or not at all: versioned, checksummed, what was emitted as crossed included.

        Raises OSError.
        """
    @staticmethod
    def restore(path: str | PathLike[str]) -> MarketBook:
        """Return the book that a file holds: it answers every call as the one that was written would.

        Raises OSError, or DecodeError for a file of another version, cut short or changed.
        """
    def __len__(self) -> int: ...

@final
class Markets:
    """Many markets: an account goes to the books that it concerns, a price to every book that has the asset.

    Protocols' markets are opened here and answer as MarketBook does; a reserve or a position belongs to one market, an
    oracle to all markets of its program. Markets of your own are added by name. Calls may come from several threads:
    one runs at a time, with the GIL released. Raises ArgumentError, and then nothing changed.
    """

    def __new__(cls) -> Markets: ...
    def open(self, protocol: str, program: bytes, market: bytes) -> MarketBook:
        """Open a protocol's market and return its book, to ask: accounts and time are to come in here.

        Raises ArgumentError for another protocol than "reference", or a market that is open already.
        """
    def add(self, name: str, book: PositionBook) -> None:
        """Add a market of your own under a name of its own."""
    def books(self) -> list[MarketBook]:
        """Return the books of the protocols' markets, in the order in which they were opened."""
    def apply(self, address: bytes, owner: bytes, slot: int, data: bytes) -> list[tuple[bytes, Change]]:
        """Take one account's state at a slot; return (market, Change) of every market that it concerns.

        Raises as MarketBook.apply does, and then no book has changed.
        """
    def tick(self, slot: int, unix_time: int) -> list[tuple[bytes, Change]]:
        """Move every clock and judge whoever time alone may have changed; return (market, Change) of every market."""
    def tick_accounts(
        self, accounts: Sequence[tuple[bytes, bytes, int, bytes]], slot: int, unix_time: int
    ) -> list[tuple[bytes, Change]]:
        """Move every clock and take several accounts' states in one go; return (market, Change) of every market.

        `accounts` is a list of tuples (address, owner, slot, data). Raises as apply does, and then no book has changed.
        """
    def tick_prices(
        self, prices: dict[str, int], slot: int, unix_time: int
    ) -> list[tuple[str, NDArray[np.uint64], NDArray[np.uint64]]]:
        """Take prices' mantissas by asset (0 for none), slot and unix time (seconds); return (name, crossed, recovered).

        Every market of your own that has one of the assets is ticked, its other prices as they were. Raises
        ArgumentError for an asset that no market has; then nothing changed.
        """
    def liquidatable(self) -> list[tuple[bytes, bytes]]:
        """Return (market, position) of every position of a protocol's market that needs an act."""
    def rearm(self, address: bytes) -> None:
        """Let the next tick emit a position again if it still needs an act; an unknown address is left alone."""
    def snapshot(self, path: str | PathLike[str]) -> None:
        """Write the protocols' markets to a file, whole or not at all; markets of your own have files of their own.

        Raises OSError.
        """
    @staticmethod
    def restore(path: str | PathLike[str]) -> Markets:
        """Return the protocols' markets that a file holds.

        Raises OSError, or DecodeError for a file of another version, cut short or changed.
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

_Given = Sequence[tuple[bytes, bytes, int, bytes]]
_Asked = tuple[object, ...]

def protocol_names() -> list[str]:
    """Return the names of the protocols that the questions below are answered for."""

def predict(protocol: str, accounts: _Given, clock: tuple[int, int], request: _Asked) -> tuple[Any, ...]:
    """Return what a protocol's program will do with a liquidation, as a tuple."""

def health(protocol: str, accounts: _Given, clock: tuple[int, int], position: bytes) -> tuple[int, int, bool, str]:
    """Return (numerator, denominator, liquidatable, reason) of a position."""

def screened(protocol: str, accounts: _Given, clock: tuple[int, int], position: bytes) -> bool | None:
    """Return whether the book's screen looks at a position, None where it cannot tell."""

def best_plan(protocol: str, accounts: _Given, clock: tuple[int, int], policy: _Asked) -> tuple[Any, ...] | str:
    """Return (request, prediction, profit), or the reason why there is no plan."""

def explain(
    protocol: str, accounts: _Given, clock: tuple[int, int], position: bytes
) -> list[tuple[str, str, int, int, str, str]]:
    """Return every term of a position's health: (section, name, value, scale, rounding, note)."""
