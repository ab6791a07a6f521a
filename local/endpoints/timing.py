"""How long things may take; the service's own figures unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds.

    Attributes:
        startup: until a container must have answered /ping, unless its variant says otherwise (8 minutes).
        invocation: until a container must have answered a request (60).
        body: until a request's body must have arrived.
        drain: until the requests under way in a fleet that leaves must be done.
        grace: between SIGTERM and SIGKILL of a container.
        serverless_idle: without a request until a serverless variant's process is stopped.
        asynchronous_idle: with an empty backlog until an asynchronous endpoint is scaled to zero.
        capture: between two data capture files.

    """

    startup: float = 480.0
    invocation: float = 60.0
    body: float = 60.0
    drain: float = 65.0
    grace: float = 10.0
    serverless_idle: float = 300.0
    asynchronous_idle: float = 120.0
    capture: float = 1.0
