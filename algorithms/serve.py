"""The hosting side of the container contract: `/ping`, `/invocations` and `/execution-parameters`."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from algorithms.base import JSON, JSONLINES, Algorithm, Model, Predictions
from algorithms.content_types import ContentType, parse_content_type
from algorithms.errors import CustomerError
from algorithms.http_server import Limits, Request, Response, refusal, run
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


class Server:
    """Answers the requests to one model."""

    def __init__(self, algorithm: Algorithm, model: Model, limits: Limits, default_accept: str = "") -> None:
        self._algorithm = algorithm
        self._model = model
        self._limits = limits
        self._default_accept = default_accept
        # Clients send the same headers again and again.
        self._forms = lru_cache(256)(self._forms_of)

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
        allowed = _METHODS.get(path)
        if allowed is None:
            raise RequestError(404, f"there is no {path!r}: /ping, /invocations, /execution-parameters")
        if request.method != allowed:
            raise RequestError(405, f"{path} takes {allowed}, not {request.method}")
        if path == "/ping":
            return Response(200, JSON.encode(), b"")
        if path == "/execution-parameters":
            return Response(200, JSON.encode(), self._execution_parameters())
        headers = request.headers
        encoding = headers.get(b"content-encoding", b"").lower()
        if encoding not in _PLAIN:
            raise RequestError(
                415,
                f"Content-Encoding {encoding.decode('latin-1')!r} is not supported: send the body as it is",
            )
        content_type, accept = self._forms(headers.get(b"content-type", b""), headers.get(b"accept", b""))
        answer = self._predict(request.body, content_type, accept)
        return Response(200, accept.media_type.encode(), answer)

    def _forms_of(self, content_type: bytes, accept: bytes) -> tuple[str, ContentType]:
        """Return the media type of the body and the form of the answer, by the request's headers."""
        media_type = self._content_type(content_type.decode("latin-1"))
        return media_type, self._accept(accept.decode("latin-1"), media_type)

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

    def _predict(self, body: bytes, content_type: str, accept: ContentType) -> bytes:
        features = decode_request(body, content_type, self._model.feature_dim)
        verbose = accept.parameters.get("verbose", "").lower() == "true"
        predictions = self._model.predict(features, verbose=verbose)
        _check_finite(predictions)
        return encode_response(predictions, accept.media_type)


def _check_finite(predictions: Predictions) -> None:
    for name, column in predictions.items():
        if column.dtype.kind != "f" or np.isfinite(column.sum()):  # finite only if every term is
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
    try:
        run(server, limits, "127.0.0.1", int(port))
    except (OSError, ValueError) as error:
        print(f"cannot listen on SAGEMAKER_BIND_TO_PORT {port!r}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0
