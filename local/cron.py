"""The expressions of EventBridge Scheduler, `rate(…)`, `cron(…)` and `at(…)`, as triggers of APScheduler.

Source: "Schedule types in EventBridge Scheduler". Its cron differs from APScheduler's: six fields with the
year, days of the week numbered from Sunday = 1, one of both kinds of days left open as `?`, and L, W and #.
Times are wall-clock times of a time zone: one that the clocks skip in spring does not happen, one that they
repeat in autumn happens once.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_LAST_YEAR = 2199
_DAY_CHOICES = 10_000
"""Days that are looked at for one that is nearest to a weekday, before it is said that there is none."""


class ExpressionError(ValueError):
    """An expression that EventBridge Scheduler would refuse; the message says why."""


def zone(name: str) -> ZoneInfo:
    """Return a time zone of the IANA database.

    Raises:
        ExpressionError: there is none of that name.

    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExpressionError(f"there is no time zone {name!r}; give one such as Europe/Berlin") from None


def trigger(expression: str, time_zone: str, start: datetime) -> BaseTrigger:
    """Return what fires at an expression's times.

    Args:
        expression: rate(…), cron(…) or at(…).
        time_zone: where the wall clock hangs; rates do not heed it.
        start: when rates fire first.

    Raises:
        ExpressionError: malformed.

    """
    where = zone(time_zone)
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression)
    if match is None:
        raise ExpressionError(f"{expression!r} is none of rate(…), cron(…) and at(…)")
    if match[1] == "rate":
        return IntervalTrigger(seconds=_seconds(match[2]), start_date=start, timezone=UTC)
    if match[1] == "at":
        return DateTrigger(run_date=_moment(match[2], where))
    return _cron(match[2], where)


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,8}) (minute|hour|day)s?", text)
    if match is None:
        raise ExpressionError(
            f"rate({text}): write a whole number and minutes, hours or days: rate(5 minutes)"
        )
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > timedelta.max.total_seconds() / 1000:
        raise ExpressionError(f"rate({text}) is longer than anybody will wait")
    return seconds


def _moment(text: str, where: ZoneInfo) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        raise ExpressionError(f"at({text}): write at(yyyy-mm-ddThh:mm:ss)")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=where)
    except ValueError as error:
        raise ExpressionError(f"at({text}): {error}") from None


# --- cron ---------------------------------------------------------------------------------------------------


class WallClock(BaseTrigger):  # type: ignore[misc]
    """Fires at the wall-clock times of a cron expression."""

    def __init__(self, cron: CronTrigger, where: ZoneInfo, accepts: Callable[[date], bool] | None = None):
        """Combine the parts.

        Args:
            cron: the expression, in UTC, whose times are read as wall-clock times.
            where: the time zone.
            accepts: which days count, where the expression's days are too many.

        """
        self._cron = cron
        self._where = where
        self._accepts = accepts

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first time after the previous one, and not before now."""
        begin = now if previous_fire_time is None else max(now, previous_fire_time + timedelta(seconds=1))
        wall = begin.astimezone(self._where).replace(tzinfo=UTC, fold=0)
        for _ in range(_DAY_CHOICES):
            found = self._cron.get_next_fire_time(None, wall)
            if found is None:
                return None
            real: datetime = found.replace(tzinfo=self._where)
            exists = real.astimezone(UTC).astimezone(self._where).replace(tzinfo=UTC) == found
            # Compared in UTC: within a zone Python compares wall clocks, which repeat in autumn.
            if (
                exists
                and real.astimezone(UTC) >= begin.astimezone(UTC)
                and (self._accepts is None or self._accepts(found.date()))
            ):
                return real
            wall = found + timedelta(seconds=1)
        return None


def _cron(text: str, where: ZoneInfo) -> WallClock:
    fields = text.split()
    if len(fields) != 6:
        raise ExpressionError(
            f"cron({text}) has {len(fields)} fields; write minutes hours day-of-month month day-of-week year"
        )
    minute, hour, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ExpressionError(f"cron({text}): write ? for one of day-of-month and day-of-week, and one alone")
    accepts = None
    if weekday != "?":
        days = _weekdays(weekday)
    elif match := re.fullmatch(r"(\d{1,2})W", day):
        days, accepts = {"day": "*"}, _nearest_weekday(_number(match[1], "day-of-month", 1, 31))
    else:
        days = {"day": "last" if day == "L" else _field(day, "day-of-month", 1, 31)}
    cron = CronTrigger(
        year=_field(year, "year", 1970, _LAST_YEAR),
        month=_field(month, "month", 1, 12, _MONTHS),
        hour=_field(hour, "hours", 0, 23),
        minute=_field(minute, "minutes", 0, 59),
        second="0",
        timezone=UTC,
        **days,
    )
    return WallClock(cron, where, accepts)


def _field(text: str, name: str, least: int, most: int, words: tuple[str, ...] = ()) -> str:
    """Return a field as APScheduler writes it: `a/b` counts from a, which it does not know."""
    return ",".join(
        str(value) if step == 1 and value == end else f"{value}-{end}/{step}"
        for value, end, step in (_part(part, name, least, most, words) for part in text.split(","))
    )


def _part(text: str, name: str, least: int, most: int, words: tuple[str, ...]) -> tuple[int, int, int]:
    """Return (first, last, step) of `*`, `a`, `a-b`, `a/s`, `a-b/s`."""
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = least, most
    else:
        low = _number(first, name, least, most, words)
        high = _number(last, name, least, most, words) if dash else (most if slash else low)
    if low > high:
        raise ExpressionError(f"{name}: {text!r} goes backwards; write two ranges")
    return low, high, _number(step, name, 1, most) if slash else 1


def _number(text: str, name: str, least: int, most: int, words: tuple[str, ...] = ()) -> int:
    if text in words:
        return words.index(text) + 1
    if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
        known = f" or {words[0]} to {words[-1]}" if words else ""
        raise ExpressionError(f"{name}: {text!r} is not among {least} to {most}{known}")
    return int(text)


def _weekdays(text: str) -> dict[str, str]:
    """Return the fields of APScheduler that stand for a day-of-week."""
    name = "day-of-week"
    if match := re.fullmatch(r"(\w+)#([1-5])", text):
        day = _DAYS[_number(match[1], name, 1, 7, _DAYS) - 1].lower()
        return {"day": f"{_ORDINALS[int(match[2]) - 1]} {day}"}
    if text == "L":
        text = "SAT"
    elif text.endswith("L"):
        return {"day": f"last {_DAYS[_number(text[:-1], name, 1, 7, _DAYS) - 1].lower()}"}
    chosen: list[str] = []
    for part in text.split(","):
        low, high, step = _part(part, name, 1, 7, _DAYS)
        chosen.extend(_DAYS[number - 1].lower() for number in range(low, high + 1, step))
    return {"day_of_week": ",".join(chosen)}


def _nearest_weekday(number: int) -> Callable[[date], bool]:
    """Return whether a day is the weekday that is nearest to the month's day `number`, in that month."""

    def accepts(day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        if number > length:
            return False
        wanted = date(day.year, day.month, number)
        shift = {5: -1, 6: 1}.get(wanted.weekday(), 0)
        if not 1 <= number + shift <= length:
            shift = {-1: 2, 1: -2}[shift]
        return day == wanted + timedelta(days=shift)

    return accepts
