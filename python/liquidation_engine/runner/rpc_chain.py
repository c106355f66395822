"""The chain as execution wants it, over RPC and the confirmer."""

from collections.abc import Sequence

from liquidation_engine.chain import CannotLand, Confirmer, NotYet, RpcClient, StillPossible
from liquidation_engine.execute.finality import Seen
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.model import TransactionRecord


class RpcChain:
    """The chain as execution wants it: sending, waiting, and the proof that nothing can land any more."""

    def __init__(self, rpc: RpcClient, confirmer: Confirmer) -> None:
        self._rpc, self._confirmer = rpc, confirmer

    async def send(self, transaction: bytes) -> str:
        """Send the same bytes to all endpoints."""
        return await self._rpc.send(transaction)

    async def wait(self, signature: str, *, expires_above: int, timeout_seconds: float) -> Executed | None:
        """Wait for the confirmation; None when there is none in time."""
        answer = await self._confirmer.wait(
            signature, expires_above=expires_above, timeout_seconds=timeout_seconds, commitment="confirmed"
        )
        return None if isinstance(answer, NotYet) else Executed(answer.slot, answer.error)

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        """Say whether it landed, may land, or can land no more."""
        match await self._rpc.fate(signature, expires_above=expires_above):
            case StillPossible():
                return NotExecuted.MAY_LAND
            case CannotLand():
                return NotExecuted.CANNOT_LAND
            case status if status.reached("confirmed"):
                return Executed(status.slot, status.error)
            case _:
                return NotExecuted.MAY_LAND  # executed on a fork that may still be left

    async def record(self, signature: str) -> TransactionRecord | None:
        """Return what it did, once the node knows at `confirmed`."""
        return await self._rpc.transaction(signature, commitment="confirmed")

    async def seen(self, signatures: Sequence[str]) -> list[Seen | None]:
        """Return where confirmed transactions stand, None where the node's whole history does not know one."""
        found = await self._rpc.signature_statuses(signatures, search_history=True)
        return [None if status is None else Seen(status.slot, status.reached("finalized")) for status in found]

    async def all_known(self, signatures: Sequence[str]) -> bool:
        """Tell whether the chain, as it is now, holds every one of these transactions."""
        return None not in await self._rpc.signature_statuses(signatures, search_history=True)

    async def remembers(self, slot: int) -> bool:
        """Return whether the node's history reaches back to `slot`."""
        return int(await self._rpc.call("getFirstAvailableBlock")) <= slot
