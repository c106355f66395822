"""`python -m liquidation_engine` is the command `liquidation-engine`."""

from liquidation_engine.cli import main

main()
