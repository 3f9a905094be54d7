"""The simulated world in the shapes of Docker's Engine API 1.41. Not here: routes."""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from lab import world_sight as sight
from lab.world import World
from lab.world_parts import Container, Endpoint, Happening, LogLine

ZERO_TIME = "0001-01-01T00:00:00Z"
HOST_MEMORY = 8 * 1024**3
API_VERSION = "1.41"
ENGINE = "20.10.24"
Json = dict[str, Any]


def stamp(moment: datetime | None) -> str:
    """RFC 3339 with nanoseconds, or Docker's zero time."""
    if moment is None:
        return ZERO_TIME
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def version() -> Json:
    """`GET /version`."""
    return {
        "Platform": {"Name": ""},
        "Version": ENGINE,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.12",
        "Os": "linux",
        "Arch": "amd64",
    }


def info(world: World) -> Json:
    """`GET /info`, as far as anybody reads it."""
    states = [container.status for container in world.containers.values()]
    return {
        "ID": "STAN:DINX",
        "Name": "standin",
        "Containers": len(states),
        "ContainersRunning": states.count("running"),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
        "MemTotal": HOST_MEMORY,
        "NCPU": 2,
        "SwapLimit": True,
        "ServerVersion": ENGINE,
        "OSType": "linux",
        "CgroupVersion": "1",
    }


def inspect(world: World, container: Container) -> Json:
    """`GET /containers/{id}/json`."""
    command = list(container.spec.command)
    return {
        "Id": container.id,
        "Created": stamp(container.created),
        "Path": command[0],
        "Args": command[1:],
        "State": _state(container),
        "Image": _image_id(container),
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": _host_config(container),
        "Mounts": _mounts(container),
        "Config": _config(container),
        "NetworkSettings": {"Ports": _ports(container), "Networks": _networks(world, container)},
    }


def _image_id(container: Container) -> str:
    digits = container.spec.image.encode().hex().ljust(64, "0")[:64]
    return f"sha256:{digits}"


def _state(container: Container) -> Json:
    state: Json = {
        "Status": container.status,
        "Running": container.up or container.status == "restarting",
        "Paused": container.status == "paused",
        "Restarting": container.status == "restarting",
        "OOMKilled": container.oom_killed,
        "Dead": False,
        "Pid": container.pid,
        "ExitCode": container.exit_code,
        "Error": container.error,
        "StartedAt": stamp(container.started_at),
        "FinishedAt": stamp(container.finished_at),
    }
    if container.spec.health:
        state["Health"] = _health(container)
    return state


def _health(container: Container) -> Json:
    return {
        "Status": container.health,
        "FailingStreak": container.failing_streak,
        "Log": [
            {
                "Start": stamp(check.at),
                "End": stamp(check.at),
                "ExitCode": check.exit_code,
                "Output": check.output,
            }
            for check in container.checks
        ],
    }


def _bindings(container: Container) -> Json:
    if container.spec.port is None:
        return {}
    binding = {"HostIp": "127.0.0.1", "HostPort": str(container.spec.port)}
    return {f"{container.spec.container_port}/tcp": [binding]}


def _ports(container: Container) -> Json:
    return _bindings(container) if container.up else {}


def _host_config(container: Container) -> Json:
    spec = container.spec
    return {
        "Binds": [f"{source}:{place}" for source, place in spec.mounts.items()] or None,
        "NetworkMode": spec.network_mode,
        "PortBindings": _bindings(container),
        "RestartPolicy": {
            "Name": "" if spec.restart == "no" else spec.restart,
            "MaximumRetryCount": spec.max_retries,
        },
        "AutoRemove": spec.auto_remove,
        "Memory": container.memory_limit,
        "MemorySwap": container.memswap_limit,
        "MemoryReservation": 0,
        "NanoCpus": 0,
    }


def _mounts(container: Container) -> list[Json]:
    return [
        {"Type": "bind", "Source": source, "Destination": place, "Mode": "", "RW": True}
        for source, place in container.spec.mounts.items()
    ]


def _config(container: Container) -> Json:
    spec = container.spec
    config: Json = {
        "Hostname": container.id[:12],
        "Tty": False,
        "Env": list(spec.env),
        "Cmd": list(spec.command),
        "Image": spec.image,
        "Entrypoint": None,
        "Labels": spec.all_labels(),
        "ExposedPorts": {f"{spec.container_port}/tcp": {}},
    }
    if spec.health:
        config["Healthcheck"] = {
            "Test": ["CMD", "/app/health"],
            "Interval": 500_000_000,
            "Timeout": 500_000_000,
            "Retries": 2,
        }
    return config


