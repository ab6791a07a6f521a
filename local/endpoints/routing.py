"""Which variant of which fleet gets a request."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from local.endpoints.errors import validation_error
from local.endpoints.fleet import Fleet
from local.endpoints.variant import Variant

# Multiples of the golden ratio's fractional part fill [0, 1) more evenly than any random numbers: of a
# hundred requests a variant with a tenth of the weight gets ten, not seven or thirteen.
_GOLDEN = 0.6180339887498949

_Entry = tuple[float, Fleet, Variant]


class Router:
    """The shares of the fleets of one endpoint.

    Requests enter and leave under one lock, so that a fleet that was taken out and has no request under way
    will get none any more.

    Attributes:
        fleets: those that take requests, the newest last.

    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fleets: tuple[Fleet, ...] = ()
        self._shares: tuple[tuple[Fleet, float], ...] = ()
        self._entries: list[_Entry] = []
        self._position = 0.0

    def set(self, shares: Iterable[tuple[Fleet, float]]) -> None:
        """Set the fleets and the share of each, 0 for one that only stands by."""
        with self._lock:
            self._shares = tuple(shares)
            self.fleets = tuple(fleet for fleet, _ in self._shares)
            self._entries = self._weighed()

    def reweigh(self) -> None:
        """Take the variants' changed weights into account."""
        with self._lock:
            self._entries = self._weighed()

    def enter(self, target: str = "") -> tuple[Fleet, Variant]:
        """Choose for a request, which then has to `leave`.

        Args:
            target: the variant that the caller wants, or "".

        Raises:
            InvocationError: ValidationError: there is no such variant.

        """
        with self._lock:
            self._position = (self._position + _GOLDEN) % 1.0
            fleet, variant = self._choose(target)
            fleet.under_way += 1
            return fleet, variant

    def stand_in(self, failed: Fleet, name: str) -> tuple[Fleet, Variant] | None:
        """Choose a fleet for a request that another one failed: the older of two, while there are two."""
        with self._lock:
            oldest = self._shares[0][0] if self._shares else failed
            if oldest is failed:
                return None
            variant = oldest.variants.get(name) or next(iter(oldest.variants.values()))
            if not variant.can_serve:
                return None
            oldest.under_way += 1
            return oldest, variant

    def leave(self, fleet: Fleet) -> None:
        """Count a request as answered, or failed."""
        with self._lock:
            fleet.under_way -= 1

    def _weighed(self) -> list[_Entry]:
        return [
            (
                share * variant.weight / (sum(each.weight for each in fleet.variants.values()) or 1),
                fleet,
                variant,
            )
            for fleet, share in self._shares
            for variant in fleet.variants.values()
        ]

    def _choose(self, target: str) -> tuple[Fleet, Variant]:
        entries = self._entries
        if target:
            entries = [entry for entry in entries if entry[2].name == target]
        if not entries:
            known = ", ".join(sorted({variant.name for _, _, variant in self._entries}))
            raise validation_error(f"Variant {target!r} not found; this endpoint has: {known}")
        if len(entries) > 1:
            entries = [entry for entry in entries if entry[0] > 0] or entries[:1]
        point = self._position * sum(part for part, _, _ in entries)
        for part, fleet, variant in entries:
            if point < part:
                return fleet, variant
            point -= part
        return entries[-1][1:]
