"""Localnet: a real Solana VM (LiteSVM) behind JSON-RPC and websocket on loopback, for the demo and for tests.

It stands where a Solana cluster stands otherwise: the engine and solana-py's own clients talk to it unmodified. The way
of the data:

    transaction ─▶ server ─▶ rpc ─▶ chain.submit ─▶ mempool ─▶ (next slot) vm ─▶ state, history ─▶ subscriptions
                                        │                                            │
                                        └────────────── recording ◀─────────────────┘

- `settings` what it is started with; `localnet` chain, server and pace as one object
- `genesis` where it begins; `chain` takes and runs transactions; `events` what it tells; `mempool` the order of bids
- `blocks` slots, heights, blockhashes and commitments
- `vm` LiteSVM and what it leaves to its host; `state` over `accounts`: every version that is not final yet
- `history` what landed, and what blocks paid; `simulation` what would happen; `faults` what is broken on purpose
- `server` HTTP and websocket; `gateway` its endpoints, several over one chain; `endpoints` what is broken at one of them;
  `view` the chain as that one shows it; `rpc` dispatch; `*_methods` the methods; `params` their parameters; `subscriptions`
- `encode`, `tokens`, `answers` the JSON shapes and errors of real nodes; `recording` the file the auditor reads

Before it: nothing; it starts from the accounts it is given. After it: `ingest` and `chain` read it over sockets, the
auditor reads its recording. Commitments differ in what reads see; simulations and preflights always run on the newest
state, because the VM has no older one.
"""

from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.localnet import Localnet
from liquidation_engine.localnet.settings import FaultSettings, LocalnetSettings

__all__ = ["Chain", "FaultSettings", "Localnet", "LocalnetSettings"]
