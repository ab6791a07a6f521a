"""Bring a task's endpoint to the newest approved model package, whatever has happened meanwhile.

An event is only the reason to look. What is to be live follows from the registry alone, and every name from
its content; so events may come twice, out of order or side by side, and the newest approved version is made
live once. After every change the endpoint is read back: an update that SageMaker has rolled back is an error
here, not a success.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from serving import api, scaling
from serving.api import Clients, Deadline
from serving.names import ATTEMPT, EXECUTION, MODEL_PACKAGE, as_tags, as_time, parse_time
from serving.packages import approved
from serving.requests import Wanted, expires, update, wanted
from serving.settings import Endpoint

_CLOCKS_DIFFER = timedelta(seconds=2)
_MOST_LOOKS = 12


class DeploymentError(Exception):
    """What is live is not what is wanted; the text says what is, what should be, and why."""


@dataclass(frozen=True)
class Outcome:
    """What was found or done.

    Attributes:
        action: created, updated, unchanged, removed, or none where there was nothing to do.
        endpoint: the endpoint's name.
        status: its EndpointStatus, or Absent.
        model_package: the ARN that is wanted, if any.
        endpoint_config: the configuration that is wanted, if any.
        verified: whether the endpoint was InService with that configuration when it was read back.
        reason: why nothing was done, or what is still under way.

    """

    action: str
    endpoint: str
    status: str
    model_package: str | None = None
    endpoint_config: str | None = None
    verified: bool = False
    reason: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the outcome as plain data."""
        return asdict(self)


