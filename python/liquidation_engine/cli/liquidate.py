"""`liquidate`, `prepare` and `explain`: one position of any protocol, by hand. Nothing is sent without `--live`."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from liquidation_engine import config
from liquidation_engine.cli.output import NOT_DONE, print_json
from liquidation_engine.cli.servers import AsJson, Config
from liquidation_engine.config import Settings
from liquidation_engine.telemetry.logs import configure_logs

ProtocolName = Annotated[
    str | None, typer.Option("--protocol", help=f"One of {', '.join(config.PROGRAM_IDS)}.", show_default=False)
]
Position = Annotated[str, typer.Option("--position", help="The position's account (obligation, margin account).")]
RpcUrl = Annotated[
    str | None, typer.Option("--rpc-url", help="Instead of the settings' SOLANA_RPC_URL.", show_default=False)
]
Program = Annotated[
    str | None, typer.Option("--program", help="The program where it is not the protocol's own.", show_default=False)
]
Liquidator = Annotated[
    str | None,
    typer.Option(
        "--liquidator",
        help="Instead of LIQUIDATOR_ACCOUNT: the wallet's own margin account (marginfi).",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--keypair", help="The key file, instead of the settings' WALLET_PATH.", show_default=False),
]


def liquidate(
    position: Position,
    protocol: ProtocolName = None,
    rpc_url: RpcUrl = None,
    program: Program = None,
    keypair: Key = None,
    liquidator: Liquidator = None,
    flash_loan: Annotated[
        bool | None,
        typer.Option(
            "--flash-loan/--own-funds",
            help="Borrow the debt within the transaction; the default is FLASH_LOAN's.",
            show_default=False,
        ),
    ] = None,
    min_profit: Annotated[
        int | None, typer.Option(help="Micro-USD that must be left after costs.", show_default=False)
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Sign and send one transaction.")] = False,
    config_file: Config = None,
    json: AsJson = False,
) -> None:
    """Show what liquidating one position would do; with --live, do it once."""
    from liquidation_engine.cli.liquidation_report import as_json, show
    from liquidation_engine.runner.liquidate import liquidate_position

    settings = _settings(
        config_file,
        protocol,
        program,
        rpc_url,
        wallet_path=keypair,
        liquidator_account=liquidator,
        min_profit=min_profit,
        flash_loan=flash_loan,
        dry_run=not live,
    )
    report = asyncio.run(liquidate_position(settings, position, say=_say))
    if json:
        print_json(as_json(report, live=live))
    else:
        show(report, live=live)
    if not report.is_done:
        raise typer.Exit(NOT_DONE)


def prepare(
    position: Position,
    protocol: ProtocolName = None,
    rpc_url: RpcUrl = None,
    program: Program = None,
    keypair: Key = None,
    liquidator: Liquidator = None,
    flash_loan: Annotated[
        bool | None, typer.Option("--flash-loan/--own-funds", help="For which kind of liquidation.", show_default=False)
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Sign and send; each account that is made costs its rent.")
    ] = False,
    config_file: Config = None,
    json: AsJson = False,
) -> None:
    """Make what liquidating a position needs beforehand: the wallet's token accounts, a lookup table where it is too large."""
    from liquidation_engine.runner.prepare import prepare_position

    settings = _settings(
        config_file,
        protocol,
        program,
        rpc_url,
        wallet_path=keypair,
        liquidator_account=liquidator,
        flash_loan=flash_loan,
        dry_run=not live,
    )
    found = asyncio.run(prepare_position(settings, position, _say))
    if json:
        print_json(asdict(found))
        return
    typer.echo(
        f"{found.accounts} token accounts, {found.addresses} addresses for a lookup table {'made' if live else 'lacking'}"
    )
    if found.table is not None:
        typer.echo(f"add to LOOKUP_TABLES: {found.table}")
    if not live and (found.accounts or found.addresses):
        typer.echo("nothing was sent; add --live to make them")


def explain(
    position: Position,
    protocol: ProtocolName = None,
    rpc_url: RpcUrl = None,
    program: Program = None,
    config_file: Config = None,
    json: AsJson = False,
) -> None:
    """Show every term of a position's health, with its rounding."""
    from liquidation_engine.cli.liquidation_report import explained_json, show_explained
    from liquidation_engine.runner.liquidate import explain_position

    settings = _settings(config_file, protocol, program, rpc_url)
    explained = asyncio.run(explain_position(settings, position))
    if json:
        print_json(explained_json(explained))
    else:
        show_explained(explained)


def _settings(
    config_file: Path | None, protocol: str | None, program: str | None, rpc_url: str | None, **others: object
) -> Settings:
    """Return the settings, of which neither database nor Redis is needed; what was given on the command line wins."""
    given = {"protocol": protocol, "program_id": program, "solana_rpc_url": rpc_url, **others}
    settings = config.load(
        config_file,
        optional=("database_url", "redis_url"),
        **{name: value for name, value in given.items() if value is not None},
    )
    configure_logs("WARNING" if settings.log_level.upper() == "INFO" else settings.log_level)
    return settings


def _say(message: str) -> None:
    typer.echo(message, err=True)
