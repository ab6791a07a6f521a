"""The way of Amazon Machine Learning: a CSV file, a schema, a recipe, a split, folds, and predictions."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow

Trainyard = Callable[..., subprocess.CompletedProcess[str]]
RunJson = Callable[..., dict[str, Any]]

COLOURS = {"small": "red", "middle": "green", "large": "blue"}
SCHEMA: dict[str, Any] = {
    "version": "1.0",
    "recordAnnotationFieldName": "id",
    "targetFieldName": "kind",
    "dataFormat": "CSV",
    "dataFileContainsHeader": True,
    "attributes": [
        {"fieldName": "id", "fieldType": "CATEGORICAL"},
        {"fieldName": "size", "fieldType": "NUMERIC"},
        {"fieldName": "note", "fieldType": "TEXT"},
        {"fieldName": "kind", "fieldType": "CATEGORICAL"},
    ],
}
RECIPE = {
    "assignments": {"words": "ngram(lowercase(no_punct(note)), 2)"},
    "outputs": ["normalize(size)", "words", "quantile_bin(size, 3)"],
}


def things(rows: int, first: int = 0) -> list[list[str]]:
    """Rows whose kind follows from their note, and mostly from their size."""
    random = np.random.default_rng(first)
    found = []
    for row in range(first, first + rows):
        kind = list(COLOURS)[row % 3]
        size = 10 * (row % 3) + random.normal(0, 2)
        found.append([f"thing {row}", f"{size:.3f}", f"It, is {COLOURS[kind]}!", kind])
    return found


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Data, schema and recipe, by the option that takes them."""
    data = write_csv(tmp_path / "things.csv", ["id", "size", "note", "kind"], things(240))
    (tmp_path / "S.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "R.json").write_text(json.dumps(RECIPE))
    return {"data": str(data), "schema": str(tmp_path / "S.json"), "recipe": str(tmp_path / "R.json")}


def options(files: dict[str, str], *names: str) -> list[str]:
    return [part for name in names or files for part in (f"--{name}", files[name])]


def test_the_built_in_digits_beat_the_baseline(tmp_path: Path, run_json: RunJson) -> None:
    result = run_json(tmp_path / "state", "digits")
    assert set(result["candidates"]) == {"linear-learner", "knn"}
    for figures in result["candidates"].values():
        assert figures["macro_f1"] > 0.9
        assert len(figures["confusion_matrix"]) == 10
    assert result["baseline"]["macro_f1"] < 0.03
    assert result["cross_validation"] is None
    page = Path(result["report"]).read_text(encoding="utf-8")
    assert "Baseline: always the most frequent class" in page


def test_real_mnist_reaches_more_than_the_published_score(
    tmp_path: Path, mnist_path: Path, run_json: RunJson
) -> None:
    """Published for multinomial logistic regression: macro F1 0.914, baseline 0.02. To reach: 0.920."""
    result = run_json(tmp_path / "state", "digits", "--data", str(mnist_path))
    assert result["candidates"]["linear-learner"]["macro_f1"] >= 0.920
    assert result["baseline"]["macro_f1"] == pytest.approx(0.02, abs=0.001)


def test_from_a_table_to_probabilities(
    home: Path, tmp_path: Path, files: dict[str, str], command: Trainyard, run_json: RunJson
) -> None:
    result = run_json(home, "digits", *options(files), "--split", "70,random,seed=7")
    assert result["candidates"]["linear-learner"]["macro_f1"] > 0.95
    assert result["baseline"]["macro_f1"] < 0.25
    package = result["model_package"]["arn"]
    assert command(home, "approve", package).returncode == 0

    rows = things(60, first=1000)
    unseen = ["thing new", "0.1", "It is infrared!"]
    batch = write_csv(tmp_path / "new.csv", ["id", "size", "note"], [*(row[:3] for row in rows), unseen])
    output = tmp_path / "predictions.csv.gz"
    done = command(home, "predict", "digits", "--data", str(batch), "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert "do not occur in the training rows" in done.stderr
    header, *predicted = csv.reader(gzip.decompress(output.read_bytes()).decode("utf-8").splitlines())
    assert header == ["id", "large", "middle", "small"]
    assert [row[0] for row in predicted] == [row[0] for row in [*rows, unseen]]
    probabilities = np.array([row[1:] for row in predicted], dtype=np.float64)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-12)
    best = [header[1 + place] for place in probabilities.argmax(axis=1)]
    assert np.mean([found == row[3] for found, row in zip(best, rows, strict=False)]) > 0.95

    # The endpoint gives the same numbers to the same raw rows.
    live = tmp_path / "live.csv"
    answer = command(home, "predict", "digits", "--data", str(batch), "--output", str(live), "--live")
    assert answer.returncode == 0, answer.stderr
    assert live.read_bytes() == gzip.decompress(output.read_bytes())


def test_folds_give_mean_deviation_and_each_figure(
    home: Path, files: dict[str, str], command: Trainyard, run_json: RunJson
) -> None:
    result = run_json(home, "digits", *options(files), "--folds", "3")
    found = result["cross_validation"]
    assert found["folds"] == 3
    spread = found["candidates"]["linear-learner"]["macro_f1"]
    assert len(spread["folds"]) == 3
    assert spread["mean"] == pytest.approx(np.mean(spread["folds"]))
    assert spread["deviation"] == pytest.approx(np.std(spread["folds"], ddof=1))
    executions = json.loads(command(home, "executions", "--json").stdout)
    assert len(executions) == 4
    packages = json.loads(command(home, "models", "digits", "--json").stdout)
    assert [package["execution"] for package in packages] == [result["execution"]]
    assert "Cross-validation" in Path(result["report"]).read_text(encoding="utf-8")


def test_an_inferred_schema_is_one_that_a_run_takes(
    home: Path, files: dict[str, str], command: Trainyard, run_json: RunJson
) -> None:
    done = command(home, "schema", files["data"], "--target", "kind", "--row-id", "id")
    assert done.returncode == 0, done.stderr
    written = done.stdout.strip()
    assert written == f"{files['data']}.schema"
    again = command(home, "schema", files["data"])
    assert again.returncode == 2
    assert "is there already" in again.stderr
    result = run_json(home, "digits", "--data", files["data"], "--schema", written, "--split", "70")
    assert result["candidates"]["linear-learner"]["macro_f1"] > 0.95


def test_waiting_shows_the_steps_of_an_execution_that_is_over(
    iris: tuple[Path, dict[str, Any]], command: Trainyard
) -> None:
    home, result = iris
    done = command(home, "wait", result["execution"])
    assert done.returncode == 0
    assert f"{result['execution']} Succeeded" in done.stdout
    assert "Convert" in done.stderr
    nothing = command(home, "wait", "no-such-execution")
    assert nothing.returncode == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": ["lowercas(note)"]}, "unknown function 'lowercas'; did you mean 'lowercase'?"),
        ({"outputs": ["size"], "assignments": {"x": "normalize(size)"}}, "'x' is used by no output"),
    ],
)
def test_a_bad_recipe_ends_the_run_with_one_clear_line(
    home: Path, files: dict[str, str], command: Trainyard, change: dict[str, Any], message: str
) -> None:
    Path(files["recipe"]).write_text(json.dumps(change))
    done = command(home, "run", "digits", *options(files))
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert files["recipe"] in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_split_that_is_none_ends_the_run_with_the_syntax(
    home: Path, files: dict[str, str], command: Trainyard
) -> None:
    done = command(home, "run", "digits", *options(files, "data", "schema"), "--split", "lots")
    assert done.returncode == 2
    assert "write 70, 20-90, 70,random,seed=7" in done.stderr.splitlines()[-1]
