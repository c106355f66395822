"""4 · The queue between detection and the workers, on Redis Streams.

Before it: `detect` finds candidates. After it: `execute` takes them up. The stream only saves work: with Redis emptied
at any moment the scanner publishes again whatever is still liquidatable, and Postgres keeps anything from being sent
twice.
"""

from redis.asyncio import Redis

from liquidation_engine.stream.at_risk import AtRiskIndex
from liquidation_engine.stream.connection import connect
from liquidation_engine.stream.consumer import CandidateConsumer, Entry, Reclaimed
from liquidation_engine.stream.facts import ServerFacts, server_facts
from liquidation_engine.stream.letters import DeadLetter, DeadLetters, Retried
from liquidation_engine.stream.observed import ObservedStore
from liquidation_engine.stream.pending import PendingEntry, pending_entries
from liquidation_engine.stream.producer import CandidateProducer
from liquidation_engine.stream.status import QueueStatus, queue_status

__all__ = [
    "AtRiskIndex",
    "CandidateConsumer",
    "CandidateProducer",
    "DeadLetter",
    "DeadLetters",
    "Entry",
    "ObservedStore",
    "PendingEntry",
    "QueueStatus",
    "Reclaimed",
    "Redis",
    "Retried",
    "ServerFacts",
    "connect",
    "pending_entries",
    "queue_status",
    "server_facts",
]
