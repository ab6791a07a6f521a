"""The hosting side of the container contract: `/ping`, `/invocations` and `/execution-parameters` over HTTP.

A bare ASGI application under uvicorn, one worker: decoding a row takes some hundred microseconds, and a web
framework around it would take as long again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from algorithms.base import JSON, JSONLINES, Algorithm, Model, Predictions
from algorithms.content_types import ContentType, parse_content_type
from algorithms.errors import CustomerError
from algorithms.paths import Paths
from algorithms.registry import find_algorithm
from algorithms.request_formats import RequestError, decode_request
from algorithms.response_formats import MEDIA_TYPES, choose_accept, encode_response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

INLINE_BYTES = 64 << 10
"""Larger bodies are worked on in a thread, so that `/ping` is answered meanwhile."""


@dataclass(frozen=True)
class Limits:
    """What a request may take: bytes of body, and seconds until its body has arrived."""

    body_bytes: int
    seconds: float


def read_limits(environment: Mapping[str, str]) -> Limits:
    """Return the limits that the hosting platform sets: 6 MB and 60 seconds unless it says otherwise."""
    try:
        megabytes = int(environment.get("SAGEMAKER_MAX_PAYLOAD_IN_MB", "6"))
        seconds = float(environment.get("SAGEMAKER_MODEL_SERVER_TIMEOUT", "60"))
    except ValueError as error:
        raise CustomerError(
            f"SAGEMAKER_MAX_PAYLOAD_IN_MB or SAGEMAKER_MODEL_SERVER_TIMEOUT is no number: {error}"
        ) from error
    return Limits(megabytes * 1024 * 1024, seconds)


class Server:
    """The ASGI application that answers for one model."""

    def __init__(self, algorithm: Algorithm, model: Model, limits: Limits, default_accept: str = "") -> None:
        self._algorithm = algorithm
        self._model = model
        self._limits = limits
        self._default_accept = default_accept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        try:
            status, media_type, body = await self._answer(scope, receive)
        except RequestError as error:
            status, media_type, body = error.status, JSON, json.dumps({"error": str(error)}).encode()
        except Exception as error:
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
            status, media_type, body = 500, JSON, json.dumps({"error": reason}).encode()
        headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        allowed = {"/ping": "GET", "/execution-parameters": "GET", "/invocations": "POST"}.get(path)
        if allowed is None:
            raise RequestError(404, f"there is no {path!r}: /ping, /invocations, /execution-parameters")
        if method != allowed:
            raise RequestError(405, f"{path} takes {allowed}, not {method}")
        if path == "/ping":
            return 200, JSON, b""
        if path == "/execution-parameters":
            return 200, JSON, self._execution_parameters()
        return await self._invoke(scope, receive)

    def _execution_parameters(self) -> bytes:
        parameters = {
            "MaxConcurrentTransforms": os.cpu_count() or 1,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self._limits.body_bytes >> 20,
        }
        return json.dumps(parameters).encode()

    async def _invoke(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        content_type = self._content_type(headers.get(b"content-type", ""))
        accept = self._accept(headers.get(b"accept", ""), content_type)
        body = await self._read(headers, receive)
        if len(body) > INLINE_BYTES:
            answer = await asyncio.to_thread(self._predict, body, content_type, accept)
        else:
            answer = self._predict(body, content_type, accept)
        return 200, accept.media_type, answer

    def _content_type(self, header: str) -> str:
        found = parse_content_type(header).media_type
        if found not in self._algorithm.inference_content_types:
            allowed = ", ".join(self._algorithm.inference_content_types)
            said = f"{header!r} is not supported" if header else "is missing"
            raise RequestError(415, f"Content-Type {said}: {self._algorithm.name} takes {allowed}")
        return found

    def _accept(self, header: str, content_type: str) -> ContentType:
        wanted = header if header.strip() not in ("", "*/*") else self._default_accept
        chosen = choose_accept(wanted, JSONLINES if content_type == JSONLINES else JSON)
        if chosen is None:
            raise RequestError(406, f"Accept {wanted!r} cannot be written: {', '.join(MEDIA_TYPES)}")
        return chosen

    async def _read(self, headers: Mapping[bytes, str], receive: Receive) -> bytes:
        announced = headers.get(b"content-length", "0")
        if announced.isdecimal() and int(announced) > self._limits.body_bytes:
            self._refuse_size(int(announced))
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(400, "the client went away before its body had arrived")
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._limits.body_bytes:
                        self._refuse_size(len(body))
        except TimeoutError:
            raise RequestError(408, f"the body did not arrive in {self._limits.seconds:g} seconds") from None
        return bytes(body)

    def _refuse_size(self, seen: int) -> NoReturn:
        limit = self._limits.body_bytes
        raise RequestError(413, f"the body has {seen} bytes or more, but at most {limit} are allowed")

    def _predict(self, body: bytes, content_type: str, accept: ContentType) -> bytes:
        features = decode_request(body, content_type, self._model.feature_dim)
        verbose = accept.parameters.get("verbose", "").lower() == "true"
        predictions = self._model.predict(features, verbose=verbose)
        _check_finite(predictions)
        return encode_response(predictions, accept.media_type)


def _check_finite(predictions: Predictions) -> None:
    for name, column in predictions.items():
        finite = np.isfinite(column).reshape(len(column), -1).all(axis=1)
        if not finite.all():
            row = int(finite.argmin()) + 1
            raise RequestError(
                400, f"row {row} has no finite {name}: its features are too large for the model"
            )


def run_server(name: str, paths: Paths) -> int:
    """Load the model, then serve until SIGTERM; return the exit code (1: the model cannot be served)."""
    import uvicorn

    try:
        limits = read_limits(os.environ)
        algorithm = find_algorithm(name)
        model = algorithm.load(paths.model)
    except CustomerError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    application = Server(algorithm, model, limits, os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ""))
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        access_log=False,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    return 0
