"""Bad input ends the real command with exit code 2 and one message: what was found, what was expected, what to do next."""

import asyncio
import http.server
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from liquidation_engine.chain import Wallet
from liquidation_engine.config import REFERENCE_PROGRAM_ID, Settings

PYTHON = Path(__file__).resolve().parents[2] / "python"
LIMIT_SECONDS = 30.0
MARK = "LIQUIDATION_TEST_MARK"  # every process of a run inherits it


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    code: int
    out: str
    message: str  # stderr


@dataclass
class Command:
    """The real command in a folder of its own, with nothing of this process's settings."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, **settings: object) -> Ended:
        """Run it to its end."""
        mark = secrets.token_hex(8)
        given = {name.upper(): str(value) for name, value in settings.items()}
        done = subprocess.run(
            [sys.executable, "-m", "liquidation_engine", *arguments],
            env={**self.environment, **given, MARK: mark},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert left_running(mark) == []
        return Ended(done.returncode, done.stdout, done.stderr)


def left_running(mark: str) -> list[str]:
    """Return the processes of a run that are still there."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {process.info['name']}")
        except psutil.Error:
            continue
    return found


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command without any setting."""
    known = {name.upper() for name in Settings.model_fields} | {"RUST_LOG"}
    clean = {name: value for name, value in os.environ.items() if name not in known}
    return Command(tmp_path, {**clean, "PYTHONPATH": str(PYTHON), "NO_COLOR": "1", "COLUMNS": "200"})


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings that are well-formed and lead nowhere."""
    nowhere = free_port()
    return {
        "database_url": f"postgresql://127.0.0.1:{nowhere}/liquidations",
        "redis_url": f"redis://127.0.0.1:{nowhere}/0",
        "solana_rpc_url": f"http://127.0.0.1:{nowhere}",
    }


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def refused(ended: Ended, *expected: str) -> None:
    """Check that a run ended as bad input does, with every expected text in its one message."""
    assert ended.code == 2, ended
    assert "Traceback" not in ended.message + ended.out
    assert len(re.findall(r"(?im)^(?:│ )?error\b", ended.message)) <= 1
    assert ended.message.strip(), "the message has to be on stderr"
    told = " ".join(ended.message.replace("│", " ").split())
    for text in expected:
        assert text in told


def test_missing_settings_are_all_named(command: Command) -> None:
    names = ("DATABASE_URL is missing", "REDIS_URL is missing", "SOLANA_RPC_URL is missing")
    refused(command("run"), *names, "Set them in the environment, in .env, or in a file given with --config")


def test_malformed_settings_are_all_named_in_one_message(command: Command, settings: dict[str, object]) -> None:
    settings |= {"server_port": "http", "retry_budget": 0, "solana_rpc_url": "mainnet", "roles": "leader,boss"}
    refused(
        command("run", **settings), "SERVER_PORT", "RETRY_BUDGET", "SOLANA_RPC_URL", "ROLES", "expected http or https"
    )


def test_a_setting_left_empty_in_env_is_missing(command: Command) -> None:
    (command.folder / ".env").write_text(
        "DATABASE_URL=\nREDIS_URL=redis://127.0.0.1\nSOLANA_RPC_URL=http://127.0.0.1\n"
    )
    refused(command("run"), "DATABASE_URL is missing")


def test_an_unknown_key_of_the_settings_file_is_named_with_the_known_ones(
    command: Command, settings: dict[str, object]
) -> None:
    (command.folder / "engine.toml").write_text('server_prot = 1\nlog_levle = "INFO"\n')
    found = command("run", "--config", "engine.toml", **settings)
    refused(found, "engine.toml has unknown keys: log_levle, server_prot", "Known keys:", "server_port")


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot be read: No such file or directory"), ("a = = 1", "is not valid TOML")],
)
def test_a_settings_file_that_is_none_is_named(
    command: Command, settings: dict[str, object], content: str | None, expected: str
) -> None:
    if content is not None:
        (command.folder / "engine.toml").write_text(content)
    refused(command("run", "--config", "engine.toml", **settings), "engine.toml", expected)


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [
        (None, None, ("there is no such file", "WALLET_PATH")),
        ("key", 0o644, ("its mode is 0644, expected 0600", "chmod 600")),
        ("[1, 2, 3]", 0o600, ("it has 3 numbers", "expected the JSON array of 64 numbers")),
        ("not json", 0o600, ("it is not JSON", "expected the JSON array of 64 numbers")),
        (json.dumps([7] * 64), 0o600, ("its public half does not belong to its secret half", "backup")),
    ],
)
def test_a_key_file_that_cannot_be_used_says_why(
    command: Command, settings: dict[str, object], content: str | None, mode: int | None, expected: tuple[str, ...]
) -> None:
    path = command.folder / "wallet.json"
    if content == "key":
        Wallet.create(path)
    elif content is not None:
        path.write_text(content)
    if mode is not None:
        path.chmod(mode)
    refused(command("run", "--live", wallet_path=path, **settings), "wallet.json", *expected)


def test_a_malformed_key_in_the_environment_is_not_quoted(command: Command, settings: dict[str, object]) -> None:
    ended = command("run", "--live", liquidator_private_key="hunter2", **settings)
    refused(ended, "LIQUIDATOR_PRIVATE_KEY", "WALLET_PATH")
    assert "hunter2" not in ended.message + ended.out


