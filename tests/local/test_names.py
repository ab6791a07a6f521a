"""The names that a definition's placeholders have on this machine."""

from __future__ import annotations

import pytest

from local.containers import built_in, repository
from local.names import code_digest, local_names
from pipeline.definition import DefinitionError, fill, load, placeholders, task_names


@pytest.mark.parametrize("task", task_names())
def test_every_placeholder_of_a_committed_definition_has_a_name(yard, task):
    with yard.open() as state:
        definition = load(task)
        filled = fill(definition, local_names(state, definition, task))
    assert not placeholders(filled)


def test_the_processing_code_lies_where_its_name_says(yard):
    definition = {"Steps": ["${ProcessingCodeUri}"]}
    with yard.open() as state:
        uri = local_names(state, definition, "toys")["ProcessingCodeUri"]
        keys = [item.key for item in state.objects.find(uri + "/")]
        assert local_names(state, definition, "toys")["ProcessingCodeUri"] == uri
    assert any(key.endswith("/processing/data_conversion.py") for key in keys)
    assert not any("__pycache__" in key for key in keys)


def test_an_algorithms_image_carries_the_digest_of_what_stands_in_for_it(yard):
    with yard.open() as state:
        names = local_names(state, {"Steps": ["${KnnImage} ${ScikitLearnImage}"]}, "toys")
    assert repository(names["KnnImage"]) == "knn"
    assert "@sha256:" in names["KnnImage"]
    assert {repository(uri) for uri in names.values()} <= built_in().keys()


def test_the_digest_of_code_changes_with_content_and_names_alone(tmp_path):
    for folder in ("one/code", "two/code"):
        (tmp_path / folder / "__pycache__").mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text("x = 1")
        (tmp_path / folder / "__pycache__/a.pyc").write_text(folder)
    one, two = tmp_path / "one/code", tmp_path / "two/code"
    assert code_digest(one) == code_digest(two)
    (two / "a.py").rename(two / "b.py")
    assert code_digest(one) != code_digest(two)


def test_a_placeholder_that_means_nothing_here_is_named(yard):
    with yard.open() as state, pytest.raises(DefinitionError, match=r"\$\{Moon\}"):
        local_names(state, {"Steps": ["${Moon}"]}, "toys")
