"""What a settings file may say: the shape of each section, strict and without unknown keys.

What one key alone cannot tell, contradictions between keys, is in `settings.contradictions`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.definition import nearest


class Section(BaseModel):
    """A table of a settings file: no conversions between types, no unknown keys, no changes later."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _private_network(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"an IPv4 range such as 10.20.0.0/20 ({error})") from None
    if not network.is_private or not 16 <= network.prefixlen <= 24:
        raise ValueError("a private IPv4 range from /16 to /24, such as 10.20.0.0/20")
    return text


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(
            f"an IANA time zone such as Europe/Berlin{nearest(text, sorted(available_timezones()))}"
        )
    return text


_FIELDS = {"cron": 6, "rate": 2}
_SCHEDULE = re.compile(r"(cron|rate|at)\(([^()]+)\)")


def _schedule(text: str) -> str:
    allowed = (
        "cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)"
    )
    match = _SCHEDULE.fullmatch(text)
    if match is None or len(match[2].split()) != _FIELDS.get(match[1], 1):
        raise ValueError(allowed)
    if match[1] == "rate" and not re.fullmatch(r"[1-9][0-9]* (minute|hour|day)s?", match[2]):
        raise ValueError("rate(value unit) with the unit minutes, hours or days")
    if match[1] == "cron" and match[2].split()[2:5:2].count("?") != 1:
        raise ValueError(f"{allowed}; one of day-of-month and day-of-week must be ?")
    if match[1] == "at" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", match[2]):
        raise ValueError("at(yyyy-mm-ddThh:mm:ss)")
    return text


