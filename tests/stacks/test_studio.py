"""What Studio promises."""

from __future__ import annotations

import base64
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def test_quick_mode_has_its_own_internet_and_custom_mode_has_none(dev: Any, prod: Any) -> None:
    assert dev.only("studio", "AWS::SageMaker::Domain")["AppNetworkAccessType"] == "PublicInternetOnly"
    assert prod.only("studio", "AWS::SageMaker::Domain")["AppNetworkAccessType"] == "VpcOnly"


def test_home_directories_are_encrypted_with_the_platforms_key(both: Any) -> None:
    for platform in both:
        assert platform.only("studio", "AWS::SageMaker::Domain")["KmsKeyId"]


def test_every_user_of_the_settings_has_a_profile(prod: Any) -> None:
    profiles = prod.properties("studio", "AWS::SageMaker::UserProfile")
    assert [profile["UserProfileName"] for profile in profiles] == ["data-scientist", "reviewer"]


def test_idle_applications_are_shut_down_after_the_minutes_of_the_settings(both: Any) -> None:
    for platform, minutes in zip(both, (60, 120), strict=True):
        settings = platform.only("studio", "AWS::SageMaker::Domain")["DefaultUserSettings"]
        idle = settings["JupyterLabAppSettings"]["AppLifecycleManagement"]["IdleSettings"]
        assert idle["LifecycleManagement"] == "ENABLED"
        assert idle["IdleTimeoutInMinutes"] == minutes


def test_jupyterlab_starts_with_the_code_that_pipelines_run(dev: Any) -> None:
    script = dev.only("studio", "AWS::SageMaker::StudioLifecycleConfig")
    text = base64.b64decode(script["StudioLifecycleConfigContent"]).decode()
    assert "/trainyard/dev/processing-code-uri" in text
    parameter = dev.only("pipelines", "AWS::SSM::Parameter", Name="/trainyard/dev/processing-code-uri")
    assert parameter["Value"].startswith("s3://trainyard-dev-artifacts-111122223333-us-east-1/code/")


def test_destroy_in_dev_clears_studio_in_the_order_in_which_it_can_be_deleted(dev: Any) -> None:
    """Applications and spaces, then profiles and domain, then file system and groups."""
    ((_, first),) = dev.resources("studio", "Custom::StudioApplications").items()
    ((last_id, _),) = dev.resources("studio", "Custom::StudioRemains").items()
    ((_, domain),) = dev.resources("studio", "AWS::SageMaker::Domain").items()
    profiles = set(dev.resources("studio", "AWS::SageMaker::UserProfile"))
    assert profiles <= set(first["DependsOn"])
    assert last_id in domain["DependsOn"]


def test_a_clean_up_keeps_its_permissions_until_it_is_done(dev: Any) -> None:
    policies = set(dev.resources("studio", "AWS::IAM::Policy"))
    for kind in ("Custom::StudioApplications", "Custom::StudioRemains"):
        ((_, resource),) = dev.resources("studio", kind).items()
        assert set(resource["DependsOn"]) & policies


def test_nothing_cleans_up_in_production(prod: Any) -> None:
    assert prod.resources("studio", "AWS::Lambda::Function") == {}
