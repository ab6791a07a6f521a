"""SageMaker's pipelines and model package groups."""

from __future__ import annotations

import uuid
from typing import Any

from clients import client
from kind import Kind, Made, Properties


def _definition(properties: Properties) -> Properties:
    """Return a pipeline's properties as the API has them: the definition's text at the top."""
    given: dict[str, Any] = dict(properties)
    definition = given.pop("PipelineDefinition")
    if "PipelineDefinitionBody" in definition:
        return {**given, "PipelineDefinition": definition["PipelineDefinitionBody"]}
    place = definition["PipelineDefinitionS3Location"]
    return {**given, "PipelineDefinitionS3Location": {"Bucket": place["Bucket"], "ObjectKey": place["Key"]}}


def _create_pipeline(properties: Properties) -> Made:
    client("sagemaker").create_pipeline(**_definition(properties), ClientRequestToken=uuid.uuid4().hex)
    return properties["PipelineName"], {}


def _update_pipeline(name: str, properties: Properties) -> dict[str, str]:
    changed = {key: value for key, value in _definition(properties).items() if key != "Tags"}
    client("sagemaker").update_pipeline(**{**changed, "PipelineName": name})
    return {}


def _delete_pipeline(name: str, _properties: Properties) -> None:
    client("sagemaker").delete_pipeline(PipelineName=name, ClientRequestToken=uuid.uuid4().hex)


def _create_group(properties: Properties) -> Made:
    arn = client("sagemaker").create_model_package_group(**properties)["ModelPackageGroupArn"]
    return arn, {"ModelPackageGroupArn": arn}


def _delete_group(_arn: str, properties: Properties) -> None:
    client("sagemaker").delete_model_package_group(ModelPackageGroupName=properties["ModelPackageGroupName"])


PIPELINE = Kind(_create_pipeline, _delete_pipeline, _update_pipeline)
GROUP = Kind(_create_group, _delete_group)
