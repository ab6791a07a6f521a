"""The jobs whose growth is measured: what each reads, how it is laid out below its base, and its command."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from benchmarks.growth_data import CSV, RECORDIO, Block, predictions, repeat
from benchmarks.growth_process import Spent, run_job
from local.jobs.pipe import Feeder

LINEAR = {"predictor_type": "binary_classifier", "epochs": "10", "early_stopping_patience": "100"}
MACHINES = {"predictor_type": "binary_classifier", "epochs": "5", "num_factors": "10"}
TRAINS: Mapping[str, Mapping[str, str]] = {"linear-learner": LINEAR, "factorization-machines": MACHINES}


@dataclass(frozen=True)
class Work:
    """A kind of job. Calling `run` with a block and how often it is repeated runs one, alone."""

    name: str
    run: Callable[[Block, int], Spent]


def training(algorithm: str, content_type: str, mode: str) -> Work:
    """Train on one channel of one file, or through FIFOs as the local engine feeds them."""
    form = "CSV" if content_type == CSV else "recordIO"
    encoded = _Encoded(Block.csv if content_type == CSV else Block.recordio)

    def run(block: Block, times: int) -> Spent:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            data, config = base / "input" / "data", base / "input" / "config"
            source = base / "object" if mode == "Pipe" else data / "train" / "part"
            repeat(source, encoded.of(block), times)
            for needed in (data, config):
                needed.mkdir(parents=True, exist_ok=True)
            channel = {"ContentType": content_type, "TrainingInputMode": mode}
            values = {**TRAINS[algorithm], "feature_dim": str(block.features.shape[1])}
            (config / "inputdataconfig.json").write_text(json.dumps({"train": channel}))
            (config / "hyperparameters.json").write_text(json.dumps(values))
            feeder = Feeder(data, "train", [source]) if mode == "Pipe" else None
            try:
                return run_job(base, "algorithms", algorithm, "train")
            finally:
                if feeder:
                    feeder.close()

    return Work(f"{algorithm}, {form}, {mode} mode", run)


def conversion() -> Work:
    """Convert a CSV table to recordIO channels; seven rows of ten train."""
    encoded = _Encoded(Block.table)

    def run(block: Block, times: int) -> Spent:
        head = ",".join(["label", *(f"x{column}" for column in range(block.features.shape[1]))]) + "\n"
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "processing" / "input" / "raw" / "table.csv"
            repeat(table, encoded.of(block), times, head=head.encode())
            options = ("--format", "csv", "--label-column", "label", "--classes", "a,b", "--split", "70")
            return run_job(Path(folder), "processing.data_conversion", *options)

    return Work("convert, CSV table to recordIO", run)


def evaluation() -> Work:
    """Evaluate a binary candidate's scores; the test channel is read for the rows it got most wrong."""
    answers = _Encoded(predictions)
    labels = _Encoded(lambda block: "".join(f"{int(label)}\n" for label in block.labels).encode())
    rows = _Encoded(lambda block: block.recordio(labelled=False))

    def run(block: Block, times: int) -> Spent:
        with tempfile.TemporaryDirectory() as folder:
            given = Path(folder) / "processing" / "input"
            repeat(given / "test" / "test.pbr", rows.of(block), times)
            repeat(given / "test_labels" / "labels.csv", labels.of(block), times)
            repeat(given / "predictions" / "candidate" / "test.pbr.out", answers.of(block), times)
            (given / "dataset").mkdir()
            (given / "dataset" / "dataset.json").write_text(json.dumps(_described(block, times)))
            options = ("--problem", "binary", "--candidates", "candidate", "--metric", "f1")
            return run_job(Path(folder), "processing.evaluation", *options)

    return Work("evaluate, JSON Lines", run)


class _Encoded:
    """A block's bytes, kept for the next of its runs: encoding takes as long as a job. Blocks take turns."""

    def __init__(self, encode: Callable[[Block], bytes]) -> None:
        self.of = lru_cache(maxsize=8)(encode)


def _described(block: Block, times: int) -> dict[str, object]:
    rows, columns = block.features.shape
    return {
        "hyperparameters": {"feature_dim": str(columns)},
        "rows": {"test": rows * times},
        "class_names": ["a", "b"],
        "feature_names": [f"x{column}" for column in range(columns)],
        "content_type": RECORDIO,
    }


def works() -> list[tuple[Work, int, int]]:
    """Each work, the columns of its sweep over rows, and the values of its sweep over columns (0: none)."""
    linear, machines = TRAINS
    return [
        (training(linear, RECORDIO, "File"), 64, 2**25),
        (training(linear, RECORDIO, "Pipe"), 64, 2**25),
        (training(linear, CSV, "File"), 8, 0),
        (training(linear, CSV, "Pipe"), 8, 0),
        (training(machines, RECORDIO, "File"), 64, 2**25),
        (training(machines, RECORDIO, "Pipe"), 64, 2**25),
        (conversion(), 4, 2**24),
        (evaluation(), 4, 0),
    ]
