"""Instances of the engine as processes of their own, beside a localnet that runs in this one."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from one_command import FOREIGN


@asynccontextmanager
async def engine(
    folder: Path, role: str, settings: Mapping[str, str], *, name: str | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """Run one live instance; return it and its log."""
    name = name or role
    path = folder / f"{name}.log"
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    with path.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "liquidation_engine", "run", "--live"),
            stdout=sink,
            stderr=sink,
            cwd=folder,
            env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), **settings, "ROLES": role, "INSTANCE_ID": name},
        )
    try:
        yield process, path
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                await process.wait()


async def until(what: str, check: Callable[[], bool], seconds: float) -> None:
    """Wait until `check()` holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)
