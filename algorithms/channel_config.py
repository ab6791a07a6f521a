"""`inputdataconfig.json`: which channels a job has, and how each arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from algorithms.base import CSV, Algorithm
from algorithms.content_types import parse_content_type
from algorithms.errors import CustomerError

INPUT_MODES = ("File", "Pipe", "FastFile")
COMPRESSIONS = ("None", "Gzip")


@dataclass(frozen=True)
class ChannelConfig:
    """One channel: its media type, whether it comes through FIFOs, whether it may be gzipped."""

    name: str
    content_type: str
    pipe: bool
    gzip: bool


def read_channel_configs(given: Mapping[str, Any], algorithm: Algorithm) -> dict[str, ChannelConfig]:
    """Check `inputdataconfig.json` by what `algorithm` takes. Raises CustomerError with every problem."""
    problems = list(_wrong_names(given, algorithm))
    configs = {}
    for name, settings in given.items():
        if name in algorithm.channels:
            found = list(_wrong_settings(name, settings, algorithm))
            problems.extend(found)
            if not found:
                configs[name] = _config(name, settings, algorithm)
    if problems:
        raise CustomerError("Invalid input channels: " + "; ".join(problems))
    return configs


def _wrong_names(given: Mapping[str, Any], algorithm: Algorithm) -> Iterator[str]:
    allowed = ", ".join(repr(name) for name in algorithm.channels)
    for name in given:
        if name not in algorithm.channels:
            yield f"{algorithm.name} has no channel {name!r} (allowed: {allowed})"
    for name, required in algorithm.channels.items():
        if required and name not in given:
            yield f"the channel {name!r} is required"


def _wrong_settings(name: str, settings: Any, algorithm: Algorithm) -> Iterator[str]:
    if not isinstance(settings, dict):
        yield f"channel {name!r} is {settings!r}, not an object"
        return
    yield from _wrong_choice(name, settings, "TrainingInputMode", INPUT_MODES)
    yield from _wrong_choice(name, settings, "CompressionType", COMPRESSIONS)
    yield from _wrong_choice(name, settings, "RecordWrapperType", ("None",))
    yield from _wrong_content_type(name, settings, algorithm)


def _wrong_choice(
    name: str, settings: Mapping[str, Any], key: str, allowed: tuple[str, ...]
) -> Iterator[str]:
    value = settings.get(key) or allowed[0]
    if value not in allowed:
        yield f"channel {name!r} has {key} {value!r}, but must have one of {', '.join(map(repr, allowed))}"


def _wrong_content_type(name: str, settings: Mapping[str, Any], algorithm: Algorithm) -> Iterator[str]:
    text = settings.get("ContentType") or algorithm.training_content_types[0]
    if not isinstance(text, str):
        yield f"channel {name!r} has ContentType {text!r}, which is not a string"
        return
    content_type = parse_content_type(text)
    if content_type.media_type not in algorithm.training_content_types:
        allowed = ", ".join(map(repr, algorithm.training_content_types))
        yield f"channel {name!r} has ContentType {text!r}, but {algorithm.name} trains on {allowed}"
    label_size = content_type.parameters.get("label_size", "1")
    if content_type.media_type == CSV and label_size != "1":
        yield f"channel {name!r} has label_size {label_size!r}, but must have '1': the label comes first"


def _config(name: str, settings: Mapping[str, Any], algorithm: Algorithm) -> ChannelConfig:
    text = settings.get("ContentType") or algorithm.training_content_types[0]
    return ChannelConfig(
        name=name,
        content_type=parse_content_type(text).media_type,
        pipe=settings.get("TrainingInputMode") == "Pipe",
        gzip=settings.get("CompressionType") == "Gzip",
    )
