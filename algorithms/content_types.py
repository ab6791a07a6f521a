"""Media types with parameters, as channels and requests name them: `text/csv;label_size=1`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContentType:
    """A media type in lower case (`text/csv`) and its parameters by lower-case name."""

    media_type: str
    parameters: dict[str, str]


def parse_content_type(text: str) -> ContentType:
    """Parse `type/subtype; name=value; …`; surrounding spaces and quotes of values do not count."""
    media_type, *parts = text.split(";")
    parameters = {}
    for part in parts:
        name, _, value = part.partition("=")
        if name.strip():
            parameters[name.strip().lower()] = value.strip().strip('"')
    return ContentType(media_type.strip().lower(), parameters)
