"""The catalogue of tasks: what is learnt from which data by which candidates.

To add a task, add one `Task(…)` to `CATALOGUE` and run `trainyard compile`; nothing else knows the tasks by
name. Standard library only, so that listing tasks costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

RECORDIO = "application/x-recordio-protobuf"
CSV = "text/csv"

Value = str | int | float


def pascal_case(name: str) -> str:
    """Turn `factorization-machines` or `mini_batch_size` into a parameter's notation, `MiniBatchSize`."""
    return "".join(word.capitalize() for word in re.split(r"[-_]", name))


@dataclass(frozen=True)
class Algorithm:
    """One of SageMaker's built-in algorithms.

    Attributes:
        name: the repository of its image, and the name that the container answers to.
        formats: the media types it trains and infers on (factorization-machines reads recordIO only).
        channels: the channels it knows.

    """

    name: str
    formats: tuple[str, ...]
    channels: tuple[str, ...]


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("linear-learner", (RECORDIO, CSV), ("train", "validation", "test")),
        Algorithm("factorization-machines", (RECORDIO,), ("train", "test")),
        Algorithm("knn", (RECORDIO, CSV), ("train", "test")),
    )
}


@dataclass(frozen=True)
class Candidate:
    """One algorithm with its settings, competing to be registered.

    Attributes:
        algorithm: a key of `ALGORITHMS`.
        predictor_type: binary_classifier, multiclass_classifier or classifier.
        settings: hyperparameter → default; each becomes a pipeline parameter such as `KnnSampleSize`.
        from_dataset: hyperparameters that the conversion finds out, such as feature_dim.
        input_mode: File, or Pipe to stream the channels.
        train_content_type: the channels' content type where it says more than the task's, such as
            `text/csv;label_size=1`; by default the task's.
        validation: whether it is given the validation channel.
        name: what tells it from the other candidates; by default the algorithm's name.

    """

    algorithm: str
    predictor_type: str
    settings: Mapping[str, Value]
    from_dataset: tuple[str, ...] = ("feature_dim",)
    input_mode: Literal["File", "Pipe"] = "File"
    train_content_type: str = ""
    validation: bool = False
    name: str = ""

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"no algorithm {self.algorithm!r}; known: {', '.join(ALGORITHMS)}")
        if self.validation and "validation" not in ALGORITHMS[self.algorithm].channels:
            raise ValueError(f"{self.algorithm} has no validation channel; leave out validation=True")
        if not self.name:
            object.__setattr__(self, "name", self.algorithm)

    def parameter(self, hyperparameter: str) -> str:
        """Return the name of the pipeline parameter that sets a hyperparameter."""
        return pascal_case(self.name) + pascal_case(hyperparameter)


@dataclass(frozen=True)
class Task:
    """What is learnt, from which data, and how good it must be.

    Attributes:
        name: the pipeline's name and the name on the command line.
        title: one line for people.
        description: what the label is and what the data holds.
        data_formats: the raw files that the conversion reads, for people.
        sample: the built-in data set used when no data is given, if there is one.
        problem: binary or multiclass.
        metric: the figure by which the champion is chosen and held against min_f1.
        min_f1: default of the parameter MinF1.
        convert_arguments: arguments of `processing.data_conversion`, but for the content type.
        content_type: the format of all channels.
        validation: whether the conversion splits off a validation channel.
        candidates: in order of preference; the first wins a tie.

    """

    name: str
    title: str
    description: str
    data_formats: tuple[str, ...]
    sample: Literal["digits", "iris"] | None
    problem: Literal["binary", "multiclass"]
    metric: Literal["f1", "macro_f1"]
    min_f1: float
    convert_arguments: tuple[str, ...]
    content_type: str
    validation: bool
    candidates: tuple[Candidate, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9](-?[a-z0-9]){0,62}", self.name):
            raise ValueError(f"task name {self.name!r}: use lower-case letters, digits and single hyphens")
        names = [candidate.name for candidate in self.candidates]
        if not names or len(names) != len(set(names)):
            raise ValueError(f"task {self.name!r} needs candidates with different names; it has {names}")
        for candidate in self.candidates:
            self._check(candidate)

    def _check(self, candidate: Candidate) -> None:
        where = f"task {self.name!r}, candidate {candidate.name!r}"
        formats = ALGORITHMS[candidate.algorithm].formats
        if self.content_type not in formats:
            raise ValueError(
                f"{where}: {candidate.algorithm} reads {', '.join(formats)}, not {self.content_type}"
            )
        if candidate.train_content_type.split(";")[0] not in ("", self.content_type):
            raise ValueError(
                f"{where}: channels hold {self.content_type}, not {candidate.train_content_type}"
            )
        if candidate.validation and not self.validation:
            raise ValueError(f"{where}: wants a validation channel, but the task splits none off")


