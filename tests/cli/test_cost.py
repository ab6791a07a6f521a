"""`trainyard cost`: what is billed, for how long, at which price, and what it says where it cannot know."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import price_list
from cli.errors import UsageError
from cli.forecast import Job, Measured, jobs, lines, measured
from cli.main import main
from cli.prices import BUNDLED, Prices, read
from cli.standing import standing_cost
from local.state import open_state
from pipeline.definition import load, resolve_parameters, steps, task_names
from settings import reading
from settings.model import Endpoint

TABLE = """
region = "eu-west-1"
date = 2026-01-31
status = "agreed"
source = "our contract"
[instance_hour]
"ml.m5.xlarge" = 3.6
"ml.c5.large" = 36
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    return path


def ran(name: str, seconds: float, *, source: str | None = None, status: str = "Succeeded") -> dict[str, Any]:
    return {
        "name": name, "status": status, "seconds": seconds, "process_seconds": None,
        "cached": source is not None, "cache_source": source,
    }  # fmt: skip


@pytest.mark.parametrize("task", task_names())
def test_every_job_of_every_task_has_a_price(task: str) -> None:
    definition = load(task)
    prices = read()
    found = list(jobs(definition, resolve_parameters(definition, {})))
    assert {job.type for job in found} == {"Processing", "Training", "Transform"}
    assert all(prices.hour(job.instance_type, job.step) > 0 and job.instances >= 1 for job in found)


def test_a_parameter_chooses_the_instances() -> None:
    definition = load("iris")
    parameters = resolve_parameters(definition, {"TrainingInstanceType": "ml.c5.large"})
    kinds = {job.step: job.instance_type for job in jobs(definition, parameters)}
    assert kinds["Train-knn"] == "ml.c5.large"
    assert kinds["Convert"] == "ml.m5.xlarge"


def test_the_newest_success_counts_and_a_cached_step_with_what_it_took_once() -> None:
    executions = {
        "third": [ran("Convert", 0.1, source="first"), ran("Train", 9.0, status="Failed")],
        "second": [ran("Convert", 0.1, source="first"), ran("Train", 5.0)],
        "first": [ran("Convert", 30.0), ran("Train", 4.0)],
    }
    wanted = [Job(name, "Training", "ml.m5.xlarge", 1) for name in ("Convert", "Train", "Evaluate")]
    found = measured(wanted, list(executions), lambda name: {"steps": executions[name]})
    assert found == {"Convert": Measured(30.0, "first"), "Train": Measured(5.0, "second")}


def test_a_price_is_billed_seconds_on_every_instance(table: Path) -> None:
    job = Job("Train", "Training", "ml.m5.xlarge", 2)
    (line,) = lines([job], {"Train": Measured(100.0, "e")}, read(table), startup=50, speed=2)
    assert line.billed_seconds == 50 + 100 / 2
    assert line.usd == pytest.approx(2 * 100 * 3.6 / 3600)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("date = 2026-01-31", ""), "date is None"),
        (('"our contract"', '""'), "source is ''"),
        (("= 36", '= "36"'), "ml.c5.large is '36'"),
        (("= 36", "= -1"), "ml.c5.large is -1"),
        (("[instance_hour]", "[hours]"), "[instance_hour] is missing"),
        (("region =", "region"), "is not TOML"),
    ],
)
def test_a_wrong_table_is_told_by_file_key_and_value(table: Path, change: tuple[str, str], told: str) -> None:
    table.write_text(TABLE.replace(*change))
    with pytest.raises(UsageError, match=re.escape(told)) as error:
        read(table)
    assert str(table) in str(error.value)


# --- the endpoint -------------------------------------------------------------------------------------------


def test_an_endpoint_costs_its_instances_all_month() -> None:
    endpoint = Endpoint(
        kind="real-time", instance_type="ml.m5.xlarge", instance_count=2, max_instance_count=5
    )
    cost = standing_cost("iris", endpoint, read(BUNDLED))
    assert cost.idle_usd_per_month == pytest.approx(2 * 0.23 * 730)
    assert cost.most_usd_per_month == pytest.approx(5 * 0.23 * 730)


def test_an_endpoint_that_scales_to_zero_costs_nothing_while_idle() -> None:
    endpoint = Endpoint(
        kind="asynchronous", instance_type="ml.m5.xlarge", instance_count=1, scale_to_zero=True
    )
    assert standing_cost("iris", endpoint, read()).idle_usd_per_month == 0


def test_a_time_to_live_ends_the_cost() -> None:
    endpoint = Endpoint(
        kind="real-time", instance_type="ml.t2.medium", instance_count=1, time_to_live_hours=8
    )
    assert standing_cost("iris", endpoint, read()).idle_usd_per_month == pytest.approx(8 * 0.056)


def test_a_serverless_endpoint_costs_by_memory_and_second() -> None:
    endpoint = Endpoint(kind="serverless", in_vpc=False, memory_mb=4096, max_concurrency=1)
    cost = standing_cost("iris", endpoint, read())
    assert cost.usd_per_busy_second == pytest.approx(4 * 0.00002)
    assert cost.idle_usd_per_month == 0


# --- AWS's Price List ---------------------------------------------------------------------------------------


def product(use: str, usd: str, unit: str = "Hrs") -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"attributes": {"platoinstancetype": use, "instanceName": "ml.m5.xlarge"}},
            "terms": {"OnDemand": {"T": {"priceDimensions": {"D": dimension}}}},
        }
    )


