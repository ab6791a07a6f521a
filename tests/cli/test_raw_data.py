"""What a run uploads, and what it says of its folds."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.folds import fold_parameters, summary
from cli.main import main
from cli.raw_data import with_companions
from cli.run import _of_the_data


def test_schema_and_recipe_lie_beside_the_data(tmp_path: Path) -> None:
    data, schema = tmp_path / "train.csv", tmp_path / "S.json"
    data.write_text("label,a\n")
    schema.write_text("{}")
    with with_companions(data, tmp_path, None, None) as alone:
        assert alone == data
    with with_companions(data, tmp_path, schema, schema) as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["recipe.json", "schema.json", "train.csv"]
    assert not folder.exists()


def test_a_schema_that_is_missing_or_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "schema.json").write_text("{}")
    with (
        pytest.raises(UsageError, match=r"--schema .*: no such file"),
        with_companions(tmp_path / "raw", tmp_path, tmp_path / "S.json", None),
    ):
        pass
    with (
        pytest.raises(UsageError, match=r"has a schema.json of its own"),
        with_companions(tmp_path / "raw", tmp_path, tmp_path / "raw" / "schema.json", None),
    ):
        pass


@pytest.mark.parametrize("folds", [-1, 0, 1, 101])
def test_a_number_of_folds_that_makes_no_sense_is_refused(folds: int) -> None:
    with pytest.raises(UsageError, match=f"--folds {folds}: give a number of folds from 2 to 100"):
        fold_parameters(folds)


def test_folds_that_vary_widely_are_warned_of() -> None:
    figures = ("accuracy", "precision", "recall", "f1", "macro_f1")
    found = summary([{"knn": dict.fromkeys(figures, value)} for value in (0.95, 0.9, 0.7)])
    assert found["candidates"]["knn"]["macro_f1"]["mean"] == pytest.approx(0.85)
    assert found["candidates"]["knn"]["macro_f1"]["deviation"] == pytest.approx(0.1322876)
    [warning] = found["warnings"]
    assert warning.startswith("knn: macro F1 varies widely between the folds, from 0.7000 to 0.9500")
    assert summary([{"knn": dict.fromkeys(figures, 0.9)}] * 2)["warnings"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "x", "--folds", "3", "--split", "70"], "leave out --split and --folds"),
        (["digits", "--split", "70", "--set", "Split=60"], "--split 70 and --set Split=60: give one of them"),
        (["digits", "--schema", "no.json"], "--schema no.json: no such file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "state"))
    assert main(["run", *arguments]) == 2
    assert message in capsys.readouterr().err


REFUSED = "step Convert failed: AlgorithmError: {}, exit code: 2"
RAW = "/opt/ml/processing/input/raw"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{RAW}/schema.json: unknown key 'x'", "d/s.json: unknown key 'x'"),
        (f"{RAW}/recipe.json: not JSON", "d/r\\1.json: not JSON"),
        ("recipe.json: outputs[0]: unknown variable", "d/r\\1.json: outputs[0]: unknown variable"),
        (f"{RAW}/train.csv line 3: 2 values", "d/train.csv line 3: 2 values"),
    ],
)
def test_what_conversion_refuses_bears_the_name_that_the_user_gave(said: str, told: str) -> None:
    options = Namespace(data=Path("d/train.csv"), schema=Path("d/s.json"), recipe=Path("d/r\\1.json"))
    assert _of_the_data(REFUSED.format(said), options) == told


def test_files_of_a_folder_are_told_within_it(tmp_path: Path) -> None:
    options = Namespace(data=tmp_path, schema=Path("s.json"), recipe=None)
    said = REFUSED.format(f"{RAW}/my-schema.json.csv: no column")
    assert _of_the_data(said, options) == f"{tmp_path}/my-schema.json.csv: no column"


def test_a_file_in_the_working_directory_is_told_as_it_was_named() -> None:
    options = Namespace(data=Path("x.csv"), schema=None, recipe=None)
    assert _of_the_data(REFUSED.format(f"{RAW}/x.csv line 3: oops"), options) == "x.csv line 3: oops"


def test_the_sample_s_schema_bears_the_user_s_name_too() -> None:
    options = Namespace(data=None, schema=Path("s.json"), recipe=None)
    assert _of_the_data(REFUSED.format(f"{RAW}/schema.json: not JSON"), options) == "s.json: not JSON"
