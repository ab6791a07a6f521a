"""The hosting side of the container contract: `/ping`, `/invocations` and `/execution-parameters`."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import numpy as np

from algorithms.base import JSON, JSONLINES, Algorithm, Model, Predictions
from algorithms.content_types import ContentType, parse_content_type
from algorithms.errors import CustomerError
from algorithms.heap import keep_freed
from algorithms.http_messages import Limits, Request, Response, refusal
from algorithms.http_server import run
from algorithms.paths import Paths
from algorithms.registry import find_algorithm
from algorithms.request_formats import RequestError, decode_request
from algorithms.response_formats import MEDIA_TYPES, choose_accept, encode_response

_PLAIN = (b"", b"identity")
"""Content-Encodings of a body that is not packed."""

_METHODS = {"/ping": "GET", "/execution-parameters": "GET", "/invocations": "POST"}


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


class _Form(NamedTuple):
    """What a request's headers ask for: media types of body and answer, and whether to say more."""

    content_type: str
    accept: str
    answer_type: bytes
    verbose: bool


class Server:
    """Answers the requests to one model."""

    def __init__(self, algorithm: Algorithm, model: Model, limits: Limits, default_accept: str = "") -> None:
        self._algorithm = algorithm
        self._model = model
        self._limits = limits
        self._default_accept = default_accept
        # Clients send the same headers again and again.
        self._forms = lru_cache(256)(self._form)

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return self._answer(request)
        except RequestError as error:
            return refusal(error.status, str(error))
        except Exception as error:
            traceback.print_exc()
            return refusal(500, f"{type(error).__name__}: {error}")

    def _answer(self, request: Request) -> Response:
        path = request.path
        if path != "/invocations" or request.method != "POST":
            return self._elsewhere(path, request.method)
        headers = request.headers
        if b"content-encoding" in headers:
            _require_plain(headers[b"content-encoding"])
        form = self._forms(headers.get(b"content-type", b""), headers.get(b"accept", b""))
        features = decode_request(request.body, form.content_type, self._model.feature_dim)
        predictions = self._model.predict(features, verbose=form.verbose)
        _check_finite(predictions)
        return Response(200, form.answer_type, encode_response(predictions, form.accept))

    def _elsewhere(self, path: str, method: str) -> Response:
        allowed = _METHODS.get(path)
        if allowed is None:
            raise RequestError(404, f"there is no {path!r}: /ping, /invocations, /execution-parameters")
        if method != allowed:
            raise RequestError(405, f"{path} takes {allowed}, not {method}")
        return Response(200, JSON.encode(), b"" if path == "/ping" else self._execution_parameters())

    def _form(self, content_type: bytes, accept: bytes) -> _Form:
        """Return what a request's headers ask for."""
        media_type = self._content_type(content_type.decode("latin-1"))
        chosen = self._accept(accept.decode("latin-1"), media_type)
        verbose = chosen.parameters.get("verbose", "").lower() == "true"
        return _Form(media_type, chosen.media_type, chosen.media_type.encode(), verbose)

    def _execution_parameters(self) -> bytes:
        parameters = {
            "MaxConcurrentTransforms": os.cpu_count() or 1,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": self._limits.body_bytes >> 20,
        }
        return json.dumps(parameters).encode()

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


def _require_plain(header: bytes) -> None:
    encoding = header.lower()
    if encoding not in _PLAIN:
        raise RequestError(
            415, f"Content-Encoding {encoding.decode('latin-1')!r} is not supported: send the body as it is"
        )


def _check_finite(predictions: Predictions) -> None:
    for name, column in predictions.items():
        # A sum is finite only if every term is; the method `sum` would take half as long again.
        if isfinite(sum(column) if isinstance(column, list) else np.add.reduce(column, axis=None)):
            continue
        finite = np.isfinite(column).reshape(len(column), -1).all(axis=1)
        if not finite.all():
            row = int(finite.argmin()) + 1
            raise RequestError(
                400, f"row {row} has no finite {name}: its features are too large for the model"
            )


def run_server(name: str, paths: Paths) -> int:
    """Load the model, then serve until SIGTERM; return the exit code (1: the model cannot be served)."""
    try:
        limits = read_limits(os.environ)
        algorithm = find_algorithm(name)
        model = algorithm.load(paths.model)
    except CustomerError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    server = Server(algorithm, model, limits, os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", ""))
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    keep_freed()
    gc.freeze()  # what is there now stays: no collection goes through it again
    try:
        run(server, limits, "127.0.0.1", int(port))
    except (OSError, ValueError) as error:
        print(f"cannot listen on SAGEMAKER_BIND_TO_PORT {port!r}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0
