"""Lists, as all List operations give them: filtered by time and name, sorted, a page at a time.

NextToken says after which entry the next page begins, so that entries which come or go between two pages
neither repeat nor skip others. It is opaque to clients, and holds only for the request it was given for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from local.api.errors import invalid
from local.arns import parse_time

Item = Mapping[str, Any]

DEFAULT_RESULTS = 10
_OWN = ("NextToken", "MaxResults")


def page(
    request: Mapping[str, Any],
    items: Iterable[Item],
    *,
    sort: Mapping[str, Callable[[Item], str]],
    identity: Callable[[Item], str],
    order: str = "Descending",
    default: str | None = None,
    most: int = 100,
    results: int = DEFAULT_RESULTS,
) -> tuple[list[Item], dict[str, str]]:
    """Return one page of a list, and {"NextToken": …} where more follows.

    Args:
        request: with SortBy, SortOrder, MaxResults and NextToken.
        items: the entries, filtered.
        sort: value of SortBy → what to sort by, as text.
        identity: what tells entries apart; equal ones in `sort` are ordered by it.
        order: SortOrder where the request has none.
        default: SortBy where the request has none; the first of `sort` where not given.
        most: the largest page.
        results: the size of a page where the request has no MaxResults.

    Raises:
        ServiceError: the token is not one that was given for this request.

    """
    by = sort[request.get("SortBy") or default or next(iter(sort))]
    downwards = request.get("SortOrder", order) == "Descending"

    def place(item: Item) -> list[str]:
        return [by(item), identity(item)]

    ordered = sorted(items, key=place, reverse=downwards)
    if "NextToken" in request:
        after = _read(request)
        ordered = [item for item in ordered if (place(item) < after if downwards else place(item) > after)]
    size = min(request.get("MaxResults", results), most)
    shown = ordered[:size]
    more = {"NextToken": _token(request, place(shown[-1]))} if shown and len(ordered) > size else {}
    return shown, more


def _token(request: Mapping[str, Any], place: list[str]) -> str:
    text = json.dumps(place)
    return base64.urlsafe_b64encode(f"{_seal(request, text)}{text}".encode()).decode()


def _read(request: Mapping[str, Any]) -> list[str]:
    try:
        read = base64.b64decode(request["NextToken"], altchars=b"-_", validate=True).decode()
        seal, text = read[:_SEAL], read[_SEAL:]
        if seal == _seal(request, text):
            place: list[str] = json.loads(text)
            return place
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise invalid("Invalid NextToken: give the one of the last answer, with the request otherwise unchanged")


_SEAL = 16


def _seal(request: Mapping[str, Any], text: str) -> str:
    """Bind a token to the request's filters and order; it guards against mistakes, not against forgers."""
    same = {name: value for name, value in sorted(request.items()) if name not in _OWN}
    return hashlib.sha256(json.dumps([same, text], default=str).encode()).hexdigest()[:_SEAL]


# --- filters ------------------------------------------------------------------------------------------------

_TIMES = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "CreatedAfter": ("CreationTime", 1),
    "CreatedBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
    "ModifiedTimeAfter": ("LastModifiedTime", 1),
    "ModifiedTimeBefore": ("LastModifiedTime", -1),
}


def wanted(request: Mapping[str, Any], items: Iterable[Item], name: str) -> list[Item]:
    """Return the entries that the request's filters by time and name let through.

    Args:
        request: the List request.
        items: entries with CreationTime and LastModifiedTime as texts.
        name: the member that NameContains looks at, without regard to case.

    """
    found = [item for item in items if request.get("NameContains", "").lower() in item[name].lower()]
    for limit, (member, sign) in _TIMES.items():
        if limit in request:
            found = [item for item in found if _compare(item[member], request[limit]) * sign >= 0]
    return found


def _compare(text: str, limit: datetime) -> float:
    return (parse_time(text) - limit).total_seconds()
