"""Finds ports on 127.0.0.1 that are free and likely to stay so.

Invariants: ports come from below the kernel's ephemeral range, so that no outgoing
connection takes one while its server is stopped for a moment; no port is handed out
twice as long as the process lives that got it, by this program or by the tests'
`place.rs`: each is claimed by an abstract socket of that name, which ends with its
process. Others may still be faster: whoever starts a server starts it again on other
ports when it could not bind.
"""

from __future__ import annotations

import random
import socket
import threading
from pathlib import Path
from typing import Dict, Iterable, List

from console import Problem

# Ports in the range that well-known servers use by default.
_STANDARD = {19999, 20000, 22122, 24007, 24224, 25565, 25672, 26257, 27017, 27018, 27019, 28015, 28017, 29092}
_LOWEST = 18000
_TRIES = 2000

_claims: List[socket.socket] = []
_lock = threading.Lock()


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: old connections in TIME_WAIT do not keep them out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port that nobody has handed out who still lives."""
    with _lock:
        for _ in range(_TRIES):
            port = random.SystemRandom().randrange(_LOWEST, _highest())
            if port not in _STANDARD and _claim(port) and is_free(port):
                return port
    raise Problem("found no free port on 127.0.0.1")


def _claim(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0longshore-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_ports(names: Iterable[str]) -> Dict[str, int]:
    """One free port for each name."""
    return {name: free_port() for name in names}


def first_free(start: int) -> int:
    """`start`, or the next free port after it."""
    for port in range(start, start + 1000):
        if is_free(port):
            return port
    raise Problem(f"found no free port from {start} on")


def _highest() -> int:
    try:
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        ephemeral = 32768
    return ephemeral if ephemeral >= _LOWEST + 2000 else 32768
