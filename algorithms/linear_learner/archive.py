"""One-file models: named float32 arrays and a description, in numpy's uncompressed npz form, never a pickle.

The same model gives the same bytes: members have a fixed order and zip's fixed first date.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from algorithms.base import CustomerError

Floats = npt.NDArray[np.float32]

FORMAT = 1
_DESCRIPTION = "description"


def save(path: Path, algorithm: str, description: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
    """Write `arrays` and `description` (JSON types) to `path`."""
    text = json.dumps({"format": FORMAT, "algorithm": algorithm, **description}, sort_keys=True)
    members: dict[str, npt.NDArray[Any]] = {_DESCRIPTION: np.frombuffer(text.encode(), np.uint8), **arrays}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in members.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def load(path: Path, algorithm: str, names: frozenset[str]) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return description and arrays. The bytes are not trusted.

    Raises CustomerError unless `path` is an archive of exactly these arrays, finite float32, written for
    `algorithm` in a format that this version reads.
    """
    try:
        arrays = _read(path, names | {_DESCRIPTION})
        description = json.loads(arrays.pop(_DESCRIPTION).tobytes())
        _check(description, algorithm, arrays)
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        MemoryError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        raise CustomerError(
            f"{path.name} is not a {algorithm} model: {error} (use a model_algo-1 that a training job wrote)"
        ) from None
    return description, arrays


def _read(path: Path, names: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        found = {member.filename.removesuffix(".npy") for member in members}
        if found != names or len(members) != len(names):
            raise ValueError(f"it holds {sorted(found)}, not {sorted(names)}")
        # Stored members cannot unpack to more than the file's own size.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its members are compressed")
        arrays: dict[str, npt.NDArray[Any]] = {}
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"array format {version}")
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                # Checked before anything of that size is allocated.
                if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
                    raise ValueError(f"{member.filename} does not hold what its header says")
            with archive.open(member) as file:
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    file, allow_pickle=False
                )
    return arrays


def _check(description: Any, algorithm: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    if not isinstance(description, dict) or description.get("algorithm") != algorithm:
        raise ValueError("its description names another algorithm")
    if description.get("format") != FORMAT:
        raise ValueError(f"its format is {description.get('format')!r}, but this version reads {FORMAT}")
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise ValueError(f"{name} is {array.dtype}, not float32")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
