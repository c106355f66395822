"""Looks at settled intents again at finalized: they stay, moved to another slot with their fork, or vanished and are taken back.

What is unknown and may land again is sent again, the same bytes: landed twice it cannot be, and signing anew waits for it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from liquidation_engine.errors import DecodeError, LiquidationEngineError, RpcError
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.model.settlement import Unfinal

log = structlog.get_logger(__name__)

PAGE = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a node says that a transaction stands."""

    slot: int
    finalized: bool


class Settled(Protocol):
    """The intents that are booked as landed."""

    async def landed_not_finalized(self, limit: int, after: tuple[int, int] = (0, 0)) -> list[Unfinal]: ...
    async def mark_finalized(self, intent_id: int, slot: int) -> None: ...
    async def transaction_of(self, intent_id: int) -> bytes: ...
    async def reverse(self, intent_id: int, position: str) -> bool: ...


class FinalChain(Protocol):
    """What a chain says of transactions that it had confirmed."""

    async def seen(self, signatures: Sequence[str]) -> list[Seen | None]:
        """Return where they stand, in order; None where the node's whole history does not know one."""
        ...

    async def send(self, transaction: bytes) -> str: ...

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        """Say whether it landed, may land, or can land no more."""
        ...

    async def remembers(self, slot: int) -> bool:
        """Return whether the node's history reaches back to `slot`: what it forgot it does not know either."""
        ...


def _always() -> bool:
    return True


class Finality:
    """Each check looks at everything that is not final yet, page by page: what cannot be decided holds up nothing else."""

    def __init__(
        self,
        intents: Settled,
        chain: FinalChain,
        *,
        settle_again: Callable[[int], Awaitable[bool]],
        may_send: Callable[[], bool] = _always,
        page: int = PAGE,
    ) -> None:
        """Take what books anew the intent of an id, from the chain's record of it as it is now."""
        self._intents, self._chain, self._page = intents, chain, page
        self._settle_again, self._may_send = settle_again, may_send

    async def check(self) -> None:
        """Decide what can be decided now; the rest is looked at again with the next call."""
        after = (0, 0)
        while page := await self._intents.landed_not_finalized(self._page, after):
            after = (page[-1].landed_slot, page[-1].id)
            try:
                seen = await self._chain.seen([intent.signature for intent in page])
            except (RpcError, DecodeError) as error:
                log.warning("Finality unknown", intents=len(page), error=str(error))
                continue
            for intent, where in zip(page, seen, strict=True):
                await self._decide(intent, where)

    async def _decide(self, intent: Unfinal, where: Seen | None) -> None:
        try:
            match where:
                case Seen(finalized=True, slot=slot):
                    await self._keep(intent, slot)
                case Seen():
                    pass
                case None:
                    await self._ask_whether_it_vanished(intent)
        except LiquidationEngineError as error:
            log.warning("Finality undecided", signature=intent.signature, error=str(error))

    async def _keep(self, intent: Unfinal, slot: int) -> None:
        if slot != intent.landed_slot:
            log.warning(
                "Transaction was executed again on another fork",
                signature=intent.signature, booked_slot=intent.landed_slot, slot=slot,
            )  # fmt: skip
            if not await self._settle_again(intent.id):
                return  # with the next check
        await self._intents.mark_finalized(intent.id, slot)

    async def _ask_whether_it_vanished(self, intent: Unfinal) -> None:
        """Take it back once it can land no more: finalized height above its last, and afterwards still unknown."""
        fate = await self._chain.fate(intent.signature, expires_above=intent.expires_above)
        if fate is NotExecuted.MAY_LAND and self._may_send():
            log.warning(
                "Landed transaction is unknown, sent again", signature=intent.signature, slot=intent.landed_slot
            )
            await self._chain.send(await self._intents.transaction_of(intent.id))
        if fate is not NotExecuted.CANNOT_LAND or not await self._chain.remembers(intent.landed_slot):
            return
        if await self._intents.reverse(intent.id, intent.position):
            log.error(
                "Landed transaction has vanished with its fork, its books are reversed",
                signature=intent.signature, position=intent.position, slot=intent.landed_slot,
            )  # fmt: skip
