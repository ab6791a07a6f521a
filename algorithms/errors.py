"""The one error that a user can cure."""

from __future__ import annotations


class CustomerError(Exception):
    """Something that the user can cure: bad data or a bad hyperparameter. The message goes to `output/failure`."""
