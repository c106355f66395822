"""JSON-RPC 2.0: bodies in, bodies out; single requests and batches; every failure as the error a node would give."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from liquidation_engine.localnet.answers import RpcFault
from liquidation_engine.localnet.params import Params

Method = Callable[[Params], Any]
AsyncMethod = Callable[[Params], Awaitable[Any]]
MAX_BATCH = 1_000
_log = logging.getLogger(__name__)


class Unanswered(Exception):
    """A request that was taken and gets no answer."""


class Router:
    """Finds the method that a request names and wraps what it returns."""

    def __init__(self, methods: dict[str, Method], waiting_methods: dict[str, AsyncMethod] | None = None) -> None:
        self._methods = methods
        self._waiting = waiting_methods or {}

    async def answer(self, body: bytes, extra: dict[str, Method] | None = None) -> bytes | None:
        """Return the response to a body, None if it holds notifications only.

        `extra` are methods of this connection alone.
        """
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError:
            return orjson.dumps(_failure(None, RpcFault(-32700, "Parse error")))
        if not isinstance(request, list):
            response = await self._call(request, extra)
            return None if response is None else _dump(response)
        if not request or len(request) > MAX_BATCH:
            return orjson.dumps(_failure(None, RpcFault(-32600, "Invalid request")))
        responses = [await self._call(one, extra) for one in request]
        answered = [one for one in responses if one is not None]
        return _dump(answered) if answered else None

    async def _call(self, request: Any, extra: dict[str, Method] | None) -> dict[str, Any] | None:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failure(None, RpcFault(-32600, "Invalid request"))
        try:
            result = await self._run(request["method"], _params(request), extra)
        except RpcFault as fault:
            return _failure(request.get("id"), fault)
        except Unanswered:
            raise
        except Exception:  # the outermost place for one request: the others must go on
            _log.exception("localnet could not answer %s", request["method"])
            return _failure(request.get("id"), RpcFault(-32603, "Internal error"))
        return {"jsonrpc": "2.0", "result": result, "id": request["id"]} if "id" in request else None

    async def _run(self, name: str, params: Params, extra: dict[str, Method] | None) -> Any:
        method = self._methods.get(name) or (extra or {}).get(name)
        if method is not None:
            return method(params)
        waiting = self._waiting.get(name)
        if waiting is None:
            raise RpcFault(-32601, "Method not found")
        return await waiting(params)


def _params(request: dict[str, Any]) -> Params:
    values = request.get("params")
    if values is None:
        return Params([])
    if not isinstance(values, list):
        raise RpcFault(-32602, "Invalid params: expected an array")
    return Params(values)


def _failure(request_id: Any, fault: RpcFault) -> dict[str, Any]:
    error: dict[str, Any] = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        error["data"] = fault.data
    return {"jsonrpc": "2.0", "error": error, "id": request_id}


def _dump(response: Any) -> bytes:
    return orjson.dumps(response)
