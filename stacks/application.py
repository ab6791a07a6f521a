"""The CDK application with its feature flags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk

_FLAGS = Path(__file__).resolve().parent.parent / "cdk.json"


def application(**options: Any) -> cdk.App:
    """Return an application with the feature flags of cdk.json, which only the CDK CLI would pass on.

    CDK's own validation is off in it because `stacks.checks` adds it, at work in another process.
    """
    flags = json.loads(_FLAGS.read_text(encoding="utf-8"))["context"]
    return cdk.App(context=flags, builtin_cloud_formation_validation=False, **options)