def _networks(world: World, container: Container) -> Json:
    return {
        name: _endpoint(world, container, name, endpoint)
        for name, endpoint in container.networks.items()
    }


def _endpoint(world: World, container: Container, name: str, endpoint: Endpoint) -> Json:
    """A stopped container keeps its place on a network, without an address."""
    up = container.up
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": [*endpoint.aliases, container.id[:12]],
        "NetworkID": world.networks[name],
        "EndpointID": f"{container.id[:32]}{world.networks[name][:32]}" if up else "",
        "Gateway": "10.77.0.1" if up else "",
        "IPAddress": endpoint.ip if up else "",
        "IPPrefixLen": 16 if up else 0,
        "MacAddress": "02:42:0a:4d:00:02" if up else "",
        "DriverOpts": None,
    }


def listed(world: World, container: Container) -> Json:
    """One row of `GET /containers/json`."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.spec.image,
        "ImageID": _image_id(container),
        "Command": " ".join(container.spec.command),
        "Created": int(container.created.timestamp()),
        "Ports": [],
        "Labels": container.spec.all_labels(),
        "State": container.status,
        "Status": _status_words(container),
        "HostConfig": {"NetworkMode": container.spec.network_mode},
        "NetworkSettings": {"Networks": _networks(world, container)},
        "Mounts": _mounts(container),
    }


def _status_words(container: Container) -> str:
    if container.status == "exited":
        return f"Exited ({container.exit_code}) Less than a second ago"
    if container.status == "restarting":
        return f"Restarting ({container.exit_code}) Less than a second ago"
    words = {"paused": " (Paused)", "created": ""}
    return "Created" if container.status == "created" else f"Up{words.get(container.status, '')}"


def network(world: World, name: str) -> Json:
    """`GET /networks/{id}`."""
    members = [one for one in world.containers.values() if one.up and name in one.networks]
    return {
        "Name": name,
        "Id": world.networks[name],
        "Scope": "local",
        "Driver": "bridge",
        "Labels": {},
        "Containers": {
            one.id: {"Name": one.name, "IPv4Address": f"{one.networks[name].ip}/16"}
            for one in members
        },
    }


def event(happening: Happening) -> Json:
    """One object of `GET /events`."""
    body: Json = {
        "Type": happening.kind,
        "Action": happening.action,
        "Actor": {"ID": happening.actor, "Attributes": dict(happening.attributes)},
        "scope": "local",
        "time": happening.time_ns // 10**9,
        "timeNano": happening.time_ns,
    }
    if happening.kind == "container":
        body |= {"status": happening.action, "id": happening.actor}
        body["from"] = happening.attributes.get("image", "")
    return body


def stats(world: World, container: Container) -> Json:
    """One sample of `GET /containers/{id}/stats`; without a process most of it is empty."""
    body: Json = {"name": f"/{container.name}", "id": container.id}
    if not container.up:
        cpu = {"cpu_usage": {"total_usage": 0}}
        times = {"read": ZERO_TIME, "preread": ZERO_TIME}
        return {**body, **times, "memory_stats": {}, "cpu_stats": cpu, "precpu_stats": cpu}
    used = sight.usage(container, world.clock.now())
    return {
        **body,
        "read": stamp(world.clock.now()),
        "preread": stamp(container.started_at),
        "memory_stats": {
            "usage": used + 4096,
            "stats": {"total_inactive_file": 4096},
            "limit": container.memory_limit or HOST_MEMORY,
        },
        "cpu_stats": _cpu(150_000_000, 102_000_000_000),
        "precpu_stats": _cpu(100_000_000, 100_000_000_000),
    }


def _cpu(used: int, system: int) -> Json:
    return {"cpu_usage": {"total_usage": used}, "system_cpu_usage": system, "online_cpus": 2}


def log_frames(lines: Iterable[LogLine], *, timestamps: bool) -> bytes:
    """The multiplexed stream of `GET /containers/{id}/logs`: a header of 8 bytes each."""
    frames = []
    for line in lines:
        text = f"{stamp(line.at)} {line.text}" if timestamps else line.text
        body = f"{text}\n".encode()
        frames.append(struct.pack(">BxxxL", line.stream, len(body)) + body)
    return b"".join(frames)
