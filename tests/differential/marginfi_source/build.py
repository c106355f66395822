"""Compile marginfi's published source for this machine: `python -m tests.differential.marginfi_source.build CHECKOUT FOLDER`.

CHECKOUT is the repository 0dotxyz/marginfi-v2 at 1f1f7a6980954b743d98f83b1d4e77d2e0358855, FOLDER the one of LIQ_PROGRAMS, where
`marginfi-0.1.9-native` ends up. Its arithmetic is left as it is, overflow checks included. Three crates are replaced, because they are
only in repositories or do nothing off chain, and one check: how deep the call stack is, which only the chain knows.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NAME = "marginfi-0.1.9-native"
MEMBERS = (
    "programs/marginfi",
    *(f"programs/{of}-mocks" for of in ("kamino", "drift", "solend", "juplend")),
    "type-crate",
    "id-crate",
)
STUBS = {
    "pyth": ("pyth-solana-receiver-sdk", "1.2.1", ("idl-build",), ("anchor-lang",)),
    "switchboard": ("switchboard-on-demand", "0.12.1", ("cpi", "solana-v3"), ("bytemuck",)),
}


def manifest(name: str, version: str, features: tuple[str, ...], dependencies: str) -> str:
    """Return a crate's manifest."""
    named = "".join(f"{feature} = []\n" for feature in features)
    head = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    return f"{head}[features]\n{named}[dependencies]\n{dependencies}"


def crate(folder: Path, source: str, text: str, file: str = "lib.rs") -> None:
    """Write a crate of one file."""
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(text)
    shutil.copy(HERE / f"{source}.rs", folder / "src" / file)


def prepare(work: Path) -> None:
    """Turn a copy of the checkout into a workspace that compiles for this machine."""
    for source, (name, version, features, dependencies) in STUBS.items():
        needed = "".join(f"{it} = {{ workspace = true }}\n" for it in dependencies)
        crate(work / "stubs" / source, source, manifest(name, version, features, needed))
    needed = '"3"\n'.join(
        f"solana-{it} = " for it in ("account-info", "instruction", "program-entrypoint", "program-error", "")
    )
    needed = needed.removesuffix("solana- = ")
    crate(work / "stubs" / "invoke", "invoke", manifest("solana-invoke", "0.5.0", (), needed))
    needed = 'marginfi = { path = "../programs/marginfi", features = ["no-entrypoint"] }\n'
    for it in ("anchor-lang", "solana-program", "solana-instruction", "solana-instructions-sysvar"):
        needed += f"{it} = {{ workspace = true }}\n"
    crate(work / "driver", "driver", manifest("driver", "0.1.0", (), needed), "main.rs")
    root = (work / "Cargo.toml").read_text()
    members = ", ".join(f'"{it}"' for it in (*MEMBERS, "stubs/pyth", "stubs/switchboard", "driver"))
    root = re.sub(r"members = \[.*?\]", f"members = [{members}]", root, count=1, flags=re.DOTALL)
    for source, (name, *_) in STUBS.items():
        root = re.sub(rf"(?m)^{name} = .*$", f'{name} = {{ path = "stubs/{source}" }}', root)
    root = re.sub(r"(?m)^(fixtures|transfer_hook|mocks) = .*\n", "", root)
    root = root[: root.index("[profile.dev]")] + "[profile.release]\noverflow-checks = true\nopt-level = 1\n"
    (work / "Cargo.toml").write_text(root + '[patch.crates-io]\nsolana-invoke = { path = "stubs/invoke" }\n')
    program = work / "programs" / "marginfi" / "Cargo.toml"
    text = program.read_text()
    program.write_text(text[: text.index("[dev-dependencies]")] + text[text.index("[lints.rust]") :])
    stack = work / "programs" / "marginfi" / "src" / "ix_utils.rs"
    depth = "get_stack_height() == TRANSACTION_LEVEL_STACK_HEIGHT"
    stack.write_text(stack.read_text().replace(depth, depth.replace("==", "<=")))
    (work / "rust-toolchain.toml").unlink(missing_ok=True)


def main() -> None:
    """Copy, prepare, compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "marginfi"
        shutil.copytree(asked.checkout, work, ignore=shutil.ignore_patterns(".git", "target"))
        prepare(work)
        subprocess.run(["cargo", "build", "--release", "-p", "driver"], cwd=work, check=True)
        shutil.copy(work / "target" / "release" / "driver", asked.folder / NAME)


if __name__ == "__main__":
    main()
