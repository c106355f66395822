"""The liquidator's key: read once, never shown."""

import os
import stat
from pathlib import Path
from typing import Self

import orjson
from solders.keypair import Keypair

from liquidation_engine.errors import WalletError

KEY_BYTES = 64
LONGEST_FILE_BYTES = 64 * 1024
FOREIGN_PERMISSIONS = 0o077
GIVE_PATH = "give the path of a Solana keypair file in WALLET_PATH"
GIVE_KEYPAIR = "expected the JSON array of 64 numbers that solana-keygen writes"


class Wallet:
    """A keypair whose secret stays out of repr and logs."""

    __slots__ = ("keypair", "pubkey")

    def __init__(self, keypair: Keypair) -> None:
        self.keypair = keypair
        self.pubkey = str(keypair.pubkey())

    def __repr__(self) -> str:
        return f"Wallet({self.pubkey})"

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Return the wallet of a keypair file that only its owner may read; else WalletError with the next step."""
        path = Path(path)
        try:
            content = _read_private(path)
            return cls(_keypair(content))
        except _Unreadable as error:
            raise WalletError(f"Failed to read keypair file {path}: {error.why}; {error.next_step}") from error

    @classmethod
    def create(cls, path: Path) -> Self:
        """Return a new wallet after writing its key to `path`, readable by its owner alone."""
        keypair = Keypair()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(list(bytes(keypair))))
        return cls(keypair)

    @classmethod
    def from_secret(cls, secret: str) -> Self:
        """Return the wallet of a secret given as a JSON array of 64 numbers or as base58 of 64 bytes."""
        text = secret.strip()
        if text.startswith("["):
            try:
                return cls(_keypair(text.encode()))
            except _Unreadable as error:
                raise WalletError(f"LIQUIDATOR_PRIVATE_KEY cannot be used: {error.why}; {error.next_step}") from None
        try:
            return cls(Keypair.from_base58_string(text))
        except ValueError:  # its cause would quote the secret
            message = "LIQUIDATOR_PRIVATE_KEY cannot be used: it is not the base58 text of a 64-byte key"
            raise WalletError(f"{message}; {GIVE_PATH}") from None


class _Unreadable(Exception):
    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why)
        self.why, self.next_step = why, next_step


def _read_private(path: Path) -> bytes:
    """Check and read through one descriptor, so that nobody swaps the file in between."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise _Unreadable("there is no such file", GIVE_PATH) from error
    except OSError as error:
        raise _Unreadable(error.strerror or str(error), "let its owner start the engine") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _Unreadable("it is not a regular file", GIVE_PATH)
        mode = stat.S_IMODE(status.st_mode)
        if mode & FOREIGN_PERMISSIONS:
            raise _Unreadable(f"its mode is {mode:04o}, expected 0600", f"run: chmod 600 {path}")
        return os.read(descriptor, LONGEST_FILE_BYTES)
    finally:
        os.close(descriptor)


def _keypair(content: bytes) -> Keypair:
    """The messages say what is wrong without quoting the content."""
    try:
        numbers = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise _Unreadable("it is not JSON", GIVE_KEYPAIR) from None
    if not isinstance(numbers, list):
        raise _Unreadable("it is not a JSON array", GIVE_KEYPAIR)
    if len(numbers) != KEY_BYTES:
        raise _Unreadable(f"it has {len(numbers)} numbers", GIVE_KEYPAIR)
    if not all(type(number) is int and 0 <= number <= 255 for number in numbers):
        raise _Unreadable("it has an entry that is not a number from 0 to 255", GIVE_KEYPAIR)
    secret = bytes(numbers)
    derived = Keypair.from_seed(secret[:32])
    if bytes(derived.pubkey()) != secret[32:]:
        raise _Unreadable("its public half does not belong to its secret half", "restore the file from your backup")
    return derived
