"""HTTP/1.1 for one model: requests in, answers out, and nothing between the socket and the model.

A web server for every purpose spends several times as long on a request as a linear model does on a row. This
one knows whole requests and whole answers only: it reads a body up to a limit, asks a function for the
answer, and writes that at once.
"""

from __future__ import annotations

import asyncio
import signal

from algorithms.eager_selector import EagerSelector
from algorithms.http_connection import Connection
from algorithms.http_messages import Handler, Limits
from algorithms.http_outbox import Outbox
from algorithms.request_heads import RequestHeads

_DRAIN_SECONDS = 5.0


def run(handler: Handler, limits: Limits, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way then get five seconds.

    Raises:
        OSError: the port is taken.

    """
    selector = EagerSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(_serve(handler, limits, host, port, selector))


async def _serve(handler: Handler, limits: Limits, host: str, port: int, selector: EagerSelector) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    connections: set[Connection] = set()
    heads, outbox = RequestHeads(), Outbox(loop, selector)
    server = await loop.create_server(
        lambda: Connection(handler, limits, heads, connections, outbox), host, port, backlog=2048
    )
    await stopping.wait()
    server.close()
    for connection in tuple(connections):
        connection.finish()
    deadline = loop.time() + _DRAIN_SECONDS
    while connections and loop.time() < deadline:
        await asyncio.sleep(0.01)
