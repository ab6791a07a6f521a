"""Step caching: served when SageMaker would serve, and a reason either way."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import timedelta

import pytest

from local.durations import duration, in_words


@pytest.fixture
def data(yard):
    yard.put("s3://raw/train/a", "1")
    yard.put("s3://raw/test/a.csv", "1\n")


def reasons(described):
    return {step["name"]: (step["cached"], step["cache_reason"]) for step in described["steps"]}


def convert(build, **more):
    code = "(ml / 'processing/output/train/a').write_text('1')"
    outputs = {"train": build.below("Convert", "train")}
    return build.processing(
        "Convert", code, inputs={"raw": "s3://raw/train/"}, outputs=outputs, **build.cached, **more
    )


def train(build, hyper=None, **more):
    return build.training(
        "Train", data=build.output("Convert", "train"), hyper=hyper or {}, **{**build.cached, **more}
    )


def test_an_equal_step_is_served_with_the_results_of_the_earlier_run(yard, build, step_of, data):
    definition = build.definition(convert(build), train(build))
    first, second = yard.run(definition), yard.run(definition)
    assert reasons(first)["Train"] == (False, "no earlier run of this step succeeded with caching on")
    served = step_of(second, "Train")
    assert served["cached"]
    assert served["cache_source"] == first["execution"]
    assert served["cache_reason"].startswith(f"same inputs as execution {first['execution']}, ")
    for kept in ("outputs", "metrics", "job", "log"):
        assert served[kept] == step_of(first, "Train")[kept]
    assert [event.kind for event in yard.events if event.step == "Train"] == [
        "step-started",
        "step-succeeded",
        "step-cached",
    ]


def test_a_hit_points_at_the_run_that_did_the_work(yard, build, step_of, data):
    definition = build.definition(convert(build))
    first = yard.run(definition)
    yard.run(definition)
    assert step_of(yard.run(definition), "Convert")["cache_source"] == first["execution"]


def test_a_changed_hyperparameter_is_named_with_both_values(yard, build, data):
    first = yard.run(build.definition(convert(build), train(build, {"epochs": "15", "k": "1"})))
    second = yard.run(build.definition(convert(build), train(build, {"epochs": "3", "k": "1"})))
    assert reasons(second)["Convert"][0]
    expected = f"HyperParameters.epochs changed 15 → 3 since execution {first['execution']}"
    assert reasons(second)["Train"] == (False, expected)


def test_changed_inputs_are_named_by_their_channel(yard, build, data):
    yard.put("s3://raw/other/a", "1")
    first = build.processing("P", "pass", inputs={"raw": "s3://raw/train/"}, **build.cached)
    second = build.processing("P", "pass", inputs={"raw": "s3://raw/other/"}, **build.cached)
    yard.run(build.definition(first))
    reason = reasons(yard.run(build.definition(second)))["P"][1]
    assert reason.startswith(
        "ProcessingInputs[raw].S3Input.S3Uri changed s3://raw/train/ → s3://raw/other/ since"
    )


def test_output_locations_resources_and_time_limits_are_not_part_of_the_key(yard, build, data):
    yard.run(build.definition(convert(build)))
    other = convert(
        build, seconds=30, request={"ProcessingResources": {"ClusterConfig": {"InstanceCount": 1}}}
    )
    assert reasons(yard.run(build.definition(other)))["Convert"][0]


def test_a_transform_of_a_new_model_misses_and_says_why(yard, build, data):
    steps = (
        convert(build),
        train(build),
        build.model("CreateModel", "Train"),
        build.transform("Transform", "CreateModel", "s3://raw/test/", **build.cached),
    )
    yard.run(build.definition(*steps))
    cached, reason = reasons(yard.run(build.definition(*steps)))["Transform"]
    assert not cached
    assert reason.startswith("ModelName changed pipelines-")
    assert "makes a model with a new name in each execution, here as on SageMaker" in reason


def test_a_transform_of_a_named_model_is_served(yard, build, data):
    steps = (
        convert(build),
        train(build),
        build.model("CreateModel", "Train", ModelName="the-model"),
        build.transform("Transform", "CreateModel", "s3://raw/test/", **build.cached),
    )
    yard.run(build.definition(*steps))
    assert reasons(yard.run(build.definition(*steps)))["Transform"][0]


def test_steps_without_caching_say_so(yard, build, data):
    definition = build.definition(build.processing("P", "pass"))
    yard.run(definition)
    assert reasons(yard.run(definition))["P"] == (False, "caching is off for this step")


def test_failed_runs_serve_nobody(yard, build):
    definition = build.definition(build.processing("P", "sys.exit(1)", **build.cached))
    yard.run(definition)
    assert reasons(yard.run(definition))["P"][1] == "no earlier run of this step succeeded with caching on"


def test_another_pipelines_runs_serve_nobody(yard, build, data):
    definition = build.definition(convert(build))
    yard.run(definition, pipeline_name="one")
    assert not reasons(yard.run(definition, pipeline_name="two"))["Convert"][0]


def test_an_expired_result_is_not_served(yard, build, data):
    definition = build.definition(convert(build))
    first = yard.run(definition)
    with sqlite3.connect(yard.home / "records.sqlite") as records:
        records.execute(
            "UPDATE steps SET ended = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-32 days', '-1 hour')"
        )
    records.close()
    expected = f"the result of execution {first['execution']} expired 2 days ago"
    assert reasons(yard.run(definition))["Convert"] == (False, expected)


def test_a_result_whose_objects_are_gone_is_not_served(yard, build, step_of, data):
    definition = build.definition(convert(build))
    first = yard.run(definition)
    uri = step_of(first, "Convert")["outputs"]["train"]
    with yard.open() as state:
        shutil.rmtree(state.objects.path(uri))
    cached, reason = reasons(yard.run(definition))["Convert"]
    assert not cached
    assert reason == f"artifact gone: {uri} of execution {first['execution']} is no longer there"


def test_an_expiry_that_is_no_duration_fails_the_step(yard, build, data):
    step = {**convert(build), "CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}
    assert (
        "CacheConfig.ExpireAfter: 'soon' is no ISO 8601 duration"
        in yard.run(build.definition(step))["failure_reason"]
    )


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P30D", timedelta(days=30)),
        ("PT1H", timedelta(hours=1)),
        ("P1DT6H", timedelta(days=1, hours=6)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("T16m", timedelta(minutes=16)),
        ("5y", timedelta(days=1825)),
        ("P2W", timedelta(weeks=2)),
        ("P1M", timedelta(days=30)),
        ("PT1M30S", timedelta(seconds=90)),
    ],
)
def test_durations_are_read_as_the_service_reads_them(text, length):
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "P", "T", "PT", "30", "1h", "P1H", "-P1D", "P1.5D"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is no ISO 8601 duration"):
        duration(text)


def test_times_are_said_in_their_largest_unit():
    spans = [timedelta(days=2, hours=5), timedelta(hours=1), timedelta(minutes=3), timedelta(seconds=0.5)]
    assert [in_words(span) for span in spans] == ["2 days", "1 hour", "3 minutes", "0 seconds"]
