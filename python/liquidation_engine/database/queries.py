"""Loads the named statements of `queries.sql`."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Return name -> SQL of every statement."""
    return parse(files(__package__).joinpath("queries.sql").read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, str]:
    """Split a file of named statements; comments are dropped, names must be unique."""
    _, *parts = _NAME.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line.rstrip() for line in body.splitlines() if line.strip() and not line.lstrip().startswith("--")]
        if name in found or not lines:
            raise ValueError(f"statement {name!r} is empty or appears twice")
        found[name] = "\n".join(lines).rstrip(";")
    return found
