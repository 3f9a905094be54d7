"""A tool of your own: how long a service takes to accept a connection. It only looks."""

import socket
import time


def ping(host: str, labels: dict[str, str]) -> dict[str, float | bool]:
    """How long the service takes to accept a TCP connection, and whether it does.

    It reads the port from the container's label `ping.port` and says nothing without one.
    """
    port = int(labels.get("ping.port", "0"))
    if not port:
        return {}
    address = "127.0.0.1" if host == "local" else host
    began = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return {"accepts": False, "ms": 0.0}
    return {"accepts": True, "ms": round((time.monotonic() - began) * 1000, 1)}
