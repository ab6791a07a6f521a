"""Processes that die: variants are started again, and a service that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Variant = Callable[..., dict[str, Any]]


def test_a_killed_variant_comes_back_and_only_requests_under_way_fail(
    yard: Any, variant: Variant, load: Any, wait_until: Any
) -> None:
    yard.serve("killed", variant(yard.model("m-killed")))
    (before,) = yard.pids("killed")
    with load(yard.port, "killed") as sent:
        os.kill(before, signal.SIGKILL)
        served = sent.answers["m-killed:1"]
        wait_until(lambda: sent.answers["m-killed:1"] > served + 100)
    assert len(sent.failures) <= sent.clients  # each client has at most one request under way
    for status, body in sent.failures:
        assert status == 503
        assert "was killed by signal 9 while it served" in json.loads(body)["Message"]
    assert yard.pids("killed") != [before]
    assert yard.describe("killed")["EndpointStatus"] == "InService"


def test_the_other_instance_answers_meanwhile(
    yard: Any, variant: Variant, wait_until: Any, is_alive: Any
) -> None:
    yard.serve("pair", variant(yard.model("m-pair"), count=2))
    killed = yard.pids("pair")[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not is_alive(killed))
    assert [yard.invoke("pair") for _ in range(20)] == ["m-pair:1"] * 20
    wait_until(
        lambda: (
            yard.describe("pair")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
            and len(yard.pids("pair")) == 2
        )
    )


def test_a_request_that_kills_its_container_is_told_so(yard: Any, variant: Variant) -> None:
    yard.serve("suicide", variant(yard.model("m-suicide")))
    with pytest.raises(Exception, match="was killed by signal 9") as caught:
        yard.invoke("suicide", "die")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503  # type: ignore[attr-defined]
    assert yard.invoke("suicide") == "m-suicide:1"


@pytest.mark.slow
def test_a_container_that_closes_kept_connections_is_asked_anew(yard: Any, variant: Variant) -> None:
    yard.serve("forgetful", variant(yard.model("m-forgetful", MODE="forgetful")))
    assert [yard.invoke("forgetful") for _ in range(3)] == ["m-forgetful:1"] * 3


@pytest.mark.slow
def test_a_service_that_ended_serves_again(open_yard: Any, variant: Variant, is_alive: Any) -> None:
    yard = open_yard()
    yard.serve("lasting", variant(yard.model("m-lasting")))
    (before,) = yard.pids("lasting")
    created = yard.describe("lasting")["CreationTime"]
    yard.close()
    assert not is_alive(before)
    again = open_yard()
    assert again.invoke("lasting") == "m-lasting:1"
    told = again.describe("lasting")
    assert (told["EndpointStatus"], told["CreationTime"]) == ("InService", created)


@pytest.mark.slow
def test_a_live_endpoint_outlives_its_configuration_and_model(open_yard: Any, variant: Variant) -> None:
    yard = open_yard()
    yard.serve("orphaned", variant(yard.model("m-orphaned")))
    yard.sagemaker.delete_endpoint_config(EndpointConfigName="orphaned-1")
    yard.sagemaker.delete_model(ModelName="m-orphaned")
    yard.close()
    assert open_yard().invoke("orphaned") == "m-orphaned:1"


@pytest.mark.slow
def test_an_update_that_the_service_did_not_finish_is_finished(open_yard: Any, variant: Variant) -> None:
    yard = open_yard()
    yard.serve("resumed", variant(yard.model("old")))
    config = yard.config("resumed-2", variant(yard.model("new")))
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 1}
    yard.sagemaker.update_endpoint(
        EndpointName="resumed",
        EndpointConfigName=config,
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}},
    )
    yard.close()
    again = open_yard()
    told = again.wait("resumed")
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", "resumed-2")
    assert again.invoke("resumed") == "new:1"


SCRIPT = """
import json, sys, threading
from pathlib import Path
from local.api.service import Service
from local.containers import Container
from local.endpoints.manager import EndpointManager
from local.endpoints.record import Configuration
from local.state import open_state

request, model, script = json.loads(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
state = open_state(Path(sys.argv[1]), write=True)
service = Service(state)
service.endpoints = EndpointManager(state, service, {"toy": Container(serve=("python3", script))})
service.endpoints.create("killed", Configuration("c", request, {"m": model}), None)
endpoint = service.endpoints.find("killed")
endpoint.join()
print(endpoint.record.status, *[i.pid for f in endpoint.router.fleets for v in f.variants.values()
                                for i in v.instances], flush=True)
threading.Event().wait()
"""


@pytest.mark.slow
def test_a_service_that_was_killed_leaves_no_process_and_serves_again(
    open_yard: Any, tmp_path: Path, variant: Variant, toy: Any, is_alive: Any
) -> None:
    model = {"ModelName": "m", "PrimaryContainer": {"Image": "toy", "Environment": {"NAME": "m"}}}
    request = {"EndpointConfigName": "c", "ProductionVariants": [variant("m")]}
    arguments = [str(tmp_path / "home"), json.dumps(request), json.dumps(model), toy["toy"].serve[1]]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        status, pid = child.stdout.readline().split()
        child.kill()
    assert status == "InService"
    yard = open_yard()
    assert yard.invoke("killed") == "m:1"
    assert not is_alive(int(pid))
    assert yard.pids("killed") != [int(pid)]
