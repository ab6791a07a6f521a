"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout that is tested."""
    return REPOSITORY


@pytest.fixture(scope="session")
def mnist_path() -> Path:
    """The real MNIST as `mnist.pkl.gz`, which is laid beside the checkout and never part of it."""
    path = REPOSITORY.parent / "shared" / "data" / "mnist.pkl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there: the real MNIST is not part of the repository")
    return path
