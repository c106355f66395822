"""`liquidation-engine idl`: layouts of your own program. Needs typer and rich; compiling needs anchorpy besides."""

import json as json_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from liquidation_engine.cli.exit_codes import run_typer
from liquidation_engine.errors import ConfigError

idl = typer.Typer(help="Layouts of your own program, from its Anchor IDL.", no_args_is_help=True)


@idl.command("compile")
def compile_command(
    source: Annotated[Path, typer.Argument(help="The IDL's JSON file, of any Anchor version.")],
    out: Annotated[Path | None, typer.Option(help="Where the layout goes; stdout without.", show_default=False)] = None,
    program: Annotated[
        str | None, typer.Option(help="The program's address where the IDL lacks it.", show_default=False)
    ] = None,
) -> None:
    """Compile an Anchor IDL to the layout that a mapping names."""
    from liquidation_engine.protocols.mapping.compiler import compile_idl

    try:
        text = source.read_text()
    except OSError as error:
        raise ConfigError(f"the IDL {source} cannot be read: {error}") from error
    layout = compile_idl(text, program=program)
    body = json_module.dumps(layout, indent=1) + "\n"
    if out is None:
        typer.echo(body, nl=False)
        return
    out.write_text(body)
    accounts, instructions = len(layout["accounts"]), len(layout["instructions"])
    typer.echo(f"{out}: {accounts} accounts, {instructions} instructions of {layout['program']}")


@idl.command("show")
def show(layout: Annotated[Path, typer.Argument(help="What `idl compile` wrote.")]) -> None:
    """List a layout's accounts with their fields: the names that a mapping may use."""
    from liquidation_engine.protocols.mapping.layout import Layout

    read = Layout.load(layout)
    table = Table("account", "field", "type", title=f"{read.name} {read.program}")
    for name, (_, kind) in read.accounts.items():
        for path, inner in _fields(kind):
            table.add_row(name, path, inner)
            name = ""
    Console().print(table)


@idl.command("check")
def check(mapping: Annotated[Path, typer.Argument(help="The TOML file.")]) -> None:
    """Check a mapping against its layout; what is wrong is said with what would do."""
    from liquidation_engine.protocols.mapping.mapping import Mapping

    read = Mapping.load(mapping)
    typer.echo(f"{mapping}: {read.name}, {read.kind}, program {read.program}: every field is there")


def _fields(kind: object, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(kind, dict) and "struct" in kind:
        return [
            line
            for name, inner in kind["struct"]
            if not name.startswith("_")
            for line in _fields(inner, f"{prefix}.{name}" if prefix else name)
        ]
    if isinstance(kind, dict) and ("array" in kind or "vec" in kind):
        inner, length = kind["array"] if "array" in kind else (kind["vec"], "")
        if isinstance(inner, dict) and "struct" in inner:
            return [(prefix, f"[{length}] of:"), *[(f"  {path}", text) for path, text in _fields(inner)]]
        return [(prefix, f"{inner}[{length}]")]
    return [(prefix, kind if isinstance(kind, str) else json_module.dumps(kind))]


_alone = typer.Typer(name="liquidation-engine", add_completion=False, pretty_exceptions_enable=False)
_alone.add_typer(idl, name="idl")


def run_idl() -> int:
    """Run `liquidation-engine idl ...` and return the exit code."""
    return run_typer(_alone)
