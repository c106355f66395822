"""What every lending protocol answers about a position from raw accounts, in one shape.

`get("save").predict(accounts, clock, plan)` says what the deployed program will do. The arithmetic is Rust's, in the
protocol's own fixed point; this module gives its answers names and takes what RPC libraries hand out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol, SupportsBytes

from liquidation_engine import _core

ALL = 2**64 - 1  # as an amount: as much as allowed

Address = str | bytes | SupportsBytes


class Account(Protocol):
    """An account as solders and most RPC clients give it."""

    @property
    def owner(self) -> Address:
        """The program that owns it."""

    @property
    def data(self) -> bytes:
        """Its bytes."""

    @property
    def lamports(self) -> int:
        """Its balance."""


class Clock(Protocol):
    """The chain's clock at which the transaction runs; solders' Clock fits."""

    @property
    def slot(self) -> int:
        """Slot."""

    @property
    def unix_timestamp(self) -> int:
        """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One liquidation of one debt leg against one collateral leg.

    `amount` counts smallest units of the debt (marginfi: of the collateral, taken literally); ALL is as much as
    allowed. `profit` is set by `best_plan`: value seized - value repaid - costs, 10^-6 quote units, rounded down.
    """

    position: str
    debt_reserve: str
    collateral_reserve: str
    amount: int = ALL
    liquidator: str | None = None
    min_received: int = 0
    instruction: str | None = None  # "v1" | "v2"
    version: str | None = None  # the program's, "1.16.0"; the newest known without
    prediction: "Prediction | None" = None
    profit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the program will do with exactly these accounts. With an error, the numbers are 0 and `accounts_after` empty."""

    repaid: int  # smallest units of the debt (marginfi: floor of the debt the liquidator takes on)
    debt_relieved: int | None  # marginfi: floor of the debt the position is rid of
    seized: int  # smallest units of the underlying that the liquidator receives, net
    seized_shares: int  # collateral tokens that are left unredeemed
    protocol_fee: int  # smallest units that the protocol keeps
    bonus: Fraction
    bonus_bps: int  # rounded half up
    error: int | None  # the first failing instruction's custom code; -1 for a panic or another error
    accounts_after: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Health:
    """A position's health in the protocol's own integers.

    Save: unhealthy borrow value / borrowed value; Kamino: unhealthy LTV / LTV; marginfi: weighted assets / liabilities.
    """

    numerator: int
    denominator: int
    liquidatable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no plan: "healthy", "unprofitable", "stale oracle", "error 23"."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What `best_plan` is held to."""

    position: str | None = None  # the only one among the accounts without
    liquidator: str | None = None
    balances: Mapping[str, int] = field(default_factory=dict)  # mint -> the most to spend; not limited without
    min_profit: int = 0  # 10^-6 quote units; negative allows a loss
    costs: int = 0  # fees and tip, 10^-6 quote units
    instruction: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """One line of an explanation: `value` / `scale` is the figure, `value` exact in the protocol's integers."""

    section: str  # "oracle", "collateral", "debt", "health", "liquidation", "profit"
    name: str
    value: int
    scale: int
    rounding: str  # "exact", "floor", "ceil", "half up", "saturated"
    note: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """One protocol's arithmetic over raw accounts (base58 address -> account).

    Every method raises MissingAccounts for accounts it needs and was not given, DecodeError for bytes that the program
    did not write, ArgumentError for a question that makes no sense.
    """

    name: str

    def predict(self, accounts: Mapping[str, Account], clock: Clock, plan: Any) -> Prediction:
        """Return what the program will do: refresh everything at `clock`, then liquidate.

        `plan` is a Plan, a mapping, or any object with its attributes; what it lacks is Plan's default.
        """
        return _prediction(_core.predict(self.name, _given(accounts), _time(clock), _asked(plan)))

    def health(self, accounts: Mapping[str, Account], clock: Clock, position: str) -> Health:
        """Return the position's health, everything refreshed at `clock`."""
        return Health(*_core.health(self.name, _given(accounts), _time(clock), bytes32(position)))

    def best_plan(self, accounts: Mapping[str, Account], clock: Clock, policy: Any = None) -> Plan | Refusal:
        """Return legs and amount of highest profit under the protocol's priorities, or why there is none."""
        answer = _core.best_plan(self.name, _given(accounts), _time(clock), _held(policy or Policy()))
        if isinstance(answer, str):
            return Refusal(answer)
        asked, prediction, profit = answer
        position, debt, collateral, amount, liquidator, min_received, instruction, version = asked
        return Plan(
            position=_core.to_base58(position),
            debt_reserve=_core.to_base58(debt),
            collateral_reserve=_core.to_base58(collateral),
            amount=amount,
            liquidator=None if liquidator is None else _core.to_base58(liquidator),
            min_received=min_received,
            instruction=instruction,
            version=version,
            prediction=_prediction(prediction),
            profit=profit,
        )

    def explain(self, accounts: Mapping[str, Account], clock: Clock, position: str) -> Sequence[Term]:
        """Return every term of the position's health with its rounding, down to the chosen plan and its profit."""
        return [Term(*line) for line in _core.explain(self.name, _given(accounts), _time(clock), bytes32(position))]

    def screened(self, accounts: Mapping[str, Account], clock: Clock, position: str) -> bool | None:
        """Return whether the book's screen looks at the position; None where nothing can be judged, or no screen can be asked."""
        return _core.screened(self.name, _given(accounts), _time(clock), bytes32(position))

    def screen(self, market: str) -> _core.Screen:
        """Return an empty market that is kept in step with the chain; ArgumentError for a protocol that has none yet."""
        return _core.Screen(self.name, bytes32(market))


