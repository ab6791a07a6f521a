"""Which file below `input/raw` is what: the data, and a schema and a recipe where they lie beside it.

A schema is `schema.json`, or has the data's name with `.schema` after it, as Amazon Machine Learning took
it; a recipe is `recipe.json`, or has the data's name with `.recipe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processing.container import InputError
from processing.readers.csv_table import SUFFIXES as CSV_SUFFIXES
from processing.readers.idx import PARTS, idx_files

PICKLE_SUFFIXES = (".pkl.gz", ".pkl")
COMPANIONS = ("schema", "recipe")


@dataclass(frozen=True)
class RawData:
    """The files of one data set; `data` are the others than schema and recipe."""

    data: list[Path]
    schema: Path | None
    recipe: Path | None

    @property
    def images(self) -> dict[str, Path]:
        """The IDX files by part, where there are any."""
        return idx_files(self.data)

    @property
    def tabular(self) -> bool:
        """Whether the data is a CSV file rather than images."""
        return not self.images and not any(path.name.endswith(PICKLE_SUFFIXES) for path in self.data)

    def only(self, *suffixes: str) -> Path:
        """Return the one file, or the one with a wanted ending among several; `train.csv` before all."""
        wanted = [path for path in self.data if path.name.endswith(suffixes)]
        if len(self.data) == 1:
            wanted = self.data
        for name in ("train.csv", "train.csv.gz"):
            wanted = [path for path in wanted if path.name == name and suffixes == CSV_SUFFIXES] or wanted
        if len(wanted) != 1:
            raise InputError(
                f"{self.data[0].parent}: {len(wanted)} files end with {' or '.join(suffixes)} among "
                f"{', '.join(path.name for path in self.data)}; put one there{self._or_images(suffixes)}"
            )
        return wanted[0]

    def _or_images(self, suffixes: tuple[str, ...]) -> str:
        """Return the names of IDX files where these may be what was meant."""
        meant = suffixes == PICKLE_SUFFIXES or any("idx" in path.name.lower() for path in self.data)
        return f", or the IDX files {', '.join(PARTS.values())} (each may end with .gz)" if meant else ""


def sort_out(files: list[Path]) -> RawData:
    """Tell data from schema and recipe; InputError where one is there twice, or no data is left."""
    found: dict[str, Path | None] = {}
    for kind in COMPANIONS:
        named = [path for path in files if path.name == f"{kind}.json" or path.suffix == f".{kind}"]
        if len(named) > 1:
            raise InputError(
                f"{files[0].parent}: {' and '.join(path.name for path in named)}: one {kind} is wanted; "
                "leave one there"
            )
        found[kind] = named[0] if named else None
    data = [path for path in files if path not in found.values()]
    if not data:
        raise InputError(f"{files[0].parent}: no data beside {files[0].name}; put the data there, too")
    return RawData(data, found["schema"], found["recipe"])
