"""`trainyard up` as a process: quick to start, found by its address, and whole again after `kill -9`."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.api.address import running_url

pytestmark = pytest.mark.slow

KNN = "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"


def pipeline(up: Any, name: str, *steps: dict[str, Any]) -> str:
    up.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=up.definition(*steps),
        RoleArn=up.role,
        ClientRequestToken=up.token(),
    )
    return name


def gated(place: Path) -> str:
    """Code of a job that says that it runs, and ends when it may; one line, as entry points have to be."""
    code = (
        "import time; from pathlib import Path\n"
        f"place = Path({str(place)!r})\n"
        "with (place / 'runs').open('a') as runs: runs.write('x')\n"
        "while not (place / 'go').exists(): time.sleep(0.02)\n"
    )
    return f"exec({code!r})"


def test_it_listens_on_loopback_tells_its_address_and_ends_on_sigterm(up: Any) -> None:
    up.start()
    assert up.url.startswith("http://127.0.0.1:")
    told = json.loads((up.home / "service.json").read_text())
    assert told == {"url": up.url, "pid": up.process.pid}
    assert running_url(up.home) == up.url
    names = [entry["PipelineName"] for entry in up.client("sagemaker").list_pipelines()["PipelineSummaries"]]
    assert sorted(names) == ["digits", "iris", "zero-digit"]
    assert {"trainyard-raw", "trainyard-artifacts"} <= {
        entry["Name"] for entry in up.client("s3").list_buckets()["Buckets"]
    }
    up.process.send_signal(signal.SIGTERM)
    assert up.end() == 0
    assert running_url(up.home) is None
    assert not (up.home / "service.json").exists()


def test_a_second_one_on_the_same_state_is_refused(up: Any) -> None:
    up.start()
    command = [sys.executable, "-m", "cli.main", "up", "--port", "0"]
    again = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "TRAINYARD_HOME": str(up.home)},
        check=False,
    )
    assert (again.returncode, again.stdout) == (2, "")
    assert f"in use by a run in process {up.process.pid}" in again.stderr


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (["--host", "0.0.0.0"], {}, "TRAINYARD_ACCESS_KEY_ID"),
        (["--host", "0.0.0.0"], {"TRAINYARD_ACCESS_KEY_ID": "a"}, "both"),
        (
            ["--host", "192.0.2.1"],
            {"TRAINYARD_ACCESS_KEY_ID": "a", "TRAINYARD_SECRET_ACCESS_KEY": "b"},
            "cannot listen",
        ),
        (["--settings", "none.toml"], {}, "none.toml"),
    ],
)
def test_what_it_cannot_do_it_says_in_one_line(
    tmp_path: Path, options: list[str], environment: dict[str, str], words: str
) -> None:
    command = [sys.executable, "-m", "cli.main", "up", "--port", "0", *options]
    variables = {**os.environ, "TRAINYARD_HOME": str(tmp_path / "home"), **environment}
    refused = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert words in refused.stderr


def test_beyond_loopback_it_answers_signed_requests_alone(up: Any) -> None:
    keys = {"TRAINYARD_ACCESS_KEY_ID": "AKIAEXAMPLE", "TRAINYARD_SECRET_ACCESS_KEY": "secret-of-the-test"}
    up.start("--host", "0.0.0.0", environment=keys)
    connection = http.client.HTTPConnection(up.url.removeprefix("http://"), timeout=30)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": "SageMaker.ListModels"})
    assert connection.getresponse().status == 403
    connection.close()


def test_after_kill_9_all_is_as_it_was_and_an_execution_goes_on(up: Any, tmp_path: Path) -> None:
    up.start()
    client = up.client("sagemaker")
    pipeline(up, "Long", up.step("Done", "print(1)"), up.step("Waits", gated(tmp_path), DependsOn=["Done"]))
    group = client.create_model_package_group(ModelPackageGroupName="Kept", Tags=[{"Key": "a", "Value": "b"}])
    token = up.token()
    start = {"PipelineName": "Long", "ClientRequestToken": token}
    execution = client.start_pipeline_execution(**start)["PipelineExecutionArn"]
    client.create_processing_job(ProcessingJobName="Alone", **up.processing(gated(tmp_path)))
    runs = tmp_path / "runs"
    up.until(lambda: runs.exists() and runs.read_text() == "xx")
    before = client.list_pipelines()["PipelineSummaries"]
    up.kill()
    assert running_url(up.home) is None

    up.start()
    client = up.client("sagemaker")
    up.until(lambda: runs.read_text() == "xxxx")
    assert client.list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    assert [entry["PipelineArn"] for entry in client.list_pipelines()["PipelineSummaries"]] == [
        entry["PipelineArn"] for entry in before
    ]
    request = {"PipelineExecutionArn": execution}
    assert client.describe_pipeline_execution(**request)["PipelineExecutionStatus"] == "Executing"
    assert client.start_pipeline_execution(**start)["PipelineExecutionArn"] == execution
    assert len(client.list_pipeline_executions(PipelineName="Long")["PipelineExecutionSummaries"]) == 1
    (tmp_path / "go").touch()
    up.until(lambda: client.describe_pipeline_execution(**request)["PipelineExecutionStatus"] == "Succeeded")
    steps = client.list_pipeline_execution_steps(**request)["PipelineExecutionSteps"]
    assert [step["StepName"] for step in steps] == ["Waits", "Done"]
    up.until(
        lambda: (
            client.describe_processing_job(ProcessingJobName="Alone")["ProcessingJobStatus"] == "Completed"
        )
    )
    assert runs.read_text() == "xxxx"


def test_after_kill_9_a_package_is_approved_and_its_endpoint_answers_again(up: Any) -> None:
    up.start()
    client, s3 = up.client("sagemaker"), up.client("s3")
    rows = "".join(f"{label},{label}.0,{label}.5\n" for label in (0, 1) * 20)
    s3.put_object(Bucket="trainyard-raw", Key="train/rows.csv", Body=rows.encode())
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://trainyard-raw/train"}}
    client.create_training_job(
        TrainingJobName="knn",
        AlgorithmSpecification={"TrainingImage": KNN, "TrainingInputMode": "File"},
        HyperParameters={"feature_dim": "2", "k": "3", "sample_size": "40", "predictor_type": "classifier"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}],
        OutputDataConfig={"S3OutputPath": "s3://trainyard-artifacts"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=up.role,
    )
    job = {"TrainingJobName": "knn"}
    up.until(lambda: client.describe_training_job(**job)["TrainingJobStatus"] == "Completed")
    data = client.describe_training_job(**job)["ModelArtifacts"]["S3ModelArtifacts"]
    specification = {"Containers": [{"Image": KNN, "ModelDataUrl": data}]}
    package = client.create_model_package(
        ModelPackageGroupName="iris", InferenceSpecification=specification, ModelApprovalStatus="Rejected"
    )["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")

    def status() -> str:
        listed = up.client("sagemaker").list_endpoints()["Endpoints"]
        return str(listed[0]["EndpointStatus"]) if listed else ""

    up.until(lambda: status() == "InService")
    before = client.describe_endpoint(EndpointName="iris")
    request = {"EndpointName": "iris", "ContentType": "text/csv", "Body": b"1.1,1.4"}
    answer = up.client("sagemaker-runtime").invoke_endpoint(**request)["Body"].read()
    assert json.loads(answer) == {"predictions": [{"predicted_label": 1.0}]}
    up.kill()

    up.start()
    up.until(lambda: status() == "InService")
    client = up.client("sagemaker")
    assert client.describe_model_package(ModelPackageName=package)["ModelApprovalStatus"] == "Approved"
    after = client.describe_endpoint(EndpointName="iris")
    for member in ("EndpointArn", "EndpointConfigName", "CreationTime", "EndpointStatus"):
        assert after[member] == before[member]
    runtime = up.client("sagemaker-runtime")

    def answers() -> bool:
        try:
            return bool(runtime.invoke_endpoint(**request)["Body"].read() == answer)
        except ClientError:  # its process is being started
            return False

    up.until(answers)


def test_after_sigterm_an_execution_goes_on_and_one_that_was_stopped_does_not(
    up: Any, tmp_path: Path
) -> None:
    up.start()
    client = up.client("sagemaker")
    pipeline(up, "Long", up.step("Waits", gated(tmp_path)))
    first, second = (
        client.start_pipeline_execution(PipelineName="Long")["PipelineExecutionArn"] for _ in range(2)
    )
    runs = tmp_path / "runs"
    up.until(lambda: runs.exists() and runs.read_text() == "xx")

    def status(execution: str) -> str:
        request = {"PipelineExecutionArn": execution}
        return str(up.client("sagemaker").describe_pipeline_execution(**request)["PipelineExecutionStatus"])

    client.stop_pipeline_execution(PipelineExecutionArn=second, ClientRequestToken=up.token())
    up.until(lambda: status(second) == "Stopped")
    up.process.send_signal(signal.SIGTERM)
    assert up.end() == 0
    up.start()
    assert (status(first), status(second)) == ("Executing", "Stopped")
    (tmp_path / "go").touch()
    up.until(lambda: status(first) == "Succeeded")


def test_a_run_of_the_command_line_that_was_killed_waits_for_resume(up: Any) -> None:
    """What nobody started through the service, the service does not go on with by itself."""
    from local.state import open_state

    with open_state(up.home, write=True) as state:
        state.records.add_execution("abc", "toys", {}, {"Steps": []})
    up.start()
    with open_state(up.home) as state:
        assert state.describe("abc")["status"] == "Stopped"
