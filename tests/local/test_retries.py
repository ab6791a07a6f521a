"""Retries: internal faults are tried again with growing pauses, the customer's own errors are not."""

from __future__ import annotations

from local.retries import Retries

JOB = "SageMaker.JOB_INTERNAL_ERROR"


def policy(*kinds, **settings):
    return {"ExceptionType": list(kinds), "IntervalSeconds": 0, **settings}


def flaky(tmp_path, death):
    """Code of a job that dies at its first two tries."""
    count = str(tmp_path / "tries")
    return (
        f"tries = Path({count!r}); n = len(tries.read_text()) if tries.exists() else 0; "
        f"tries.write_text('x' * (n + 1)); n < 2 and {death}"
    )


def test_a_killed_container_is_tried_again(yard, build, step_of, tmp_path):
    code = flaky(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    step = build.processing(
        "P", code, RetryPolicies=[policy("Step.SERVICE_FAULT"), policy(JOB, MaxAttempts=3)]
    )
    described = yard.run(build.definition(step))
    assert described["status"] == "Succeeded"
    assert step_of(described, "P")["attempts"] == 3
    retried = [event for event in yard.events if event.kind == "step-retrying"]
    assert len(retried) == 2
    assert "retry in 0 s: InternalServerError: the container was killed by SIGKILL" in retried[0].message


def test_an_internal_exit_code_is_tried_again(yard, build, step_of, tmp_path):
    step = build.processing("P", flaky(tmp_path, "os._exit(255)"), RetryPolicies=[policy(JOB, MaxAttempts=3)])
    assert yard.run(build.definition(step))["status"] == "Succeeded"


def test_after_the_last_attempt_the_step_has_failed(yard, build, step_of, tmp_path):
    code = flaky(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    step = build.processing("P", code, RetryPolicies=[policy(JOB, MaxAttempts=1)])
    described = yard.run(build.definition(step))
    assert (described["status"], step_of(described, "P")["attempts"]) == ("Failed", 2)


def test_a_customers_error_is_not_tried_again(yard, build, step_of, tmp_path):
    kinds = (
        "Step.SERVICE_FAULT",
        "Step.THROTTLING",
        JOB,
        "SageMaker.CAPACITY_ERROR",
        "SageMaker.RESOURCE_LIMIT",
    )
    step = build.processing(
        "P", flaky(tmp_path, "sys.exit(1)"), RetryPolicies=[policy(*kinds, MaxAttempts=5)]
    )
    described = yard.run(build.definition(step))
    assert (described["status"], step_of(described, "P")["attempts"]) == ("Failed", 1)


def test_pauses_grow_by_the_backoff_rate_until_the_attempts_are_used_up():
    retries = Retries([{"ExceptionType": [JOB], "IntervalSeconds": 10, "BackoffRate": 2.0, "MaxAttempts": 3}])
    assert [retries.pause(JOB, 0) for _ in range(4)] == [10, 20, 40, None]


def test_a_policy_without_figures_has_the_services_defaults():
    retries = Retries([{"ExceptionType": [JOB]}])
    assert [retries.pause(JOB, 0) for _ in range(6)] == [1, 2, 4, 8, 16, None]


def test_no_retry_begins_after_the_policy_has_expired():
    retries = Retries(
        [{"ExceptionType": [JOB], "IntervalSeconds": 30, "BackoffRate": 1.0, "ExpireAfterMin": 1}]
    )
    assert retries.pause(JOB, 5) == 30
    assert retries.pause(JOB, 35) is None


def test_each_policy_counts_its_own_attempts():
    retries = Retries([policy("Step.SERVICE_FAULT", MaxAttempts=1), policy(JOB, MaxAttempts=1)])
    faults = ["Step.SERVICE_FAULT", JOB, JOB, "Step.THROTTLING", ""]
    assert [retries.pause(fault, 0) for fault in faults] == [0, 0, None, None, None]
