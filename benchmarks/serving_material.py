"""What the serving benchmark sends: one linear model and the same rows in every form that a server takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from algorithms.linear_learner.model import LinearModel
from local.jobs.archive import pack
from processing.recordio import encode_dense

WIDTH = 784
ROWS = (1, 100)
CSV, JSON, RECORDIO = "text/csv", "application/json", "application/x-recordio-protobuf"
FORMATS = {"recordIO": RECORDIO, "CSV": CSV, "JSON": JSON}

Kind = tuple[str, int]
"""A format, of FORMATS, and a number of rows, of ROWS."""


class Material:
    """The model as an artifact and as an array of weights, and bodies.

    Attributes:
        scores: of the rows, by the number of rows: shape (rows,).
        root: the folder that the container has for /opt/ml.
        archive: model.tar.gz.
        weights: a .npy file, shape (784, 1).
        usual: (format, rows) → a body as SageMaker's algorithms take it; FastAPI and Litestar do, too.
        arrays: name of the array → the same for servers that want `{name: [[…], …]}`.
        tensors: the same for the open inference protocol.
        with_header: CSV with a line of names.

    """

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        weights = rng.normal(scale=0.05, size=(WIDTH, 1)).astype(np.float32)
        tables = {rows: _pixels(rng, rows) for rows in ROWS}
        self.scores = {
            rows: 1 / (1 + np.exp(-(table @ weights)[:, 0].astype(float))) for rows, table in tables.items()
        }
        self.root, self.archive = folder / "ml", folder / "model.tar.gz"
        self.weights = folder / "weights.npy"
        np.save(self.weights, weights)
        (self.root / "model").mkdir(parents=True)
        model = LinearModel("binary_classifier", "logistic", weights, np.zeros(1, np.float32))
        model.save(self.root / "model" / "model_algo-1")
        pack(self.root / "model", self.archive)

        self.usual: dict[Kind, bytes] = {}
        self.tensors: dict[Kind, bytes] = {}
        self.arrays: dict[str, dict[Kind, bytes]] = {"features": {}, "inputs": {}}
        self.with_header: dict[Kind, bytes] = {}
        for rows, table in tables.items():
            values = table.tolist()
            lines = "".join(",".join(map(repr, row)) + "\n" for row in values)
            names = ",".join(f"pixel{number}" for number in range(WIDTH))
            data = table.ravel().tolist()
            tensor = {"name": "rows", "shape": list(table.shape), "datatype": "FP32", "data": data}
            self.usual["recordIO", rows] = encode_dense(table)
            self.usual["CSV", rows] = lines.encode()
            self.usual["JSON", rows] = _json({"instances": [{"features": row} for row in values]})
            self.tensors["JSON", rows] = _json({"inputs": [tensor]})
            self.with_header["CSV", rows] = f"{names}\n{lines}".encode()
            for name, bodies in self.arrays.items():
                bodies["JSON", rows] = _json({name: values})


def _pixels(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Return rows like MNIST's: four of five pixels are black and the others fractions of 256."""
    shape = (rows, WIDTH)
    return (rng.integers(0, 256, shape) * (rng.random(shape) < 0.2) / 256).astype(np.float32)


def _json(document: object) -> bytes:
    return json.dumps(document).encode()
