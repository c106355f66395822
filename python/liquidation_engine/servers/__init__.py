"""Embedded Postgres and Valkey under supervision, so that demo and tests need no server of their own.

Stands with the adapters. `EmbeddedServers` starts both in a data folder, hands out their URLs, and ends them for certain; a
URL that is given is used instead of a server of ours. What follows is `database/` and `stream/`, which only see URLs.
"""

from liquidation_engine.servers.embedded import EmbeddedServers, ServerUrls

__all__ = ["EmbeddedServers", "ServerUrls"]
