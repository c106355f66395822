"""Starts the kinds of Redis that operators run: behind an ACL user, TLS, Sentinel, and a Cluster. Everything on 127.0.0.1."""

import asyncio
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from liquidation_engine.servers.probe import free_port
from liquidation_engine.servers.process import ServerProcess
from liquidation_engine.servers.valkey import find_binary

PASSWORD = "hunter2"
SERVICE = "liquidations"
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "many-instances.md"


@dataclass
class Farm:
    """Servers in one folder, all ended at the end."""

    folder: Path
    processes: list[ServerProcess] = field(default_factory=list)

    async def serve(self, name: str, binary: Path, port: int, *lines: str, sentinel: bool = False) -> ServerProcess:
        """Start one server and return when its port answers."""
        home = self.folder / name
        home.mkdir()
        file = home / "server.conf"
        basics = ["bind 127.0.0.1", f'dir "{home}"', "daemonize no", "set-proc-title no", 'save ""']
        file.write_text("\n".join([*(basics if not sentinel else basics[:4]), *lines]) + "\n")
        command = [str(binary), str(file), *(["--sentinel"] if sentinel else [])]
        process = ServerProcess.spawn(name, command, log=home / "log", gentle=signal.SIGTERM)
        self.processes.append(process)
        async with asyncio.timeout(20):
            while not await listening(port):
                assert process.exit_code() is None, process.log_tail()
                await asyncio.sleep(0.02)
        return process

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(process.stop() for process in self.processes))


async def listening(port: int) -> bool:
    """Say whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def acl_user(farm: Farm) -> str:
    """Return the URL of a server that knows one user, who may do what the documents say the engine needs."""
    port = free_port()
    (rules,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("~liq:*")]
    users = f"user default off\nuser engine on >{PASSWORD} {rules}\n"
    (farm.folder / "users.acl").write_text(users)
    await farm.serve("acl", find_binary(), port, f"port {port}", f'aclfile "{farm.folder / "users.acl"}"')
    return f"redis://engine:{PASSWORD}@127.0.0.1:{port}/0"


def tls_binary() -> Path | None:
    """Return a server that can TLS: Debian's, where it is installed."""
    found = shutil.which("redis-server")
    return Path(found) if found and shutil.which("openssl") else None


def make_certificate(key: Path, certificate: Path) -> None:
    """Write a key and a certificate of 127.0.0.1 signed with itself."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    made = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *made], check=True, capture_output=True)


async def tls(farm: Farm) -> str:
    """Return the URL of a server that speaks TLS only, behind a certificate of its own making."""
    binary = tls_binary()
    assert binary is not None
    key, certificate, port = farm.folder / "key.pem", farm.folder / "certificate.pem", free_port()
    await asyncio.to_thread(make_certificate, key, certificate)
    await farm.serve(
        "tls", binary, port, "port 0", f"tls-port {port}", f"tls-cert-file {certificate}", f"tls-key-file {key}",
        f"tls-ca-cert-file {certificate}", "tls-auth-clients no", f"requirepass {PASSWORD}",
    )  # fmt: skip
    return f"rediss://:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={certificate}"


@dataclass
class Sentinels:
    """A master, its replica, and one sentinel that watches them."""

    url: str
    master: ServerProcess
    master_port: int
    replica_port: int


async def sentinel(farm: Farm) -> Sentinels:
    """Start them, and return when the sentinel knows the replica."""
    master, replica, watcher = free_port(), free_port(), free_port()
    secrets = (f"requirepass {PASSWORD}", f"masterauth {PASSWORD}")
    process = await farm.serve("master", find_binary(), master, f"port {master}", *secrets)
    await farm.serve("replica", find_binary(), replica, f"port {replica}", f"replicaof 127.0.0.1 {master}", *secrets)
    await farm.serve(
        "sentinel", find_binary(), watcher, f"port {watcher}", f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1",
        f"sentinel auth-pass {SERVICE} {PASSWORD}", f"sentinel down-after-milliseconds {SERVICE} 400",
        f"sentinel failover-timeout {SERVICE} 2000", sentinel=True,
    )  # fmt: skip
    async with Redis(port=watcher) as client, asyncio.timeout(30):
        while True:
            facts = await client.sentinel_master(SERVICE)
            if facts["num-slaves"] == 1:
                break
            await asyncio.sleep(0.1)
    url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:{watcher}/{SERVICE}/0"
    return Sentinels(url, process, master, replica)


async def cluster(farm: Farm) -> str:
    """Return the URL of three nodes that share the slots."""
    ports = [free_port() for _ in range(3)]
    for number, port in enumerate(ports):
        await farm.serve(
            f"node-{number}", find_binary(), port, f"port {port}", "cluster-enabled yes", "cluster-node-timeout 2000",
            f"cluster-port {free_port()}", f"requirepass {PASSWORD}",
        )  # fmt: skip
    clients = [Redis(port=port, password=PASSWORD, protocol=2) for port in ports]
    shares = (0, 5_460), (5_461, 10_922), (10_923, 16_383)
    for client, (first, last) in zip(clients, shares, strict=True):
        await client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
    for port, client in zip(ports[1:], clients[1:], strict=True):
        bus = int((await client.config_get("cluster-port"))["cluster-port"])
        await clients[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
    async with asyncio.timeout(30):
        for client in clients:
            while not await complete(client):  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.1)
    await asyncio.gather(*(client.aclose() for client in clients))
    return f"redis+cluster://:{PASSWORD}@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


async def complete(client: Redis) -> bool:
    """Say whether this node sees the whole cluster."""
    facts = await client.execute_command("CLUSTER INFO")
    return bool(facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == "3")
