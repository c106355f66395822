"""The commands and their options."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from liquidation_engine import config
from liquidation_engine.cli.exit_codes import run_typer
from liquidation_engine.cli.idl import idl
from liquidation_engine.cli.liquidate import explain, liquidate, prepare
from liquidation_engine.cli.queue import dlq, queue
from liquidation_engine.cli.servers import Config
from liquidation_engine.cli.skips import skips
from liquidation_engine.cli.switch import resume, stop

app = typer.Typer(
    name="liquidation-engine",
    help="Finds every liquidatable borrow position, lands exactly one profitable liquidation for it, and proves every lamport.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
fund = typer.Typer(help="The insurance fund.", no_args_is_help=True)
app.add_typer(fund, name="fund")
app.add_typer(queue, name="queue")
app.add_typer(dlq, name="dlq")
app.add_typer(skips, name="skips")
app.add_typer(idl, name="idl")


@app.command()
def demo(
    positions: Annotated[int, typer.Option(min=10, max=100_000, help="Borrow positions in the market.")] = 1_000,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Worker processes.")] = 2,
    scenario: Annotated[str, typer.Option(help="crash, slide, calm or recovery.")] = "crash",
    seed: Annotated[int, typer.Option(min=0, help="Of the market and its prices.")] = 7,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help="Leave everything up after the verdict, until Ctrl-C.")
    ] = False,
    missed_slots: Annotated[
        int, typer.Option(min=1, help="Consecutive slots after which a liquidatable position counts as missed.")
    ] = 50,
    slot_ms: Annotated[int, typer.Option(min=20, help="Milliseconds a slot; prices move by slot.")] = 400,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the API; 0 takes a free one.")] = 0,
    data_folder: Annotated[
        Path | None, typer.Option(help="Keep databases, logs and recording here; default: a folder that is removed.")
    ] = None,
    sabotage: Annotated[
        str | None,
        typer.Option(
            help="Make the engine do wrong: blind-second-send, skip-scan or wrong-ledger. The judge must see it."
        ),
    ] = None,
) -> None:
    """A market crash, liquidated for real on a local Solana VM and judged by an independent auditor."""
    from liquidation_engine.runner.demo import DemoOptions, run_demo

    options = DemoOptions(
        positions=positions,
        workers=workers,
        scenario=scenario,
        seed=seed,
        json=json,
        keep_running=keep_running,
        missed_slots=missed_slots,
        slot_ms=slot_ms,
        port=port,
        data_folder=data_folder,
        sabotage=sabotage,
    )
    raise typer.Exit(asyncio.run(run_demo(options)))


@app.command()
def run(
    config_file: Config = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--dry-run", help="Sign and send; the default is a dry run.", show_default=False),
    ] = None,
    sabotage: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run one instance of the engine, in the roles its settings name."""
    from liquidation_engine.runner.engine import run_engine

    overrides: dict[str, Any] = {} if live is None else {"dry_run": not live}
    asyncio.run(run_engine(config.load(config_file, **overrides), sabotage=sabotage))


@app.command()
def migrate(
    config_file: Config = None,
    database_url: Annotated[
        str | None, typer.Option(envvar="DATABASE_URL", help="The only setting it needs.", show_default=False)
    ] = None,
) -> None:
    """Create the database and bring its schema up to this release."""
    from liquidation_engine.database.migrate import migrate as apply

    url = database_url or config.load(config_file).database_url.get_secret_value()
    applied = asyncio.run(apply(url))
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the schema is up to date")


app.command()(liquidate)
app.command()(prepare)
app.command()(explain)
app.command()(stop)
app.command()(resume)


@app.command()
def localnet(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="JSON-RPC and websocket; 0 takes a free one.")] = 8899,
    slot_ms: Annotated[int, typer.Option(min=1, help="Milliseconds a slot.")] = 400,
    stepped: Annotated[bool, typer.Option("--stepped", help="Slots come only by `localnet_step`.")] = False,
    confirmed_lag: Annotated[int, typer.Option(min=0, help="Slots until confirmed.")] = 1,
    finalized_lag: Annotated[int, typer.Option(min=1, help="Slots until finalized.")] = 32,
    recording: Annotated[Path | None, typer.Option(help="SQLite file for everything that happens.")] = None,
    latency_ms: Annotated[int, typer.Option(min=0, help="Fault: delay of every answer.")] = 0,
    drop_sends: Annotated[float, typer.Option(min=0, max=1, help="Fault: share of sends that vanish.")] = 0.0,
    lose_notifications: Annotated[
        int, typer.Option(min=0, help="Fault: lose every n-th notification of a position; 0 loses none.")
    ] = 0,
    scenario: Annotated[str | None, typer.Option(help="Play crash, slide, calm or recovery.")] = None,
    positions: Annotated[int, typer.Option(min=10, max=100_000, help="Borrow positions in the scenario.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the scenario.")] = 7,
    liquidator: Annotated[
        str | None, typer.Option(help="Address that gets tokens and SOL and may draw on the insurance fund.")
    ] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Play the scenario after a line on stdin.")] = False,
    move_slots: Annotated[int, typer.Option(min=1, help="Slots over which the scenario's prices move.")] = 90,
    tail_slots: Annotated[int, typer.Option(min=1, help="Slots after the last move.")] = 55,
    step_slots: Annotated[int, typer.Option(min=2, help="Slots from one price step to the next.")] = 4,
) -> None:
    """A Solana VM behind JSON-RPC and websocket on loopback, with the lending program and a market if you like."""
    from liquidation_engine.runner.localnet import LocalnetOptions, serve_localnet

    options = LocalnetOptions(
        port=port,
        slot_ms=slot_ms,
        stepped=stepped,
        confirmed_lag=confirmed_lag,
        finalized_lag=finalized_lag,
        recording=recording,
        latency_ms=latency_ms,
        drop_sends=drop_sends,
        lose_notifications=lose_notifications,
        scenario=scenario,
        positions=positions,
        seed=seed,
        liquidator=liquidator,
        hold=hold,
        move_slots=move_slots,
        tail_slots=tail_slots,
        step_slots=step_slots,
    )
    asyncio.run(serve_localnet(options))


@fund.command("address")
def fund_address(
    mint: Annotated[str, typer.Argument(help="The mint; SOL for wrapped SOL.")] = "SOL",
    program: Annotated[str, typer.Option(help="The lending program.")] = config.REFERENCE_PROGRAM_ID,
) -> None:
    """Print the addresses of a mint's insurance fund and of its vault."""
    from liquidation_engine.protocols.reference.lending import fund_addresses

    address, vault = fund_addresses(mint, program)
    typer.echo(f"fund  {address}\nvault {vault}")


def run_app() -> int:
    """Run the command line and return the exit code."""
    return run_typer(app)
