"""What the run moved, in micro-USD at the prices of the moment and per mint."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from liquidation_auditor.arithmetic import ATTO_PER_MICRO_USD
from liquidation_auditor.decode import base58
from liquidation_auditor.replay import NATIVE, Act, Executed

FIELDS = ("repaid", "seized", "profit", "bad_debt_covered", "bad_debt_uncovered")


@dataclass(slots=True)
class Money:
    """Sums in atto-USD and smallest units; `profit` in units is the wallets' net change, fees under `native`."""

    atto_usd: Counter[str] = field(default_factory=Counter)
    by_mint: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in FIELDS})

    def micro_usd(self, name: str) -> int:
        """Return one sum in micro-USD, rounded down."""
        return self.atto_usd[name] // ATTO_PER_MICRO_USD

    def units(self) -> dict[str, dict[str, int]]:
        """Return the sums per mint, zeros left out."""
        return {
            name: {mint: amount for mint, amount in sorted(sums.items()) if amount}
            for name, sums in self.by_mint.items()
        }

    def add(self, name: str, mint: str, amount: int, price: int) -> None:
        """Add an amount of a mint, valued at `price`."""
        self.by_mint[name][mint] += amount
        self.atto_usd[name] += amount * price


def count(engine: Iterable[Executed], everybody: Iterable[Act], sol_prices: dict[str, int]) -> Money:
    """Return the sums: repaid, seized and profit of the engine's transactions, bad debt of the whole market.

    `sol_prices` is atto-USD per lamport at each of the engine's transactions.
    """
    money = Money()
    for executed in engine:
        money.add("profit", NATIVE, -executed.fee_lamports, sol_prices[executed.signature])
        for act in executed.acts:
            if act.verb == "liquidate":
                collateral = base58(act.collateral_mint or b"")
                money.add("repaid", base58(act.mint), act.paid, act.price)
                money.add("seized", collateral, act.received, act.collateral_price)
                money.add("profit", base58(act.mint), -act.paid, act.price)
                money.add("profit", collateral, act.received, act.collateral_price)
    _bad_debt(everybody, money)
    return money


def _bad_debt(acts: Iterable[Act], money: Money) -> None:
    """Let cover pay the oldest write-off of its mint first; what stays uncovered keeps its own price."""
    waiting: dict[str, deque[tuple[int, int]]] = {}
    for act in acts:
        mint = base58(act.mint)
        queue = waiting.setdefault(mint, deque())
        if act.verb == "write_off":
            queue.append((act.paid, act.price))
        elif act.verb == "cover_bad_debt":
            money.add("bad_debt_covered", mint, act.paid, act.price)
            rest = act.paid
            while rest and queue:
                amount, price = queue.popleft()
                rest, amount = (rest - amount, 0) if amount <= rest else (0, amount - rest)
                if amount:
                    queue.appendleft((amount, price))
    for mint, queue in waiting.items():
        for amount, price in queue:
            money.add("bad_debt_uncovered", mint, amount, price)
