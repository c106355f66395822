"""Lending protocols, one module each: which accounts to watch, what their bytes say, how to liquidate.

Between `chain/` (which moves bytes) and `execute/` (which decides): nothing here connects to anything. `get(name)` gives a
protocol's arithmetic (`adapter`): what its program will do with given accounts. `program(name)` gives its deployed program (`onchain`):
which accounts to discover and read, and the transaction that liquidates.
"""

from importlib import import_module

from liquidation_engine import _core
from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.adapter import ALL, Adapter, Health, Plan, Policy, Prediction, Refusal, Term
from liquidation_engine.protocols.onchain import Holding, Kind, Liquidation, Program, Wallet

NAMES = tuple(_core.protocol_names())

__all__ = [
    "ALL",
    "NAMES",
    "Adapter",
    "Health",
    "Holding",
    "Kind",
    "Liquidation",
    "Plan",
    "Policy",
    "Prediction",
    "Program",
    "Refusal",
    "Term",
    "Wallet",
    "get",
    "program",
]


def get(name: str) -> Adapter:
    """Return the arithmetic of a protocol; ConfigError for a name that is none of NAMES."""
    if name not in NAMES:
        raise ConfigError(f"found protocol {name!r}, expected one of {', '.join(NAMES)}")
    return Adapter(name)


def program(name: str) -> Program:
    """Return a protocol's deployed program, `PROGRAM` of the package of that name; ConfigError where there is none."""
    found: Program | None = getattr(import_module(f"{__name__}.{name}"), "PROGRAM", None) if name in NAMES else None
    if found is None:
        raise ConfigError(f"found protocol {name!r}, expected one of {', '.join(NAMES)} whose program can be called")
    return found
