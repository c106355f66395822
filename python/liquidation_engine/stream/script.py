"""A Lua script shipped beside its package, called by its digest and loaded again when Redis has forgotten it."""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

Argument = str | bytes | int


class RedisScript:
    """One script of `<package>/scripts/`."""

    def __init__(self, package: str, name: str) -> None:
        """Read `name` from the package's scripts."""
        self._text = files(package).joinpath("scripts", name).read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Return what the script returns."""
        try:
            return await redis.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await redis.eval(self._text, len(keys), *keys, *arguments)

    async def run_many(self, redis: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        """Return one answer per (keys, arguments), in one round trip; the first error is raised after all have run."""
        answers = await self._pipelined(redis, calls)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            await redis.script_load(self._text)
            answers = await self._pipelined(redis, calls)  # nothing ran before: a digest is known for all calls or none
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _pipelined(self, redis: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]) -> list[Any]:
        async with redis.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                # Not `evalsha`: a Cluster's pipeline refuses that name, though every call here has its keys in one slot.
                pipeline.execute_command("EVALSHA", self._digest, len(keys), *keys, *arguments)
            return await pipeline.execute(raise_on_error=False)
