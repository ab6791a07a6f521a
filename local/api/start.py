"""The service on a port: composed, started, and ended so that it can go on later."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import uvicorn

from local.api.address import announce, withdraw
from local.api.app import App
from local.api.gateway import gateway
from local.api.runtime import Runtime
from local.api.s3.application import S3
from local.api.service import Service
from local.api.signature import Credentials
from local.endpoints.outbox import new_event_loop
from local.errors import LocalError
from local.objects import ObjectStore
from local.state import State, open_state

if TYPE_CHECKING:
    from local.aws import Aws

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_SECONDS = 30.0


class LocalService:
    """A service that listens; a context manager.

    Attributes:
        service: its parts.
        url: its address.

    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        credentials: Credentials | None = None,
        told: bool = False,
        aws: Aws | None = None,
    ):
        """Open the state directory and the port.

        Args:
            home: the state directory; the default one where not given.
            host: the address to listen at.
            port: 0 for any that is free.
            credentials: whose signature every request has to bear; demanded where `host` is not loopback.
            told: tell the address in the state directory, so that commands find it.
            aws: what has S3 and EventBridge in the place of this machine's own.

        Raises:
            LocalError: no credentials for a host that others can reach, or the port is taken.
            BusyError: another process holds the state directory.

        """
        if host not in LOOPBACK and credentials is None:
            raise LocalError(
                f"--host {host} can be reached by others, so requests must be signed: set "
                "TRAINYARD_ACCESS_KEY_ID and TRAINYARD_SECRET_ACCESS_KEY to a pair of keys of your choice"
            )
        self._told = told
        self._state = open_state(home, write=True)
        try:
            self._socket = _listen(host, port)
            if aws is not None:
                self._state.objects = _objects(self._state, aws)
            self.service = Service(self._state)
            if aws is not None:
                self.service.events.give_to(aws)
        except BaseException:
            self._state.close()
            raise
        shown = f"[{host}]" if ":" in host else host
        self.url = self.service.url = f"http://{shown}:{self._socket.getsockname()[1]}"
        runtime = Runtime(self.service)
        app = App(self.service, runtime, S3(self._state), credentials, local=host in LOOPBACK)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                # A signature covers the body: such requests go through the application, which checks it.
                http=gateway(runtime) if credentials is None else "httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=5,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="service", daemon=True)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(self._server.serve(sockets=[self._socket]))

    def start(self, *, restore: bool = True) -> None:
        """Begin to answer, and go on with what was under way."""
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise LocalError(f"the service did not start at {self.url}")
            time.sleep(0.005)
        if self._told:
            announce(self._state.home, self.url)
        if restore:
            self.service.restore()

    def close(self) -> None:
        """Stop to answer, end what is under way, and give the state directory back."""
        if self._told:
            withdraw(self._state.home)
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
        self.service.close()
        self._socket.close()
        self._state.close()

    def __enter__(self) -> LocalService:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _objects(state: State, aws: Aws) -> ObjectStore:
    from local.remote_objects import RemoteObjects  # boto3 takes a while to import

    return RemoteObjects(state.home / "tmp" / "s3", state.home / "tmp", aws)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for what it accepts here: an answer in two
    # parts would wait 40 ms for the client's delayed acknowledgement.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise LocalError(
            f"cannot listen at {host} port {port}: {error.strerror}; give another --port, or 0 for any"
        ) from None
    return opened
