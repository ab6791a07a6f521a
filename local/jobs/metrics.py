"""A training job's final metrics, read from its log as the service reads them.

Built-in algorithms print `#quality_metric: host=algo-1, epoch=4, train NAME <score>=VALUE` and
`#test_score (algo-1) : ('NAME', VALUE)`; the service publishes `train:NAME`, with the figures that belong to
a name's own settings taken out (`binary_f_1.000` is `test:binary_f_beta`). Other images bring
MetricDefinitions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local.arns import now
from local.errors import StepError

_NUMBER = r"([-+]?(?:[0-9.]+(?:[eE][-+]?[0-9]+)?|inf|nan))"
_QUALITY = re.compile(rf"#quality_metric: .*?\b(train|validation|test) (\S+) <(?:score|loss)>={_NUMBER}")
_TEST_SCORE = re.compile(rf"#test_score \(\S+\) : \('([^']+)', {_NUMBER}\)")
_THROUGHPUT = re.compile(rf"#throughput_metric: .*?\btrain throughput={_NUMBER} records/second")
_PROGRESS = re.compile(rf"#progress_metric: .*?\bcompleted {_NUMBER} ?%")
_F_SCORE = re.compile(r"^(binary|macro)_f_[0-9.]+$")
_TOP_K = re.compile(r"^(multiclass_top_k_accuracy)_[0-9]+$")


def final_metrics(log: Path, definitions: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Return FinalMetricDataList: the last value of each metric in a log.

    Args:
        log: the job's log.
        definitions: the request's MetricDefinitions ({Name, Regex}), for images other than the built-in ones.

    """
    patterns = [(entry["Name"], _compiled(entry)) for entry in definitions]
    values: dict[str, float] = {}
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _built_in(line) if line.startswith("#") or "#" in line else ()
            for name, text in (*found, *_defined(line, patterns)):
                value = _number(text)
                if value is not None:
                    values[name] = value
    return [{"MetricName": name, "Value": value, "Timestamp": now()} for name, value in values.items()]


def _built_in(line: str) -> Iterator[tuple[str, str]]:
    for channel, name, value in _QUALITY.findall(line):
        yield f"{channel}:{published_name(name)}", value
    for name, value in _TEST_SCORE.findall(line):
        yield f"test:{published_name(name)}", value
    for value in _THROUGHPUT.findall(line):
        yield "train:throughput", value
    for value in _PROGRESS.findall(line):
        yield "train:progress", value


def published_name(name: str) -> str:
    """Return the name under which the service publishes a metric that a log calls `name`."""
    if name.endswith("_objective"):
        return "objective_loss"
    name = _F_SCORE.sub(r"\1_f_beta", name)
    return _TOP_K.sub(r"\1", name)


def _defined(line: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> Iterator[tuple[str, str]]:
    for name, pattern in patterns:
        for match in pattern.finditer(line):
            yield name, match[1] if pattern.groups else match[0]


def _compiled(entry: dict[str, str]) -> re.Pattern[str]:
    try:
        return re.compile(entry["Regex"])
    except re.error as error:
        raise StepError(
            f"ClientError: metric {entry['Name']!r}: {entry['Regex']!r} is no regex: {error}"
        ) from None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
