"""The endpoints of one server: each path is one, with the chain as it shows it and the faults that are its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.endpoints import Countdown, EndpointFaults
from liquidation_engine.localnet.params import Params
from liquidation_engine.localnet.read_methods import ReadMethods
from liquidation_engine.localnet.rpc import AsyncMethod, Method, Router, Unanswered
from liquidation_engine.localnet.subscriptions import Subscriptions
from liquidation_engine.localnet.transaction_methods import TransactionMethods
from liquidation_engine.localnet.view import ChainView

MOST_ENDPOINTS = 64


@dataclass(slots=True)
class Control:
    """Methods that no real node has; every endpoint serves them, whatever its faults."""

    methods: dict[str, Method] = field(default_factory=dict)
    waiting_methods: dict[str, AsyncMethod] = field(default_factory=dict)


class Endpoint:
    """One door to the chain."""

    def __init__(self, chain: Chain, name: str, is_healthy: Callable[[], bool], control: "Control") -> None:
        self.view = ChainView(chain, name)
        reads = ReadMethods(self.view, is_healthy)
        self._transactions = TransactionMethods(self.view)
        self.subscriptions = Subscriptions(self.view, reads)
        self.router = Router(
            {**reads.methods, **self._transactions.methods, **control.methods}, control.waiting_methods
        )
        self.http_methods: dict[str, Method] = {"sendTransaction": self._send}  # as on a node, not on websockets
        self._requests, self._sends = Countdown(), Countdown()

    @property
    def faults(self) -> EndpointFaults:
        """What is broken here."""
        return self.view.faults

    def refuses(self) -> bool:
        """Return whether this HTTP request is one too many."""
        return self._requests.is_due(self.faults.refuse_every)

    def _send(self, params: Params) -> Any:
        answer = self._transactions.send(params)
        if self._sends.is_due(self.faults.unanswered_sends_every):
            raise Unanswered
        return answer


class Gateway:
    """Every endpoint that was ever asked for; the empty name is the one at `/`."""

    def __init__(self, chain: Chain, is_healthy: Callable[[], bool]) -> None:
        self._chain, self._is_healthy = chain, is_healthy
        self.control = Control()
        self._endpoints: dict[str, Endpoint] = {}

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint `name`, made at its first use; ValueError beyond `MOST_ENDPOINTS` of them."""
        name = name.strip("/")
        if name not in self._endpoints:
            if len(self._endpoints) >= MOST_ENDPOINTS:
                raise ValueError(f"there are {MOST_ENDPOINTS} endpoints already")
            self._endpoints[name] = Endpoint(self._chain, name, self._is_healthy, self.control)
        return self._endpoints[name]

    def set_faults(self, name: str, **changes: Any) -> EndpointFaults:
        """Change faults of one endpoint, record what stands now, and return it."""
        endpoint = self.endpoint(name)
        endpoint.faults.set(**changes)
        self._chain.recording.fault(self._chain.slot, "endpoint", {"endpoint": name, **changes})
        return endpoint.faults
