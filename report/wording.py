"""How numbers, durations, moments and names are written on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

METRICS = {
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "f_beta": "F-beta",
    "macro_f1": "Macro F1",
    "auc": "AUC",
}

MISSING = "–"


def as_number(value: Any) -> float | None:
    """`value` as a finite float, or None: JSON carries "NaN" as a string and null for what does not apply."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        converted = float(value)
    except (TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) else None


def metric_name(key: str) -> str:
    """Return the name a reader knows for a metric's key: `macro_f1` is Macro F1."""
    return METRICS.get(key, key)


def metric_in_text(key: str) -> str:
    """Return a metric's name inside a sentence: F1, macro F1, accuracy."""
    name = metric_name(key)
    return name if name[1:2].isupper() or name[1:2].isdigit() else name[:1].lower() + name[1:]


def metric_phrase(key: str) -> str:
    """Return a metric with its article: an F1, a macro F1, an accuracy."""
    name = metric_in_text(key)
    return f"{'an' if name[:1] in 'aeioFA' else 'a'} {name}"


def decimal(value: Any, digits: int = 4) -> str:
    """Return a figure with `digits` decimals, or a dash where there is none."""
    converted = as_number(value)
    return MISSING if converted is None else f"{converted:.{digits}f}"


def compact(value: Any) -> str:
    """Return a figure with up to four significant digits: 0.0127, 5.843, 1.2e-07."""
    converted = as_number(value)
    if converted is None:
        return MISSING
    return f"{converted:.0f}" if abs(converted) >= 1000 else f"{converted:.4g}"


def count(value: Any) -> str:
    """Return a whole number with thousands separated: 10,000."""
    converted = as_number(value)
    return MISSING if converted is None else f"{converted:,.0f}"


def percent(share: float) -> str:
    """Return a share of 1 as a percentage; 0 % and 100 % are said only of exactly none and all."""
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    text = f"{share * 100:.1f}"
    if text == "0.0":
        return "< 0.1 %"
    return "> 99.9 %" if text == "100.0" else f"{text} %"


def duration(seconds: Any) -> str:
    """Return a duration as a reader says it: 0.4 s, 12 s, 2 min 5 s, 1 h 3 min."""
    total = as_number(seconds)
    if total is None:
        return MISSING
    if total < 0.05:
        return "< 0.1 s" if total > 0 else "0 s"
    if total < 9.95:
        return f"{total:.1f} s"
    whole = round(total)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(value: Any) -> str:
    """Return a moment (ISO 8601 text or seconds since 1970) to the second; in UTC where a zone is known."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    text = str(value or MISSING)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return text
    if read.tzinfo is None:
        return f"{read:%Y-%m-%d %H:%M:%S}"
    return f"{read.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plural(amount: int, noun: str) -> str:
    """`1 step`, `2 steps`, `2 classes`."""
    ending = "" if amount == 1 else ("es" if noun.endswith("s") else "s")
    return f"{amount:,} {noun}{ending}"


def class_name(label: Any, names: Sequence[Any]) -> str:
    """Return the name of the class `label` (0, "0" or "0.0"), or the label itself where there is none."""
    index = as_number(label)
    if index is not None and index == int(index) and 0 <= index < len(names):
        return str(names[int(index)])
    return str(label)


def class_names(source: Mapping[str, Any] | None) -> list[str]:
    """Return the class names that an inspection or evaluation lists; none where there is neither."""
    return [str(name) for name in (source or {}).get("class_names") or []]
