"""What the repository promises about itself: no addresses or paths of a machine, and documents that agree with the code."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest

import liquidation_engine
from liquidation_engine import config, errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted((ROOT / "python").rglob("__init__.py"))

REGISTRY = re.compile(
    r"(?i)(?:\bpypi\.org|pythonhosted|crates\.io/api|index\.crates|static\.crates|registry\.npmjs|proxy\.golang"
    r"|artifactory|devpi|--(?:extra-)?index-url|docker\.io/|ghcr\.io|unpkg\.com|jsdelivr)"
)
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(?:home|Users|root|work|opt|mnt|srv)/[\w.-]+")
SAYS_WHICH_PATHS = {"tests/conventions/test_hygiene.py", "tests/conventions/test_program_build.py"}


def tracked() -> list[Path]:
    """Return every file under version control that stands in the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """Return `file:line: text` of every line of a text file that matches."""
    found = []
    for path in files:
        name = str(path.relative_to(ROOT))
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if name in SAYS_WHICH_PATHS or not pattern.search(text):
            continue
        found += [f"{name}:{n}: {line.strip()}" for n, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY, tracked()) == []


def test_no_file_names_a_path_of_some_machine() -> None:
    assert lines_with(MACHINE_PATH, tracked()) == []


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        (REGISTRY, "pip install --index-url http://127.0.0.1/simple x", True),
        (REGISTRY, 'source = "https://files.pythonhosted.org/x"', True),
        (REGISTRY, 'source = "registry+https://github.com/rust-lang/crates.io-index"', False),  # Cargo.lock's own
        (MACHINE_PATH, "data in /home/somebody/data", True),
        (MACHINE_PATH, "see docs/work/notes", False),
        (MACHINE_PATH, "GET /api/positions", False),
    ],
)
def test_the_patterns_have_teeth(pattern: re.Pattern[str], line: str, found: bool) -> None:
    assert bool(pattern.search(line)) is found


# .env.example


def settings_in(text: str) -> dict[str, tuple[bool, str]]:
    """Return name -> (whether it is commented out, value) of a .env file."""
    entries = re.findall(r"^(# )?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE)
    return {name: (bool(comment), value) for comment, name, value in entries}


def test_the_example_lists_every_setting_and_no_other() -> None:
    assert set(settings_in((ROOT / ".env.example").read_text())) == {
        name.upper() for name in config.Settings.model_fields
    }


def test_the_example_leaves_open_what_must_be_set_and_shows_the_other_defaults() -> None:
    for name, (commented, value) in settings_in((ROOT / ".env.example").read_text()).items():
        field = config.Settings.model_fields[name.lower()]
        assert commented is not field.is_required(), name
        if field.is_required() or field.default_factory is not None or field.default is None:
            assert value == "", name
        else:
            default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
            assert value == (default.lower() if isinstance(field.default, bool) else default), name


def test_the_example_can_be_used_once_what_must_be_set_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / ".env.example").read_text()
    for name, value in {
        "DATABASE_URL": "postgresql://h/n",
        "REDIS_URL": "redis://h",
        "SOLANA_RPC_URL": "http://h",
    }.items():
        monkeypatch.delenv(name, raising=False)
        text = text.replace(f"\n{name}=", f"\n{name}={value}")
    uncommented = re.sub(r"^# ([A-Z_]+=)", r"\1", text, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(uncommented)
    monkeypatch.chdir(tmp_path)
    assert config.load().solana_rpc_url == "http://h"


# README.md


def test_every_file_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folders = re.findall(r"`((?:python|rust|docs|tests|benches|deploy|examples)/[\w./-]*)`", text)
    assert len(links) > 2
    assert [name for name in {*links, *folders} if not (ROOT / name).exists()] == []


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("document", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


# Packages and errors


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.parent.name)
def test_every_package_says_what_it_is_for(path: Path) -> None:
    first = path.read_text().split('"""')
    assert len(first) >= 3, "expected a docstring"
    assert first[0] == ""
    sentence = first[1].strip().splitlines()[0]
    assert len(sentence) > 30
    assert sentence[0].isupper() or sentence[0].isdigit()


def test_the_map_names_every_package() -> None:
    folders = {path.parent.name for path in PACKAGES if path.parent.parent == ROOT / "python" / "liquidation_engine"}
    told = liquidation_engine.__doc__ or ""
    assert {name for name in folders if not re.search(rf"\b{name}\b", told)} == set()


def test_every_module_says_what_it_is_for() -> None:
    modules = [path for path in (ROOT / "python").rglob("*.py") if path.name != "__main__.py"]
    assert [str(path.relative_to(ROOT)) for path in modules if not path.read_text().startswith(('"""', 'r"""'))] == []


def drawn(tree: str) -> dict[str, str | None]:
    """Return class -> parent of a tree drawn with lines."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in tree.splitlines():
        match = re.match(r"^((?:│   |    )*(?:[├└]── )?)([A-Z]\w*)(?:\s|$)", line)
        if match is None:
            continue
        depth = len(match[1]) // 4
        above = [*above[:depth], match[2]]
        parents[match[2]] = above[depth - 1] if depth else None
    return parents


def test_the_drawn_tree_is_read_as_it_looks() -> None:
    tree = "Root\n├── A   text\n│   └── B\n│       └── C text\n└── D"
    assert drawn(tree) == {"Root": None, "A": "Root", "B": "A", "C": "B", "D": "Root"}


def test_the_exception_tree_is_drawn_as_it_is() -> None:
    for path in (ROOT / "python" / "liquidation_engine").rglob("*.py"):
        if path.stem != "__main__":
            module = ".".join(path.relative_to(ROOT / "python").with_suffix("").parts)
            importlib.import_module(module.removesuffix(".__init__"))
    real: dict[str, str | None] = {"LiquidationEngineError": None}
    waiting = [errors.LiquidationEngineError]
    while waiting:
        parent = waiting.pop()
        for child in parent.__subclasses__():
            if child.__module__.startswith("liquidation_engine") and not child.__name__.startswith("_"):
                real[child.__name__] = parent.__name__
                waiting.append(child)
    tree = (errors.__doc__ or "").split("LiquidationEngineError", 1)[1]
    assert drawn(f"LiquidationEngineError{tree}") == real
