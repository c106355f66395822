"""RPC methods beginning with `localnet_`, which no real node has: stepping by hand, faults, status."""

from collections.abc import Awaitable, Callable
from typing import Any

from liquidation_engine.localnet.answers import invalid_params
from liquidation_engine.localnet.blocks import Commitment
from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.params import Params

_FAULTS = ("latency_milliseconds", "drop_every", "drop_probability", "lose_every", "lose_kinds", "lose_pubkeys")
MAX_STEPS = 100_000


class ControlMethods:
    """Lets a test in another process move the chain and break things."""

    def __init__(self, chain: Chain, step: Callable[[int], Awaitable[int]]) -> None:
        self._chain = chain
        self._step = step
        self.methods = {"localnet_faults": self.faults, "localnet_status": self.status}
        self.waiting_methods = {"localnet_step": self.step}

    async def step(self, params: Params) -> int:
        """localnet_step [blocks=1]: make blocks now and return the newest one's slot."""
        blocks = params.whole(0) if len(params) else 1
        if blocks > MAX_STEPS:
            raise invalid_params(f"at most {MAX_STEPS} blocks can be made at once")
        return await self._step(blocks)

    def faults(self, params: Params) -> dict[str, Any]:
        """localnet_faults [{latency_milliseconds, drop_every, drop_probability, lose_every, …}]: set, and show counts.

        Each group of settings (latency, drop_…, lose_…) that is named is set anew as a whole.
        """
        given = params.config(0).raw if len(params) else {}
        if unknown := sorted(set(given) - set(_FAULTS)):
            raise invalid_params(f"unknown faults {unknown}, expected some of {list(_FAULTS)}")
        faults = self._chain.faults
        try:
            if "latency_milliseconds" in given:
                faults.set_latency(self._chain.slot, given["latency_milliseconds"])
            if any(name.startswith("drop_") for name in given):
                faults.drop_sends(every=given.get("drop_every", 0), probability=given.get("drop_probability", 0.0))
            if any(name.startswith("lose_") for name in given):
                faults.lose_notifications(
                    every=given.get("lose_every", 0),
                    kinds=given.get("lose_kinds", ("account", "program")),
                    pubkeys=given.get("lose_pubkeys"),
                )
        except (TypeError, ValueError) as error:
            raise invalid_params(str(error)) from error
        return {
            "latency_milliseconds": faults.latency_milliseconds,
            "dropped_sends": faults.dropped_sends,
            "lost_notifications": faults.lost_notifications,
        }

    def status(self, _: Params) -> dict[str, Any]:
        """localnet_status: where the chain stands."""
        seen = {commitment.value: self._chain.blocks.seen_at(commitment).slot for commitment in Commitment}
        return {
            "slots": seen,
            "block_height": self._chain.block_height,
            "waiting_transactions": len(self._chain.mempool),
            "landed_transactions": len(self._chain.history),
        }
