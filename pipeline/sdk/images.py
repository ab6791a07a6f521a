"""Which registry holds the images in which region, from the data that comes with the SDK."""

from __future__ import annotations

from typing import Any

import botocore.session
from sagemaker.core import image_uris

from pipeline.sdk.settings import INSTANCE_TYPE
from pipeline.tasks import ALGORITHMS, pascal_case


def image_table() -> dict[str, dict[str, Any]]:
    """Return placeholder → {repository, tag, registries: {region: registry host}}."""
    wanted = {f"{pascal_case(name)}Image": (name, "1") for name in ALGORITHMS}
    wanted["ScikitLearnImage"] = ("sklearn", "1.4-2")
    # One for all regions: `image_uris.retrieve` reads botocore's endpoints anew for each, 80 ms every time.
    endpoints = botocore.session.get_session().get_component("endpoint_resolver")
    return {placeholder: _image(endpoints, *wanted[placeholder]) for placeholder in sorted(wanted)}


def _image(endpoints: Any, framework: str, version: str) -> dict[str, Any]:
    config = image_uris.config_for_framework(framework)
    accounts = config.get("training", config)["versions"][version]["registries"]
    hosts = {
        region: f"{accounts[region]}.dkr.{endpoints.construct_endpoint('ecr', region)['hostname']}"
        for region in sorted(accounts)
    }
    host, _, name = _uri(framework, version, "us-east-1").partition("/")
    if host != hosts["us-east-1"]:
        raise ValueError(f"the SDK calls the registry of {framework} {host}, not {hosts['us-east-1']}")
    repository, _, tag = name.partition(":")
    return {"repository": repository, "tag": tag, "registries": hosts}


def _uri(framework: str, version: str, region: str) -> str:
    return str(
        image_uris.retrieve(
            framework,
            region,
            version=version,
            py_version="py3" if framework == "sklearn" else None,
            instance_type=INSTANCE_TYPE,
            image_scope="training",
        )
    )
