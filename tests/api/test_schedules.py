"""Schedules fire when EventBridge Scheduler's would, and start what they name."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.api.provision import provision
from local.cron import ExpressionError, trigger
from local.errors import LocalError

pytestmark = pytest.mark.slow

BERLIN = ZoneInfo("Europe/Berlin")


def fires(expression: str, begin: str, count: int, zone: str = "UTC") -> list[str]:
    """The next `count` times as wall-clock texts."""
    where = ZoneInfo(zone)
    moment = datetime.fromisoformat(begin).replace(tzinfo=where)
    armed, found, previous = trigger(expression, zone, moment), [], None
    for _ in range(count):
        previous = armed.get_next_fire_time(previous, moment if previous is None else previous)
        if previous is None:
            break
        found.append(previous.astimezone(where).strftime("%Y-%m-%d %H:%M"))
    return found


# 2025-01-01 was a Wednesday.
@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("cron(0 6 ? * MON *)", ["2025-01-06 06:00", "2025-01-13 06:00"]),
        ("cron(15 10 * * ? *)", ["2025-01-01 10:15", "2025-01-02 10:15"]),
        (
            "cron(0/20 0 1 * ? *)",
            ["2025-01-01 00:00", "2025-01-01 00:20", "2025-01-01 00:40", "2025-02-01 00:00"],
        ),
        ("cron(5/25 0 1 1 ? *)", ["2025-01-01 00:05", "2025-01-01 00:30", "2025-01-01 00:55"]),
        # Days of the week count from Sunday = 1, not from Monday = 0.
        ("cron(0 0 ? * 1 *)", ["2025-01-05 00:00", "2025-01-12 00:00"]),
        ("cron(0 0 ? * 7 *)", ["2025-01-04 00:00"]),
        (
            "cron(0 0 ? * 2-6 *)",
            ["2025-01-01 00:00", "2025-01-02 00:00", "2025-01-03 00:00", "2025-01-06 00:00"],
        ),
        ("cron(0 0 ? * MON-FRI *)", ["2025-01-01 00:00", "2025-01-02 00:00", "2025-01-03 00:00"]),
        ("cron(0 0 ? * SUN,SAT *)", ["2025-01-04 00:00", "2025-01-05 00:00", "2025-01-11 00:00"]),
        ("cron(0 0 ? * MON/2 *)", ["2025-01-01 00:00", "2025-01-03 00:00", "2025-01-06 00:00"]),
        ("cron(0 0 ? * L *)", ["2025-01-04 00:00", "2025-01-11 00:00"]),
        ("cron(0 0 ? * 6L *)", ["2025-01-31 00:00", "2025-02-28 00:00"]),
        ("cron(0 0 ? * FRIL *)", ["2025-01-31 00:00", "2025-02-28 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2025-01-14 00:00", "2025-02-11 00:00"]),
        ("cron(0 0 ? * TUE#5 *)", ["2025-04-29 00:00", "2025-07-29 00:00"]),
        ("cron(0 0 L * ? *)", ["2025-01-31 00:00", "2025-02-28 00:00"]),
        ("cron(0 0 1,15 * ? *)", ["2025-01-01 00:00", "2025-01-15 00:00", "2025-02-01 00:00"]),
        ("cron(0 0 31 * ? *)", ["2025-01-31 00:00", "2025-03-31 00:00"]),
        # The weekday nearest to the 15th; 2025-02-15 and 2025-03-15 were Saturdays, 2025-06-15 a Sunday.
        ("cron(0 0 15W * ? *)", ["2025-01-15 00:00", "2025-02-14 00:00", "2025-03-14 00:00"]),
        ("cron(0 0 15W 6 ? *)", ["2025-06-16 00:00"]),
        # It stays within the month: 2025-02-01 and 2025-11-01 were Saturdays, 2025-08-31 a Sunday.
        ("cron(0 0 1W 2 ? *)", ["2025-02-03 00:00"]),
        ("cron(0 0 31W 8 ? *)", ["2025-08-29 00:00"]),
        ("cron(0 12 1 JAN,jul ? 2026)", ["2026-01-01 12:00", "2026-07-01 12:00"]),
        ("cron(0 0 1 1 ? 2025/4)", ["2025-01-01 00:00", "2029-01-01 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00"]),
        ("at(2025-01-02T03:04:05)", ["2025-01-02 03:04"]),
        ("rate(90 minutes)", ["2025-01-01 00:00", "2025-01-01 01:30"]),
        ("rate(1 day)", ["2025-01-01 00:00", "2025-01-02 00:00"]),
    ],
)
def test_an_expression_fires_at_its_times(expression: str, times: list[str]) -> None:
    assert fires(expression, "2025-01-01T00:00:00", len(times)) == times


def test_a_schedule_of_past_years_never_fires() -> None:
    assert fires("cron(0 0 1 1 ? 2020)", "2025-01-01T00:00:00", 1) == []


@pytest.mark.parametrize("number", range(1, 8))
def test_numbers_and_names_of_days_agree(number: int) -> None:
    name = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")[number - 1]
    begin = "2025-01-01T00:00:00"
    by_number = fires(f"cron(0 0 ? * {number} *)", begin, 3)
    assert by_number == fires(f"cron(0 0 ? * {name} *)", begin, 3)
    days = {datetime.fromisoformat(text).strftime("%a").upper() for text in by_number}
    assert days == {name}


def test_times_are_those_of_the_zones_wall_clock() -> None:
    armed = trigger("cron(0 6 ? * MON *)", "Europe/Berlin", datetime.now(UTC))
    winter = armed.get_next_fire_time(None, datetime(2025, 1, 1, tzinfo=UTC))
    summer = armed.get_next_fire_time(None, datetime(2025, 7, 1, tzinfo=UTC))
    assert winter is not None
    assert summer is not None
    assert winter.astimezone(UTC).hour == 5
    assert summer.astimezone(UTC).hour == 4


def test_a_time_that_the_clocks_skip_does_not_happen() -> None:
    # In Berlin 2025-03-30 had no 02:30, and the week before and after had one.
    assert fires("cron(30 2 * * ? *)", "2025-03-29T00:00:00", 3, "Europe/Berlin") == [
        "2025-03-29 02:30",
        "2025-03-31 02:30",
        "2025-04-01 02:30",
    ]


def test_a_time_that_the_clocks_repeat_happens_once() -> None:
    # In Berlin 2025-10-26 had 02:30 twice.
    armed = trigger("cron(30 2 * * ? *)", "Europe/Berlin", datetime.now(UTC))
    first = armed.get_next_fire_time(None, datetime(2025, 10, 26, tzinfo=BERLIN))
    assert first is not None
    assert first.astimezone(UTC) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    second = armed.get_next_fire_time(first, first)
    assert second is not None
    assert second.date().isoformat() == "2025-10-27"
    # and one that is asked for in the second of these hours is past
    late = armed.get_next_fire_time(None, datetime(2025, 10, 26, 1, 10, tzinfo=UTC))
    assert late is not None
    assert late.date().isoformat() == "2025-10-27"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("daily", "none of rate"),
        ("rate(0 minutes)", "whole number"),
        ("rate(1.5 hours)", "whole number"),
        ("rate(5 fortnights)", "minutes, hours or days"),
        ("at(tomorrow)", "yyyy-mm-dd"),
        ("at(2025-02-30T00:00:00)", "day"),
        ("cron(0 6 * * MON *)", "write ?"),
        ("cron(0 6 ? * ? *)", "write ?"),
        ("cron(0 6 ? * MON)", "5 fields"),
        ("cron(60 6 ? * MON *)", "minutes: '60'"),
        ("cron(0 24 ? * MON *)", "hours: '24'"),
        ("cron(0 0 0 * ? *)", "day-of-month: '0'"),
        ("cron(0 0 ? * 0 *)", "day-of-week: '0'"),
        ("cron(0 0 ? * 8 *)", "day-of-week: '8'"),
        ("cron(0 0 ? * FRI-MON *)", "goes backwards"),
        ("cron(0 0 ? 13 MON *)", "month: '13'"),
        ("cron(0 0 ? * MON 1969)", "year: '1969'"),
        ("cron(0 0 ? * MON#6 *)", "MON#6"),
        ("cron(*/0 0 ? * MON *)", "minutes: '0'"),
        ("cron(,1 0 ? * MON *)", "minutes: ''"),
    ],
)
def test_an_expression_that_is_refused_says_where(expression: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        trigger(expression, "UTC", datetime.now(UTC))
    assert words in str(refused.value)


def test_a_zone_that_does_not_exist_is_refused() -> None:
    for name in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(ExpressionError, match="time zone"):
            trigger("rate(1 day)", name, datetime.now(UTC))


# --- the API ------------------------------------------------------------------------------------------------


@pytest.fixture
def target(site: Any) -> dict[str, Any]:
    """A pipeline that a schedule can start."""
    site.sagemaker.create_pipeline(
        PipelineName="nightly",
        PipelineDefinition=site.definition(
            site.step("Only", "print('fine')"),
            parameters=[{"Name": "Count", "Type": "Integer", "DefaultValue": 1}],
        ),
        RoleArn=site.role,
        ClientRequestToken=site.token(),
    )
    return {
        "Arn": "arn:aws:sagemaker:us-east-1:000000000000:pipeline/nightly",
        "RoleArn": site.role,
        "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Count", "Value": "7"}]},
    }


def schedule(target: dict[str, Any], expression: str, **more: Any) -> dict[str, Any]:
    window = {"Mode": "OFF"}
    return {"ScheduleExpression": expression, "FlexibleTimeWindow": window, "Target": target, **more}


def test_a_schedule_is_created_described_listed_updated_and_deleted(
    site: Any, target: dict[str, Any]
) -> None:
    client = site.scheduler
    request = schedule(target, "cron(0 6 ? * MON *)", ScheduleExpressionTimezone="Europe/Berlin")
    arn = client.create_schedule(Name="weekly", **request)["ScheduleArn"]
    assert arn == "arn:aws:scheduler:us-east-1:000000000000:schedule/default/weekly"
    found = client.get_schedule(Name="weekly")
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert (found["State"], found["Target"]) == ("ENABLED", target)
    assert site.code(client.create_schedule, Name="weekly", **request)[0] == "ConflictException"
    client.update_schedule(Name="weekly", **schedule(target, "rate(7 days)", State="DISABLED"))
    found = client.get_schedule(Name="weekly")
    assert (found["ScheduleExpression"], found["State"]) == ("rate(7 days)", "DISABLED")
    listed = client.list_schedules(NamePrefix="week", State="DISABLED")["Schedules"]
    assert [entry["Arn"] for entry in listed] == [arn]
    client.delete_schedule(Name="weekly")
    for call, more in (
        (client.get_schedule, {}),
        (client.delete_schedule, {}),
        (client.update_schedule, request),
    ):
        assert site.code(call, Name="weekly", **more)[0] == "ResourceNotFoundException"


def test_a_schedule_starts_its_pipeline_with_its_parameters(site: Any, target: dict[str, Any]) -> None:
    moment = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    site.scheduler.create_schedule(
        Name="soon", **schedule(target, f"at({moment})", ActionAfterCompletion="DELETE")
    )
    executions: list[dict[str, Any]] = []

    def started() -> bool:
        answer = site.sagemaker.list_pipeline_executions(PipelineName="nightly")
        executions[:] = answer["PipelineExecutionSummaries"]
        return bool(executions)

    site.until(started)
    values = site.sagemaker.list_pipeline_parameters_for_execution(
        PipelineExecutionArn=executions[0]["PipelineExecutionArn"]
    )
    assert values["PipelineParameters"] == [{"Name": "Count", "Value": "7"}]
    site.until(lambda: site.scheduler.list_schedules()["Schedules"] == [])


def test_a_rate_starts_at_once_and_a_disabled_or_early_one_does_not(
    site: Any, target: dict[str, Any]
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    site.scheduler.create_schedule(Name="off", **schedule(target, "rate(1 minute)", State="DISABLED"))
    site.scheduler.create_schedule(Name="later", **schedule(target, "rate(1 minute)", StartDate=later))
    site.service.schedules.fire("later")
    assert site.sagemaker.list_pipeline_executions(PipelineName="nightly")["PipelineExecutionSummaries"] == []
    general = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution",
        "RoleArn": site.role,
        "Input": json.dumps({"PipelineName": "nightly"}),
    }
    site.scheduler.create_schedule(Name="often", **schedule(general, "rate(1 hour)"))
    list_all = site.sagemaker.list_pipeline_executions
    site.until(lambda: len(list_all(PipelineName="nightly")["PipelineExecutionSummaries"]) == 1)


def test_a_time_that_fires_twice_starts_one_execution(
    site: Any, target: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.schedules.now", lambda: "2025-01-01T00:00:00.000Z")
    site.scheduler.create_schedule(Name="twice", **schedule(target, "rate(1 day)", State="DISABLED"))
    for _ in range(2):
        site.service.schedules.fire("twice")
    listed = site.sagemaker.list_pipeline_executions(PipelineName="nightly")["PipelineExecutionSummaries"]
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ScheduleExpression": "cron(0 6 * * MON *)"}, "write ?"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "time zone"),
        ({"Target": {"Arn": "arn:aws:sqs:us-east-1:000000000000:queue", "RoleArn": ""}}, "cannot be started"),
        (
            {
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:sagemaker:startPipelineExecution",
                    "RoleArn": "",
                    "Input": "{",
                }
            },
            "PipelineName",
        ),
    ],
)
def test_a_schedule_that_cannot_work_is_refused(
    site: Any, target: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    request = {**schedule(target, "rate(1 day)"), **change}
    request["Target"]["RoleArn"] = site.role
    code, message = site.code(site.scheduler.create_schedule, Name="bad", **request)
    assert (code, words in message) == ("ValidationException", True)
    assert site.scheduler.list_schedules()["Schedules"] == []


def test_other_parts_of_the_scheduler_are_refused(site: Any, target: dict[str, Any]) -> None:
    assert site.code(site.scheduler.list_schedule_groups)[0] == "UnknownOperationException"
    request = schedule(target, "rate(1 day)", GroupName="other")
    assert site.code(site.scheduler.create_schedule, Name="a", **request)[0] == "ResourceNotFoundException"


# --- an environment's settings ------------------------------------------------------------------------------


def test_the_schedules_of_an_environment_are_made_changed_and_removed(site: Any, tmp_path: Path) -> None:
    settings = tmp_path / "dev.toml"
    settings.write_text(
        '[tasks.iris]\nmin_f1 = 0.9\nschedule = "cron(0 6 ? * MON *)"\ntime_zone = "Europe/Berlin"\n'
        "[tasks.zero-digit]\nmin_f1 = 0.9\n"
    )
    provision(site.service, settings)
    made = site.scheduler.get_schedule(Name="iris")
    assert (made["ScheduleExpression"], made["ScheduleExpressionTimezone"]) == (
        "cron(0 6 ? * MON *)",
        "Europe/Berlin",
    )
    parameters = made["Target"]["SageMakerPipelineParameters"]["PipelineParameterList"]
    assert parameters == [{"Name": "MinF1", "Value": "0.9"}]
    provision(site.service, settings)
    assert site.scheduler.get_schedule(Name="iris")["LastModificationDate"] == made["LastModificationDate"]
    settings.write_text(settings.read_text().replace("MON", "TUE"))
    provision(site.service, settings)
    assert site.scheduler.get_schedule(Name="iris")["ScheduleExpression"] == "cron(0 6 ? * TUE *)"
    settings.write_text("[tasks.iris]\nmin_f1 = 0.9\n")
    provision(site.service, settings)
    assert site.code(site.scheduler.get_schedule, Name="iris")[0] == "ResourceNotFoundException"


def test_the_repositorys_own_settings_have_schedules_that_fire_here(site: Any, repository: Path) -> None:
    for name in ("dev", "prod"):
        provision(site.service, repository / "settings" / f"{name}.toml")
        assert site.scheduler.get_schedule(Name="iris")["State"] == "ENABLED"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tasks", "not TOML"),
        ("tasks = 3", "[tasks.NAME]"),
        ('[tasks.iris]\nschedule = "monthly"', "none of rate"),
        ("[tasks.iris]\nschedule = 3", "must be text"),
    ],
)
def test_settings_that_cannot_be_used_say_why(site: Any, tmp_path: Path, text: str, words: str) -> None:
    settings = tmp_path / "dev.toml"
    settings.write_text(text)
    with pytest.raises(LocalError) as refused:
        provision(site.service, settings)
    assert words in str(refused.value)
