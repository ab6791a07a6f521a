"""The state directory: one writer, readers at any time, and executions that outlive what runs them."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local.control import Control
from local.errors import BusyError, LocalError, NotFoundError
from local.executor import run
from local.orphans import end_orphan, process_started
from local.state import open_state


def waiting(build, name="Wait", **more):
    """A step that says that it runs, then waits for longer than any test."""
    return build.processing(name, "print('here', flush=True); time.sleep(600)", seconds=3600, **more)


def events(child):
    for line in child.stdout:
        yield json.loads(line)


def wait_for(child, kind, step):
    return next(event for event in events(child) if event[:2] == [kind, step])


def comes_true(question, seconds=30):
    """Ask until the answer is yes; so long is waited for what takes a moment on an idle machine."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.01)
    return False


def dead(pid):
    return comes_true(lambda: process_started(pid) is None)


def job_pid(yard, name="Wait"):
    """The process of the job of a step that runs now."""

    def find():
        with yard.open(write=False) as state:
            return [
                job["pid"] for job in state.records.jobs_under_way() if job["step"] == name and job["pid"]
            ]

    found = comes_true(find)
    assert found, f"no process for {name}"
    return found[0]


def test_a_second_run_is_told_who_holds_the_directory_while_readers_read(yard, build, in_child):
    child = in_child(build.definition(waiting(build)))
    execution = wait_for(child, "step-started", "Wait")[2]
    with pytest.raises(BusyError, match=f"in use by a run in process {child.pid}"):
        yard.run(build.definition(waiting(build)))
    with yard.open(write=False) as state:
        described = state.describe(execution)
    assert described["status"] == "Executing"
    assert [step["status"] for step in described["steps"]] == ["Executing"]


def test_a_reader_of_nothing_finds_nothing_and_makes_nothing(tmp_path):
    with open_state(tmp_path / "home") as state:
        assert (state.executions(), state.model_packages(), state.last_execution()) == ([], [], None)
        with pytest.raises(NotFoundError, match="no execution 'x' here"):
            state.describe("x")
    assert not (tmp_path / "home").exists()


def test_nothing_is_run_through_a_reader(yard, build):
    yard.run(build.definition(build.processing("P", "pass")))
    with yard.open(write=False) as state, pytest.raises(LocalError, match="opened to be read"):
        run(state, build.definition(build.processing("P", "pass")), "toys", containers=yard.containers)


def test_a_directory_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match=r"cannot use .*file.* as state directory"):
        open_state(tmp_path / "file", write=True)


def test_a_directory_of_a_newer_version_is_left_alone(yard, build):
    yard.run(build.definition(build.processing("P", "pass")))
    with sqlite3.connect(yard.home / "records.sqlite") as records:
        records.execute("PRAGMA user_version=99")
    records.close()
    with pytest.raises(LocalError, match="has schema 99"):
        yard.open()
    with pytest.raises(LocalError, match="has schema 99"):
        yard.open(write=False)


def test_the_home_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAINYARD_HOME", str(tmp_path / "elsewhere"))
    with open_state(write=True) as state:
        assert state.home == tmp_path / "elsewhere"


# --- stopping ---


def test_ctrl_c_ends_the_jobs_and_the_execution_can_go_on(yard, build, in_child, step_of, tmp_path):
    code = (
        f"gate = Path({str(tmp_path / 'gate')!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('told to end'))\n"
        "print('here', flush=True)\nif not gate.exists(): time.sleep(600)"
    )
    child = in_child(
        build.definition(
            build.processing("First", "pass"), build.processing("Wait", code, DependsOn=["First"])
        )
    )
    execution = wait_for(child, "step-started", "Wait")[2]
    pid = job_pid(yard)
    with yard.open(write=False) as state:
        log = Path(step_of(state.describe(execution), "Wait")["log"])
    assert comes_true(lambda: "here" in log.read_text())
    child.send_signal(signal.SIGINT)
    assert child.wait(30) != 0
    assert dead(pid)
    assert "told to end" in log.read_text()  # SIGTERM, which a job can answer, and not SIGKILL
    with yard.open(write=False) as state:
        described = state.describe(execution)
    assert (described["status"], described["failure_reason"]) == ("Stopped", "the execution was stopped")
    assert [step["status"] for step in described["steps"]] == ["Succeeded", "Stopped"]
    (tmp_path / "gate").touch()
    assert yard.resume(execution)["status"] == "Succeeded"


