"""The command `liquidation-engine`: thin names over the runner.

Exit codes: 0 done; 1 the command ran and what was asked for is not so (the demo's judge found fault, a dead letter is not there, the
queue stands still); 2 bad input, or a server that is away; each with one message and the next step.
"""

import sys


def main() -> None:
    """Run the command line; every planned error becomes one message with its next step and exit code 2."""
    try:
        if sys.argv[1:2] == ["idl"]:  # the IDL compiler's environment has nothing else of ours
            from liquidation_engine.cli.idl import run_idl as run_app
        else:
            from liquidation_engine.cli.app import run_app
    except ModuleNotFoundError as error:
        print(f"error: {error.name} is not installed: pip install 'liquidation-engine[run,localnet]'", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    sys.exit(run_app())
