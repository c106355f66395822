"""Ties the committed program to its sources: run it after a build with `--write`, without to check.

The digest is SHA-256 over each source file's path and contents, in the order of the paths: the Rust sources of
`lending-math` and `reference-lending` and both manifests. A change there without a rebuild no longer matches BUILD.json.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).resolve().parent
CRATES = ("rust/lending-math", "rust/reference-lending")


def sources(root: Path) -> list[Path]:
    """Return the files that the program is compiled from, relative to the repository's `root`."""
    found = [Path(crate, "Cargo.toml") for crate in CRATES]
    for crate in CRATES:
        found += [path.relative_to(root) for path in (root / crate / "src").rglob("*.rs")]
    return sorted(found, key=Path.as_posix)


def digest(root: Path) -> str:
    """Return the sources' digest."""
    total = sha256()
    for path in sources(root):
        contents = (root / path).read_bytes()
        total.update(f"{path.as_posix()}\0{len(contents)}\0".encode())
        total.update(contents)
    return total.hexdigest()


def differences(root: Path, folder: Path = HERE) -> Iterator[str]:
    """Yield what does not match BUILD.json, each with what to do about it."""
    build = json.loads((folder / "BUILD.json").read_text(encoding="utf-8"))
    if build["sources_sha256"] != digest(root):
        yield "the program's sources changed since reference_lending.so was built: rebuild it, then run checksums.py --write"
    for name in ("reference_lending.so", "reference_lending.json"):
        if build[f"{name}_sha256"] != sha256((folder / name).read_bytes()).hexdigest():
            yield f"{name} is not the file that BUILD.json describes: rebuild it, then run checksums.py --write"


def write(root: Path, folder: Path = HERE) -> None:
    """Describe the files as they are now."""
    build = {"sources_sha256": digest(root)}
    for name in ("reference_lending.so", "reference_lending.json"):
        build[f"{name}_sha256"] = sha256((folder / name).read_bytes()).hexdigest()
    (folder / "BUILD.json").write_text(json.dumps(build, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Check or write BUILD.json; the exit code is 1 if something does not match."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=HERE.parents[3], help="the repository")
    parser.add_argument("--write", action="store_true", help="describe the files as they are now")
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.root)
    found = list(differences(arguments.root))
    for line in found:
        sys.stderr.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
