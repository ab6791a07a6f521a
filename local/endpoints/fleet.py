"""All variants of one endpoint configuration, as one deployment brings them in and takes them out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from local.containers import Containers
from local.endpoints.alarms import Watch
from local.endpoints.errors import DeploymentError
from local.endpoints.serverless import ServerlessVariant
from local.endpoints.specification import PackageLookup, Specification, specify
from local.endpoints.timing import Timing
from local.endpoints.variant import Place, Variant

_ROUNDING = 1e-9  # 0.1 + 0.2 of ten instances are three, not four


class Fleet:
    """The variants that serve one configuration.

    Attributes:
        config: the CreateEndpointConfig request.
        variants: by name.
        under_way: requests that were given to it and are not answered yet.
        watch: counts its requests while alarms are over them.

    """

    def __init__(
        self,
        config: Mapping[str, Any],
        models: Mapping[str, Mapping[str, Any]],
        place: Place,
        timing: Timing,
        containers: Containers,
        package: PackageLookup | None = None,
        *,
        persistent: bool = False,
    ):
        """Prepare the variants; none is started.

        Args:
            config: the CreateEndpointConfig request.
            models: model name → CreateModel request.
            place: where the containers live.
            timing: how long things may take.
            containers: what stands in for which image.
            package: finds a model package.
            persistent: start again even what never was ready: it served before the service ended.

        Raises:
            DeploymentError: a model cannot be served here.

        """
        self.config = config
        self.under_way = 0
        self.watch: Watch | None = None
        self.variants: dict[str, Variant] = {}
        for given in config["ProductionVariants"]:
            specification = specify(models[given["ModelName"]], containers, package)
            self.variants[given["VariantName"]] = _variant(given, specification, place, timing, persistent)

    @property
    def restarts(self) -> int:
        """How often a process of it died."""
        return sum(variant.restarts for variant in self.variants.values())

    def start(self, fraction: float = 1.0) -> None:
        """Start (or stop) instances until each variant has this fraction of those that it should have."""
        for variant in self.variants.values():
            variant.scale(math.ceil(variant.desired * fraction - _ROUNDING))

    def wait_until_ready(self, given_up: Callable[[], bool]) -> None:
        """Wait until all instances answer.

        Raises:
            DeploymentError: one never will, or `given_up`.

        """
        for variant in self.variants.values():
            variant.wait_until_ready(given_up)

    def retire(self, drain: float) -> None:
        """Stop the instances that were taken out of the traffic."""
        for variant in self.variants.values():
            variant.retire(drain)

    def stop(self, drain: float) -> None:
        """Take everything out of service, for good, and stop it."""
        for variant in self.variants.values():
            variant.leave()
            variant.scale(0)
        self.retire(drain)

    def check_health(self) -> None:
        """Raise DeploymentError where a process died."""
        for variant in self.variants.values():
            if variant.restarts or variant.failure:
                raise DeploymentError(
                    f"production variant {variant.name} did not stay healthy: "
                    f"{variant.failure or variant.last_death}"
                )


def _variant(
    given: Mapping[str, Any], specification: Specification, place: Place, timing: Timing, persistent: bool
) -> Variant:
    name, weight = given["VariantName"], float(given.get("InitialVariantWeight", 1.0))
    cores = os.cpu_count() or 1
    startup = given.get("ContainerStartupHealthCheckTimeoutInSeconds", timing.startup)
    timing = replace(timing, startup=float(startup))
    if serverless := given.get("ServerlessConfig"):
        return ServerlessVariant(
            name,
            specification,
            place,
            timing,
            weight=weight,
            concurrency=serverless["MaxConcurrency"],
            provisioned=bool(serverless.get("ProvisionedConcurrency")),
            threads=cores,
        )
    count = given.get("InitialInstanceCount", 1)
    return Variant(
        name,
        specification,
        place,
        timing,
        weight=weight,
        desired=count,
        threads=max(1, cores // max(1, count)),
        persistent=persistent,
    )
