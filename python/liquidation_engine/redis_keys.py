"""The names of everything the engine keeps in Redis.

Braces are literal: they are Cluster hash tags, so that keys used by one script live in one slot. `liq:candidates` has
no braces and is hashed whole, which is the slot of the tag `{liq:candidates}`.
"""

from typing import Final

CANDIDATES: Final = "liq:candidates"
WORKERS_GROUP: Final = "workers"
RESULTS: Final = "liq:results"
DEAD_LETTERS: Final = "liq:deadletter"
LEADER_LOCK: Final = "lock:leader"
OBSERVED: Final = "liq:observed:{liquidations}"  # liquidations by anyone, for the live feed
OBSERVED_SEEN: Final = "observed:{liquidations}:seen"
OBSERVED_COUNTER: Final = "observed:{liquidations}:count"
KILL_SWITCH_CHANNEL: Final = "liq:kill-switch"


def dedupe_marker(candidate_id: str) -> str:
    """Return the key that says: this need was published less than one scan ago."""
    return f"dedupe:{{{CANDIDATES}}}:{candidate_id}"


def position_lock(position: str) -> str:
    """Return the key of a position's lease."""
    return f"lock:liq:{{{position}}}"


def at_risk(asset: str) -> str:
    """Return the key of the set of positions near liquidation that hold or owe this asset."""
    return f"atRisk:{{{asset}}}"


def at_risk_trigger(asset: str) -> str:
    """Return the key of the same positions, sorted by the asset's price at which they cross."""
    return f"atRisk:{{{asset}}}:trigger"


def at_risk_version(asset: str) -> str:
    """Return the key of what the index's writer wrote last."""
    return f"atRisk:{{{asset}}}:version"


def observed_cursor(address: str) -> str:
    """Return the key of the newest transaction of an address that the observer has looked at."""
    return f"observed:{{liquidations}}:cursor:{address}"
