"""Ports of the loopback address for containers."""

from __future__ import annotations

import socket
import threading

HOST = "127.0.0.1"

_given: set[int] = set()
_lock = threading.Lock()


def take_port() -> int:
    """Return a port that nothing listens on, and that nobody else in this process was given."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        with _lock:
            if port not in _given:
                _given.add(port)
                return port


def give_back(port: int) -> None:
    """Allow a port to be given again."""
    with _lock:
        _given.discard(port)


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
