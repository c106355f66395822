"""A data folder and the lock that says whose it is."""

import fcntl
import os
import secrets
from pathlib import Path

from liquidation_engine.errors import ServerError


class DataFolder:
    """A folder that one living process owns. The lock is the kernel's, so it ends with its owner, however that ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    def take(self) -> None:
        """Make the folder and become its owner; raise ServerError if another process is."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ServerError(f"the data folder {self.path} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 20).decode().strip() or "unknown"
            os.close(lock)
            raise ServerError(
                f"the data folder {self.path} is in use by process {owner}: stop that process or name another folder"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def give_back(self) -> None:
        """Let others own the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def password(self, name: str) -> str:
        """Return the password of a server in this folder, made at its first use."""
        file = self.path / f"{name}.password"
        if not file.exists():
            write_private(file, secrets.token_hex(32))
        return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    partial.replace(file)
