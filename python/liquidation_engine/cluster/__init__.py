"""Several instances as one: who leads, who works on a position, who is alive, and whether anybody may sign.

Leases live in Redis and only save work: what must not happen twice is decided by fences and rows in Postgres.
"""

from liquidation_engine.cluster.heartbeat import Heartbeat
from liquidation_engine.cluster.kill_switch import KillSwitchCache, announce
from liquidation_engine.cluster.leader import LeaderLease
from liquidation_engine.cluster.lease import PositionLease

__all__ = ["Heartbeat", "KillSwitchCache", "LeaderLease", "PositionLease", "announce"]
