"""Walk the steps of a definition and say what each field of their Arguments asks for.

Sources: SageMaker's guide, "How to use SageMaker execution roles" (what a job does with its role), and the
service authorization reference (which action knows which resource and condition key).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline import definition as definitions
from pipeline.definition import DefinitionError, PlacedStep
from pipeline.permissions.grants import LIST, PIPELINE_ROLE, Condition, Grant, Place
from pipeline.permissions.values import Values, json_gets

READ = ("s3:GetObject",)
WRITE = ("s3:AbortMultipartUpload", "s3:PutObject")
DECRYPT = ("kms:Decrypt",)
ENCRYPT = ("kms:Decrypt", "kms:GenerateDataKey")  # a multipart upload reads its own parts' key
LEND_KEY = ("kms:CreateGrant",)
SEE_KEY = ("kms:DescribeKey",)
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
LOG = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
ATTACH = ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface")
DELEGATE = ("ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterfacePermission")
SEE_NETWORK = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)

# Step type → (resource type, what the pipeline does to it).
_JOBS = {
    "Processing": (
        "processing-job",
        ("AddTags", "CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"),
    ),
    "Training": ("training-job", ("AddTags", "CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob")),
    "Transform": (
        "transform-job",
        ("AddTags", "CreateTransformJob", "DescribeTransformJob", "StopTransformJob"),
    ),
    "Model": ("model", ("AddTags", "CreateModel", "DescribeModel")),
}


def grants(definition: Mapping[str, Any], place: Place) -> list[Grant]:
    """Return everything that the steps of a filled-in definition ask for, in the order of its steps.

    Raises:
        DefinitionError: a location that cannot be traced back to an S3 address.

    """
    return list(_Derivation(definition, place).grants())


class _Derivation:
    """Walks the steps of one definition; resolves what they refer to."""

    def __init__(self, definition: Mapping[str, Any], place: Place) -> None:
        self._place = place
        self._values = Values(definition)
        self._placed = list(definitions.steps(definition))

    def grants(self) -> Iterator[Grant]:
        by_type: dict[str, Callable[[PlacedStep], Iterator[Grant]]] = {
            "Processing": self._processing,
            "Training": self._training,
            "Model": self._model,
            "Transform": self._transform,
            "RegisterModel": self._registration,
        }
        for placed in self._placed:
            if placed.type in by_type:
                yield from by_type[placed.type](placed)
            elif placed.type not in ("Condition", "Fail"):
                raise DefinitionError(
                    f"step {placed.name!r} has type {placed.type!r}, of which no permissions are known; "
                    f"known: {', '.join(by_type)}, Condition, Fail"
                )
            yield from self._property_files(placed)

    # --- step types -----------------------------------------------------------------------------------

    def _processing(self, placed: PlacedStep) -> Iterator[Grant]:
        arguments, step = placed.step["Arguments"], placed.name
        role = self._values.text(arguments["RoleArn"])
        yield from self._job(placed, role, "RoleArn")
        yield from self._image(
            role, step, "AppSpecification.ImageUri", arguments["AppSpecification"]["ImageUri"]
        )
        for channel in arguments.get("ProcessingInputs", []):
            field = f"ProcessingInputs[{channel['InputName']}].S3Input.S3Uri"
            yield from self._read_prefix(role, step, field, channel["S3Input"]["S3Uri"])
            yield from self._key(
                role, step, field, DECRYPT, arguments["ProcessingOutputConfig"].get("KmsKeyId")
            )
        output = arguments["ProcessingOutputConfig"]
        for channel in output["Outputs"]:
            field = f"ProcessingOutputConfig.Outputs[{channel['OutputName']}].S3Output.S3Uri"
            yield from self._write_prefix(role, step, field, channel["S3Output"]["S3Uri"])
        yield from self._key(role, step, "ProcessingOutputConfig.KmsKeyId", ENCRYPT, output.get("KmsKeyId"))
        cluster = arguments["ProcessingResources"]["ClusterConfig"]
        field = "ProcessingResources.ClusterConfig.VolumeKmsKeyId"
        yield from self._volume((role, PIPELINE_ROLE), step, field, cluster.get("VolumeKmsKeyId"))
        network = arguments.get("NetworkConfig", {}).get("VpcConfig")
        yield from self._network(role, step, "NetworkConfig.VpcConfig", network)

    def _training(self, placed: PlacedStep) -> Iterator[Grant]:
        arguments, step = placed.step["Arguments"], placed.name
        role = self._values.text(arguments["RoleArn"])
        yield from self._job(placed, role, "RoleArn")
        image = arguments["AlgorithmSpecification"]["TrainingImage"]
        yield from self._image(role, step, "AlgorithmSpecification.TrainingImage", image)
        output = arguments["OutputDataConfig"]
        for channel in arguments.get("InputDataConfig", []):
            field = f"InputDataConfig[{channel['ChannelName']}].DataSource.S3DataSource.S3Uri"
            yield from self._read_prefix(role, step, field, channel["DataSource"]["S3DataSource"]["S3Uri"])
            yield from self._key(role, step, field, DECRYPT, output.get("KmsKeyId"))
        yield from self._write_prefix(role, step, "OutputDataConfig.S3OutputPath", output["S3OutputPath"])
        yield from self._key(role, step, "OutputDataConfig.KmsKeyId", ENCRYPT, output.get("KmsKeyId"))
        volume = arguments["ResourceConfig"].get("VolumeKmsKeyId")
        yield from self._volume((role, PIPELINE_ROLE), step, "ResourceConfig.VolumeKmsKeyId", volume)
        yield from self._network(role, step, "VpcConfig", arguments.get("VpcConfig"))

    def _model(self, placed: PlacedStep) -> Iterator[Grant]:
        arguments, step = placed.step["Arguments"], placed.name
        role = self._values.text(arguments["ExecutionRoleArn"])
        container = arguments["PrimaryContainer"]
        yield from self._job(placed, role, "ExecutionRoleArn")
        yield from self._image(role, step, "PrimaryContainer.Image", container["Image"])
        yield from self._read_object(role, step, "PrimaryContainer.ModelDataUrl", container["ModelDataUrl"])
        key = self._values.key_of(container["ModelDataUrl"])
        yield from self._key(role, step, "PrimaryContainer.ModelDataUrl", DECRYPT, key)
        yield from self._network(role, step, "VpcConfig", arguments.get("VpcConfig"))

    def _transform(self, placed: PlacedStep) -> Iterator[Grant]:
        """Ask with the model's role: a transform job has none of its own."""
        arguments, step = placed.step["Arguments"], placed.name
        model = self._values.step_of(arguments["ModelName"])
        role = self._values.text(model["Arguments"]["ExecutionRoleArn"])
        output = arguments["TransformOutput"]
        yield from self._job(placed, role, None)
        field = "TransformInput.DataSource.S3DataSource.S3Uri"
        source = arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        yield from self._read_prefix(role, step, field, source)
        yield from self._key(role, step, field, DECRYPT, output.get("KmsKeyId"))
        yield from self._write_prefix(role, step, "TransformOutput.S3OutputPath", output["S3OutputPath"])
        yield from self._key(role, step, "TransformOutput.KmsKeyId", ENCRYPT, output.get("KmsKeyId"))
        volume = arguments["TransformResources"].get("VolumeKmsKeyId")
        yield from self._volume((role, PIPELINE_ROLE), step, "TransformResources.VolumeKmsKeyId", volume)

    def _registration(self, placed: PlacedStep) -> Iterator[Grant]:
        """Ask to read what is registered, with the pipeline's role; the model's role will serve it."""
        arguments, step = placed.step["Arguments"], placed.name
        group = self._values.text(arguments["ModelPackageGroupName"])
        create = ("sagemaker:AddTags", "sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage")
        for resource in (f"model-package-group/{group}", f"model-package/{group}/*"):
            arn = self._place.arn("sagemaker", resource)
            yield Grant(PIPELINE_ROLE, create, arn, step, "ModelPackageGroupName")
        for index, container in enumerate(arguments["InferenceSpecification"]["Containers"]):
            field = f"InferenceSpecification.Containers[{index}].ModelDataUrl"
            yield from self._read_object(PIPELINE_ROLE, step, field, container["ModelDataUrl"])
            yield from self._key(
                PIPELINE_ROLE, step, field, DECRYPT, self._values.key_of(container["ModelDataUrl"])
            )
            yield from self._endpoint_logs(placed, container["ModelDataUrl"])
        for name, quality in arguments.get("ModelMetrics", {}).get("ModelQuality", {}).items():
            field = f"ModelMetrics.ModelQuality.{name}.S3Uri"
            yield from self._read_object(PIPELINE_ROLE, step, field, quality["S3Uri"])

    def _endpoint_logs(self, placed: PlacedStep, model_data: Any) -> Iterator[Grant]:
        field = "InferenceSpecification.SupportedRealtimeInferenceInstanceTypes"
        if not placed.step["Arguments"]["InferenceSpecification"].get(field.rpartition(".")[2]):
            return
        for step in self._values.steps.values():
            if (
                step["Type"] == "Model"
                and step["Arguments"]["PrimaryContainer"]["ModelDataUrl"] == model_data
            ):
                role = self._values.text(step["Arguments"]["ExecutionRoleArn"])
                yield from self._log(role, placed.name, field, "/aws/sagemaker/Endpoints/*")

    def _property_files(self, placed: PlacedStep) -> Iterator[Grant]:
        """Ask for what the pipeline itself reads: the files behind JsonGet."""
        for where, value in json_gets(placed.step["Arguments"], ""):
            _, name, _, file = value["PropertyFile"]["Get"].split(".")
            step = self._values.steps[name]
            declared = next(item for item in step["PropertyFiles"] if item["PropertyFileName"] == file)
            uri = f"{self._values.output(step, declared['OutputName']).rstrip('/')}/{declared['FilePath']}"
            yield from self._read_object(PIPELINE_ROLE, placed.name, where, uri)
            key = step["Arguments"]["ProcessingOutputConfig"].get("KmsKeyId")
            yield from self._key(PIPELINE_ROLE, placed.name, where, DECRYPT, key)

    # --- what fields ask for --------------------------------------------------------------------------

    def _job(self, placed: PlacedStep, role: str, role_field: str | None) -> Iterator[Grant]:
        """Ask to create the job and hand it its role; and, for the job, to write logs and metrics."""
        kind, operations = _JOBS[placed.type]
        actions = tuple(f"sagemaker:{operation}" for operation in operations)
        # SageMaker names what a pipeline creates pipelines-EXECUTION-STEP-….
        arn = self._place.arn("sagemaker", f"{kind}/pipelines-*")
        yield Grant(PIPELINE_ROLE, actions, arn, placed.name, "Type")
        if role_field is not None:
            passed = Condition("StringEquals", "iam:PassedToService", ("sagemaker.amazonaws.com",))
            yield Grant(PIPELINE_ROLE, ("iam:PassRole",), role, placed.name, role_field, passed)
        if placed.type == "Model":
            return
        namespace = f"/aws/sagemaker/{placed.type}Jobs"
        yield from self._log(role, placed.name, "Type", namespace)
        measured = Condition("StringEquals", "cloudwatch:namespace", (namespace,))
        yield Grant(role, ("cloudwatch:PutMetricData",), "*", placed.name, "Type", measured)

    def _log(self, role: str, step: str, field: str, group: str) -> Iterator[Grant]:
        yield Grant(role, LOG, self._place.arn("logs", f"log-group:{group}:*"), step, field)

    def _image(self, role: str, step: str, field: str, image: Any) -> Iterator[Grant]:
        match = re.fullmatch(
            r"([^./]+)\.dkr\.ecr\.([^.]+)\.[^/]+/([^:@]+)([:@].+)?", self._values.text(image)
        )
        if match is None:
            raise DefinitionError(f"step {step!r}: {field} is {image!r}, which is no image in ECR")
        registry, region, repository, _ = match.groups()
        arn = f"arn:{self._place.partition}:ecr:{region}:{registry}:repository/{repository}"
        yield Grant(role, PULL, arn, step, field)
        yield Grant(role, ("ecr:GetAuthorizationToken",), "*", step, field)

    def _network(self, role: str, step: str, field: str, network: Any) -> Iterator[Grant]:
        if not network:
            return
        interfaces = self._place.arn("ec2", "network-interface/*")
        groups = [
            self._place.arn("ec2", f"security-group/{self._values.text(g)}")
            for g in network["SecurityGroupIds"]
        ]
        subnets = [self._place.arn("ec2", f"subnet/{self._values.text(s)}") for s in network["Subnets"]]
        for resource in (interfaces, *groups, *subnets):
            yield Grant(role, ATTACH, resource, step, field)
        yield Grant(role, DELEGATE, interfaces, step, field)
        yield Grant(role, SEE_NETWORK, "*", step, field)

    def _read_prefix(self, role: str, step: str, field: str, uri: Any) -> Iterator[Grant]:
        bucket, prefix = self._values.address(step, field, uri)
        yield Grant(role, READ, self._objects(bucket, f"{prefix}/*"), step, field)
        # A name without the slash is what SageMaker lists when the definition leaves it out.
        listed = Condition("StringLike", "s3:prefix", (prefix, f"{prefix}/*"))
        yield Grant(role, LIST, f"arn:{self._place.partition}:s3:::{bucket}", step, field, listed)

    def _read_object(self, role: str, step: str, field: str, uri: Any) -> Iterator[Grant]:
        bucket, key = self._values.address(step, field, uri)
        yield Grant(role, READ, self._objects(bucket, key), step, field)

    def _write_prefix(self, role: str, step: str, field: str, uri: Any) -> Iterator[Grant]:
        bucket, prefix = self._values.address(step, field, uri)
        yield Grant(role, WRITE, self._objects(bucket, f"{prefix}/*"), step, field)

    def _key(self, role: str, step: str, field: str, actions: tuple[str, ...], key: Any) -> Iterator[Grant]:
        if key:
            yield Grant(role, actions, self._values.text(key), step, field)

    def _volume(self, roles: Iterable[str], step: str, field: str, key: Any) -> Iterator[Grant]:
        """Ask to lend the key of a volume to the service, for AWS resources alone."""
        lent = Condition("Bool", "kms:GrantIsForAWSResource", ("true",))
        for role in roles:
            if key:
                yield Grant(role, LEND_KEY, self._values.text(key), step, field, lent)
                yield Grant(role, SEE_KEY, self._values.text(key), step, field)

    def _objects(self, bucket: str, key: str) -> str:
        return f"arn:{self._place.partition}:s3:::{bucket}/{key}"