def test_a_second_ctrl_c_ends_a_job_that_does_not_listen_to_the_first(yard, build, in_child):
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
    child = in_child(build.definition(build.processing("Wait", code, seconds=3600)))
    execution = wait_for(child, "step-started", "Wait")[2]
    pid = job_pid(yard)
    with yard.open(write=False) as state:
        log = Path(state.describe(execution)["steps"][0]["log"])
        assert comes_true(lambda: "here" in log.read_text())
        child.send_signal(signal.SIGINT)
        assert comes_true(lambda: state.describe(execution)["status"] == "Stopping")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) != 0
        assert dead(pid)
        assert state.describe(execution)["status"] == "Stopped"


def test_another_thread_can_stop_an_execution(yard, build):
    control = Control()

    def stop_when_started(event):
        if event.kind == "step-started":
            threading.Thread(target=control.stop).start()

    with yard.open() as state:
        definition = build.definition(waiting(build), build.processing("Never", "pass", DependsOn=["Wait"]))
        execution = run(
            state, definition, "toys", on_event=stop_when_started, containers=yard.containers, control=control
        )
        assert state.describe(execution)["status"] == "Stopped"


def test_an_execution_that_succeeded_has_nothing_to_go_on_with(yard, build):
    execution = yard.run(build.definition(build.processing("P", "pass")))["execution"]
    with pytest.raises(LocalError, match="has succeeded"):
        yard.resume(execution)


# --- killed ---


def test_the_jobs_of_a_killed_runner_are_ended_and_others_are_not(yard, build, in_child):
    child = in_child(build.definition(waiting(build)))
    execution = wait_for(child, "step-started", "Wait")[2]
    pid = job_pid(yard)
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        child.kill()
        child.wait()
        assert process_started(pid) is not None
        with yard.open(write=False) as state:
            described = state.describe(execution)
            assert described["status"] == "Stopped"
            assert f"trainyard run --resume {execution}" in described["failure_reason"]
        yard.open().close()
        assert dead(pid)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_number_that_became_another_processs_is_left_alone(tmp_path):
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        end_orphan(stranger.pid, "another start", tmp_path)
        assert stranger.poll() is None
        end_orphan(stranger.pid, process_started(stranger.pid), tmp_path)
        assert stranger.wait(10) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


