"""Jobs that are asked for by themselves, as boto3 sees them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

FINE = "print('fine')"


def create(site: Any, name: str, code: str, **more: Any) -> str:
    request = {**site.processing(code, outputs=more.pop("outputs", None)), **more}
    return str(site.sagemaker.create_processing_job(ProcessingJobName=name, **request)["ProcessingJobArn"])


def described(site: Any, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = site.sagemaker.describe_processing_job(ProcessingJobName=name)
    return answer


def ended(site: Any, name: str) -> dict[str, Any]:
    waiter = site.sagemaker.get_waiter("processing_job_completed_or_stopped")
    site.until(lambda: described(site, name)["ProcessingJobStatus"] not in ("InProgress", "Stopping"))
    if described(site, name)["ProcessingJobStatus"] != "Failed":
        waiter.wait(ProcessingJobName=name)
    return described(site, name)


def test_a_processing_job_runs_and_its_output_is_in_s3(shared_site: Any) -> None:
    code = (
        "import os; from pathlib import Path; "
        "Path(os.environ['SAGEMAKER_BASE_DIR'], 'processing/output/made/a.txt').write_text('made')"
    )
    arn = create(
        shared_site, "Makes", code, outputs={"made": "s3://results/Makes"}, Tags=[{"Key": "a", "Value": "b"}]
    )
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:processing-job/makes"
    assert described(shared_site, "Makes")["ProcessingJobStatus"] in ("InProgress", "Completed")
    found = ended(shared_site, "Makes")
    assert (found["ProcessingJobStatus"], found["ProcessingJobArn"]) == ("Completed", arn)
    assert found["CreationTime"] <= found["ProcessingEndTime"]
    assert shared_site.s3.get_object(Bucket="results", Key="Makes/a.txt")["Body"].read() == b"made"
    assert shared_site.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_job_that_fails_says_why(shared_site: Any) -> None:
    create(shared_site, "Fails", "import sys; sys.exit('no such column')")
    found = ended(shared_site, "Fails")
    assert found["ProcessingJobStatus"] == "Failed"
    assert "no such column" in found["FailureReason"]


def test_a_job_is_stopped(shared_site: Any) -> None:
    create(shared_site, "Waits", shared_site.wait)
    assert shared_site.sagemaker.stop_processing_job(ProcessingJobName="Waits")
    assert ended(shared_site, "Waits")["ProcessingJobStatus"] == "Stopped"
    code, message = shared_site.code(shared_site.sagemaker.stop_processing_job, ProcessingJobName="Waits")
    assert (code, "in status Stopped" in message) == ("ValidationException", True)


def start(site: Any, pipeline: str, *steps: dict[str, Any]) -> str:
    """Start an execution of steps; return its ARN."""
    site.sagemaker.create_pipeline(
        PipelineName=pipeline, RoleArn=site.role, PipelineDefinition=site.definition(*steps)
    )
    return str(site.sagemaker.start_pipeline_execution(PipelineName=pipeline)["PipelineExecutionArn"])


def jobs_of(site: Any, execution: str) -> dict[str, str]:
    """Return the names of the jobs that an execution has started, by step."""
    listed = site.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)
    return {
        step["StepName"]: step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
        for step in listed["PipelineExecutionSteps"]
        if "ProcessingJob" in step.get("Metadata", {})
    }


@pytest.mark.slow
def test_a_job_of_an_execution_is_stopped_and_its_step_fails(site: Any) -> None:
    # One that ends politely, and beside it one that is not stopped with it.
    polite = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); time.sleep(60)"
    execution = start(
        site, "Two", site.step("Waits", polite), site.step("Beside", "import time; time.sleep(2)")
    )
    site.until(lambda: "Waits" in jobs_of(site, execution))
    name = jobs_of(site, execution)["Waits"]
    site.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended(site, name)["ProcessingJobStatus"] == "Stopped"

    def told() -> dict[str, Any]:
        answer: dict[str, Any] = site.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        return answer

    site.until(lambda: told()["PipelineExecutionStatus"] not in ("Executing", "Stopping"))
    assert told()["PipelineExecutionStatus"] == "Failed"
    assert f"its job {name} was stopped" in told()["FailureReason"].lower()
    listed = site.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution)
    statuses = {step["StepName"]: step["StepStatus"] for step in listed["PipelineExecutionSteps"]}
    assert statuses == {"Waits": "Failed", "Beside": "Succeeded"}
    # What was stopped runs anew when the execution is retried.
    site.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    site.until(lambda: jobs_of(site, execution).get("Waits") not in (None, name))
    site.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    site.until(lambda: told()["PipelineExecutionStatus"] == "Stopped")


def test_steps_may_start_while_they_are_listed(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = start(site, "Two", site.step("First", "pass"), site.step("Second", "pass"))
    site.until(lambda: len(jobs_of(site, execution)) == 2)
    records = type(site.service.records)
    steps, asked = records.steps, []

    def one_more_each_time(self: Any, execution: str) -> list[Any]:
        asked.append(execution)
        return list(steps(self, execution)[: len(asked)])

    monkeypatch.setattr(records, "steps", one_more_each_time)
    first, second = len(jobs_of(site, execution)), len(jobs_of(site, execution))
    assert first <= second == 2, "the service's own threads may have asked before"


def test_a_name_is_taken_once(shared_site: Any) -> None:
    create(shared_site, "Single", FINE)
    code, message = shared_site.code(
        shared_site.sagemaker.create_processing_job,
        ProcessingJobName="Single",
        **shared_site.processing(FINE),
    )
    assert (code, "processing-job/single" in message) == ("ResourceInUse", True)
    ended(shared_site, "Single")


@pytest.mark.parametrize("kind", ["training", "processing", "transform"])
def test_a_job_that_does_not_exist_is_said_to_be_missing(shared_site: Any, kind: str) -> None:
    for verb in ("describe", "stop"):
        call = getattr(shared_site.sagemaker, f"{verb}_{kind}_job")
        code, message = shared_site.code(call, **{f"{kind.title()}JobName": "none-such"})
        assert (code, "none-such" in message) == ("ValidationException", True)


def test_jobs_are_listed_by_status_and_name(site: Any) -> None:
    create(site, "good-1", FINE)
    create(site, "good-2", FINE)
    create(site, "bad-1", "raise SystemExit(1)")
    for name in ("good-1", "good-2", "bad-1"):
        ended(site, name)
    client = site.sagemaker
    failed = client.list_processing_jobs(StatusEquals="Failed")["ProcessingJobSummaries"]
    assert [entry["ProcessingJobName"] for entry in failed] == ["bad-1"]
    assert "exit code: 1" in failed[0]["FailureReason"]
    named = client.list_processing_jobs(NameContains="GOOD", SortBy="Name")["ProcessingJobSummaries"]
    assert [entry["ProcessingJobName"] for entry in named] == ["good-1", "good-2"]
    by_status = client.list_processing_jobs(SortBy="Status", SortOrder="Ascending")["ProcessingJobSummaries"]
    assert [entry["ProcessingJobStatus"] for entry in by_status] == ["Completed", "Completed", "Failed"]
    after = client.list_processing_jobs(LastModifiedTimeAfter=failed[0]["LastModifiedTime"])
    assert "bad-1" in [entry["ProcessingJobName"] for entry in after["ProcessingJobSummaries"]]


KNN = "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"
ROWS = "".join(f"{label},{label}.0,{label}.5\n" for label in (0, 1) for _ in range(20))


@pytest.mark.slow
def test_a_model_is_trained_created_and_used_by_a_transform_job(site: Any) -> None:
    client = site.sagemaker
    site.put("s3://data/train/rows.csv", ROWS)
    site.put("s3://data/test/rows.csv", "0.1,0.4\n1.1,1.4\n")
    client.create_training_job(
        TrainingJobName="Trains",
        AlgorithmSpecification={"TrainingImage": KNN, "TrainingInputMode": "File"},
        HyperParameters={"feature_dim": "2", "k": "3", "sample_size": "40", "predictor_type": "classifier"},
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": "s3://data/models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=site.role,
    )
    waiting = client.get_waiter("training_job_completed_or_stopped")
    waiting.wait(TrainingJobName="Trains", WaiterConfig={"Delay": 1})
    trained = client.describe_training_job(TrainingJobName="Trains")
    assert (trained["TrainingJobStatus"], trained["SecondaryStatus"]) == ("Completed", "Completed")
    archive = trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert archive == "s3://data/models/Trains/output/model.tar.gz"
    body = site.s3.get_object(Bucket="data", Key="models/Trains/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as held:
        assert held.getnames()
    client.create_model(
        ModelName="Trained",
        PrimaryContainer={"Image": KNN, "ModelDataUrl": archive},
        ExecutionRoleArn=site.role,
    )
    client.create_transform_job(
        TransformJobName="Transforms",
        ModelName="Trained",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/test"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": "s3://data/out", "Accept": "application/jsonlines"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )

    def status(name: str) -> str:
        return str(client.describe_transform_job(TransformJobName=name)["TransformJobStatus"])

    site.until(lambda: status("Transforms") != "InProgress")
    assert status("Transforms") == "Completed", client.describe_transform_job(TransformJobName="Transforms")
    lines = site.s3.get_object(Bucket="data", Key="out/rows.csv.out")["Body"].read().splitlines()
    assert [json.loads(line)["predicted_label"] for line in lines] == [0.0, 1.0]
    jobs = client.list_transform_jobs()["TransformJobSummaries"]
    assert [entry["TransformJobStatus"] for entry in jobs] == ["Completed"]


def test_a_transform_job_needs_a_model(shared_site: Any) -> None:
    code, message = shared_site.code(
        shared_site.sagemaker.create_transform_job,
        TransformJobName="Needs",
        ModelName="none",
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://a/b"}}},
        TransformOutput={"S3OutputPath": "s3://a/c"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    assert (code, 'model/none"' in message) == ("ValidationException", True)
