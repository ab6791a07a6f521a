"""The parts of jobs that have rules of their own: archives, batches, Pipe mode, metrics, time limits."""

from __future__ import annotations

import gzip
import io
import os
import signal
import struct
import sys
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.errors import LocalError, StepError
from local.jobs.archive import pack, unpack
from local.jobs.batches import batches
from local.jobs.metrics import final_metrics
from local.jobs.pipe import Feeder
from local.process import Process

# --- archives ---


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_an_archive_holds_what_was_packed(tmp_path):
    (tmp_path / "model/deep").mkdir(parents=True)
    (tmp_path / "model/deep/a").write_bytes(b"1")
    (tmp_path / "model/b").write_bytes(b"2")
    pack(tmp_path / "model", tmp_path / "m.tar.gz")
    unpack(tmp_path / "m.tar.gz", tmp_path / "out")
    assert (tmp_path / "out/deep/a").read_bytes() + (tmp_path / "out/b").read_bytes() == b"12"


@pytest.mark.parametrize(
    ("hostile", "complaint"),
    [
        (member("../evil"), "leads out"),
        (member("/tmp/evil"), "leads out"),
        (member("a/../../evil"), "leads out"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "a link or a device"),
        (member("link", tarfile.LNKTYPE, "/etc/passwd"), "a link or a device"),
        (member("device", tarfile.CHRTYPE), "a link or a device"),
        (member("fifo", tarfile.FIFOTYPE), "a link or a device"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, hostile, complaint):
    path = archive_of(tmp_path / "m.tar.gz", (hostile, b""))
    with pytest.raises(LocalError, match=complaint):
        unpack(path, tmp_path / "out/model")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_archive_that_expands_without_measure_is_refused_before_it_is_written(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    info = tarfile.TarInfo("zeros")
    info.size = 3 << 30
    with gzip.open(path, "wb", 1) as packed:
        packed.write(info.tobuf())
        for _ in range(300):
            packed.write(bytes(10 << 20))
    with pytest.raises(LocalError, match="expands to far more than a model"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar at all" * 100, mtime=0)])
def test_what_is_no_archive_is_named(tmp_path, content):
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(LocalError, match=r"m\.tar\.gz is no gzipped tar"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")


def test_a_truncated_archive_is_named(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/a").write_bytes(os.urandom(100_000))
    pack(tmp_path / "model", tmp_path / "m.tar.gz")
    whole = (tmp_path / "m.tar.gz").read_bytes()
    (tmp_path / "m.tar.gz").write_bytes(whole[:50_000])
    with pytest.raises(LocalError, match="is no gzipped tar"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")


# --- batches ---


def record(content: bytes) -> bytes:
    padded = content + bytes(-len(content) % 4)
    return struct.pack("<II", 0xCED7230A, len(content)) + padded


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"") + b"\n")), st.integers(41, 200))
def test_lines_come_whole_in_order_and_within_the_limit(tmp_path_factory, lines, limit):
    path = tmp_path_factory.mktemp("batches") / "input"
    path.write_bytes(b"".join(lines))
    bodies = list(batches(path, "Line", "MultiRecord", limit))
    assert b"".join(bodies) == b"".join(lines)
    assert all(len(body) <= limit and body.endswith(b"\n") for body in bodies)
    assert list(batches(path, "Line", "SingleRecord", limit)) == lines
    longest = max(map(len, lines), default=0)
    assert all(len(one) + longest > limit for one in bodies[:-1])  # no body is smaller than it must be


@given(st.lists(st.binary(max_size=40).map(record)), st.integers(48, 200))
def test_recordio_comes_whole_in_order_and_within_the_limit(tmp_path_factory, records, limit):
    path = tmp_path_factory.mktemp("batches") / "input"
    path.write_bytes(b"".join(records))
    bodies = list(batches(path, "RecordIO", "MultiRecord", limit))
    assert b"".join(bodies) == b"".join(records)
    assert all(len(body) <= limit for body in bodies)
    assert list(batches(path, "RecordIO", "SingleRecord", limit)) == records


@pytest.mark.parametrize(
    ("content", "split", "complaint"),
    [
        (b"12345678\n123\n", "Line", "larger than MaxPayloadInMB"),
        (b"12345678", "None", "more than MaxPayloadInMB allows"),
        (b"nonsense....", "RecordIO", "no RecordIO record begins"),
        (record(b"1234")[:-1], "RecordIO", "larger than MaxPayloadInMB"),
        (record(b"")[:-1], "RecordIO", "ends in the midst"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path, content, split, complaint):
    (tmp_path / "input").write_bytes(content)
    limit = 7 if split != "RecordIO" or len(content) > 8 else 8
    with pytest.raises(StepError, match=complaint):
        list(batches(tmp_path / "input", split, "MultiRecord", limit if b"nonsense" not in content else 12))


def test_a_last_line_needs_no_newline_and_no_limit_is_no_limit(tmp_path):
    (tmp_path / "input").write_bytes(b"1\n2")
    assert list(batches(tmp_path / "input", "Line", "MultiRecord", 0)) == [b"1\n2"]
    assert list(batches(tmp_path / "input", "Line", "SingleRecord", 0)) == [b"1\n", b"2"]
    assert list(batches(tmp_path / "input", "None", "MultiRecord", 0)) == [b"1\n2"]


# --- Pipe mode ---


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(3_000_000))
    (tmp_path / "b").write_bytes(b"end")
    return [tmp_path / "a", tmp_path / "b"]


def test_each_epoch_has_a_fifo_with_all_objects_one_after_the_other(tmp_path, files):
    feeder = Feeder(tmp_path, "train", files)
    whole = b"".join(file.read_bytes() for file in files)
    for epoch in range(4):
        assert (tmp_path / f"train_{epoch}").read_bytes() == whole
    feeder.close()
    assert feeder.error is None


def test_a_reader_may_close_early_and_go_on_with_the_next_epoch(tmp_path, files):
    feeder = Feeder(tmp_path, "train", files)
    with (tmp_path / "train_0").open("rb") as reader:
        assert reader.read(10) == files[0].read_bytes()[:10]
    with (tmp_path / "train_1").open("rb") as reader:
        assert len(reader.read()) == 3_000_003
    feeder.close()
    assert feeder.error is None


def test_a_reader_that_never_opens_holds_nothing_up(tmp_path, files):
    Feeder(tmp_path, "train", files).close()


def test_a_reader_that_dies_in_the_middle_holds_nothing_up(tmp_path, files):
    feeder = Feeder(tmp_path, "train", files)
    reader = os.open(tmp_path / "train_0", os.O_RDONLY)
    os.read(reader, 10)
    os.close(reader)
    feeder.close()
    assert feeder.error is None


def test_pipe_mode_feeds_a_training_job_epoch_by_epoch(yard, build, step_of):
    yard.put("s3://raw/train/a", "1\n")
    yard.put("s3://raw/train/b", "2\n")
    code = "assert seen == {'train': ['1\\n2\\n'] * 3}, seen"
    step = build.training("Train", data="s3://raw/train/", mode="Pipe", hyper={"epochs": 3, "code": code})
    assert yard.run(build.definition(step))["failure_reason"] is None


# --- metrics ---


def test_the_last_value_of_each_metric_is_final(tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "[11/20] #quality_metric: host=algo-1, epoch=0, validation cross_entropy_objective <loss>=0.4\n"
        "#quality_metric: host=algo-1, epoch=1, validation cross_entropy_objective <loss>=3e-05\n"
        "#quality_metric: host=algo-1, epoch=1, train mse <loss>=nan\n"
        "#progress_metric: host=algo-1, completed 33.3 % of epochs\n"
        "#throughput_metric: host=algo-1, train throughput=91234.5 records/second\n"
        "#test_score (algo-1) : ('macro_f_1.000', 0.97)\n"
        "#test_score (algo-1) : ('multiclass_top_k_accuracy_3', 1.0)\n"
        "own: 3\nown: 4\n"
    )
    found = final_metrics(log, [{"Name": "own", "Regex": "own: ([0-9]+)"}])
    assert {entry["MetricName"]: entry["Value"] for entry in found} == {
        "validation:objective_loss": 3e-05,
        "train:progress": 33.3,
        "train:throughput": 91234.5,
        "test:macro_f_beta": 0.97,
        "test:multiclass_top_k_accuracy": 1.0,
        "own": 4.0,
    }


# --- the end of a process ---


@pytest.mark.slow
def test_a_job_that_runs_too_long_is_ended(yard, build):
    started = time.monotonic()
    described = yard.run(build.definition(build.processing("Slow", "time.sleep(60)", seconds=1)))
    assert described["failure_reason"].startswith("step Slow failed: MaxRuntimeExceeded")
    assert time.monotonic() - started < 30  # not a figure: the sleep was not waited for


@pytest.mark.parametrize("watched", [True, False])
def test_a_process_is_waited_for_no_longer_than_asked(tmp_path, monkeypatch, watched):
    if not watched:  # as on macOS, and in a sandbox that does not know the call
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = Process(command, cwd=tmp_path, environment={}, log=tmp_path / "log")
    assert not process.ends_within(0.05)
    process.stop(0)
    assert process.ends_within(60)
    assert process.wait() == -signal.SIGKILL


def test_what_a_job_leaves_running_ends_with_it(yard, build, tmp_path):
    code = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))"
    )
    assert yard.run(build.definition(build.processing("P", code)))["status"] == "Succeeded"
    pid = (tmp_path / "pid").read_text()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return  # dead; who inherited it has not looked yet
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()
