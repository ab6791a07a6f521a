"""When to stop: no relevant improvement for some epochs."""

from __future__ import annotations


class EarlyStopping:
    """Watches one value an epoch.

    An improvement counts when it is more than `tolerance` of the best value so far; after `patience` epochs
    in a row without one, training ends. A patience above the number of epochs disables it.
    """

    def __init__(self, *, patience: int, tolerance: float, falling: bool) -> None:
        self._patience, self._tolerance, self._falling = patience, tolerance, falling
        self._best: float | None = None
        self._waited = 0

    def stop_after(self, value: float) -> bool:
        """Return whether training is to end after an epoch with this value."""
        if self._best is None or self._gain(value, self._best) > self._tolerance * abs(self._best):
            self._best, self._waited = value, 0
            return False
        self._waited += 1
        return self._waited >= self._patience

    def _gain(self, value: float, best: float) -> float:
        return best - value if self._falling else value - best
