"""Lending protocols, one module each: which accounts to watch, what their bytes say, how to liquidate.

Between `chain/` (which moves bytes) and `execute/` (which decides): nothing here connects to anything. `get(name)` gives a
protocol's arithmetic (`adapter`): what its program will do with given accounts.
"""

from liquidation_engine import _core
from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.adapter import ALL, Adapter, Health, Plan, Policy, Prediction, Refusal, Term

NAMES = tuple(_core.protocol_names())

__all__ = ["ALL", "NAMES", "Adapter", "Health", "Plan", "Policy", "Prediction", "Refusal", "Term", "get"]


def get(name: str) -> Adapter:
    """Return the arithmetic of a protocol; ConfigError for a name that is none of NAMES."""
    if name not in NAMES:
        raise ConfigError(f"found protocol {name!r}, expected one of {', '.join(NAMES)}")
    return Adapter(name)
