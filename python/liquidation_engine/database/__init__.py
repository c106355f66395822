"""6 · Postgres: who may sign, what was sent, how it ended, and the books that prove it.

Before it: `execute/`, whose decisions it makes durable. After it: `api/`, which reads it. Statements lie in `queries.sql`, the
schema in `migrations/`. The guard row is locked before intents are touched, everywhere.
"""

from liquidation_engine.database.binding import bind_chain
from liquidation_engine.database.books import check_balanced
from liquidation_engine.database.funds import Funds
from liquidation_engine.database.guards import Guards
from liquidation_engine.database.history import Failures, History
from liquidation_engine.database.instances import Identity, Instances
from liquidation_engine.database.intents import Intents
from liquidation_engine.database.kill_switch import KillSwitch, KillSwitchState
from liquidation_engine.database.migrate import check_version, migrate
from liquidation_engine.database.observed import ObservedLiquidations
from liquidation_engine.database.pool import Database
from liquidation_engine.database.positions import PositionRow, PositionsTable
from liquidation_engine.database.timeline import Timeline, TimelineState

__all__ = [
    "Database",
    "Failures",
    "Funds",
    "Guards",
    "History",
    "Identity",
    "Instances",
    "Intents",
    "KillSwitch",
    "KillSwitchState",
    "ObservedLiquidations",
    "PositionRow",
    "PositionsTable",
    "Timeline",
    "TimelineState",
    "bind_chain",
    "check_balanced",
    "check_version",
    "migrate",
]
