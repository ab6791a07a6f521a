"""The whole platform of one environment: six stacks, in the order in which they need each other."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk

from settings import Settings
from stacks.access import AccessStack, set_boundary
from stacks.checks import check
from stacks.network import NetworkStack
from stacks.pipelines import PipelinesStack
from stacks.serving import ServingStack
from stacks.storage import StorageStack
from stacks.studio import StudioStack


@dataclass(frozen=True)
class Platform:
    """The stacks of one environment."""

    network: NetworkStack
    storage: StorageStack
    access: AccessStack
    studio: StudioStack
    pipelines: PipelinesStack
    serving: ServingStack


def build(app: cdk.App, settings: Settings) -> Platform:
    """Compose the stacks and have every template checked at synthesis."""
    network = NetworkStack(app, settings=settings)
    storage = StorageStack(app, settings=settings, network=network)
    access = AccessStack(app, settings=settings, network=network, storage=storage)
    studio = StudioStack(app, settings=settings, network=network, storage=storage, access=access)
    pipelines = PipelinesStack(app, settings=settings, network=network, storage=storage, access=access)
    serving = ServingStack(app, settings=settings, network=network, access=access, pipelines=pipelines)
    platform = Platform(network, storage, access, studio, pipelines, serving)
    for stack in vars(platform).values():
        set_boundary(stack, settings.access.permissions_boundary)
    check(app, production=settings.production)
    return platform
