"""Makes the engine do wrong on purpose, so that a demo can prove that its judge sees it. Only against a node on loopback."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import urlparse

from liquidation_engine.chain import AccountUpdate, ChainAccount, Confirmer, RpcClient
from liquidation_engine.database import Intents
from liquidation_engine.errors import ConfigError, RpcError
from liquidation_engine.model import NATIVE, Expired, Intent, Landed, LandedFailed, Plan, Settlement, SignedTransaction
from liquidation_engine.protocols.reference.lending import ReferenceLending
from liquidation_engine.runner.market_book import Crossings, MarketBook
from liquidation_engine.runner.rpc_chain import RpcChain

KINDS = (
    "blind-second-send", "skip-scan", "wrong-ledger", "sign-again-on-timeout", "trust-one-unknown", "bit-never-cleared",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One way of doing wrong."""

    kind: str

    @classmethod
    def named(cls, kind: str, rpc_urls: Sequence[str]) -> "Sabotage":
        """Return the sabotage, or raise `ConfigError` for an unknown one or a chain that is not local."""
        if kind not in KINDS:
            raise ConfigError(f"unknown sabotage {kind!r}, expected one of {', '.join(KINDS)}")
        remote = [url for url in rpc_urls if urlparse(url).hostname not in {"127.0.0.1", "localhost", "::1"}]
        if remote:
            raise ConfigError(f"sabotage is for a localnet only, and {remote[0]} is not on loopback")
        return cls(kind)


class WrongLedger(Intents):
    """Books one unit too much out of the wallet and into the vault: balanced, and not what the chain says."""

    async def close(
        self, intent: Intent, outcome: Landed | LandedFailed | Expired, books: Settlement, retry_count: int
    ) -> bool:
        """Close the intent with books that are off by one unit."""
        wallet = next((entry for entry in books.ledger if entry.account == "wallet" and entry.mint != NATIVE), None)
        if wallet is not None:
            vault = next(e for e in books.ledger if e.mint == wallet.mint and e.account == "reserve_vault")
            wrong = {
                wallet: replace(wallet, amount=wallet.amount - 1),
                vault: replace(vault, amount=vault.amount + 1),
            }
            books = replace(books, ledger=tuple(wrong.get(entry, entry) for entry in books.ledger))
        return await super().close(intent, outcome, books, retry_count)


class SecondSend(ReferenceLending):
    """Signs and sends a second transaction for every plan, while the first is still live."""

    _second_sends: set[asyncio.Task[None]]

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        """Sign as asked, and once more with a higher bid, which goes out unrecorded."""
        second = await super().sign(plan, units=units, attempt=attempt + 7)
        task = asyncio.create_task(self._later(second.transaction))
        self._second_sends = {task, *getattr(self, "_second_sends", ())}
        task.add_done_callback(self._second_sends.discard)
        return await super().sign(plan, units=units, attempt=attempt)

    async def _later(self, transaction: bytes) -> None:
        await asyncio.sleep(0.05)
        with contextlib.suppress(RpcError):
            await self._rpc.send(transaction)


class SignsAgain(ReferenceLending):
    """Signs and sends anew when a send was not answered, as if that meant that it failed."""

    _plans: dict[bytes, tuple[Plan, int, int]]

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        """Sign as asked, and watch what becomes of it."""
        signed = await super().sign(plan, units=units, attempt=attempt)
        self._plans = {**getattr(self, "_plans", {}), signed.transaction: (plan, units, attempt)}
        return signed

    async def not_answered(self, transaction: bytes) -> None:
        """Sign the same plan with a higher bid, and send that too."""
        plan, units, attempt = self._plans[transaction]
        again = await super().sign(plan, units=units, attempt=attempt + 7)
        with contextlib.suppress(RpcError):
            await self._rpc.send(again.transaction)


class ImpatientChain(RpcChain):
    """Takes a send without an answer for one that failed."""

    def __init__(self, rpc: RpcClient, confirmer: Confirmer, lending: SignsAgain) -> None:
        super().__init__(rpc, confirmer)
        self._lending = lending

    async def send(self, transaction: bytes) -> str:
        """Send; without an answer, sign again."""
        try:
            return await super().send(transaction)
        except RpcError:
            await self._lending.not_answered(transaction)
            raise


class OnceOnly(MarketBook):
    """Tells of each position once: its bit for a new crossing is never cleared, and scans heed it too."""

    def apply(self, accounts: Sequence[AccountUpdate | ChainAccount]) -> Crossings:
        """Return who crossed for the first time."""
        return self._first(super().apply(accounts))

    def advance(self, slot: int) -> Crossings:
        """Return who crossed for the first time."""
        return self._first(super().advance(slot))

    def liquidatable(self) -> list[str]:
        """Return nobody who was told of before."""
        return [address for address in super().liquidatable() if address not in self._told]

    def _first(self, crossings: Crossings) -> Crossings:
        new = tuple(address for address in crossings.crossed if address not in self._told)
        self._told |= set(new)
        return replace(crossings, crossed=new)

    @cached_property
    def _told(self) -> set[str]:
        return set()