def bytes32(address: Address) -> bytes:
    """Return an address's 32 bytes from base58, bytes or a library's key object."""
    if isinstance(address, str):
        return _core.from_base58(address)
    if not isinstance(address, SupportsBytes):
        raise _core.ArgumentError(f"found {type(address).__name__}, expected an address: base58, 32 bytes or a key")
    return bytes(address)


def _given(accounts: Mapping[str, Account]) -> list[tuple[bytes, bytes, int, bytes]]:
    return [(bytes32(key), bytes32(it.owner), it.lamports, bytes(it.data)) for key, it in accounts.items()]


def _time(clock: Clock) -> tuple[int, int]:
    return clock.slot, clock.unix_timestamp


def _read(source: Any, name: str, default: Any = None) -> Any:
    value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return default if value is None else value


def _asked(plan: Any) -> tuple[object, ...]:
    return (
        bytes32(_read(plan, "position")),
        bytes32(_read(plan, "debt_reserve")),
        bytes32(_read(plan, "collateral_reserve")),
        _read(plan, "amount", ALL),
        _optional(plan, "liquidator"),
        _read(plan, "min_received", 0),
        _read(plan, "instruction"),
        _read(plan, "version"),
    )


def _held(policy: Any) -> tuple[object, ...]:
    balances: Mapping[str, int] = _read(policy, "balances", {})
    return (
        _optional(policy, "position"),
        _optional(policy, "liquidator"),
        [(bytes32(mint), balance) for mint, balance in balances.items()],
        _read(policy, "min_profit", 0),
        _read(policy, "costs", 0),
        _read(policy, "instruction"),
        _read(policy, "version"),
    )


def _optional(source: Any, name: str) -> bytes | None:
    value = _read(source, name)
    return None if value is None else bytes32(value)


def _prediction(answer: tuple[Any, ...]) -> Prediction:
    repaid, relieved, seized, shares, fee, bonus, bonus_bps, error, after = answer
    return Prediction(
        repaid=repaid,
        debt_relieved=relieved,
        seized=seized,
        seized_shares=shares,
        protocol_fee=fee,
        bonus=Fraction(*bonus),
        bonus_bps=bonus_bps,
        error=error,
        accounts_after={_core.to_base58(address): data for address, data in after.items()},
    )
