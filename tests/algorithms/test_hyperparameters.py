"""Hyperparameters are strings, and a job fails for every one that is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algorithms.errors import CustomerError
from algorithms.hyperparameters import AUTO, Boolean, Categorical, Continuous, Integer, Schema


def _check_order(values: Mapping[str, Any]) -> Iterator[str]:
    if values["low"] > values["high"]:
        yield f"'low' is {values['low']}, but must not be above 'high', which is {values['high']}"


SCHEMA = Schema(
    fields={
        "kind": Categorical(choices=("a", "b"), required=True),
        "epochs": Integer(minimum=1, maximum=100, default=15),
        "models": Integer(minimum=1, auto=True, default=AUTO),
        "rate": Continuous(minimum=0, exclusive_minimum=True, maximum=1, exclusive_maximum=True),
        "bias": Boolean(default=True),
        "unbias": Boolean(auto=True, default=AUTO),
        "low": Integer(default=0),
        "high": Integer(default=10),
    },
    checks=(_check_order,),
)


def problem(**given: Any) -> str:
    with pytest.raises(CustomerError) as raised:
        SCHEMA.parse({"kind": "a", **given})
    return str(raised.value)


def test_strings_become_values_and_defaults_fill_the_rest() -> None:
    values = SCHEMA.parse({"kind": "b", "epochs": "3", "rate": "1e-3", "bias": "False", "models": "auto"})
    assert values == {
        "kind": "b",
        "epochs": 3,
        "models": AUTO,
        "rate": 0.001,
        "bias": False,
        "unbias": AUTO,
        "low": 0,
        "high": 10,
    }


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert problem(epoch="3") == (
        "Invalid hyperparameters: 'epoch' is not a hyperparameter of this algorithm (did you mean 'epochs'?)"
    )


def test_an_unknown_key_like_no_other_lists_all() -> None:
    assert "(allowed: bias, epochs, high, kind, low, models, rate, unbias)" in problem(zzz="1")


def test_a_missing_required_key_says_what_it_may_be() -> None:
    with pytest.raises(CustomerError, match="'kind' is required: one of 'a', 'b'"):
        SCHEMA.parse({})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("epochs", "0", "an integer from 1 to 100"),
        ("epochs", "101", "an integer from 1 to 100"),
        ("epochs", "1.5", "an integer from 1 to 100"),
        ("epochs", "1_0", "an integer from 1 to 100"),
        ("epochs", "auto", "an integer from 1 to 100"),
        ("models", "many", "an integer from 1 or 'auto'"),
        ("rate", "0", "a number above 0 below 1"),
        ("rate", "1", "a number above 0 below 1"),
        ("rate", "nan", "a number above 0 below 1"),
        ("rate", "inf", "a number above 0 below 1"),
        ("bias", "yes", "'true' or 'false'"),
        ("unbias", "yes", "'true', 'false' or 'auto'"),
        ("kind", "A", "one of 'a', 'b'"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    assert problem(**{name: value}) == (
        f"Invalid hyperparameters: {name!r} is {value!r}, but must be {allowed}"
    )


def test_values_that_are_no_strings_are_refused() -> None:
    assert "'epochs' is 3, but hyperparameters are strings" in problem(epochs=3)


def test_every_problem_is_reported_at_once() -> None:
    told = problem(epochs="0", rate="x", zzz="1")
    assert "'epochs'" in told
    assert "'rate'" in told
    assert "'zzz'" in told


def test_rules_across_keys_are_checked() -> None:
    assert "'low' is 5, but must not be above 'high', which is 4" in problem(low="5", high="4")


def test_what_the_tuning_service_adds_passes() -> None:
    values = SCHEMA.parse({"kind": "a", "_tuning_objective_metric": "validation:objective_loss"})
    assert values["_tuning_objective_metric"] == "validation:objective_loss"


@given(st.dictionaries(st.sampled_from([*SCHEMA.fields, "other"]), st.text(max_size=8)))
def test_any_strings_give_values_or_a_customer_error(given: dict[str, str]) -> None:
    try:
        values = SCHEMA.parse(given)
    except CustomerError:
        return
    assert set(values) == set(SCHEMA.fields)


@given(st.integers(min_value=1, max_value=100))
def test_every_integer_in_range_is_taken(number: int) -> None:
    assert SCHEMA.parse({"kind": "a", "epochs": str(number)})["epochs"] == number


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_every_number_in_range_is_taken(number: float) -> None:
    assert SCHEMA.parse({"kind": "a", "rate": repr(number)})["rate"] == number
