"""The one file of a model, `model_algo-1`: settings as JSON beside arrays, in an uncompressed .npz.

Safe to read from strangers: no pickle, nothing is decompressed (so no small file grows large in memory), and
the checksums in the zip tell a cut-off or damaged file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.errors import CustomerError

_SETTINGS = "settings"


def write_model(
    path: Path, algorithm: str, settings: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write settings (JSON types) and arrays (any dtype but object) as the model of `algorithm`."""
    text = json.dumps({"algorithm": algorithm, **settings}).encode()
    members: dict[str, npt.NDArray[Any]] = {_SETTINGS: np.frombuffer(text, dtype=np.uint8), **arrays}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **members)


def read_model(path: Path, algorithm: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return (settings, arrays) of a file that `write_model` wrote for `algorithm`.

    Raises CustomerError when the file is missing, damaged, or another algorithm's. The caller checks shapes.
    """
    if not path.is_file():
        raise CustomerError(f"{path.name}: there is no model at {path}")
    try:
        _refuse_compressed(path)
        with np.load(path, allow_pickle=False) as members:
            arrays = {name: members[name] for name in members.files}
        settings = json.loads(arrays.pop(_SETTINGS).tobytes())
    except Exception as error:  # hostile bytes make zipfile and numpy raise nearly anything
        raise CustomerError(f"{path.name} is not a {algorithm} model: {error}") from error
    if not isinstance(settings, dict) or settings.get("algorithm") != algorithm:
        found = settings.get("algorithm") if isinstance(settings, dict) else settings
        raise CustomerError(f"{path.name} is not a {algorithm} model: it says that it is {found!r}")
    return settings, arrays


def _refuse_compressed(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > member.compress_size:
                raise ValueError(f"its member {member.filename!r} is compressed")


def array_problem(arrays: dict[str, npt.NDArray[Any]], dimensions: dict[str, int]) -> str | None:
    """Return what is wrong with a model's arrays, if anything.

    dimensions: name → number of dimensions of every array that there must be, float32 and finite.
    """
    if set(arrays) != set(dimensions):
        return f"it holds the arrays {sorted(arrays)}, not {sorted(dimensions)}"
    for name, array in arrays.items():
        if array.dtype != np.float32 or array.ndim != dimensions[name]:
            return f"{name} is {array.dtype} in {array.ndim} dimensions, not float32 in {dimensions[name]}"
        if not np.isfinite(array).all():
            return f"{name} holds NaN or infinity"
    return None
