"""Is this the request that the service model describes? All that is wrong is said at once, in AWS's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local.api.errors import ServiceError, invalid
from local.api.model import pattern

_SHOWN = 200
_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def validate(shape: Any, request: object) -> dict[str, Any]:
    """Return the request, as Python values of the shape's types.

    Args:
        shape: the operation's input, a structure of botocore's model, or None where it has none.
        request: the parsed JSON body.

    Raises:
        ServiceError: SerializationException for a value of another JSON type; ValidationException where
            members are missing, unknown, too long or short, out of range, or match no pattern or enumeration.

    """
    if not isinstance(request, dict):
        raise ServiceError("SerializationException", "the body must be a JSON object")
    if shape is None:
        return {}
    read: dict[str, Any] = _read(shape, request, "")
    wrong = list(_broken(shape, read, ""))
    if wrong:
        errors = "error" if len(wrong) == 1 else "errors"
        raise invalid(f"{len(wrong)} validation {errors} detected: {'; '.join(wrong)}")
    return read


# --- types --------------------------------------------------------------------------------------------------


def _read(shape: Any, value: object, path: str) -> Any:
    """Return a value as its shape's type; members that are null count as absent, as they do on AWS."""
    kind = shape.type_name
    if kind == "structure":
        _require(value, dict, path, "an object")
        assert isinstance(value, dict)
        unknown = sorted(name for name in value if name not in shape.members)
        if unknown:
            named = ", ".join(map(repr, unknown))
            raise invalid(f"{path or 'the request'} has members that {shape.name} does not know: {named}")
        return {
            name: _read(shape.members[name], item, _below(path, name))
            for name, item in value.items()
            if item is not None
        }
    if kind == "list":
        _require(value, list, path, "a list")
        assert isinstance(value, list)
        return [_read(shape.member, item, f"{path}.{index + 1}.member") for index, item in enumerate(value)]
    if kind == "map":
        _require(value, dict, path, "an object")
        assert isinstance(value, dict)
        return {key: _read(shape.value, item, f"{path}.{key}.member") for key, item in value.items()}
    return _scalar(kind, value, path)


def _scalar(kind: str, value: object, path: str) -> Any:
    if kind == "boolean":
        return _require(value, bool, path, "true or false")
    if isinstance(value, bool):
        raise _type_error(value, path, "a number" if kind != "string" else "text")
    if kind in ("integer", "long"):
        return _require(value, int, path, "a whole number")
    if kind in ("float", "double"):
        return _require(value, (int, float), path, "a number")
    if kind == "timestamp":
        return _time(value, path)
    return _require(value, str, path, "text")


def _require(value: object, kind: type | tuple[type, ...], path: str, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise _type_error(value, path, wanted)
    return value


def _type_error(value: object, path: str, wanted: str) -> ServiceError:
    return ServiceError("SerializationException", f"{path or 'the body'} must be {wanted}, not {value!r:.80}")


def _time(value: object, path: str) -> datetime:
    if not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise _type_error(value, path, "a time in seconds since 1970")
    return datetime.fromtimestamp(value, UTC)


def _below(path: str, name: str) -> str:
    # AWS writes members in messages with a small first letter.
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


# --- constraints --------------------------------------------------------------------------------------------


def _broken(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with a value of the right type."""
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if name not in value:
                at = _below(path, name)
                yield f"Value null at '{at}' failed to satisfy constraint: Member must not be null"
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            yield (
                f"Value at '{path}' failed to satisfy constraint: exactly one of "
                f"{', '.join(shape.members)} must be set"
            )
        for name, item in value.items():
            yield from _broken(shape.members[name], item, _below(path, name))
        return
    size = len(value) if kind in ("string", "blob", "list", "map") else value
    if kind in ("string", "list", "map", "integer", "long", "float", "double"):
        problem = _limits(shape.metadata, size, counted=kind in ("string", "list", "map"))
        if problem:
            yield _said(value, path, problem)
            return
    if kind == "list":
        for index, item in enumerate(value):
            yield from _broken(shape.member, item, f"{path}.{index + 1}.member")
    elif kind == "map":
        for key, item in value.items():
            yield from _broken(shape.key, key, f"{path}.key")
            yield from _broken(shape.value, item, f"{path}.{key}.member")
    elif kind == "string":
        yield from _text(shape, value, path)


def _limits(metadata: Mapping[str, Any], size: float, *, counted: bool) -> str | None:
    least, most = metadata.get("min"), metadata.get("max")
    verb = "have length" if counted else "have value"
    if least is not None and size < float(least):
        return f"Member must {verb} greater than or equal to {least}"
    if most is not None and size > float(most):
        return f"Member must {verb} less than or equal to {most}"
    return None


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield _said(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    expression = shape.metadata.get("pattern")
    if expression and not pattern(expression).fullmatch(value):
        yield _said(value, path, f"Member must satisfy regular expression pattern: {expression}")


def _said(value: object, path: str, problem: str) -> str:
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {problem}"