ZERO_DIGIT = Task(
    name="zero-digit",
    title="Is this handwritten digit a zero?",
    description="Images of handwritten digits; the label is 1 where the digit is 0, else 0.",
    data_formats=(
        "mnist.pkl.gz (three pickled pairs of images and labels)",
        "MNIST IDX files, gzipped or not",
    ),
    sample="digits",
    problem="binary",
    metric="f1",
    min_f1=0.9,
    convert_arguments=("--format", "mnist", "--positive-class", "0"),
    content_type=RECORDIO,
    validation=True,
    candidates=(
        Candidate(
            algorithm="linear-learner",
            predictor_type="binary_classifier",
            # Pixels lie between 0 and 1 as they are: standardising them would blow up those that are nearly
            # always white. On MNIST's validation split F1 is 0.970 without it and 0.966 with it.
            settings={
                "mini_batch_size": 200,
                "epochs": 15,
                "normalize_data": "false",
                "unbias_data": "false",
                "early_stopping_patience": 15,
            },
            validation=True,
        ),
        Candidate(
            algorithm="factorization-machines",
            predictor_type="binary_classifier",
            # The algorithm's learning rates are small: three epochs do for MNIST's 50,000 rows, ten also for
            # the 1,200 of the built-in digits.
            settings={"num_factors": 10, "mini_batch_size": 200, "epochs": 10},
        ),
        Candidate(
            algorithm="knn",
            predictor_type="classifier",
            # An odd k leaves no ties between two classes; the sample takes in all of MNIST's training split.
            settings={"k": 5, "sample_size": 60000},
        ),
    ),
)

IRIS = Task(
    name="iris",
    title="Which species of iris is this?",
    description="Four measurements of a flower; the label is its species (setosa, versicolor, virginica).",
    data_formats=("iris.csv with the header Sepal.Length,Sepal.Width,Petal.Length,Petal.Width,Species",),
    sample="iris",
    problem="multiclass",
    metric="macro_f1",
    min_f1=0.9,
    convert_arguments=(
        "--format",
        "csv",
        "--label-column",
        "Species",
        "--classes",
        "setosa,versicolor,virginica",
        # By name: a file that lacks one is refused, and a row number beside them is not learnt.
        "--feature-columns",
        "Sepal.Length,Sepal.Width,Petal.Length,Petal.Width",
        # A multiclass_classifier is for three classes or more.
        *("--minimum-classes", "3"),
    ),
    content_type=CSV,
    # The published figures for knn come from all 112 rows of the training split.
    validation=False,
    candidates=(
        Candidate(
            algorithm="knn",
            predictor_type="classifier",
            settings={"k": 1, "sample_size": 1000},
            input_mode="Pipe",
            train_content_type="text/csv;label_size=1",
        ),
        Candidate(
            algorithm="linear-learner",
            predictor_type="multiclass_classifier",
            # 112 rows: the algorithm's default of 1000 a mini-batch would leave not one update an epoch.
            settings={"mini_batch_size": 16, "epochs": 30},
            from_dataset=("feature_dim", "num_classes"),
        ),
    ),
)

DIGITS = Task(
    name="digits",
    title="Which digit is this?",
    description="Images of handwritten digits, or a table with a schema; the label is one of ten classes.",
    data_formats=(
        "a CSV file with the header label,pixel0,pixel1,… and integers of 0 to 255",
        "a CSV file of any columns with a schema, and perhaps a recipe, beside it",
        "mnist.pkl.gz (three pickled pairs of images and labels)",
        "MNIST IDX files, gzipped or not",
    ),
    sample="digits",
    problem="multiclass",
    metric="macro_f1",
    min_f1=0.9,
    convert_arguments=(
        *("--format", "auto"),
        *("--label-column", "label"),
        *("--classes", "0,1,2,3,4,5,6,7,8,9"),
        *("--validation-size", "0.05"),
        # A multiclass_classifier is for three classes or more.
        *("--minimum-classes", "3"),
    ),
    content_type=RECORDIO,
    validation=True,
    candidates=(
        Candidate(
            algorithm="linear-learner",
            predictor_type="multiclass_classifier",
            settings={"mini_batch_size": 200, "epochs": 15},
            from_dataset=("feature_dim", "num_classes", "normalize_data", "num_models"),
            validation=True,
        ),
        Candidate(
            algorithm="knn",
            predictor_type="classifier",
            # A recipe may make 100,000 columns, of which not 60,000 rows fit into the memory.
            settings={"k": 5},
            from_dataset=("feature_dim", "sample_size"),
        ),
    ),
)

CATALOGUE: Mapping[str, Task] = {task.name: task for task in (IRIS, ZERO_DIGIT, DIGITS)}
