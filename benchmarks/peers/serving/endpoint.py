"""Our own whole way: an endpoint of `trainyard up` in front of the model's container. Prints its port."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from local.api.start import LocalService
from local.endpoints.record import Configuration

MODEL = "linear"


def main(home: Path, archive: Path) -> None:
    """Serve until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with LocalService(home) as running:
        service = running.service
        service.state.objects.put_file(archive, "s3://benchmark/model.tar.gz")
        container = {
            "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
            "ModelDataUrl": "s3://benchmark/model.tar.gz",
        }
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": MODEL,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        configuration = Configuration(
            "benchmark",
            {"EndpointConfigName": "benchmark", "ProductionVariants": [variant]},
            {MODEL: {"ModelName": MODEL, "PrimaryContainer": container}},
        )
        service.endpoints.create("benchmark", configuration, None)
        endpoint = service.endpoints.find("benchmark")
        assert endpoint is not None
        endpoint.join()
        print(running.url.rpartition(":")[2], flush=True)
        ended.wait()


main(Path(sys.argv[1]), Path(sys.argv[2]))
