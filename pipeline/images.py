"""Which image a placeholder stands for in which region."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import DefinitionError, nearest

DEFINITIONS = Path(__file__).parent / "definitions"
IMAGES_FILE = "images.json"


def load_images(directory: Path = DEFINITIONS) -> dict[str, dict[str, Any]]:
    """Read the table of images: placeholder → {repository, tag, registries: {region: registry host}}."""
    table = json.loads((directory / IMAGES_FILE).read_text(encoding="utf-8"))
    assert isinstance(table, dict)
    return table


def image(placeholder: str, region: str, directory: Path = DEFINITIONS) -> str:
    """Return the image URI for a placeholder such as `LinearLearnerImage` in `region`.

    Raises:
        DefinitionError: an unknown placeholder, or a region in which AWS does not offer that image.

    """
    table = load_images(directory)
    if placeholder not in table:
        raise DefinitionError(
            f"unknown image {placeholder!r}{nearest(placeholder, table)}; known: {', '.join(sorted(table))}"
        )
    entry = table[placeholder]
    if region not in entry["registries"]:
        raise DefinitionError(
            f"AWS offers no image {entry['repository']} in region {region!r}"
            f"{nearest(region, entry['registries'])}; regions: {', '.join(sorted(entry['registries']))}"
        )
    return f"{entry['registries'][region]}/{entry['repository']}:{entry['tag']}"


def images(region: str, directory: Path = DEFINITIONS) -> dict[str, str]:
    """Return placeholder → image URI in `region`, ready to go into the names for `fill`."""
    return {placeholder: image(placeholder, region, directory) for placeholder in load_images(directory)}
