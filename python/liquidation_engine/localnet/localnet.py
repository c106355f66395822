"""`Localnet`: one chain, its server and its pace, as one thing to start and stop."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType

from solders.account import Account
from solders.pubkey import Pubkey

from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.control_methods import ControlMethods
from liquidation_engine.localnet.gateway import Gateway
from liquidation_engine.localnet.server import App, HttpServer
from liquidation_engine.localnet.settings import LocalnetSettings
from liquidation_engine.localnet.subscriptions import Subscriptions

_LONGEST_RUN_SECONDS = 0.005  # how long transactions run before requests get their turn


class Localnet:
    """A chain with accounts to set before it starts; `async with` serves it and lets its slots pass."""

    def __init__(self, settings: LocalnetSettings) -> None:
        self.settings = settings
        self.chain = Chain(settings)
        self.faults = self.chain.faults
        self._slot_hooks: list[Callable[[int], None]] = []
        self._moving = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._server: HttpServer | None = None
        self._fork_hooks: list[Callable[[int], None]] = []
        self.gateway = Gateway(self.chain, lambda: self.healthy)
        if settings.control_methods:
            control = ControlMethods(self.chain, self.gateway, self.step, self.fork)
            self.gateway.control.methods |= control.methods
            self.gateway.control.waiting_methods |= control.waiting_methods
        self._app = App(self.gateway, self.faults, settings.max_queued_notifications)

    async def __aenter__(self) -> "Localnet":
        server = HttpServer(self._app, self.settings.host, self.settings.port)
        try:
            self.chain.recording.open()
            await server.start()
        except BaseException:
            await server.stop()
            raise
        self._server = server
        if not self.settings.stepped:
            self._ticker = asyncio.create_task(self._tick(), name="localnet-slots")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._ticker is not None:
                self._ticker.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._ticker
        finally:
            if self._server is not None:
                await self._server.stop()
            self.chain.close()

    @property
    def url(self) -> str:
        """Where JSON-RPC is served."""
        return f"http://{self._address}"

    @property
    def ws_url(self) -> str:
        """Where subscriptions are served: the same port."""
        return f"ws://{self._address}"

    @property
    def _address(self) -> str:
        if self._server is None:
            raise RuntimeError("localnet does not serve yet: enter it with `async with`")
        return f"{self.settings.host}:{self._server.port}"

    @property
    def healthy(self) -> bool:
        """Whether slots pass: false once an error has ended them."""
        return self._ticker is None or not self._ticker.done()

    def on_slot(self, callback: Callable[[int], None]) -> None:
        """Call `callback(slot)` when a slot begins, before its transactions run; what it submits runs first in it."""
        self._slot_hooks.append(callback)

    def set_account(self, pubkey: Pubkey, account: Account) -> None:
        """Put an account on the chain by hand."""
        self.chain.set_account(pubkey, account)

    async def step(self, blocks: int = 1) -> int:
        """Make `blocks` blocks now, passing over skipped slots, and return the newest one's slot."""
        for _ in range(blocks):
            while not await self._next_slot():
                pass
        return self.chain.slot

    def on_fork(self, callback: Callable[[int], None]) -> None:
        """Call `callback(kept_slot)` when blocks were undone."""
        self._fork_hooks.append(callback)

    async def fork(self, depth: int, *, replay: bool = False) -> int:
        """Undo the last `depth` blocks, none of which may be final, and return the slot of the one that stays."""
        async with self._moving:
            kept_slot = self.chain.fork(depth, replay=replay)
            for hook in self._fork_hooks:
                hook(kept_slot)
            return kept_slot

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions of the endpoint at `/`."""
        return self.gateway.endpoint("").subscriptions

    async def wait_closed(self) -> None:
        """Wait until the slots end by themselves, which they only do by an error that is raised here."""
        if self._ticker is None:
            await asyncio.Event().wait()
        else:
            await asyncio.shield(self._ticker)  # whoever stops waiting does not stop the slots

    async def _next_slot(self) -> bool:
        """Let one slot pass; return whether it had a block."""
        async with self._moving:
            slot = self.chain.begin_slot()
            if slot is None:
                return False
            for hook in self._slot_hooks:
                hook(slot)
            self.chain.open()
            while self.chain.execute_some(_LONGEST_RUN_SECONDS):  # noqa: ASYNC110 - lets requests have their turn
                await asyncio.sleep(0)
            self.chain.end_slot()
            return True

    async def _tick(self) -> None:
        """Let slots pass at their pace; one that took too long delays those after it instead of bunching them."""
        loop, seconds = asyncio.get_running_loop(), self.settings.slot_milliseconds / 1_000
        due = loop.time() + seconds
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._next_slot()
            due = max(due + seconds, loop.time())
