"""The SageMaker SDK v3, where it is installed, driven as its documentation shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

KNN = "382416733822.dkr.ecr.us-east-1.amazonaws.com/knn:1"

PIPELINE = """
import json, sys
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep
from sagemaker.core.workflow.pipeline_definition_config import PipelineDefinitionConfig

session = PipelineSession(boto_session=boto3.Session(), default_bucket="sdk-bucket")
words = ParameterString(name="Words", default_value="hello")
processor = ScriptProcessor(
    image_uri="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3",
    command=["python3"],
    role=ROLE,
    instance_count=1,
    instance_type="ml.m5.large",
    base_job_name="greet",
    env={"WORDS": words},
    sagemaker_session=session,
)
step = ProcessingStep(name="Greet", step_args=processor.run(code=sys.argv[1]))
pipeline = Pipeline(
    name="FromSdk",
    parameters=[words],
    steps=[step],
    sagemaker_session=session,
    pipeline_experiment_config=None,
)
first = pipeline.upsert(role_arn=ROLE, tags=[{"Key": "a", "Value": "b"}])
second = pipeline.upsert(role_arn=ROLE, description="again", tags=[{"Key": "c", "Value": "d"}])
assert first["PipelineArn"] == second["PipelineArn"], (first, second)
execution = pipeline.start(parameters={"Words": "good morning"}, execution_display_name="mine")
execution.wait(delay=1, max_attempts=120)
listed = execution.list_steps()
print(json.dumps({
    "status": execution.describe()["PipelineExecutionStatus"],
    "steps": [(s["StepName"], s["StepStatus"]) for s in listed],
    "parameters": execution.list_parameters()["PipelineParameters"],
    "description": pipeline.describe()["PipelineDescription"],
    "tags": session.sagemaker_client.list_tags(ResourceArn=first["PipelineArn"])["Tags"],
}))
pipeline.delete()
"""


ENDPOINT = """
import json
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant

container = ContainerDefinition(image=KNN, model_data_url="s3://models/knn/output/model.tar.gz")
Model.create(model_name="sdk", primary_container=container, execution_role_arn=ROLE)
variant = ProductionVariant(
    variant_name="all", model_name="sdk", initial_instance_count=1, instance_type="ml.m5.large"
)
EndpointConfig.create(endpoint_config_name="sdk", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="sdk", endpoint_config_name="sdk")
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(body=b"1.1,1.4", content_type="text/csv", accept="application/json")
print(json.loads(answer.body.read()))
endpoint.delete()
"""


@pytest.fixture
def run(site: Any, tmp_path: Path) -> Callable[..., Any]:
    """Run a script with the SDK, in a process of its own; returns what it printed last."""
    if find_spec("sagemaker") is None:
        pytest.skip("the SageMaker SDK is not installed: pip install trainyard[author]")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": site.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "HOME": str(tmp_path),
    }

    def script(text: str, *arguments: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(text.replace("ROLE", repr(site.role)).replace("KNN", repr(KNN)))
        command = [sys.executable, str(path), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.splitlines()[-1]

    return script


def test_a_pipeline_of_the_sdk_runs_here(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text("import os; print(os.environ['WORDS'])")
    assert json.loads(run(PIPELINE, str(tmp_path / "greet.py"))) == {
        "status": "Succeeded",
        "steps": [["Greet", "Succeeded"]],
        "parameters": [{"Name": "Words", "Value": "good morning"}],
        "description": "again",
        "tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}],
    }


def test_an_endpoint_is_made_and_invoked_by_the_sdk(run: Callable[..., str], site: Any) -> None:
    site.put("s3://data/train/rows.csv", "".join(f"{label},{label}.0,{label}.5\n" for label in (0, 1) * 20))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}}
    site.sagemaker.create_training_job(
        TrainingJobName="knn",
        AlgorithmSpecification={"TrainingImage": KNN, "TrainingInputMode": "File"},
        HyperParameters={"feature_dim": "2", "k": "3", "sample_size": "40", "predictor_type": "classifier"},
        InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}],
        OutputDataConfig={"S3OutputPath": "s3://models"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        RoleArn=site.role,
    )
    describe = site.sagemaker.describe_training_job
    site.until(lambda: describe(TrainingJobName="knn")["TrainingJobStatus"] == "Completed")
    assert run(ENDPOINT) == "{'predictions': [{'predicted_label': 1.0}]}"
