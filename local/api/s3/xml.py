"""S3's requests, answers and errors in XML."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

Tree = Iterable[tuple[str, "Tree | str | int"]]

XML = "application/xml"
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class S3Error(Exception):
    """A request that is refused, with S3's code."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def no_such_key(key: str) -> S3Error:
    """Return the error for an object that does not exist."""
    return S3Error("NoSuchKey", f"The specified key does not exist: {key}", 404)


def no_such_bucket(bucket: str) -> S3Error:
    """Return the error for a bucket that does not exist."""
    return S3Error("NoSuchBucket", f"The specified bucket does not exist: {bucket}", 404)


def document(root: str, tree: Tree, namespace: str = NAMESPACE) -> bytes:
    """Return an XML document of nested (name, text or children)."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{_inner(tree)}</{root}>'.encode()


def _inner(tree: Tree | str | int) -> str:
    if isinstance(tree, str | int):
        return escape(str(tree))
    return "".join(f"<{name}>{_inner(inner)}</{name}>" for name, inner in tree)


def failure(request: Request, error: S3Error) -> Response:
    """Return the answer that tells an error."""
    tree = [("Code", error.code), ("Message", error.message), ("Resource", request.url.path)]
    body = b"" if request.method == "HEAD" else document("Error", tree, namespace="")
    return Response(body, error.status, media_type=XML)


def parse(body: bytes) -> ElementTree.Element:
    """Return the root of a request's XML document.

    Raises:
        S3Error: it is malformed, or declares entities.

    """
    if b"<!" in body:  # declarations are what expat's attacks are made of, and S3 knows none
        raise S3Error("MalformedXML", "declarations are not allowed")
    try:
        return ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        raise S3Error("MalformedXML", f"the body is not XML: {error}") from None
