"""Settings: precedence, several faults in one message, secrets that never show."""

from pathlib import Path

import pytest

from liquidation_engine import config
from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols import program
from liquidation_engine.protocols.reference import PROGRAM_ID

NEEDED = {
    "DATABASE_URL": "postgresql://user:hunter2@127.0.0.1/liquidations",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SOLANA_RPC_URL": "http://127.0.0.1:8899",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let nothing of the machine in: no environment, no .env."""
    import os

    for name in os.environ:
        if name.lower() in config.Settings.model_fields or name == "RUST_LOG":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what has no default."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def toml(text: str) -> Path:
    """Write a settings file."""
    path = Path("settings.toml")
    path.write_text(text)
    return path


def test_every_missing_setting_is_named_in_one_message_with_the_next_step() -> None:
    with pytest.raises(ConfigError) as raised:
        config.load()
    message = str(raised.value)
    assert all(f"{name} is missing" in message for name in NEEDED)
    assert "--config" in message


@pytest.mark.usefixtures("needed")
def test_the_defaults_are_safe() -> None:
    settings = config.load()
    assert settings.dry_run
    assert settings.bind == "127.0.0.1"
    assert settings.roles == ("api", "leader", "worker")


@pytest.mark.usefixtures("needed")
def test_every_bad_value_is_named_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SERVER_PORT": "99999", "RETRY_BUDGET": "many", "ROLES": "leader,boss"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        config.load()
    assert all(name in str(raised.value) for name in ("SERVER_PORT", "RETRY_BUDGET", "ROLES"))


def test_a_malformed_secret_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIQUIDATOR_PRIVATE_KEY", "hunter2")
    monkeypatch.setenv("SERVER_PORT", "hunter2")
    with pytest.raises(ConfigError) as raised:
        config.load()
    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("needed")
def test_secrets_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIQUIDATOR_PRIVATE_KEY", "hunter2")
    assert "hunter2" not in f"{config.load()!r}{config.load()}{config.load().model_dump()}"


def test_the_environment_wins_over_env_files_and_they_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = "\n".join(f'{name.lower()} = "{value}"' for name, value in NEEDED.items())
    path = toml(f"{needed}\nstream_batch = 1\nstream_maxlen = 1\nretry_budget = 1")
    Path(".env").write_text("STREAM_BATCH=2\nSTREAM_MAXLEN=2\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("STREAM_BATCH", "3")
    settings = config.load(path)
    assert (settings.stream_batch, settings.stream_maxlen, settings.retry_budget) == (3, 2, 1)


@pytest.mark.usefixtures("needed")
def test_what_the_command_line_says_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "true")
    assert config.load(dry_run=False).dry_run is False


@pytest.mark.usefixtures("needed")
def test_unknown_keys_of_a_file_are_all_named() -> None:
    with pytest.raises(
        ConfigError, match=r"settings\.toml has unknown keys: server_prot, stream_bach\. Known keys: .*server_port"
    ):
        config.load(toml("server_prot = 1\nstream_bach = 2"))


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("text", "message"), [("server_port = = 1", "is not valid TOML"), ("server_port = 70000", "SERVER_PORT")]
)
def test_a_bad_file_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(toml(text))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read: No such file"):
        config.load(Path("absent.toml"))


def test_a_file_that_is_not_text_is_named() -> None:
    Path("settings.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"settings\.toml is not valid TOML"):
        config.load(Path("settings.toml"))


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(("text", "roles"), [("leader", ("leader",)), (" worker , api ", ("worker", "api"))])
def test_roles_are_split_at_commas(monkeypatch: pytest.MonkeyPatch, text: str, roles: tuple[str, ...]) -> None:
    monkeypatch.setenv("ROLES", text)
    assert config.load().roles == roles


@pytest.mark.usefixtures("needed")
def test_an_instance_without_roles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLES", " , ")
    with pytest.raises(ConfigError, match="roles is empty, expected some of api, leader, worker"):
        config.load()


@pytest.mark.usefixtures("needed")
def test_a_disabled_api_is_no_active_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_API", "true")
    assert config.load().active_roles == ("leader", "worker")


@pytest.mark.usefixtures("needed")
def test_a_first_bid_above_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_PRIORITY_FEE", "11")
    monkeypatch.setenv("MAX_PRIORITY_FEE", "10")
    with pytest.raises(ConfigError, match="base_priority_fee 11 is above max_priority_fee 10"):
        config.load()


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize("name", ["LOG_LEVEL", "RUST_LOG"])
def test_the_log_level_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "DEBUG")
    assert config.load().log_level == "DEBUG"


@pytest.mark.parametrize(
    ("urls", "websocket"),
    [
        ("http://127.0.0.1:8899", "ws://127.0.0.1:8899"),
        ("https://a.example/key , http://b.example", "wss://a.example/key"),
    ],
)
def test_the_websocket_endpoint_follows_from_the_first_rpc_endpoint(
    monkeypatch: pytest.MonkeyPatch, needed: None, urls: str, websocket: str
) -> None:
    monkeypatch.setenv("SOLANA_RPC_URL", urls)
    assert config.load().websocket_url == websocket


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize("urls", ["", " , ", "127.0.0.1:8899", "ftp://127.0.0.1"])
def test_rpc_endpoints_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, urls: str) -> None:
    monkeypatch.setenv("SOLANA_RPC_URL", urls)
    with pytest.raises(ConfigError, match="SOLANA_RPC_URL"):
        config.load()


@pytest.mark.usefixtures("needed")
def test_a_refused_endpoint_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLANA_RPC_URL", "https://a.example,hunter2")
    with pytest.raises(ConfigError, match="endpoint 2 begins with '', expected http or https") as raised:
        config.load()
    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("needed")
def test_a_websocket_endpoint_has_its_own_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLANA_WS_URL", "http://127.0.0.1:8900")
    with pytest.raises(ConfigError, match=r"SOLANA_WS_URL.*expected ws or wss"):
        config.load()


def test_a_setting_left_empty_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("".join(f"{name}=\n" for name in NEEDED))
    with pytest.raises(ConfigError, match="DATABASE_URL is missing"):
        config.load()


@pytest.mark.usefixtures("needed")
def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config.load().dry_run = False  # type: ignore[misc]


def test_each_protocols_program_is_the_one_that_it_speaks_to() -> None:
    known = {name: str(program(name).program_id) for name in config.PROGRAM_IDS if name != "reference"}
    assert {**known, "reference": str(PROGRAM_ID)} == config.PROGRAM_IDS


def test_a_protocol_brings_its_program_and_an_unknown_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"optional": ("database_url", "redis_url"), "solana_rpc_url": "http://h"}
    monkeypatch.delenv("PROGRAM_ID", raising=False)
    assert config.load(**given, protocol="save").program_id == config.PROGRAM_IDS["save"]  # type: ignore[arg-type]
    monkeypatch.setenv("PROGRAM_ID", "mine")
    assert config.load(**given, protocol="save").program_id == "mine"  # type: ignore[arg-type]
    assert config.load(**given, program_id="given").program_id == "given"  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"PROTOCOL: .*'aave', expected one of reference, save"):
        config.load(**given, protocol="aave")  # type: ignore[arg-type]
