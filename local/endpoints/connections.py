"""Connections to one instance: kept between requests in the event loop, or one for each call of a thread."""

from __future__ import annotations

import asyncio
import http.client

from local.endpoints.connection import Answer, BrokenError, Connection, Request
from local.ports import HOST


class UnreachableError(Exception):
    """Nothing listens where the instance should: the request was not sent."""


class Connections:
    """The connections of the event loop; as many as there are requests at once."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []

    async def exchange(self, port: int, request: Request, deadline: float) -> Answer:
        """Send a whole HTTP request, return the answer.

        Args:
            port: the instance's.
            request: what is sent.
            deadline: until when the connection must be there and the answer whole, by the monotonic clock.

        Raises:
            UnreachableError: nothing was sent.
            BrokenError: the connection broke while the container had the request.
            TimeoutError: no answer in time.

        """
        connection = self._idle_connection() or await _connect(port, deadline)
        try:
            answer = await connection.send(request, deadline)
        except BaseException:  # a cancelled request as well: its answer must not be taken for the next one's
            connection.abandon()
            raise
        if connection.open:
            self._idle.append(connection)
        return answer

    def _idle_connection(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.quiet():
                return connection
            connection.close()
        return None


async def _connect(port: int, deadline: float) -> Connection:
    """Connect in a task, which can be given up: a container that accepts nothing leaves it hanging."""
    loop = asyncio.get_running_loop()
    connecting = loop.create_task(loop.create_connection(Connection, HOST, port))
    try:
        await asyncio.wait([connecting], timeout=deadline - loop.time())
    finally:
        connecting.cancel()  # without effect once it is done
    if not connecting.done():
        raise TimeoutError
    try:
        _, connection = connecting.result()
    except OSError as error:
        raise UnreachableError(str(error)) from None
    return connection


def call(
    port: int, body: bytes, headers: dict[str, str], timeout: float
) -> tuple[int, dict[str, str], bytes]:
    """Send one invocation and wait for the answer: status, headers by lower-case name, body.

    Raises:
        UnreachableError: nothing was sent.
        BrokenError: the connection broke off.
        TimeoutError: no answer in time.

    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.connect()
    except OSError as error:
        raise UnreachableError(str(error)) from None
    try:
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, named, answer.read()
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        raise BrokenError(f"it broke off the connection ({error})") from None
    finally:
        connection.close()
