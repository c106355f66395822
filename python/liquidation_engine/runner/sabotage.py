"""Makes the engine do wrong on purpose, so that a demo can prove that its judge sees it. Only against a node on loopback."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlparse

from liquidation_engine.database import Intents
from liquidation_engine.errors import ConfigError, RpcError
from liquidation_engine.model import NATIVE, Expired, Intent, Landed, LandedFailed, Plan, Settlement, SignedTransaction
from liquidation_engine.protocols.reference.lending import ReferenceLending

KINDS = ("blind-second-send", "skip-scan", "wrong-ledger")


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
