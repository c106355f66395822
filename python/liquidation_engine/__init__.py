"""Liquidate lending positions on Solana: find every one, land exactly one liquidation for it, keep books that prove it.

    prices, accounts -> book -> candidates -> stream -> worker -> database -> API
       (1 ingest)    (2 Rust)  (3 detect)   (4 Redis) (5 execute)  (6 Postgres)   (7)

0  model        frozen words: candidate, plan, intent, outcome; errors holds the tree of exceptions
1  ingest       prices and accounts as they happen
2  book         wiring of accounts and prices into the Rust book; _core is the compiled arithmetic
3  detect       watcher and scanner: who needs an act
4  stream       candidates from the leader to the workers (Redis)
5  execute      read, plan, simulate, sign, intent, send, confirm, settle; over protocols/ and chain/
6  database     guards, intents, ledger, history (Postgres), the insurance funds with them
7  api          health, metrics, positions, liquidations
   runner       the only place that names concrete classes; cli is its door
   cluster      leader, leases, heartbeat, kill-switch cache; servers, localnet and testing stand beside
   telemetry    logs, metrics and stage times, for everybody above the words

This module is the library: it needs numpy and the standard library alone. The command line needs the extra `run`.
"""

from liquidation_engine import errors
from liquidation_engine._core import Change, MarketBook, Markets, PositionBook, Quote

__all__ = ["Change", "MarketBook", "Markets", "PositionBook", "Quote", "errors"]
