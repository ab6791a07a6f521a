"""What an hour of an instance costs, of when, and who says so: one TOML file, ours or the user's.

region = "us-east-1"            date = 2026-11-20
status = "approximate"          source = "who says so"
[instance_hour]                 "ml.m5.xlarge" = 0.23       US dollars
[serverless]                    gigabyte_second = 0.00002   US dollars; may be left out
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import UsageError
from pipeline.errors import nearest

BUNDLED = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Prices:
    """A table of prices in US dollars.

    Attributes:
        file: where the table was read, for messages.
        region: for which region it holds.
        date: of the prices, ISO.
        status: what to think of them, such as approximate.
        source: who says so.
        instance_hour: instance type → dollars an hour.
        gigabyte_second: of serverless endpoints, or None.

    """

    file: str
    region: str
    date: str
    status: str
    source: str
    instance_hour: Mapping[str, float]
    gigabyte_second: float | None = None

    def hour(self, instance_type: str, wanted_by: str) -> float:
        """Return the price of an hour.

        Raises:
            UsageError: the table has none; the text says who wanted it and how to add it.

        """
        if instance_type not in self.instance_hour:
            raise UsageError(
                f"{wanted_by} runs on {instance_type}, for which {self.file} has no price"
                f"{nearest(instance_type, self.instance_hour)}; give a table that has, with --prices FILE: "
                f'a copy of {BUNDLED} with a line "{instance_type}" = PRICE below [instance_hour]'
            )
        return self.instance_hour[instance_type]


def read(path: Path = BUNDLED) -> Prices:
    """Read a table.

    Raises:
        UsageError: it cannot be read, or lacks something; the text names file, key and what is wanted.

    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--prices {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--prices {path} is not TOML: {error}") from None
    hours = content.get("instance_hour")
    if not isinstance(hours, dict) or not hours:
        raise UsageError(f"--prices {path}: [instance_hour] is missing; write lines such as {_LINE} below it")
    serverless = content.get("serverless", {})
    second = serverless.get("gigabyte_second") if isinstance(serverless, dict) else serverless
    return Prices(
        file=path.name if path == BUNDLED else str(path),
        region=_text(path, content, "region"),
        date=_date(path, content),
        status=_text(path, content, "status"),
        source=_text(path, content, "source"),
        instance_hour={name: _price(path, name, value) for name, value in hours.items()},
        gigabyte_second=None if second is None else _price(path, "serverless.gigabyte_second", second),
    )


_LINE = '"ml.m5.xlarge" = 0.23'


def _text(path: Path, content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise UsageError(f"--prices {path}: {key} is {value!r}; give it as text, since prices differ by it")
    return value


def _date(path: Path, content: Mapping[str, Any]) -> str:
    value = content.get("date")
    if not isinstance(value, datetime.date):
        raise UsageError(
            f"--prices {path}: date is {value!r}; give the day of the prices, such as 2026-11-20"
        )
    return value.isoformat()


def _price(path: Path, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise UsageError(
            f"--prices {path}: {name} is {value!r}; give US dollars as a number, such as {_LINE}"
        )
    return float(value)
