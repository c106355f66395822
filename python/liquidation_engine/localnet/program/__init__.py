"""The reference program as localnet deploys it: its binary, its IDL and the checksums that tie both to the sources."""

from importlib.resources import files

PROGRAM_NAME = "reference_lending"


def program_bytes() -> bytes:
    """Return the built program."""
    return files(__name__).joinpath(f"{PROGRAM_NAME}.so").read_bytes()


def idl_text() -> str:
    """Return the program's IDL, JSON in Anchor's form."""
    return files(__name__).joinpath(f"{PROGRAM_NAME}.json").read_text(encoding="utf-8")