def _pattern(pattern: str, allowed: str) -> AfterValidator:
    """Return a check whose error says in words what is allowed, where a regular expression would not."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


Account = Annotated[str, _pattern(r"[0-9]{12}", "the account's twelve digits, as text")]
Region = Annotated[str, _pattern(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region's name such as us-east-1")]
Zone = Annotated[str, _pattern(r"[a-z]{2}(-[a-z]+)+-[0-9][a-z]", "a zone's name such as us-east-1a")]
Email = Annotated[str, _pattern(r"[^@\s]+@[^@\s]+\.[^@\s.]+", "an e-mail address")]
User = Annotated[str, _pattern(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,62}", "letters, digits and single hyphens")]
RoleArn = Annotated[
    str, _pattern(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", "the ARN of an IAM role")
]
PolicyArn = Annotated[
    str,
    _pattern(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[\w+=,.@/-]+", "the ARN of a managed IAM policy"),
]
InstanceType = Annotated[
    str, _pattern(r"ml\.[a-z0-9-]+\.[a-z0-9]+", "a SageMaker instance type such as ml.m5.large")
]
AlarmName = Annotated[str, _pattern(r"[\x20-\x7e]{1,255}", "an alarm's name of 1 to 255 characters")]
S3Location = Annotated[
    str, _pattern(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*[^\s/])?", "s3://BUCKET or s3://BUCKET/PREFIX")
]
TopicArn = Annotated[
    str, _pattern(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]+", "the ARN of an SNS topic")
]
# CloudWatch Logs takes these numbers of days and no others.
LogDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653]


class Network(Section):
    """The VPC: its range, its two zones (definitions name a subnet in each), how long flow logs are kept."""

    cidr: Annotated[str, AfterValidator(_private_network)]
    availability_zones: Annotated[list[Zone], Field(min_length=2, max_length=2)]
    flow_log_days: LogDays


class Studio(Section):
    """The Studio domain.

    Attributes:
        mode: quick (PublicInternetOnly) or custom (VpcOnly, all traffic through endpoints).
        users: names of user profiles.
        idle_minutes: after how long an idle application is shut down (the service takes 60 to 525600).
        code_repository: https address of a git repository that JupyterLab offers to clone; quick mode only.

    """

    mode: Literal["quick", "custom"]
    users: list[User]
    idle_minutes: Annotated[int, Field(ge=60, le=525_600)]
    code_repository: Annotated[str, _pattern(r"(https://\S+)?", "an https address, or nothing")] = ""


class Storage(Section):
    """What happens to buckets on destroy, and who reaches them from outside of a VPC-only network."""

    on_destroy: Literal["retain", "empty"]
    outside_principals: list[RoleArn] = []


class Retention(Section):
    """How many days things are kept.

    Attributes:
        execution_days: what executions wrote, models included; 0 keeps it for good.
        noncurrent_days: overwritten and deleted versions of objects.
        log_days: access logs and the logs of functions.

    """

    execution_days: Annotated[int, Field(ge=0, le=36_500)]
    noncurrent_days: Annotated[int, Field(ge=1, le=36_500)]
    log_days: LogDays


class Budget(Section):
    """The monthly cost, in US dollars, at whose 80 % and 100 % (and forecast 100 %) an e-mail is sent."""

    monthly_usd: Annotated[int, Field(ge=1)]


class Alarms(Section):
    """Who is told, and how slow an endpoint may answer (p99, in milliseconds)."""

    email: Email
    latency_ms: Annotated[int, Field(ge=1, le=60_000)]


class Access(Section):
    """The permissions boundary that is set on every role, where an organisation asks for one."""

    permissions_boundary: PolicyArn | None = None


class Endpoint(Section):
    """How an approved model is served; what is absent has the default that docs/serving.md names.

    Attributes:
        kind: real-time, serverless or asynchronous.
        in_vpc: whether its model's containers are attached to the VPC; serverless ones cannot be.
        instance_type: of real-time and asynchronous endpoints.
        instance_count: of real-time and asynchronous endpoints; with a maximum, also the fewest.
        max_instance_count: up to how many instances the load makes of them; absent: they do not scale.
        invocations_per_instance: a minute, which scaling holds for real-time endpoints.
        backlog_per_instance: waiting requests, which scaling holds for asynchronous endpoints.
        scale_to_zero: whether an asynchronous endpoint gives back all instances while it has no backlog.
        memory_mb: of serverless endpoints.
        max_concurrency: of serverless endpoints.
        previous_weight: the share of requests that stays with the approved version before.
        shifting: how an update moves the traffic to new instances.
        step_percent: the share of the instances that a canary or a linear step is.
        bake_seconds: how long alarms are watched after each step, and before the old instances end.
        alarms: names of the CloudWatch alarms that roll an update back.
        capture_percent: the share of requests that data capture writes to S3.
        output: S3 location of asynchronous answers and of captured data.
        success_topic: ARN of the SNS topic that hears of asynchronous answers.
        error_topic: ARN of the SNS topic that hears of asynchronous failures.
        time_to_live_hours: after how long it removes itself; absent: never.

    """

    kind: Literal["real-time", "serverless", "asynchronous"]
    in_vpc: bool = True
    instance_type: InstanceType | None = None
    instance_count: Annotated[int, Field(ge=1, le=100)] | None = None
    max_instance_count: Annotated[int, Field(ge=1, le=100)] | None = None
    invocations_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    backlog_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    scale_to_zero: bool = False
    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] | None = None
    max_concurrency: Annotated[int, Field(ge=1, le=200)] | None = None
    previous_weight: Annotated[float, Field(ge=0, le=0.9)] | None = None
    shifting: Literal["canary", "linear", "all-at-once"] | None = None
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    alarms: Annotated[list[AlarmName], Field(min_length=1, max_length=10)] | None = None
    capture_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    output: S3Location | None = None
    success_topic: TopicArn | None = None
    error_topic: TopicArn | None = None
    time_to_live_hours: Annotated[int, Field(ge=1, le=8760)] | None = None

    def table(self) -> dict[str, Any]:
        """Return the settings that say something as the approval function takes them, without the network."""
        said = self.model_dump(exclude_none=True, exclude={"in_vpc"})
        return {**said, "time_to_live_hours": self.time_to_live_hours}


class Task(Section):
    """A task's thresholds, its schedule, and how its approved model is served.

    Attributes:
        min_f1: the quality gate of scheduled executions.
        schedule: EventBridge Scheduler's cron(…), rate(…) or at(…); absent: started by hand only.
        time_zone: the IANA time zone in which the schedule is read.
        approval: the status that a registered model package gets.
        parameters: further pipeline parameters of scheduled executions, as text.
        endpoint: how an approved model is served.

    """

    min_f1: Annotated[float, Field(ge=0, le=1)]
    schedule: Annotated[str, AfterValidator(_schedule)] | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    approval: Literal["PendingManualApproval", "Approved", "Rejected"] = "PendingManualApproval"
    parameters: dict[str, str] = {}
    endpoint: Endpoint


class Settings(Section):
    """One environment. `environment` is the file's name; everything else is in the file."""

    environment: Annotated[str, _pattern(r"[a-z][a-z0-9]{0,9}", "up to ten lower-case letters and digits")]
    production: bool
    account: Account
    region: Region
    network: Network
    studio: Studio
    storage: Storage
    retention: Retention
    budget: Budget
    alarms: Alarms
    access: Access = Access()
    tasks: Annotated[dict[str, Task], Field(min_length=1)]
    tags: dict[str, str] = {}
