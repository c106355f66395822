"""Sends transactions that make accounts, one after the other: each may be repeated, so none needs an intent."""

from collections.abc import Sequence

from solders.instruction import Instruction

from liquidation_engine.chain.blockhash import BlockhashCache
from liquidation_engine.chain.confirm import Confirmer, NotYet
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.signer import Signer
from liquidation_engine.errors import RpcRefused

SETUP_UNITS = 60_000  # of one account that is made
WAIT_SECONDS = 60.0


class SetupSender:
    """Sends the next transaction when the one before is confirmed."""

    def __init__(
        self, rpc: RpcClient, signer: Signer, blockhashes: BlockhashCache, confirmer: Confirmer, price: int
    ) -> None:
        self._rpc, self._signer, self._blockhashes, self._confirmer = rpc, signer, blockhashes, confirmer
        self._price = price
        self.signatures: list[str] = []

    async def send(self, instructions: Sequence[Instruction]) -> None:
        """Send and wait; raises for one that failed or is not known in time."""
        current = self._blockhashes.current()
        signed = self._signer.sign(
            instructions,
            blockhash=current.blockhash,
            expires_above=current.expires_above,
            compute_unit_limit=SETUP_UNITS * len(instructions),
            compute_unit_price_micro_lamports=self._price,
        )
        await self._rpc.send(signed.transaction, skip_preflight=False)
        self.signatures.append(signed.signature)
        answer = await self._confirmer.wait(
            signed.signature,
            expires_above=signed.expires_above,
            timeout_seconds=WAIT_SECONDS,
            commitment="confirmed",
        )
        if isinstance(answer, NotYet) or answer.error is not None:
            what = "is not confirmed yet" if isinstance(answer, NotYet) else f"failed: {answer.error}"
            raise RpcRefused("sendTransaction", 0, f"{signed.signature} {what}; run again to see what is left")
