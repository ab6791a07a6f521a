"""The one error that a user can cure."""

from __future__ import annotations


class CustomerError(Exception):
    """What the user can cure: bad data, a bad hyperparameter. The message goes to `output/failure`."""