class Deployment:
    """One look at one group.

    Args:
        clients: what is asked.
        settings: the group's.
        group: the model package group, whose name is the endpoint's too.
        deadline: how long may be waited for the endpoint.
        approved_at: the approval's time; only an approval creates an endpoint, and only an approval that is
            later than a failed attempt tries the same again. None for other reasons to look.

    """

    def __init__(
        self,
        clients: Clients,
        settings: Endpoint,
        group: str,
        deadline: Deadline,
        approved_at: datetime | None,
    ):
        self._clients = clients
        self._sagemaker = clients.sagemaker
        self._settings = settings
        self._group = group
        self._deadline = deadline
        self._approved_at = approved_at
        self._action = "unchanged"

    def run(self) -> Outcome:
        """Deploy and verify.

        Raises:
            DeploymentError: the endpoint does not serve what it should, and trying again would not help.

        """
        for _ in range(_MOST_LOOKS):
            live = api.settled(self._sagemaker, self._group, self._deadline)
            versions = approved(self._sagemaker, self._group, most=2)
            if not versions:
                return self._nothing_approved(live)
            goal = wanted(versions, self._settings)
            if live is None:
                if self._approved_at is None:
                    return Outcome(
                        "none", self._group, "Absent", reason="there is no endpoint to bring up to date"
                    )
                self._create(goal)
            elif live["EndpointStatus"] in api.IN_TRANSITION:
                return self._under_way(live, goal)
            elif self._is_live(live, goal):
                return self._verified(live, goal)
            else:
                self._refuse_to_repeat(live, goal)
                self._replace_or_update(live, goal)
        raise DeploymentError(
            f"endpoint {self._group} kept changing while it was looked at {_MOST_LOOKS} times; "
            "something else updates it as well"
        )

    # --- what was found -------------------------------------------------------------------------------

    def _nothing_approved(self, live: Mapping[str, Any] | None) -> Outcome:
        if live is None:
            return Outcome("none", self._group, "Absent", reason="no version is approved")
        raise DeploymentError(
            f"endpoint {self._group} serves {live.get('EndpointConfigName')}, and no version of the group is "
            "approved any more; approve one, or remove the endpoint with `trainyard teardown`"
        )

    def _is_live(self, live: Mapping[str, Any], goal: Wanted) -> bool:
        return live["EndpointStatus"] == "InService" and live.get("EndpointConfigName") == goal.config_name

    def _verified(self, live: Mapping[str, Any], goal: Wanted) -> Outcome:
        if api.tags(self._sagemaker, live["EndpointArn"]).get(MODEL_PACKAGE) != goal.package.arn:
            self._tag_as_wanted(live, goal)  # whoever asked for the update died before it was tagged
        scaling.apply(self._clients, goal.endpoint, self._settings, live["EndpointArn"])
        return self._outcome(live, goal, verified=True)

    def _under_way(self, live: Mapping[str, Any], goal: Wanted) -> Outcome:
        status, asked = live["EndpointStatus"], api.asked_for(live)
        if asked != goal.config_name or status not in ("Creating", "Updating"):
            raise DeploymentError(
                f"endpoint {self._group} is still {status} (to {asked}), and {goal.config_name} waits for "
                "that to end; the next event or the schedule looks again"
            )
        return self._outcome(live, goal, reason=f"still {status}; its end is looked at with the next event")

    def _outcome(
        self, live: Mapping[str, Any], goal: Wanted, *, verified: bool = False, reason: str = ""
    ) -> Outcome:
        return Outcome(
            self._action,
            self._group,
            live["EndpointStatus"],
            goal.package.arn,
            goal.config_name,
            verified,
            reason,
        )

    def _refuse_to_repeat(self, live: Mapping[str, Any], goal: Wanted) -> None:
        """Raise where the wanted configuration was tried and is not live: it failed or was rolled back."""
        name, _, moment = api.tags(self._sagemaker, live["EndpointArn"]).get(ATTEMPT, "").partition("@")
        if name != goal.config_name:
            return
        tried = parse_time(moment)
        approved_anew = self._approved_at is not None and self._approved_at > tried
        if approved_anew or live["LastModifiedTime"] < tried - _CLOCKS_DIFFER:
            return  # the second: whoever noted the attempt died before the update was asked for
        if live["LastModifiedTime"] < tried and datetime.now(UTC) - tried < _CLOCKS_DIFFER:
            return  # noted just now: another handler is about to ask for the update
        self._tag_as_what_is_live(live)
        reason = live.get("FailureReason") or "SageMaker gives no reason"
        raise DeploymentError(
            f"endpoint {self._group} is {live['EndpointStatus']} with configuration "
            f"{live.get('EndpointConfigName')}, not with {goal.config_name} of {goal.package.arn}: "
            f"the update failed and was rolled back ({reason}). "
            "Reject that version, or approve it anew to try again"
        )

    def _tag_as_what_is_live(self, live: Mapping[str, Any]) -> None:
        """Let the endpoint's tags name what it serves after a rollback."""
        config = api.found(
            self._sagemaker.describe_endpoint_config, EndpointConfigName=live.get("EndpointConfigName", "")
        )
        if config is not None:
            tags = api.tags(self._sagemaker, config["EndpointConfigArn"])
            kept = {key: tags[key] for key in (MODEL_PACKAGE, EXECUTION) if key in tags}
            if kept:
                api.add_tags(self._sagemaker, live["EndpointArn"], kept)

    # --- what is done ---------------------------------------------------------------------------------

    def _prepare(self, goal: Wanted) -> None:
        """Make the models and the endpoint configuration, unless they are there."""
        sagemaker = self._sagemaker
        for name, (request, package) in goal.models.items():
            tags = {**goal.tags, MODEL_PACKAGE: package.arn, EXECUTION: package.execution}
            api.create_once(
                sagemaker.create_model,
                sagemaker.describe_model,
                {"ModelName": name},
                {**request, "Tags": as_tags(tags)},
            )
        api.create_once(
            sagemaker.create_endpoint_config,
            sagemaker.describe_endpoint_config,
            {"EndpointConfigName": goal.config_name},
            {**goal.config, "Tags": as_tags(goal.tags)},
        )

    def _attempt(self, goal: Wanted) -> dict[str, str]:
        # Exactly: rounded down, it could be before an approval of the same second, which would repeat it.
        return {ATTEMPT: f"{goal.config_name}@{as_time(datetime.now(UTC), exact=True)}"}

    def _endpoint_tags(self, goal: Wanted) -> dict[str, str]:
        return {**goal.tags, **expires(self._settings, datetime.now(UTC))}

    def _tag_as_wanted(self, live: Mapping[str, Any], goal: Wanted) -> None:
        api.add_tags(self._sagemaker, live["EndpointArn"], self._endpoint_tags(goal))

    def _create(self, goal: Wanted) -> None:
        self._prepare(goal)
        created = api.create_once(
            self._sagemaker.create_endpoint,
            self._sagemaker.describe_endpoint,
            {"EndpointName": goal.endpoint},
            {
                "EndpointConfigName": goal.config_name,
                "Tags": as_tags({**self._endpoint_tags(goal), **self._attempt(goal)}),
            },
        )
        if created:
            self._action = "created"

    def _replace_or_update(self, live: Mapping[str, Any], goal: Wanted) -> None:
        if live["EndpointStatus"] in ("Failed", "OutOfService"):
            # SageMaker updates no endpoint that never came up: it is deleted, and the loop creates it anew.
            self._change(live, lambda: self._sagemaker.delete_endpoint(EndpointName=goal.endpoint))
            self._approved_at = self._approved_at or datetime.now(UTC)
            return
        self._prepare(goal)
        if not self._is_newest(goal):
            return
        # The attempt is noted before, lest it be repeated; what the endpoint serves only once it is accepted.
        api.add_tags(self._sagemaker, live["EndpointArn"], self._attempt(goal))
        request = update(goal, live["ProductionVariants"], self._settings)
        if self._change(live, lambda: self._sagemaker.update_endpoint(**request)):
            self._tag_as_wanted(live, goal)
            self._action = "updated"

    def _is_newest(self, goal: Wanted) -> bool:
        newest = approved(self._sagemaker, self._group)
        return bool(newest) and newest[0].arn == goal.package.arn

    def _change(self, before: Mapping[str, Any], call: Callable[[], object]) -> bool:
        """Change the endpoint; return False where another handler was faster, so that it has to be read."""
        try:
            call()
        except ClientError:
            if not self._has_moved(before):
                raise
            return False
        return True

    def _has_moved(self, before: Mapping[str, Any]) -> bool:
        """Return whether an endpoint is no longer as it was, which explains why a change was refused."""
        after = api.endpoint(self._sagemaker, self._group)
        return after is None or any(
            after.get(key) != before.get(key)
            for key in ("EndpointStatus", "EndpointConfigName", "LastModifiedTime")
        )