def listed(*products: str) -> Prices:
    """Ask a client whose one answer is checked, as the request is, against botocore's model."""
    import boto3
    from botocore.stub import Stubber

    client = boto3.client("pricing", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    fields = [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": "ml.m5.xlarge"},
    ]
    with Stubber(client) as stub:
        asked = {"ServiceCode": "AmazonSageMaker", "Filters": fields}
        stub.add_response("get_products", {"PriceList": list(products)}, asked)
        return price_list.fetch(client, "eu-west-1", ["ml.m5.xlarge"], read())


def test_the_price_list_is_asked_by_region_and_type_and_notebooks_do_not_count() -> None:
    prices = listed(product("Training", "0.256"), product("Hosting", "0.257"), product("Notebook", "9"))
    assert (prices.region, prices.instance_hour) == ("eu-west-1", {"ml.m5.xlarge": 0.257})


def test_a_type_that_the_list_does_not_have_is_told() -> None:
    with pytest.raises(UsageError, match=r"no hour of ml\.m5\.xlarge in eu-west-1"):
        listed(product("Training", "0.1", unit="Seconds"))


# --- the command --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def finished(state_directory: Path) -> str:
    """An execution of iris whose steps took 100 s each, as the runner records it."""
    execution, ended = "abcdefghijkl", "2026-01-01T00:00:00.000000Z"
    definition = load("iris")
    with open_state(state_directory, write=True) as state:
        state.records.add_execution(execution, "iris", {}, definition)
        for placed in steps(definition):
            state.records.start_step(execution, "iris", placed.name, placed.type)
            state.records.update_step(
                execution,
                placed.name,
                status="Succeeded",
                ended=ended,
                properties="{}",
                process_seconds=100.0,
            )
        state.records.update_execution(execution, status="Succeeded", ended=ended)
    return execution


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["cost", *arguments, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_run_is_priced_step_by_step_with_date_source_and_assumptions(
    finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = shown(capsys, "iris", "--startup", "20", "--speed", "2")
    assert [step["name"] for step in told["steps"]][:2] == ["Convert", "Inspect"]
    assert {step["billed_seconds"] for step in told["steps"]} == {70}
    assert {step["execution"] for step in told["steps"]} == {finished}
    assert told["usd"] == pytest.approx(len(told["steps"]) * 70 * 0.23 / 3600)
    assert told["endpoint"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["prices"]["date"])
    assert {"region", "source", "status"} <= told["prices"].keys()
    assert any("2 × as fast" in text for text in told["assumptions"])


def test_settings_choose_parameters_and_endpoint(
    finished: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import settings

    content = (Path(settings.__file__).parent / "prod.toml").read_text()
    changed = content.replace(
        "[tasks.iris]", '[tasks.iris]\nparameters = { TrainingInstanceType = "ml.c5.large" }'
    )
    (tmp_path / "prod.toml").write_text(changed)
    monkeypatch.setattr(settings, "read", lambda name: reading.read(name, tmp_path))
    told = shown(capsys, "iris", "--env", "prod")
    kinds = {step["name"]: step["instance_type"] for step in told["steps"]}
    assert (kinds["Train-knn"], kinds["Convert"]) == ("ml.c5.large", "ml.m5.xlarge")
    assert told["endpoint"]["idle_usd_per_month"] == pytest.approx(2 * 0.115 * 730)


def test_ones_own_table_decides(finished: str, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys, "iris", "--prices", str(table))
    assert {step["usd_per_hour"] for step in told["steps"]} == {3.6}
    assert told["prices"]["source"] == "our contract"


def test_the_table_for_people_ends_with_what_one_run_costs(
    finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "iris", "--startup", "0", "--env", "dev"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"one run +0\.0447\n", said)  # 7 jobs × 100 s × 0.23 USD an hour
    assert "serverless, 2048 MB" in said
    assert "approximate" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "TrainingInstanceType=ml.m5.larg"], "step Train-knn runs on ml.m5.larg, for which"),
        (["--set", "TrainingInstanceType=ml.m5.larg"], '"ml.m5.larg" = PRICE'),
        (["--set", "TrainingInstance=ml.m5.large"], "did you mean 'TrainingInstanceType'"),
        (["--prices", "nowhere.toml"], "nowhere.toml: No such file"),
        (["--env", "deb"], "did you mean 'dev'"),
        (["--execution", "nosuchexecut"], "nosuchexecut"),
    ],
)
def test_what_cannot_be_priced_says_why(
    finished: str, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "iris", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--speed", "0"], ["--speed", "fast"], ["--startup", "-1"], ["--startup", "nan"]]
)
def test_a_figure_that_can_be_none_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cost", "iris", *wrong])
    assert ended.value.code == 2
    assert repr(wrong[1]) in capsys.readouterr().err


def test_prices_of_another_region_are_not_used_for_settings(
    finished: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "iris", "--env", "dev", "--prices", str(table)]) == 2
    assert "has prices of eu-west-1" in capsys.readouterr().err


def test_settings_without_what_reads_them_say_what_to_install(
    finished: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "settings"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert main(["cost", "iris", "--env", "dev"]) == 2
    assert "pip install 'trainyard[deploy]', or leave --env out" in capsys.readouterr().err


def test_a_task_that_never_ran_says_how_to_measure_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "iris"]) == 2
    assert "run it once: trainyard run iris" in capsys.readouterr().err


def test_an_execution_of_another_task_is_refused(finished: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "digits", "--execution", finished]) == 2
    assert "is one of iris, not of digits" in capsys.readouterr().err
