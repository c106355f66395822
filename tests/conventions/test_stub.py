"""The stub says what the compiled module has: the same names, parameters, defaults, types and documentation."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import liquidation_engine
from liquidation_engine import _core

STUB = ast.parse((Path(liquidation_engine.__file__).parent / "_core.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}


def is_further_overload(node: ast.FunctionDef) -> bool:
    """Return whether a signature stands beside the one that carries the documentation and the defaults."""
    marks = [mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)]
    return "overload" in marks and ast.get_docstring(node) is None


MEMBERS = [
    (name, node)
    for name, stub in CLASSES.items()
    for node in stub.body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("__") and not is_further_overload(node)
]


def documented(text: str | None) -> str:
    return " ".join((text or "").split())


def parameters(node: ast.FunctionDef) -> list[tuple[str, object]]:
    """Return names and defaults as the stub has them, `self` left out."""
    names = [argument.arg for argument in node.args.args if argument.arg != "self"]
    defaults = [ast.literal_eval(default) for default in node.args.defaults]
    found = list(zip(names, [inspect.Parameter.empty] * (len(names) - len(defaults)) + defaults, strict=True))
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        found.append((argument.arg, inspect.Parameter.empty if default is None else ast.literal_eval(default)))
    return found


def compiled_parameters(function: object) -> list[tuple[str, object]]:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    return [(name, found.default) for name, found in signature.parameters.items() if name != "self"]


def test_stubtest_finds_no_difference(tmp_path: Path) -> None:
    path = str(Path(liquidation_engine.__file__).parent.parent)
    (tmp_path / "allowed").write_text("liquidation_engine._core.__all__\n")  # the next test compares the names
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "liquidation_engine._core", "--concise", "--allowlist", "allowed"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "MYPYPATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_the_same() -> None:
    compiled = {name for name in vars(_core) if not name.startswith("_")}
    assert compiled == CLASSES.keys() | FUNCTIONS.keys()


@pytest.mark.parametrize("name", [name for name in CLASSES if not issubclass(vars(_core)[name], Exception)])
def test_members_are_the_same(name: str) -> None:
    compiled = {member for member in vars(vars(_core)[name]) if not member.startswith("_")}
    assert compiled == {node.name for owner, node in MEMBERS if owner == name}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_called_as_the_stub_says(name: str) -> None:
    node, compiled = FUNCTIONS[name], vars(_core)[name]
    assert compiled_parameters(compiled) == parameters(node)
    assert documented(compiled.__doc__) == documented(ast.get_docstring(node))


@pytest.mark.parametrize(("owner", "node"), MEMBERS, ids=lambda part: getattr(part, "name", part))
def test_members_are_called_as_the_stub_says(owner: str, node: ast.FunctionDef) -> None:
    compiled = getattr(vars(_core)[owner], node.name)
    if any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list):
        assert inspect.isgetsetdescriptor(compiled)
        return
    assert compiled_parameters(compiled) == parameters(node)
    assert documented(compiled.__doc__) == documented(ast.get_docstring(node))


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_documented_alike(name: str) -> None:
    assert documented(vars(_core)[name].__doc__) == documented(ast.get_docstring(CLASSES[name]))


@pytest.mark.parametrize("name", [name for name in CLASSES if issubclass(vars(_core)[name], Exception)])
def test_exceptions_have_the_bases_the_stub_says(name: str) -> None:
    bases = [base.__name__ for base in vars(_core)[name].__bases__]
    assert bases == [base.id for base in CLASSES[name].bases if isinstance(base, ast.Name)]


def test_values_are_frozen() -> None:
    change = _core.PositionBook.for_market("reference", bytes(32), bytes(32)).tick(1, 1)
    with pytest.raises(AttributeError):
        change.kind = "position"  # type: ignore[misc]


def test_importing_the_library_needs_numpy_and_the_standard_library_alone() -> None:
    program = (
        "import sys, liquidation_engine as library\n"
        "allowed = {'liquidation_engine', 'numpy'} | set(sys.stdlib_module_names)\n"
        "known = {name.split('.')[0] for name in sys.modules}\n"
        "assert library.PositionBook\n"
        "print(sorted(name for name in known - allowed if not name.startswith('_')))"
    )
    path = str(Path(liquidation_engine.__file__).parent.parent)
    run = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
