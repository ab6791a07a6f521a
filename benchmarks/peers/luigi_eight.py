"""The eight-step graph with empty bodies as Luigi tasks; a task is done when its file is there.

Arguments: a folder for the files, and the number of workers (1: all in one process; more: a fork a task).
"""

# ruff: noqa: D101, D102, D103 -- empty steps: their names say all there is to say

import sys
from pathlib import Path

import luigi


class Step(luigi.Task):
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{type(self).__name__}")

    def run(self):
        Path(self.output().path).touch()


class Convert(Step):
    pass


class Train(Step):
    def requires(self):
        return Convert(folder=self.folder)


class Transform(Step):
    pass


def lane(name):
    train = type(f"Train{name}", (Train,), {})
    return type(f"Transform{name}", (Transform,), {"requires": lambda self: train(folder=self.folder)})


LANES = [lane(name) for name in "ABC"]


class Evaluate(Step):
    def requires(self):
        return [transform(folder=self.folder) for transform in LANES]


if __name__ == "__main__":
    folder, workers = sys.argv[1], int(sys.argv[2])
    done = luigi.build([Evaluate(folder=folder)], workers=workers, local_scheduler=True, log_level="WARNING")
    sys.exit(not done)
