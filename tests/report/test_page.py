"""What the page says of an execution, and that it says it in sound, closed and self-contained HTML."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from report import render, write

VOID = {"meta", "link", "img", "br", "hr", "wbr", "col"}
NAMES = ("zero-digit", "digits", "iris", "iris-below-the-gate", "iris-broken-off", "hostile")


class Reader(HTMLParser):
    """Reads a page strictly: every end tag must close the element that is open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute twice in <{tag}>"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def sections(page: str) -> dict[str, str]:
    """The HTML of each section by its id."""
    return {
        match[1]: match[2]
        for match in re.finditer(r'<section id="([a-z]+)"[^>]*>(.*?)</section>', page, re.DOTALL)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_element_is_closed_and_every_id_unique(executions: dict[str, Any], name: str) -> None:
    page = executions[name].render()
    reader = Reader(page)
    assert reader.open == []
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [str(attributes["href"]) for attributes in reader.all("a")]
    assert {link.removeprefix("#") for link in links} <= set(ids)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_from_outside_and_nothing_runs(executions: dict[str, Any], name: str) -> None:
    page = executions[name].render()
    reader = Reader(page)
    assert not {"script", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in reader.elements}
    for tag, attributes in reader.elements:
        assert not [key for key in attributes if key.startswith("on")]
        for key in ("src", "href"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:")), f"<{tag} {key}={value}>"
    assert "url(" not in re.sub(r"url\(#[a-z-]+\)", "", page)
    assert "@import" not in page
    policy = next(m["content"] for m in reader.all("meta") if m.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("name", NAMES)
def test_the_same_records_give_the_same_bytes(executions: dict[str, Any], name: str) -> None:
    assert executions[name].render() == executions[name].render()


def test_another_process_gives_the_same_bytes(zero_digit: Any, tmp_path: Path) -> None:
    """The order of a set or of hashes must not show: the other process hashes differently."""
    records = (zero_digit.execution, zero_digit.inspection, zero_digit.evaluation, zero_digit.definition)
    (tmp_path / "records.json").write_text(json.dumps(records), encoding="utf-8")
    program = (
        "import json, pathlib, sys; from report import write; folder = pathlib.Path(sys.argv[1]); "
        "write(folder / 'page.html', *json.loads((folder / 'records.json').read_text()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == zero_digit.render()


@pytest.mark.parametrize("name", NAMES)
def test_headings_go_down_one_level_at_a_time(executions: dict[str, Any], name: str) -> None:
    levels = [
        int(tag[1]) for tag, _ in Reader(executions[name].render()).elements if re.fullmatch("h[1-6]", tag)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", NAMES)
def test_every_chart_has_its_numbers_in_a_table(executions: dict[str, Any], name: str) -> None:
    figures = re.findall(r"<figure\b.*?</figure>", executions[name].render(), re.DOTALL)
    assert figures
    for figure in figures:
        if "No mistake on the test split." in figure:
            continue
        assert "<table" in figure
        drawn = 'role="img"' in figure or "<img" in figure
        assert not drawn or re.search("<details.*<table", figure, re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_pictures_have_names(executions: dict[str, Any], name: str) -> None:
    page = executions[name].render()
    reader = Reader(page)
    assert all(attributes.get("alt") for attributes in reader.all("img"))
    for svg in re.findall(r"<svg\b[^>]*>.{0,30}", page):
        assert 'aria-hidden="true"' in svg or "<title>" in svg or 'x="11"' in svg or 'class="dot' in svg
    for table in re.findall(r"<table\b.*?</table>", page, re.DOTALL):
        assert "<caption" in table
        assert "scope=" in table


def test_success_says_who_won_and_how_to_approve(iris: Any) -> None:
    text = Reader(iris.render()).text
    # knn with k = 1 on iris: the published accuracy 0.97368… and macro F1 0.97170…
    assert (
        "knn is the champion with a macro F1 of 0.9717 , 0.0717 above the threshold of 0.9 (MinF1)." in text
    )
    assert "Next is linear-learner" in text
    assert "0.9737" in text
    package = iris.execution["model_package"]["arn"]
    assert "trainyard approve arn:aws:sagemaker" in text
    assert "aws sagemaker update-model-package" in text
    assert f"--model-package-arn {package}" in text
    assert "--model-approval-status Approved" in text
    assert "Pending manual approval" in text
    assert "trainyard models iris" in text


def test_a_package_in_aws_is_said_to_be_there(iris: Any) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/iris/7"
    package = {"arn": arn, "approval_status": "Approved"}
    text = Reader(render(iris.execution | {"model_package": package}, None, None, iris.definition)).text
    assert "SageMaker Model Registry, account 123456789012, eu-west-1." in text
    assert "update-model-package" not in text, "an approved package needs no approval"


def test_below_the_gate_nothing_is_registered(iris_below_the_gate: Any) -> None:
    page = iris_below_the_gate.render()
    text = Reader(page).text
    assert "Nothing was registered: knn is the champion" in text
    assert "0.0183 below the threshold of 0.99 (MinF1)" in text
    assert iris_below_the_gate.execution["steps"][-1]["failure_reason"] in text
    assert "model" not in sections(page)
    assert {"failure", "champion", "candidates", "mistakes", "data"} <= set(sections(page))


def test_broken_off_execution_says_why_and_how_to_go_on(iris_broken_off: Any) -> None:
    page = iris_broken_off.render()
    text = Reader(page).text
    assert "The execution failed at Convert ; nothing was registered." in text
    assert "row 17, column Petal.Length: 'wide' is no number" in text
    assert "trainyard run iris --resume x7f3k9q2m1ab" in text
    assert set(sections(page)) == {"failure", "pipeline", "steps", "settings"}


def test_every_step_is_in_the_graph_with_its_status(zero_digit: Any) -> None:
    graph = sections(zero_digit.render())["pipeline"]
    for step in zero_digit.execution["steps"]:
        assert f"<title>{step['name']} ({step['type']}): " in graph
    assert "<title>Convert (Processing): From cache</title>" in graph
    assert "<title>QualityTooLow (Fail): Not run</title>" in graph
    assert "<title>Train-knn (Training): Succeeded, 6.3 s</title>" in graph


def test_steps_tell_why_they_came_from_the_cache(zero_digit: Any) -> None:
    steps = Reader(sections(zero_digit.render())["steps"]).text
    for step in zero_digit.execution["steps"]:
        assert step["name"] in steps
        assert step["cache_reason"] is None or step["cache_reason"] in steps


def test_candidates_stand_beside_each_other_and_a_baseline(digits: Any) -> None:
    text = Reader(sections(digits.render())["candidates"]).text
    for name, figures in digits.evaluation["candidates"].items():
        assert name in text
        assert f"{figures['macro_f1']:.4f}" in text
        assert f"{figures['accuracy']:.4f}" in text
    # Always the most frequent of ten classes, 5, with 89 of 719 test rows: 2p / (1 + p) / 10.
    assert "Baseline: always the most frequent class 0.1238" in text
    assert "0.0220" in text


def test_folds_show_mean_deviation_and_each_of_them(digits: Any) -> None:
    figures = {
        key: {"mean": 0.9, "deviation": 0.0265, "folds": [0.92, 0.91, 0.8712]}
        for key in ("accuracy", "precision", "recall", "f1", "macro_f1")
    }
    found = {
        "folds": 3,
        "candidates": dict.fromkeys(digits.evaluation["candidates"], figures),
        "warnings": ["knn: macro F1 varies widely between the folds"],
    }
    page = replace(digits, execution={**digits.execution, "cross_validation": found}).render()
    assert "Cross-validation" in page
    assert "0.9000" in page
    assert "± 0.0265" in page
    assert "0.8712" in page
    assert "varies widely" in page
    assert "Cross-validation" not in digits.render()


def test_confusion_matrix_shows_every_count(digits: Any) -> None:
    matrix = digits.evaluation["candidates"]["knn"]["confusion_matrix"]
    page = sections(digits.render())["candidates"]
    table = re.findall(r'<table class="heat.*?</table>', page, re.DOTALL)[1]
    cells = [int(count) for count in re.findall(r"<td class=\"(?:hit|miss) l\d\">(?:<b>)?(\d+)", table)]
    assert cells == [count for row in matrix.values() for count in row.values()]


def test_binary_tasks_have_curves_and_a_point_for_labels_alone(zero_digit: Any, iris: Any) -> None:
    candidates = sections(zero_digit.render())["candidates"]
    text = Reader(candidates).text
    assert "ROC curve" in text
    assert "Precision-recall curve" in text
    assert "knn labels only: one point" in text
    assert f"AUC {zero_digit.evaluation['candidates']['linear-learner']['auc']:.4f}" in text
    assert "ROC curve" not in sections(iris.render())["candidates"]


def test_images_for_digits_and_a_scatter_matrix_for_iris(zero_digit: Any, iris: Any) -> None:
    of_digits, of_iris = zero_digit.render(), iris.render()
    mistakes = sum(len(c["mistakes"]) for c in zero_digit.evaluation["candidates"].values())
    assert len(Reader(sections(of_digits)["mistakes"]).all("img")) == mistakes
    assert len(Reader(sections(of_digits)["data"]).all("img")) == 100 + 2  # samples, mean and deviation
    assert "Scatter matrix" in of_iris
    assert "Scatter matrix" not in of_digits
    assert "<img" not in of_iris
    mistake = iris.evaluation["candidates"]["linear-learner"]["mistakes"][0]
    assert f"{mistake['features'][0]:g}" in Reader(sections(of_iris)["mistakes"]).text


def test_class_balance_has_every_split(zero_digit: Any) -> None:
    text = Reader(sections(zero_digit.render())["data"]).text
    balance = zero_digit.inspection["class_balance"]
    assert f"train {sum(balance['train'].values()):,} rows" in text
    assert f"not 0 {balance['train']['0']} 90.1 % {balance['test']['0']} 90.1 %" in text


def test_parameters_show_what_was_changed(iris: Any) -> None:
    changed = iris.execution | {"parameters": {"MinF1": 0.5}}
    settings = Reader(sections(render(changed, None, None, iris.definition))["settings"]).text
    assert "MinF1 0.5 0.9" in settings
    assert "ApprovalStatus PendingManualApproval same" in settings
    assert "numpy 2.4.0" in settings


def test_hostile_names_stay_text(hostile: Any) -> None:
    page = hostile.render()
    reader = Reader(page)
    assert "<script" not in page
    assert not [attributes for attributes in reader.all("img") if attributes.get("src") == "x"]
    assert "<script>alert(1)</script>" in reader.text
    assert not re.search("[\x00\ud800\u202e]", page)
    page.encode("utf-8")


def test_odd_records_are_shown_and_not_refused(iris: Any) -> None:
    """Numbers that are missing, NaN or "NaN", an empty definition, an execution under way."""
    nothing: dict[str, Any] = {}
    assert "No evaluation" in render(nothing, None, None, nothing)
    evaluation = {
        "champion": {"name": "a", "metric": "f1", "value": float("nan")},
        "candidates": {
            "a": {"f1": float("nan"), "accuracy": "NaN", "confusion_matrix": {}, "mistakes": []},
            "b": {"f1": None, "confusion_matrix": {"0": {"0": 0, "1": 0}, "1": {"0": 0, "1": 0}}},
        },
        "class_names": ["no", "yes"],
        "image_shape": None,
        "rows": 0,
        "warnings": ["precision: 0 / 0"],
    }
    running = {
        "task": "t",
        "status": "Executing",
        "steps": [{"name": "Train", "type": "Training", "status": "Executing"}],
    }
    inspection = {
        "class_balance": {"train": {"0": 0}},
        "features": [],
        "samples": {"features": [], "labels": []},
    }
    text = Reader(render(running, inspection, evaluation, nothing)).text
    assert "Executing" in text
    assert "precision: 0 / 0" in text
    assert "nan" not in text.lower().split()


def test_written_page_replaces_the_old_one_whole(iris: Any, tmp_path: Path) -> None:
    path = tmp_path / "reports" / "x.html"
    records = (iris.execution, iris.inspection, iris.evaluation, iris.definition)
    assert write(path, *records) == path
    first = path.read_bytes()
    write(path, *records)
    assert path.read_bytes() == first == iris.render().encode("utf-8")
    assert list(path.parent.iterdir()) == [path]


def test_page_that_cannot_be_written_leaves_the_old_one(iris: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    path.write_text("old", encoding="utf-8")
    circle = {
        "Steps": [
            {"Name": "A", "Type": "Processing", "DependsOn": ["B"]},
            {"Name": "B", "Type": "Processing", "DependsOn": ["A"]},
        ]
    }
    with pytest.raises(ValueError, match="A, B wait for each other"):
        write(path, iris.execution, None, None, circle)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
