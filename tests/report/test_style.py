"""The style sheet's colours are legible in both schemes: WCAG 2's contrast, computed from its variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT, MARK = 4.5, 3.0
TEXTS = [
    *((colour, "paper") for colour in ("ink", "quiet", "accent", "ok", "bad", "busy")),
    *((colour, "card") for colour in ("ink", "quiet", "accent", "ok", "bad", "busy")),
    *((kind, f"{kind}-ground") for kind in ("ok", "bad", "busy", "idle")),
    *(("on-pale", f"{ramp}-{level}") for ramp in ("hit", "miss") for level in (1, 2, 3)),
    *(("on-deep", f"{ramp}-{level}") for ramp in ("hit", "miss") for level in (4, 5)),
    ("quiet", "idle-ground"),
    ("ink", "busy-ground"),
    ("ink", "bar"),
    ("ink", "code"),
]  # fmt: skip
MARKS = [("strong", "card"), *((f"series-{i}", "card") for i in range(1, 7))]


def variables(repository: Path, scheme: str) -> dict[str, str]:
    text = (repository / "report" / "style.css").read_text(encoding="utf-8")
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("least", "pairs"), [(TEXT, TEXTS), (MARK, MARKS)], ids=["text", "marks"])
def test_contrast(repository: Path, scheme: str, least: float, pairs: list[tuple[str, str]]) -> None:
    colours = variables(repository, scheme)
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_both_schemes_set_the_same_colours(repository: Path) -> None:
    assert variables(repository, "light").keys() == variables(repository, "dark").keys()
