"""What users of Studio may do: look at everything of the platform, start pipelines, decide on models."""

from __future__ import annotations

from settings import Settings
from stacks.names import Names
from stacks.policies import Allowance

_LISTS = (
    "sagemaker:ListApps",
    "sagemaker:ListDomains",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModelPackageGroups",
    "sagemaker:ListModelPackages",
    "sagemaker:ListModels",
    "sagemaker:ListPipelines",
    "sagemaker:ListProcessingJobs",
    "sagemaker:ListSpaces",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "sagemaker:ListUserProfiles",
)
_OWN_APPLICATIONS = (
    "sagemaker:CreateApp",
    "sagemaker:CreateSpace",
    "sagemaker:DeleteApp",
    "sagemaker:DeleteSpace",
    "sagemaker:UpdateSpace",
)
_SEE_APPLICATIONS = ("sagemaker:AddTags", "sagemaker:DescribeApp", "sagemaker:DescribeSpace")
_PIPELINES = (
    "sagemaker:DescribePipeline",
    "sagemaker:DescribePipelineDefinitionForExecution",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:ListPipelineParametersForExecution",
    "sagemaker:RetryPipelineExecution",
    "sagemaker:StartPipelineExecution",
    "sagemaker:StopPipelineExecution",
)
_JOBS = (
    "sagemaker:DescribeModel",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:DescribeTransformJob",
)
_PACKAGES = ("sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage")


def studio_allowances(settings: Settings, names: Names, data_key_arn: str) -> list[Allowance]:
    """Return what the role of Studio's users allows."""
    return [
        *_studio_itself(names),
        *_platform(settings, names),
        *_data(settings, names, data_key_arn),
        *_surroundings(names),
    ]


def _studio_itself(names: Names) -> list[Allowance]:
    applications = [names.arn("sagemaker", f"{kind}/*") for kind in ("app", "space")]
    domains = [names.arn("sagemaker", f"{kind}/*") for kind in ("domain", "user-profile")]
    unknown = "users name their spaces, and SageMaker the domain"
    profile = names.arn("sagemaker", "user-profile/${sagemaker:DomainId}/${sagemaker:UserProfileName}")
    own = {"ArnLike": {"sagemaker:OwnerUserProfileArn": profile}}
    return [
        Allowance(_LISTS, ["*"], "listing knows no resource"),
        Allowance(_OWN_APPLICATIONS, applications, f"{unknown}; only the user's own by condition", own),
        Allowance(_SEE_APPLICATIONS, applications, unknown),
        Allowance(("sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile"), domains, unknown),
    ]


def _platform(settings: Settings, names: Names) -> list[Allowance]:
    tasks = sorted(settings.tasks)
    executions = [f"{names.pipeline_arn(task)}/execution/*" for task in tasks]
    pipelines = [names.pipeline_arn(task) for task in tasks]
    jobs = [
        names.arn("sagemaker", f"{kind}/pipelines-*")
        for kind in ("model", "processing-job", "training-job", "transform-job")
    ]
    packages = [names.arn("sagemaker", f"model-package/{names.of(task)}/*") for task in tasks]
    endpoints = [names.arn("sagemaker", f"endpoint/{names.of(task)}") for task in tasks]
    groups = [names.arn("sagemaker", f"model-package-group/{names.of(task)}") for task in tasks]
    return [
        Allowance(_PIPELINES, [*pipelines, *executions], "executions are named by SageMaker"),
        Allowance(_JOBS, jobs, "a pipeline's jobs are named by SageMaker"),
        Allowance(_PACKAGES, packages, "versions are numbered by SageMaker"),
        Allowance(("sagemaker:DescribeModelPackageGroup",), groups, "to look at the registry"),
        Allowance(
            ("sagemaker:DescribeEndpoint", "sagemaker:InvokeEndpoint"), endpoints, "to try what is served"
        ),
    ]


def _data(settings: Settings, names: Names, data_key_arn: str) -> list[Allowance]:
    artifacts, raw = names.bucket_arn("artifacts"), names.bucket_arn("raw")
    tasks = sorted(settings.tasks)
    readable = [f"{artifacts}/code/*", *(f"{artifacts}/{task}/*" for task in tasks)]
    writable = [f"{raw}/{task}/*" for task in tasks]
    return [
        Allowance(("s3:ListBucket",), [artifacts, raw], "to find data and results"),
        Allowance(
            ("s3:GetObject",), [*readable, *writable], "to read code, data and results, named by executions"
        ),
        Allowance(("s3:PutObject",), writable, "to bring new raw data, below its task"),
        Allowance(
            ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"), [data_key_arn], "all data is encrypted"
        ),
        Allowance(
            ("kms:CreateGrant",),
            [data_key_arn],
            "volumes of own applications are encrypted",
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    ]


def _surroundings(names: Names) -> list[Allowance]:
    """Return what is needed around SageMaker; each service named here needs an endpoint in VPC-only mode."""
    logs = [names.arn("logs", "log-group:/aws/sagemaker/*"), names.arn("logs", "log-group:/aws/lambda/*")]
    return [
        Allowance(
            ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"),
            [f"{group}:*" for group in logs],
            "log streams are named by jobs",
        ),
        Allowance(("cloudwatch:GetMetricData", "cloudwatch:ListMetrics"), ["*"], "metrics know no resource"),
        Allowance(
            ("ssm:GetParameter", "ssm:GetParametersByPath"),
            [names.arn("ssm", f"parameter{names.parameter('*')}")],
            "everything that this environment publishes",
        ),
        Allowance(("sts:GetCallerIdentity",), ["*"], "asking who one is knows no resource"),
    ]
