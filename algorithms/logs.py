"""The log lines from which the console and the metrics are read, in the built-in algorithms' own form.

Every line goes to stdout as `[TIMESTAMP INFO HOST] TEXT` and is flushed: a job that is killed has said all it
did.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TextIO

HOST = "algo-1"

LOSS_SUFFIXES = ("_objective", "_loss", "mse", "rmse", "cross_entropy")
"""A metric whose name ends so is to fall: its value is printed behind `<loss>=`, others behind `<score>=`."""


class MetricLog:
    """Writes the lines of one job. Values are printed with `repr`, so they read back as the same float."""

    def __init__(self, stream: TextIO | None = None, host: str = HOST) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._host = host

    def info(self, text: str) -> None:
        """Print any other line."""
        now = datetime.now().strftime("%m/%d/%Y %H:%M:%S")
        print(f"[{now} INFO {self._host}] {text}", file=self._stream, flush=True)

    def quality(self, channel: str, name: str, value: float, *, epoch: int | None = None) -> None:
        """`#quality_metric: host=algo-1, epoch=0, train binary_f_1.000 <score>=0.98`.

        channel: train, validation or test. epoch: from 0; left out for a metric of the finished model.
        """
        mark = "<loss>" if name.endswith(LOSS_SUFFIXES) else "<score>"
        when = "" if epoch is None else f" epoch={epoch},"
        self.info(f"#quality_metric: host={self._host},{when} {channel} {name} {mark}={float(value)!r}")

    def progress(self, completed_epochs: int, epochs: int) -> None:
        """`#progress_metric: host=algo-1, completed 33.3 % of epochs`; epochs ≥ 1."""
        percent = format(100 * completed_epochs / epochs, ".4g")
        self.info(f"#progress_metric: host={self._host}, completed {percent} % of epochs")

    def throughput(self, records: int, seconds: float) -> None:
        """`#throughput_metric: host=algo-1, train throughput=51234.5 records/second`."""
        rate = records / max(seconds, 1e-9)
        self.info(f"#throughput_metric: host={self._host}, train throughput={rate!r} records/second")

    def test_score(self, *scores: tuple[str, float]) -> None:
        """`#test_score (algo-1) : ('binary_f_1.000', 0.9956)`, one line a score."""
        for name, value in scores:
            self.info(f"#test_score ({self._host}) : {(name, float(value))!r}")
