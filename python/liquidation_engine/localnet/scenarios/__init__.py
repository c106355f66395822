"""Seeded markets that move: `calm`, `crash`, `recovery`, each over eight assets with a stated distribution of health.

`Scenario.build` draws one, `install` writes its genesis onto a chain, `play` moves its prices slot by slot once it has its
`start`; `analyse` says beforehand what will become of it. Knows the chain only by what it asks of it.
"""

from liquidation_engine.localnet.scenarios.analysis import analyse
from liquidation_engine.localnet.scenarios.genesis import MintInfo, PlacedPosition
from liquidation_engine.localnet.scenarios.prices import SHAPES, PriceStep
from liquidation_engine.localnet.scenarios.scenario import Scenario
from liquidation_engine.localnet.scenarios.settings import ScenarioSettings

NAMES = tuple(sorted(SHAPES))

__all__ = [
    "NAMES",
    "MintInfo",
    "PlacedPosition",
    "PriceStep",
    "Scenario",
    "ScenarioSettings",
    "analyse",
]
