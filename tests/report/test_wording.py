"""How figures, durations and names are written."""

from __future__ import annotations

import pytest

from report import wording
from report.baseline import baseline
from report.charts.axes import ticks
from report.charts.confusion import level
from report.charts.scatter import correlation
from report.markup import join, tag
from report.sections.registration import read_arn
from report.status import look


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (0.02, "< 0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3780, "1 h 3 min"),
        (None, "–"),
    ],
)
def test_durations(seconds: float | None, written: str) -> None:
    assert wording.duration(seconds) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.9997, "> 99.9 %"), (0.0001, "< 0.1 %"), (0.1234, "12.3 %")],
)
def test_only_none_and_all_are_0_and_100_percent(share: float, written: str) -> None:
    assert wording.percent(share) == written


def test_moments_are_in_utc() -> None:
    assert wording.moment("2025-11-20T12:47:03.120+02:00") == "2025-11-20 10:47:03 UTC"
    assert wording.moment(0) == "1970-01-01 00:00:00 UTC"
    assert wording.moment("yesterday") == "yesterday"


def test_figures_that_are_none_are_a_dash() -> None:
    assert [wording.decimal(v) for v in (None, "NaN", float("inf"), True, 0.5)] == [
        "–",
        "–",
        "–",
        "–",
        "0.5000",
    ]
    assert wording.compact(5.8433) == "5.843"
    assert wording.count(60000) == "60,000"


def test_labels_get_their_class_names() -> None:
    names = ["not 0", "0"]
    assert [wording.class_name(v, names) for v in (1, "1", "1.0", 2, -1, "x")] == [
        "0",
        "0",
        "0",
        "2",
        "-1",
        "x",
    ]


def test_metrics_read_as_words() -> None:
    assert [wording.metric_phrase(k) for k in ("f1", "macro_f1", "accuracy", "auc")] == [
        "an F1", "a macro F1", "an accuracy", "an AUC",
    ]  # fmt: skip


def test_baseline_is_the_always_most_frequent_class() -> None:
    matrix = {"0": {"0": 80, "1": 10}, "1": {"0": 5, "1": 5}}
    assert baseline(matrix, binary=True) == pytest.approx(
        {"accuracy": 0.9, "precision": 0.0, "recall": 0.0, "f1": 0.0, "macro_f1": 1.8 / 1.9 / 2}
    )
    assert baseline({}, binary=False) is None


def test_published_baseline_of_ten_digits() -> None:
    """Amazon ML's figure for MNIST is about 0.02: 1,135 ones in 10,000 test rows."""
    supports = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    matrix = {str(i): {str(i): n} for i, n in enumerate(supports)}
    figures = baseline(matrix, binary=False)
    assert figures is not None
    assert round(figures["macro_f1"], 2) == 0.02


def test_shades_tell_few_errors_from_none() -> None:
    assert [level(share) for share in (0.0, 0.001, 0.04, 0.05, 0.5, 1.0)] == [0, 1, 1, 2, 4, 5]


def test_ticks_are_round_values_inside_the_axis() -> None:
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(4.1, 8.1, 3) == [5, 6, 7, 8]
    assert ticks(3, 3) == [3]


def test_a_constant_column_correlates_with_nothing() -> None:
    assert correlation([1, 1, 1], [1, 2, 3]) is None
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)


def test_markup_escapes_all_but_itself() -> None:
    assert tag("b", "<i>", tag("i", "&"), title='"') == '<b title="&quot;">&lt;i&gt;<i>&amp;</i></b>'
    assert join("a", None, [1, ["<"]]) == "a1&lt;"
    assert tag("img", alt="", hidden=True, width=None) == '<img alt="" hidden>'


def test_model_package_arns() -> None:
    read = read_arn("arn:aws:sagemaker:us-east-1:000000000000:model-package/zero-digit/3")
    assert read
    assert (read.region, read.account, read.group, read.version) == (
        "us-east-1",
        "000000000000",
        "zero-digit",
        "3",
    )
    assert read_arn("no arn") is None


def test_a_status_is_a_word_and_an_icon_and_a_colour() -> None:
    looks = [look(s) for s in ("Succeeded", "Failed", "Executing", "NotExecuted", "Odd")]
    assert [s.word for s in looks] == ["Succeeded", "Failed", "Executing", "Not run", "Odd"]
    assert len({s.icon for s in looks[:4]}) == 4
    assert look("Succeeded", cached=True).word == "From cache"
