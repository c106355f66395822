"""1 · Brings what the chain says into the process: account changes by subscription, whole pictures by snapshot, liquidations by anyone.

Nothing comes before it but the nodes; after it comes the book.
"""

from liquidation_engine.ingest.tracker import Diff, LiquidationTracker, TrackerStats

__all__ = ["Diff", "LiquidationTracker", "TrackerStats"]
