"""RPC methods beginning with `localnet_`, which no real node has: stepping by hand, faults, status."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Protocol

from liquidation_engine.localnet.answers import invalid_params
from liquidation_engine.localnet.blocks import Commitment
from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.gateway import Gateway
from liquidation_engine.localnet.params import Params

_FAULTS = ("latency_milliseconds", "drop_every", "drop_probability", "lose_every", "lose_kinds", "lose_pubkeys")
MAX_STEPS = 100_000


class Fork(Protocol):
    """Undoes the last blocks."""

    async def __call__(self, depth: int, *, replay: bool = False) -> int: ...


class ControlMethods:
    """Lets a test in another process move the chain and break things."""

    def __init__(self, chain: Chain, gateway: Gateway, step: Callable[[int], Awaitable[int]], fork: Fork) -> None:
        self._chain, self._gateway = chain, gateway
        self._step, self._fork = step, fork
        self.methods = {
            "localnet_faults": self.faults,
            "localnet_endpoint": self.endpoint,
            "localnet_status": self.status,
        }
        self.waiting_methods = {"localnet_step": self.step, "localnet_fork": self.fork}

    async def step(self, params: Params) -> int:
        """localnet_step [blocks=1]: make blocks now and return the newest one's slot."""
        blocks = params.whole(0) if len(params) else 1
        if blocks > MAX_STEPS:
            raise invalid_params(f"at most {MAX_STEPS} blocks can be made at once")
        return await self._step(blocks)

    async def fork(self, params: Params) -> int:
        """localnet_fork [blocks, {replay}]: undo that many blocks and return the slot of the one that stays."""
        try:
            return await self._fork(params.whole(0), replay=params.config(1).flag("replay"))
        except ValueError as error:
            raise invalid_params(str(error)) from error

    def endpoint(self, params: Params) -> dict[str, Any]:
        """localnet_endpoint [name, {refuse_every, latency_milliseconds, lag_slots, …}]: set faults of one endpoint, and show all."""
        try:
            return asdict(self._gateway.set_faults(params.text(0), **params.config(1).raw))
        except ValueError as error:
            raise invalid_params(str(error)) from error

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
