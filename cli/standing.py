"""What a task's endpoint costs while it is there, by its settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from cli.errors import UsageError
from cli.prices import Prices

HOURS_A_MONTH = 730


class Endpoint(Protocol):
    """What is asked of `settings.model.Endpoint`."""

    @property
    def kind(self) -> str: ...  # noqa: D102 - named in settings.model.Endpoint

    @property
    def instance_type(self) -> str | None: ...  # noqa: D102

    @property
    def instance_count(self) -> int | None: ...  # noqa: D102

    @property
    def max_instance_count(self) -> int | None: ...  # noqa: D102

    @property
    def scale_to_zero(self) -> bool: ...  # noqa: D102

    @property
    def memory_mb(self) -> int | None: ...  # noqa: D102

    @property
    def time_to_live_hours(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True)
class Standing:
    """An endpoint's price.

    Attributes:
        kind: real-time, serverless or asynchronous.
        idle_usd_per_month: with no request, for a month of 730 hours; up to the end of its time to live where
            it has one.
        most_usd_per_month: with as many instances as it may have, all month; None for a serverless one.
        usd_per_busy_second: of a serverless one at work; None for the others.
        text: the same in words.

    """

    kind: str
    idle_usd_per_month: float
    most_usd_per_month: float | None
    usd_per_busy_second: float | None
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return everything but the words."""
        return {name: value for name, value in asdict(self).items() if name != "text"}


def standing_cost(task: str, endpoint: Endpoint, prices: Prices) -> Standing:
    """Price a task's endpoint.

    Raises:
        UsageError: the table of prices lacks what is needed.

    """
    if endpoint.memory_mb is not None:
        return _serverless(task, endpoint.memory_mb, prices)
    assert endpoint.instance_type is not None, "settings ask for it"
    least = endpoint.instance_count or 1
    most = max(endpoint.max_instance_count or least, least)
    idle = 0 if endpoint.scale_to_zero else least
    hour = prices.hour(endpoint.instance_type, f"the endpoint of {task}")
    hours = min(endpoint.time_to_live_hours or HOURS_A_MONTH, HOURS_A_MONTH)
    span = f"{hours} hours, after which it removes itself" if endpoint.time_to_live_hours else "a month"
    return Standing(
        endpoint.kind,
        idle * hour * hours,
        most * hour * hours,
        None,
        f"{endpoint.kind}, {endpoint.instance_type} at {hour:g} USD an hour; idle with {idle}: "
        f"{idle * hour * hours:.2f} USD, at most {most}: {most * hour * hours:.2f} USD for {span}",
    )


def _serverless(task: str, memory_mb: int, prices: Prices) -> Standing:
    if prices.gigabyte_second is None:
        raise UsageError(
            f"the endpoint of {task} is serverless, for which {prices.file} has no price; "
            "add gigabyte_second = 0.00002 below [serverless]"
        )
    second = memory_mb / 1024 * prices.gigabyte_second
    words = f"{second:g} USD a second ({second * 3600:.2f} an hour)"
    text = f"serverless, {memory_mb} MB; idle: 0 USD, at work: {words}"
    return Standing("serverless", 0.0, None, second, text)
