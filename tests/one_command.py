"""The real command as a process of its own, beside a localnet that runs in this one."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOREIGN = ("DATABASE_URL", "REDIS_URL", "SOLANA_RPC_URL", "WALLET_PATH", "PROTOCOL", "PROGRAM_ID", "MARKET")


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    code: int
    out: str
    message: str  # stderr

    @property
    def json(self) -> dict[str, Any]:
        """The object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


async def command(folder: Path, *arguments: str, **settings: str) -> Ended:
    """Run `liquidation-engine ARGUMENTS` in `folder` to its end, with these settings alone."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liquidation_engine", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path), **settings},
    )
    try:
        async with asyncio.timeout(60):
            out, message = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), message.decode())
