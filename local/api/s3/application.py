"""Which operation of S3 a request is."""

from __future__ import annotations

import logging
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from local.api.s3.buckets import Buckets
from local.api.s3.call import Action, Call
from local.api.s3.multipart import Uploads
from local.api.s3.objects import Objects, require_key
from local.api.s3.xml import S3Error, failure
from local.errors import DiskFullError, LocalError
from local.objects import split_uri
from local.state import State

log = logging.getLogger(__name__)

# What decides which operation a request is; of the others only those of a listing change nothing unseen.
_OPERATIONS = ("uploads", "uploadId", "delete", "location")
_LISTING = ("list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after")
_HARMLESS = ("encoding-type", "fetch-owner", "partNumber", "x-id")


class S3:
    """Answers requests in path style: `/BUCKET/KEY`."""

    def __init__(self, state: State):
        buckets, objects = Buckets(state.objects), Objects(state.objects)
        uploads = Uploads(state)
        self._actions: dict[tuple[str, str, str], Action] = {
            ("GET", "account", ""): buckets.list_all,
            ("PUT", "bucket", ""): buckets.create,
            ("HEAD", "bucket", ""): buckets.head,
            ("GET", "bucket", ""): buckets.list_objects,
            ("GET", "bucket", "location"): buckets.location,
            ("DELETE", "bucket", ""): buckets.delete,
            ("POST", "bucket", "delete"): objects.delete_several,
            ("PUT", "object", ""): objects.put,
            ("GET", "object", ""): objects.get,
            ("HEAD", "object", ""): objects.get,
            ("DELETE", "object", ""): objects.delete,
            ("POST", "object", "uploads"): uploads.create,
            ("PUT", "object", "uploadId"): uploads.put_part,
            ("POST", "object", "uploadId"): uploads.complete,
            ("DELETE", "object", "uploadId"): uploads.abort,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            call = _call(request)
            return await self._action(call)(call)
        except S3Error as error:
            return failure(request, error)
        except DiskFullError as error:
            return failure(request, S3Error("InternalError", str(error), 507))
        except (LocalError, UnicodeError) as error:
            return failure(request, S3Error("InvalidArgument", str(error)))
        except OSError as error:  # a name that the file system does not take, such as one that is too long
            return failure(request, S3Error("InvalidArgument", f"the key cannot be a file: {error.strerror}"))
        except Exception as error:
            log.exception("%s %s failed", request.method, request.url.path)
            return failure(request, S3Error("InternalError", f"the service failed: {error!r}", 500))

    def _action(self, call: Call) -> Action:
        kind = "object" if call.key else "bucket" if call.bucket else "account"
        special = next((name for name in _OPERATIONS if name in call.request.query_params), "")
        action = self._actions.get((call.request.method, kind, special))
        if action is None:
            raise S3Error(
                "MethodNotAllowed", f"{call.request.method} of {kind} {special} is not supported here", 405
            )
        return action


def _call(request: Request) -> Call:
    path = unquote(request.scope["raw_path"].decode("ascii").partition("?")[0], errors="strict")
    bucket, _, key = path.removeprefix("/").partition("/")
    unknown = sorted(set(request.query_params) - {*_OPERATIONS, *_LISTING, *_HARMLESS})
    if unknown:
        raise S3Error("NotImplemented", f"{', '.join(unknown)}: not supported on this machine", 501)
    if bucket:
        split_uri(f"s3://{bucket}/{key}")
        require_key(key)
    return Call(request, bucket, key)