def test_a_live_worker_without_a_key_is_told_how_to_give_one(command: Command, settings: dict[str, object]) -> None:
    refused(command("run", "--live", **settings), "needs a key", "WALLET_PATH", "mode 0600")


@pytest.mark.parametrize("arguments", [("demo",), ("localnet", "--port", "0")])
def test_an_unknown_scenario_is_named_with_the_known_ones(command: Command, arguments: tuple[str, ...]) -> None:
    refused(command(*arguments, "--scenario", "crsh"), "crsh", "crash", "calm", "recovery")


def test_an_unknown_sabotage_is_named_with_the_known_ones(command: Command, settings: dict[str, object]) -> None:
    expected = ("unknown sabotage 'skip-scna'", "blind-second-send", "skip-scan", "wrong-ledger")
    refused(command("demo", "--sabotage", "skip-scna"), *expected)
    refused(command("run", "--sabotage", "skip-scna", **settings), *expected)


def test_sabotage_is_refused_against_any_chain_but_a_local_one(command: Command, settings: dict[str, object]) -> None:
    settings["solana_rpc_url"] = "http://127.0.0.1:8899,https://rpc.example"
    refused(command("run", "--sabotage", "skip-scan", **settings), "https://rpc.example is not on loopback")


@pytest.mark.parametrize(
    ("arguments", "expected"), [(("lauch",), "lauch"), (("demo", "--positions", "3"), "positions")]
)
def test_a_command_line_that_is_none_is_refused(command: Command, arguments: tuple[str, ...], expected: str) -> None:
    refused(command(*arguments), expected)


def test_an_address_that_is_none_is_named(command: Command) -> None:
    found = command("localnet", "--port", "0", "--scenario", "calm", "--liquidator", "me")
    refused(found, "'me' is not an address", "base58 of 32 bytes")


def test_a_port_that_is_taken_is_named(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(command("localnet", "--port", str(port)), str(port), "--port")


def test_an_unreachable_postgres_is_named(command: Command, settings: dict[str, object]) -> None:
    for arguments in (("run",), ("migrate",)):
        refused(command(*arguments, **settings), str(settings["database_url"]).rsplit("/")[-2], "DATABASE_URL")


def test_an_unreachable_redis_is_named(command: Command, settings: dict[str, object], postgres_url: str) -> None:
    settings["database_url"] = postgres_url
    refused(command("run", **settings), str(settings["redis_url"]), "could not answer", "REDIS_URL")


def test_an_unreachable_rpc_node_is_named(
    command: Command, settings: dict[str, object], postgres_url: str, redis_url: str
) -> None:
    settings |= {"database_url": postgres_url, "redis_url": redis_url}
    refused(command("run", **settings), str(settings["solana_rpc_url"]).removeprefix("http://"), "SOLANA_RPC_URL")


async def execute(url: str, *statements: str) -> None:
    """Run statements on a database."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_future.sql', 'x')",
            ("9999_future.sql", "does not know", "upgrade liquidation-engine"),
        ),
        (
            "UPDATE schema_migrations SET checksum = 'abcdef' WHERE version = 1",
            ("was changed since it was applied", "found checksum abcdef", "restore the file"),
        ),
        ("DELETE FROM schema_migrations", ("is at migration 0", "expects", "run liquidation-engine migrate")),
    ],
)
def test_a_database_of_another_release_is_named(
    command: Command, settings: dict[str, object], postgres_url: str, statement: str, expected: tuple[str, ...]
) -> None:
    asyncio.run(execute(postgres_url, statement))
    settings["database_url"] = postgres_url
    refused(command("run", **settings), *expected)


class Node(http.server.BaseHTTPRequestHandler):
    """An RPC node that knows its genesis hash and nothing else."""

    genesis = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"

    def do_POST(self) -> None:
        """Answer a call."""
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = call["method"] == "getGenesisHash"
        answer: Mapping[str, Any] = {"result": self.genesis} if known else {"error": {"code": -32601, "message": "no"}}
        body = json.dumps({"jsonrpc": "2.0", "id": call["id"], **answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def node() -> Iterator[str]:
    """The URL of such a node."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


async def bind(url: str, genesis: str, program: str) -> None:
    """Bind a database to a chain."""
    from liquidation_engine.database import Database, bind_chain

    database = await Database.connect(url)
    try:
        await bind_chain(database, genesis, program)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("genesis", "program"),
    [("anotherGenesis", REFERENCE_PROGRAM_ID), (Node.genesis, "anotherProgram")],
)
def test_a_database_of_another_chain_or_program_is_refused(
    command: Command,
    settings: dict[str, object],
    postgres_url: str,
    redis_url: str,
    node: str,
    genesis: str,
    program: str,
) -> None:
    asyncio.run(bind(postgres_url, genesis, program))
    settings |= {"database_url": postgres_url, "redis_url": redis_url, "solana_rpc_url": node}
    expected = (
        "keeps the books of",
        genesis,
        program,
        Node.genesis,
        REFERENCE_PROGRAM_ID,
        "set DATABASE_URL to another",
    )
    refused(command("run", **settings), *expected)


def test_a_node_without_the_program_is_named(
    command: Command, settings: dict[str, object], postgres_url: str, redis_url: str, node: str
) -> None:
    settings |= {"database_url": postgres_url, "redis_url": redis_url, "solana_rpc_url": node}
    refused(command("run", **settings), "getProgramAccounts was refused with -32601", "SOLANA_RPC_URL")
