"""Settings of endpoints on one machine: a file in the state directory, or an environment's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.up import check_endpoints
from local.api.provision import provision
from local.api.start import LocalService
from local.endpoint_settings import function_variables
from local.errors import LocalError
from serving.requests import deployment
from serving.settings import Endpoints, from_environment


def served(home: Path) -> Endpoints:
    return from_environment(function_variables(home))


def test_without_a_file_every_task_is_served_in_real_time(tmp_path: Path) -> None:
    endpoint = served(tmp_path).of("iris")
    assert (endpoint.kind, endpoint.time_to_live_hours) == ("real-time", 8)
    assert endpoint.role_arn


def test_the_file_in_the_state_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_text('[iris]\nkind = "serverless"\n["*"]\nbake_seconds = 0\n')
    assert served(tmp_path).of("iris").kind == "serverless"
    assert served(tmp_path).of("zero-digit").bake_seconds == 0


@pytest.mark.parametrize(
    ("text", "culprit"),
    [("[iris]\nkind = 'fast'\n", r"endpoints\.toml: iris\.kind is \"fast\""), ("[iris", "is not TOML")],
)
def test_a_wrong_file_is_refused_before_anything_is_approved(tmp_path: Path, text: str, culprit: str) -> None:
    (tmp_path / "endpoints.toml").write_text(text)
    with pytest.raises((UsageError, LocalError), match=culprit):
        check_endpoints(tmp_path)


def test_an_environments_settings_hold_here_as_on_aws(tmp_path: Path, repository: Path) -> None:
    with LocalService(tmp_path / "state") as local:
        provision(local.service, repository / "settings" / "dev.toml")
        endpoints = served(local.service.state.home)
    assert (endpoints.of("iris").kind, endpoints.of("iris").time_to_live_hours) == ("serverless", None)
    assert endpoints.of("zero-digit").time_to_live_hours == 8


def test_what_the_settings_say_of_updates_scaling_and_capture_holds_here_too(tmp_path: Path) -> None:
    settings = tmp_path / "test.toml"
    settings.write_text(
        '[tasks.iris.endpoint]\nkind = "real-time"\nin_vpc = true\ninstance_type = "ml.m5.large"\n'
        'instance_count = 4\nmax_instance_count = 8\nshifting = "linear"\nstep_percent = 25\n'
        'bake_seconds = 1\ncapture_percent = 50\noutput = "s3://answers"\nalarms = ["mine"]\n'
    )
    with LocalService(tmp_path / "state") as local:
        provision(local.service, settings)
        iris = served(local.service.state.home).of("iris")
    request = deployment("iris", iris)
    assert request is not None
    routing = request["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["Type"], routing["LinearStepSize"]["Value"]) == ("LINEAR", 25)
    assert routing["WaitIntervalInSeconds"] == 1
    assert request["AutoRollbackConfiguration"]["Alarms"] == [{"AlarmName": "mine"}]
    assert (iris.max_instance_count, iris.capture_percent, iris.output) == (8, 50, "s3://answers")


@pytest.mark.slow
def test_the_end_of_an_update_is_looked_at_where_a_registry_stands_behind_the_endpoint(
    tmp_path: Path,
) -> None:
    with LocalService(tmp_path / "state") as local:
        provision(local.service)
        for name in ("iris", "of-somebody-else"):
            detail = {"EndpointName": name, "EndpointStatus": "IN_SERVICE"}
            local.service.events.put("SageMaker Endpoint State Change", detail)
        assert local.service.settle(30) is None
        [delivery] = local.service.records.rows("SELECT * FROM deliveries")
        answer = (tmp_path / "state" / "logs" / "functions" / f"{delivery['id']}-1.log").read_text()
    assert '"endpoint": "iris"' in answer
