"""Tests marked `virtual_time` run on a loop whose sleeps and timeouts take no time."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from liquidation_engine.testing import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "virtual_time: waits on the event loop take no time")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of an asynchronous test."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}
