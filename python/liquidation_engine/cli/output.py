"""What a command prints: one JSON object, or a table for people; what went wrong goes to stderr with the next step."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table

NOT_DONE = 1  # exit code: the command ran, and what was asked for is not so; 2 is bad input or a server that is away


def print_json(value: Mapping[str, object]) -> None:
    """Print one object; times in ISO 8601."""
    typer.echo(json.dumps(value, default=_plain))


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table as wide as the terminal; where there is none, as wide as its contents."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=400)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(value) for value in row))
    console.print(table)


def not_done(message: str) -> NoReturn:
    """End with exit code 1 and a message that names the next step."""
    typer.echo(message, err=True)
    raise typer.Exit(NOT_DONE)


def _shown(value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:,.1f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
