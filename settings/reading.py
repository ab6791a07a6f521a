"""Read a settings file, and say of everything wrong in it: the file, the key, the value, what is allowed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.definition import nearest
from settings.contradictions import Problem, contradictions
from settings.model import Settings

FOLDER = Path(os.environ.get("TRAINYARD_SETTINGS") or Path(__file__).parent)
"""Where the files are; a rehearsal has its own."""


class SettingsError(ValueError):
    """A settings file that cannot be used; one line a problem."""


def environments(folder: Path = FOLDER) -> list[str]:
    """Return the names of the environments that have a settings file."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read(environment: str, folder: Path = FOLDER) -> Settings:
    """Read `folder/ENVIRONMENT.toml`.

    Raises:
        SettingsError: no such file, no TOML, a wrong or unknown setting, or a contradiction. All problems
            are told at once.

    """
    path = folder / f"{environment}.toml"
    shown = f"{folder.name}/{path.name}"
    known = environments(folder)
    if environment not in known:
        raise SettingsError(
            f"no settings for environment {environment!r}{nearest(environment, known)}: {shown} does not "
            f"exist; there are {', '.join(known) or 'none'}"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown} is not TOML: {error}") from None
    try:
        settings = Settings.model_validate({"environment": environment, **content})
    except ValidationError as error:
        raise SettingsError(_report(shown, _problems(error))) from None
    found = list(contradictions(settings))
    if found:
        raise SettingsError(_report(shown, found))
    return settings


def _report(shown: str, problems: Sequence[Problem]) -> str:
    lines = (_line(shown, problem) for problem in problems)
    return "\n".join(lines)


def _line(shown: str, problem: Problem) -> str:
    value = "missing" if problem.value is None else repr(problem.value)
    return f"{shown}: {problem.key} is {value}; allowed: {problem.allowed}"


def _problems(error: ValidationError) -> list[Problem]:
    return [_problem(detail) for detail in error.errors(include_url=False)]


def _problem(detail: Any) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        allowed = _keys_beside(detail["loc"])
        hint = nearest(str(detail["loc"][-1]), allowed)
        return Problem(f"{key} (no such setting{hint})", detail["input"], ", ".join(allowed))
    if detail["type"] == "missing":
        return Problem(key, None, "a value; this setting has no default")
    return Problem(key, detail["input"], _allowed(detail))


def _allowed(detail: Any) -> str:
    """Turn pydantic's sentence about a value into words about what is allowed."""
    message = str(detail["msg"])
    for opening in ("Value error, ", "Input should be a ", "Input should be ", "List should have "):
        if message.startswith(opening):
            return message.removeprefix(opening).removeprefix("valid ")
    return message


def _keys_beside(location: Sequence[int | str]) -> list[str]:
    """Return the settings that exist where an unknown one was found."""
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next((held for held in _models(field.annotation)), model)
    return sorted(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
