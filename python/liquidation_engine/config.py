"""Settings, read once from TOML, `.env` and the environment into frozen sections.

Order of precedence: environment, then `.env`, then the TOML file. An unknown key in the TOML is an error; a foreign key in the
environment or in `.env` is somebody else's. Every bad key is named in one message.
"""

import os
import socket
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlparse, urlunparse

from pydantic import AliasChoices, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from liquidation_engine.errors import ConfigError

REFERENCE_PROGRAM_ID = "8jawtrE8eiGy1sdegEkN3NQxKefQrpRG1bvJTPZ4ys3j"
PROGRAM_IDS = {
    "reference": REFERENCE_PROGRAM_ID,
    "save": "So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo",
    "kamino": "KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD",
    "marginfi": "MFv2hWf31Z9kbCa1snEPYctwafyhdvnV7FZnsebVacA",
}
"""Each protocol that the pipeline runs, and where its program is deployed."""

Role = Literal["api", "leader", "worker"]
ROLES: tuple[Role, ...] = ("api", "leader", "worker")


def _default_instance_id() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


class Settings(BaseSettings):
    """Everything that can be set, under the names operators know."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    redis_url: SecretStr = Field(
        description="redis://host:port/0, redis+sentinel://host:port,host:port/service, redis+cluster://host:port; rediss for TLS"
    )
    solana_rpc_url: str = Field(description="RPC endpoints, comma-separated")
    solana_ws_url: str | None = Field(None, description="websocket endpoint; from the first RPC endpoint if not set")
    wallet_path: Path | None = Field(None, description="key file, a JSON array of 64 bytes, mode 0600")
    liquidator_private_key: SecretStr | None = Field(None, description="the key itself; a key file is safer")
    protocol: str = Field("reference", description=f"the lending protocol: {', '.join(PROGRAM_IDS)}")
    program_id: str = Field("", validate_default=True, description="the lending program; the protocol's own if not set")
    market: str | None = Field(None, description="the market's address; the program's only one if not set")

    dry_run: bool = Field(True, description="plan and simulate, never sign")
    instance_id: str = Field(default_factory=_default_instance_id)
    roles: Annotated[tuple[Role, ...], NoDecode] = Field(ROLES, description="api, leader, worker")
    region: str | None = Field(None, description="where this instance runs; shown, and preferred by LEADER_REGION")
    leader_region: str | None = Field(
        None, description="instances of other regions lead only when none of this one does"
    )
    tiers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="markets, protocols or mints that this instance's workers take; all if empty"
    )
    disable_api: bool = Field(False, description="serve /health, /ready and /metrics only")
    bind: str = "127.0.0.1"
    server_port: int = Field(8080, ge=0, le=65535)
    log_level: str = Field("INFO", validation_alias=AliasChoices("LOG_LEVEL", "RUST_LOG", "log_level"))
    log_file: Path | None = None
    metrics_prefix: str = ""

    database_pool_size: int = Field(8, ge=2, le=100, description="connections to Postgres that one instance holds")
    rpc_timeout_ms: int = Field(5_000, ge=50)
    scan_interval_seconds: float = Field(5.0, gt=0, le=60)
    sync_interval_seconds: float = Field(60.0, gt=0)
    stream_maxlen: int = Field(100_000, ge=1)
    stream_batch: int = Field(16, ge=1)
    stream_block_ms: int = Field(200, ge=1)
    poll_interval_ms: int = Field(15_000, ge=100, description="how often liquidations by anyone are looked for")
    poll_limit: int = Field(
        5,
        ge=1,
        le=1_000,
        validation_alias=AliasChoices("POLL_LIMIT", "LIQUIDATION_POLL_LIMIT", "poll_limit"),
        description="page size of that; pages are read until a known one comes",
    )
    liquidation_track_max: int = Field(5_000, ge=1, description="liquidations by anyone that are remembered")
    liquidation_pruning: Literal["fifo", "lru", "ttl"] = Field("fifo", description="which of them are forgotten first")
    ignore_bootstrap_batch: bool = Field(True, description="tell nobody of what the very first poll finds")
    worker_concurrency: int = Field(48, ge=1, description="candidates one worker handles at once")
    retry_budget: int = Field(5, ge=1, description="reported failures after which a candidate becomes a dead letter")
    retry_attempts: int = Field(3, ge=1, description="signed attempts at one state of a position")
    base_priority_fee: int = Field(1_000, ge=0, description="micro-lamports per compute unit, times the attempt")
    max_priority_fee: int = Field(2_000_000, ge=0)
    min_profit: int = Field(1_000, description="micro-USD that a liquidation must leave after costs")
    max_bad_debt_loss: int = Field(
        10_000, ge=0, description="micro-USD that a liquidation may lose where it lets bad debt be written off"
    )
    flash_loan: bool = Field(False, description="borrow the debt within the transaction, where the protocol lends it")
    lookup_tables: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="address lookup tables for liquidations that do not fit into a packet (`prepare` makes them)"
    )
    liquidator_account: str | None = Field(
        None, description="the liquidator's own account with the protocol, where it needs one (marginfi)"
    )
    program_version: str | None = Field(None, description="the deployed program's version; the newest known if not set")
    sol_price_micro_usd: int | None = Field(None, ge=1, description="for costs, where the market has no SOL reserve")
    lose_every_candidate: int = Field(0, ge=0, description="fault: lose every n-th stream entry; 0 loses none")
    fault_points: bool = Field(False, description="fault: let LIQUIDATION_FAULT_AT end this process at a stage")
    stage_log: Path | None = Field(None, description="file for the duration of every stage of every candidate")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over `.env`, and both over the TOML that `load` passes as arguments."""
        return env_settings, dotenv_settings, init_settings

    @field_validator("protocol")
    @classmethod
    def _known_protocol(cls, value: str) -> str:
        if value not in PROGRAM_IDS:
            raise ValueError(f"found {value!r}, expected one of {', '.join(PROGRAM_IDS)}")
        return value

    @field_validator("program_id")
    @classmethod
    def _program_of_protocol(cls, value: str, info: ValidationInfo) -> str:
        return value or PROGRAM_IDS.get(info.data.get("protocol", ""), "")

    @field_validator("roles", "tiers", "lookup_tables", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("solana_rpc_url", "solana_ws_url")
    @classmethod
    def _endpoints(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse what is no endpoint, without quoting it: providers put keys into their URLs."""
        schemes = ("ws", "wss") if info.field_name == "solana_ws_url" else ("http", "https")
        endpoints = [] if value is None else [part.strip() for part in value.split(",") if part.strip()]
        if value is not None and not endpoints:
            raise ValueError(f"no endpoint was found, expected one such as {schemes[0]}://127.0.0.1:8899")
        for number, endpoint in enumerate(endpoints, 1):
            parts = urlparse(endpoint)
            if parts.scheme not in schemes or not parts.hostname:
                found = f"begins with {parts.scheme!r}" if parts.scheme not in schemes else "names no host"
                raise ValueError(
                    f"endpoint {number} {found}, expected {' or '.join(schemes)}, as {schemes[0]}://host:port"
                )
        return value

    @model_validator(mode="after")
    def _roles_make_sense(self) -> Self:
        if not self.roles:
            raise ValueError(f"roles is empty, expected some of {', '.join(ROLES)}")
        if self.base_priority_fee > self.max_priority_fee:
            raise ValueError(
                f"base_priority_fee {self.base_priority_fee} is above max_priority_fee {self.max_priority_fee}"
            )
        return self

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        """The RPC endpoints in order of preference."""
        return tuple(url.strip() for url in self.solana_rpc_url.split(",") if url.strip())

    @property
    def websocket_urls(self) -> tuple[str, ...]:
        """The websocket endpoints in order of preference: as set, or the RPC endpoints with their schemes changed."""
        given = [url.strip() for url in (self.solana_ws_url or "").split(",") if url.strip()]
        return tuple(given or map(_as_websocket, self.rpc_urls))

    @property
    def websocket_url(self) -> str:
        """The first websocket endpoint."""
        return self.websocket_urls[0]

    @property
    def active_roles(self) -> tuple[Role, ...]:
        """The roles without `api` where `DISABLE_API` is set."""
        return tuple(role for role in self.roles if not (role == "api" and self.disable_api))


def _as_websocket(url: str) -> str:
    parts = urlparse(url)
    return urlunparse(parts._replace(scheme="wss" if parts.scheme == "https" else "ws"))


def load(path: Path | None = None, *, optional: Collection[str] = (), **overrides: Any) -> Settings:
    """Read the settings, or raise one `ConfigError` that names every bad key and the next step.

    What is `optional` may be missing, and is then empty; `overrides` win over everything.
    """
    values = dict.fromkeys(optional, "") | (_read_toml(path) if path else {})
    unknown = sorted(set(values) - set(Settings.model_fields))
    if unknown:
        known = ", ".join(sorted(Settings.model_fields))
        raise ConfigError(f"{path} has unknown keys: {', '.join(unknown)}. Known keys: {known}")
    try:
        return _winning(overrides)(**values)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from error


def _winning(overrides: dict[str, Any]) -> type[Settings]:
    """Return the settings as a class in which `overrides` win over every other source, and are checked like them."""

    class Overridden(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *sources: PydanticBaseSettingsSource,
            **named: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            given = InitSettingsSource(settings_cls, init_kwargs=overrides)
            return given, *super().settings_customise_sources(settings_cls, *sources, **named)

    return Overridden if overrides else Settings


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not valid TOML: {error}") from error


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
        if problem["type"] == "missing":
            field = Settings.model_fields.get(name.lower())
            lines.append(f"{name} is missing ({field.description if field else 'required'})")
        else:
            # Pydantic's own text would repeat the value, which may be a secret.
            lines.append(f"{name}: {problem['msg']}")
    text = "\n  ".join(lines)
    return (
        f"settings cannot be used:\n  {text}\nSet them in the environment, in .env, or in a file given with --config."
    )
