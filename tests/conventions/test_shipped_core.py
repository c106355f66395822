"""What is shipped cannot be told to miss: the extension module was built without the faults that a soak plants."""

import re
from pathlib import Path

from liquidation_engine import _core

ROOT = Path(__file__).resolve().parents[2]


def mark() -> bytes:
    """Return the bytes that every build with the faults has in it; `make soak-sabotage` checks that its own does."""
    source = (ROOT / "rust/liquidation-core/src/sabotage.rs").read_text()
    found = re.search(r'pub const MARK: &str = "([^"]{20,})";', source)
    assert found is not None
    return found[1].encode()


def test_the_extension_module_has_no_fault_that_can_be_planted() -> None:
    assert _core.__file__ is not None
    assert mark() not in Path(_core.__file__).read_bytes()
