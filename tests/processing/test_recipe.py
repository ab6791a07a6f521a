"""Recipes: what each function gives, what is fitted and on which rows, and what is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from processing.container import InputError
from processing.readers.table import Block, CellBlock
from processing.recipe.encoder import Encoder
from processing.recipe.expressions import Call, Name, Number, parse
from processing.recipe.fitted import Learner
from processing.recipe.plan import plan
from processing.schema import Schema

PEOPLE = Schema(
    {
        "age": "NUMERIC",
        "hours-per-week": "NUMERIC",
        "country": "CATEGORICAL",
        "member": "BINARY",
        "title": "TEXT",
        "subject": "TEXT",
        "label": "CATEGORICAL",
    },
    "label",
)
ROWS = [
    {"age": "20", "hours-per-week": "40", "country": "DE", "member": "yes", "title": "Hi", "subject": "a b"},
    {"age": "30", "hours-per-week": "38", "country": "FR", "member": "no", "title": "Ho", "subject": "b c"},
    {"age": "40", "hours-per-week": "20", "country": "DE", "member": "Y", "title": "hi", "subject": ""},
]


def block(rows: Sequence[dict[str, str]]) -> Block:
    names = [name for name in PEOPLE.types if name != "label"]
    columns = {name: [{**ROWS[0], **row}[name] for row in rows] for name in names}
    return CellBlock(0, "people.csv line", range(2, 2 + len(rows)), columns)


def fitted(outputs: list[str], rows: Sequence[dict[str, str]] = ROWS, **sections: Any) -> Encoder:
    nodes = plan({"outputs": outputs, **sections}, PEOPLE, "R.json")
    learner = Learner(nodes)
    while learner.wanted:
        learner.add(block(rows))
        learner.end_pass()
    return Encoder(nodes, learner.fits, learner.vocabularies)


def dense(encoder: Encoder, rows: Sequence[dict[str, str]] = ROWS) -> Any:
    features = encoder.features(block(rows))
    return features if isinstance(features, np.ndarray) else features.toarray()


def names(outputs: list[str], rows: Sequence[dict[str, str]] = ROWS, **sections: Any) -> list[str]:
    return list(fitted(outputs, rows, **sections).names())


def words(output: str, **row: str) -> list[str]:
    """The words that an output makes of one row."""
    return [name.partition("=")[2] for name in names([output], [{**ROWS[0], **row}])]


def test_expressions_are_calls_names_and_numbers() -> None:
    assert parse("ngram(lowercase(no_punct(title)), 3)", "") == Call(
        "ngram", (Call("lowercase", (Call("no_punct", (Name("title"),)),)), Number(3))
    )
    assert parse(" hours-per-week ", "") == Name("hours-per-week")
    assert parse("normalize('a,b (c)')", "") == Call("normalize", (Name("a,b (c)"),))
    assert parse('"7"', "") == Name("7")


@pytest.mark.parametrize(
    "text", ["", "f(", "f(a", "f(a,)", "f()", "a b)", "f(a) g", ")", "'a", None, "f(" * 80]
)
def test_a_broken_expression_says_where(text: Any) -> None:
    with pytest.raises(InputError, match=r"outputs\[0\]: "):
        parse(text, "outputs[0]")


def test_numbers_and_binaries_are_a_column_each_and_words_a_column_a_word() -> None:
    assert names(["ALL_NUMERIC", "ALL_BINARY"]) == ["age", "hours-per-week", "member"]
    assert dense(fitted(["ALL_BINARY"])).tolist() == [[1], [0], [1]]
    encoder = fitted(["age", "country"])
    assert list(encoder.names()) == ["age", "country=DE", "country=FR"]
    assert encoder.sparse
    assert dense(encoder).tolist() == [[20, 1, 0], [30, 0, 1], [40, 1, 0]]
    assert names(["subject"]) == ["subject=a", "subject=b", "subject=c"]


def test_all_inputs_are_all_but_target_row_id_and_excluded_columns() -> None:
    every = names(["ALL_INPUTS"])
    assert [name for name in every if "=" not in name] == ["age", "hours-per-week", "member"]
    assert not any(name.startswith("label") for name in every)


def test_groups_and_assignments_name_expressions() -> None:
    sections = {
        "groups": {"SHORT": "group_remove(ALL_TEXT, subject)", "BOTH": "group(SHORT, country)"},
        "assignments": {"low": "lowercase(SHORT)"},
    }
    assert names(["low", "BOTH"], **sections) == [
        "lowercase(title)=hi",
        "lowercase(title)=ho",
        "title=Hi",
        "title=Ho",
        "title=hi",
        "country=DE",
        "country=FR",
    ]


def test_normalize_gives_mean_0_and_deviation_1_on_the_training_rows() -> None:
    encoder = fitted(["normalize(age)"])
    values = dense(encoder)[:, 0]
    assert values.mean() == pytest.approx(0, abs=1e-6)
    assert values.std() == pytest.approx(1)
    # Later rows are scaled by what the training rows were like: (50 - 30) / sqrt(200 / 3).
    assert dense(encoder, [{"age": "50"}])[0, 0] == pytest.approx(20 / np.sqrt(200 / 3))
    assert dense(fitted(["normalize(age)"], [{}, {}]), [{}]).tolist() == [[0]]


@pytest.mark.parametrize("count", [3, 4000])
@pytest.mark.parametrize("value", ["0.3", "1.1", "98.6"])
def test_a_constant_is_normalised_to_0_whatever_its_sum_was_rounded_to(value: str, count: int) -> None:
    encoder = fitted(["normalize(age)"], [{"age": value}] * count)
    twice = str(2 * float(value))
    assert dense(encoder, [{"age": value}, {"age": twice}])[:, 0].tolist() == [0, np.float32(float(value))]


def test_values_that_differ_by_rounding_alone_are_a_constant() -> None:
    encoder = fitted(["normalize(age)"], [{"age": "0.3"}, {"age": "0.30000000000000004"}])
    assert dense(encoder, [{"age": "0.6"}])[0, 0] == pytest.approx(0.3)


@pytest.mark.parametrize("outputs", [["normalize(age)"], ["normalize(age)", "country"]])
def test_a_normalised_value_beyond_float32_is_refused_by_row_and_column(outputs: list[str]) -> None:
    encoder = fitted(outputs, [{"age": "1e-30"}, {"age": "3e-30"}])
    with pytest.raises(InputError, match=r"people\.csv line 3 column age: '3e38' becomes 3e\+68 by normal"):
        dense(encoder, [{"age": "1e-30"}, {"age": "3e38"}])


def test_quantile_bin_gives_bins_of_equally_many_training_rows() -> None:
    rows = [{"age": str(value)} for value in range(100)]
    encoder = fitted(["quantile_bin(age, 4)"], rows)
    assert dense(encoder, rows).sum(axis=0).tolist() == [25, 25, 25, 25]
    beyond = dense(encoder, [{"age": "-1000"}, {"age": "1000"}])
    assert beyond.argmax(axis=1).tolist() == [0, 3]


def test_bins_of_equal_values_are_one() -> None:
    assert names(["quantile_bin(age, 10)"], [{"age": "7"}] * 5) == ["quantile_bin(age,10)=1"]


def test_functions_nest_and_each_is_fitted_on_what_it_gets() -> None:
    rows = [{"age": str(value)} for value in range(10)]
    encoder = fitted(["quantile_bin(normalize(age), 2)", "cartesian(quantile_bin(age, 2), country)"], rows)
    assert dense(encoder, rows)[:, 0].tolist() == [1] * 5 + [0] * 5
    assert list(encoder.names())[2:] == [
        "cartesian(quantile_bin(age,2),country)=0 × DE",
        "cartesian(quantile_bin(age,2),country)=1 × DE",
    ]


def test_ngrams_are_all_runs_up_to_the_length() -> None:
    assert set(words("ngram(title, 3)", title="I really enjoyed reading")) == {
        *("I", "really", "enjoyed", "reading"),
        *("I really", "really enjoyed", "enjoyed reading"),
        *("I really enjoyed", "really enjoyed reading"),
    }


def test_osb_pairs_a_word_with_those_after_it_and_shows_the_distance() -> None:
    assert set(words("osb(title, 4)", title="The quick brown fox jumps")) == {
        *("The_quick", "The__brown", "The___fox"),
        *("quick_brown", "quick__fox", "quick___jumps"),
        *("brown_fox", "brown__jumps", "fox_jumps"),
    }


def test_no_punct_takes_punctuation_from_the_ends_of_words() -> None:
    text = "Welcome to AML - please fasten your seat-belts!"
    wanted = {"welcome", "to", "aml", "please", "fasten", "your", "seat-belts"}
    assert set(words("lowercase(no_punct(title))", title=text)) == wanted


def test_cartesian_over_text_pairs_the_words() -> None:
    assert set(words("cartesian(subject, country)", subject="a b")) == {"a × DE", "b × DE"}


def test_a_word_that_training_did_not_see_is_none_of_the_known_ones_and_counted() -> None:
    encoder = fitted(["country", "subject"])
    assert dense(encoder, [{"country": "IT", "subject": "a z"}]).tolist() == [[0, 0, 1, 0, 0]]
    assert encoder.unseen == {"country": 1, "subject": 1}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([], "a JSON object is wanted, not list"),
        ({"output": ["age"]}, "unknown key 'output'; did you mean 'outputs'?"),
        ({}, "outputs is None"),
        ({"outputs": []}, "outputs is []"),
        ({"outputs": ["age"], "groups": ["x"]}, "groups is ['x']"),
        ({"outputs": ["ages"]}, "outputs[0]: unknown variable or group 'ages'; did you mean 'age'?"),
        ({"outputs": ["label"]}, "'label' is the target, the row id or excluded"),
        ({"outputs": ["normalise(age)"]}, "unknown function 'normalise'; did you mean 'normalize'?"),
        ({"outputs": ["normalize(country)"]}, "normalize takes NUMERIC, but country is CATEGORICAL"),
        ({"outputs": ["lowercase(age)"]}, "lowercase takes TEXT, but age is NUMERIC"),
        ({"outputs": ["normalize(age, 3)"]}, "normalize takes one argument, not 2"),
        ({"outputs": ["quantile_bin(age)"]}, "quantile_bin takes a variable and a whole number of 2 to 1000"),
        ({"outputs": ["ngram(title, 11)"]}, "ngram takes a variable and a whole number of 1 to 10"),
        ({"outputs": ["osb(title, 1)"]}, "osb takes a variable and a whole number of 2 to 10"),
        ({"outputs": ["7"]}, "the number 7 stands where a variable is expected"),
        ({"outputs": ["cartesian(age, country)"]}, "cartesian takes CATEGORICAL or BINARY or TEXT, but age"),
        ({"outputs": ["cartesian(country)"]}, "cartesian takes two variables or more"),
        ({"outputs": ["cartesian(ALL_TEXT, country)"]}, "cartesian takes single variables"),
        ({"outputs": ["group_remove(ALL_TEXT, age)"]}, "group_remove: age is not in the group"),
        ({"outputs": ["group_remove(ALL_TEXT)"]}, "group_remove: nothing to remove is named"),
        ({"outputs": ["age", "ALL_NUMERIC"]}, "outputs[1]: age is among the outputs already"),
        ({"outputs": ["group_remove(ALL_BINARY, member)"]}, "the outputs are no variable at all"),
        (
            {"outputs": ["age"], "assignments": {"x": "normalize(age)"}},
            "the assignment 'x' is used by no output",
        ),
        (
            {"outputs": ["x"], "assignments": {"x": "normalize(y)", "y": "normalize(x)"}},
            "a cycle: x → y → x; break it",
        ),
        ({"outputs": ["A"], "groups": {"A": "group(A, age)"}}, "a cycle: A → A; break it"),
        ({"outputs": ["age"], "assignments": {"age": "normalize(age)"}}, "the name 'age' is taken already"),
        ({"outputs": ["age"], "groups": {"ALL_TEXT": "group(title)"}}, "'ALL_TEXT' is taken already"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(recipe: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(recipe, PEOPLE, "R.json")
    assert str(caught.value).startswith("R.json: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "output", "message"),
    [
        (
            {"age": "old"},
            "age",
            "people.csv line 3 column age: 'old' is not a number, but the column is NUMERIC",
        ),
        ({"age": ""}, "age", "people.csv line 3 column age: '' is empty, but the column is NUMERIC"),
        ({"age": "nan"}, "age", "people.csv line 3 column age: 'nan' is not a finite float32 number"),
        ({"age": "1e39"}, "age", "'1e39' is not a finite float32 number"),
        ({"age": "1_000"}, "age", "'1_000' is not a number"),
        ({"member": "perhaps"}, "member", "column member: 'perhaps' is no BINARY value; use 0 or 1"),
    ],
)
def test_a_value_that_its_type_denies_is_named_with_row_and_column(
    row: dict[str, str], output: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        dense(fitted([output]), [{}, row])
    assert message in str(caught.value)
