"""Runs a command line: every planned error becomes one message with its next step, and an exit code that means something."""

import asyncio
import sys
from typing import Any

import typer
import typer.core
from rich.console import Console

from liquidation_engine.errors import LiquidationEngineError

# Newer releases of typer carry a click of their own, whose exceptions are not those of the package `click`.
_BadCommandLine: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def run_typer(app: typer.Typer) -> int:
    """Run the command line and return the exit code: 0 done, 2 bad input, 130 interrupted, else the command's own."""
    console = Console(stderr=True, highlight=False)
    try:
        code = app(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except _BadCommandLine as error:
        error.show(file=sys.stderr)
        return 2
    except LiquidationEngineError as error:
        console.print("[bold red]error:[/] ", end="")
        console.print(str(error), markup=False, soft_wrap=True)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        return 130
