"""Seeded markets that move: `calm`, `crash`, `recovery`, each over eight assets with a stated distribution of health.

`build` draws one, `Scenario.install` writes its genesis onto a chain, `Scenario.driver` moves its prices, `analyse` says
beforehand what will become of it. Knows the chain only by what it asks of it.
"""

from liquidation_engine.localnet.scenarios.analysis import analyse
from liquidation_engine.localnet.scenarios.genesis import MintInfo, PlacedPosition
from liquidation_engine.localnet.scenarios.prices import SHAPES, PriceStep
from liquidation_engine.localnet.scenarios.scenario import Scenario, build
from liquidation_engine.localnet.scenarios.settings import ScenarioSettings

SCENARIOS = tuple(sorted(SHAPES))

__all__ = [
    "SCENARIOS",
    "MintInfo",
    "PlacedPosition",
    "PriceStep",
    "Scenario",
    "ScenarioSettings",
    "analyse",
    "build",
]
