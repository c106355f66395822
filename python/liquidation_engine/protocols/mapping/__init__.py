"""Your own program: an IDL compiled to a layout, and a TOML file that says what its fields mean (`docs/own-program.md`).

`legacy` turns new IDLs into old ones, `compiler` makes the layout (in the [anchor] extra's own environment), `layout` reads
accounts by it, `mapping` reads the TOML, `sources` finds an instruction's accounts, `market` judges positions.
"""

from liquidation_engine.protocols.mapping.layout import Layout
from liquidation_engine.protocols.mapping.mapping import Mapping
from liquidation_engine.protocols.mapping.market import MappedMarket

__all__ = ["Layout", "MappedMarket", "Mapping"]