def work(build):
    """A small pipeline of all kinds of steps, each long enough to be hit."""
    convert = build.processing(
        "Convert",
        "time.sleep(0.1)\nfor name in 'abc': (ml / 'processing/output/train' / name).write_text(name)",
        inputs={"raw": "s3://raw/train/"},
        outputs={"train": build.below("Convert", "train")},
    )
    evaluate = build.processing(
        "Evaluate",
        "time.sleep(0.1); (ml / 'processing/output/evaluation/e.json').write_text('{\"value\": 0.95}')",
        inputs={"predictions": {"Get": "Steps.Transform.TransformOutput.S3OutputPath"}},
        outputs={"evaluation": build.below("Evaluate")},
        files={"E": ("evaluation", "e.json")},
    )
    value = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.E"}, "Path": "value"}}
    good = {"Type": "GreaterThanOrEqualTo", "LeftValue": value, "RightValue": 0.9}
    return build.definition(
        convert,
        build.training("Train", data=build.output("Convert", "train"), hyper={"code": "time.sleep(0.1)"}),
        build.model("CreateModel", "Train"),
        build.transform("Transform", "CreateModel", build.output("Convert", "train")),
        evaluate,
        build.condition(
            "Check", [good], [build.register("Register", "Train")], [build.fail("TooLow", "too low")]
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment_an_execution_goes_on_to_the_same_end(yard, build, in_child, step_of, seed):
    yard.put("s3://raw/train/a", "1\n")
    child = in_child(work(build))
    execution = json.loads(child.stdout.readline())[2]
    time.sleep(random.Random(seed).uniform(0, 1.2))
    child.kill()
    child.wait()
    with yard.open() as state:
        before = state.describe(execution)
        for step in before["steps"]:
            if step["status"] == "Succeeded":
                assert all(state.objects.exists(uri) for uri in step["outputs"].values())
        if state.objects.exists(f"s3://bucket/runs/{execution}/Convert/"):
            found = state.objects.find(f"s3://bucket/runs/{execution}/Convert/")
            assert [item.path.read_text() for item in found] == ["a", "b", "c"]  # all of it, or nothing
    described = before if before["status"] == "Succeeded" else yard.resume(execution)
    assert (described["status"], described["execution"]) == ("Succeeded", execution)
    assert described["parameters"] == before["parameters"]
    for step in before["steps"]:
        if step["status"] == "Succeeded":
            assert step_of(described, step["name"]) == step  # what had succeeded is as it was
    with yard.open(write=False) as state:
        assert [package["version"] for package in state.model_packages()] == [1]  # registered once
    assert not list(yard.home.glob("tmp/*"))
    assert not list(yard.home.glob("jobs/*"))


def test_a_killed_job_is_a_failure_that_can_be_gone_on_from(yard, build, tmp_path):
    gate = str(tmp_path / "gate")
    code = f"Path({gate!r}).exists() or os.kill(os.getpid(), signal.SIGKILL)"
    described = yard.run(build.definition(build.processing("P", code)))
    assert "killed by SIGKILL" in described["failure_reason"]
    Path(gate).touch()
    again = yard.resume(described["execution"])
    assert (again["status"], again["failure_reason"]) == ("Succeeded", None)


# --- side by side ---


def test_independent_steps_run_side_by_side_and_share_the_cores(yard, build, tmp_path):
    cores = len(os.sched_getaffinity(0))
    meet = str(tmp_path)
    code = (
        f"Path({meet!r}, arguments[0]).touch()\n"
        f"while not Path({meet!r}, arguments[1]).exists(): time.sleep(0.01)\n"
        f"assert os.environ['OMP_NUM_THREADS'] == str(max(1, {cores} // 2)), os.environ['OMP_NUM_THREADS']"
    )
    steps = [
        build.processing(name, code, arguments=(name, other)) for name, other in (("A", "B"), ("B", "A"))
    ]
    assert yard.run(build.definition(*steps), max_parallel=2)["failure_reason"] is None


def test_steps_take_turns_where_only_one_may_run(yard, build, tmp_path):
    busy = str(tmp_path / "busy")
    code = f"os.mkdir({busy!r}); time.sleep(0.05); os.rmdir({busy!r})"
    steps = [build.processing(name, code) for name in "ABC"]
    assert yard.run(build.definition(*steps), max_parallel=1)["failure_reason"] is None


def test_events_tell_the_whole_story_in_order(yard, build):
    yard.run(
        build.definition(build.processing("P", "pass"), build.fail("F", "enough") | {"DependsOn": ["P"]})
    )
    told = [(event.kind, event.step, event.status) for event in yard.events]
    assert told == [
        ("execution-started", "", "Executing"),
        ("step-started", "P", "Executing"),
        ("step-succeeded", "P", "Succeeded"),
        ("step-started", "F", "Executing"),
        ("step-failed", "F", "Failed"),
        ("execution-ended", "", "Failed"),
    ]
    assert yard.events[-1].message == "enough"
