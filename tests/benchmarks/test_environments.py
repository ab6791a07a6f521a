"""Environments of peers: made once, and a reason where they cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.environments import PeerMissingError, clean_environment, peer_python


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose peer wants a project that lies nowhere; pip asks no index."""
    folder = tmp_path / "peers"
    folder.mkdir()
    monkeypatch.setattr(environments, "REPOSITORY", tmp_path)
    monkeypatch.setattr(environments, "_REQUIREMENTS", folder)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = folder / "nobody.txt"
    path.write_text("nobody-has-this==1.0\n")
    return path


@pytest.mark.slow
def test_a_peer_that_cannot_be_installed_is_missing_with_the_installers_reason(requirements: Path) -> None:
    with pytest.raises(PeerMissingError, match=r"cannot be installed: .*nobody-has-this==1\.0"):
        peer_python("nobody")


@pytest.mark.slow
def test_an_environment_is_made_anew_where_its_pins_have_changed_and_only_then(requirements: Path) -> None:
    requirements.write_text("# nothing\n")
    python = peer_python("nobody")
    mark = python.parent / "mark"
    mark.touch()
    assert peer_python("nobody") == python
    assert mark.exists()
    requirements.write_text("# nothing else\n")
    assert peer_python("nobody") == python
    assert not mark.exists()


def test_an_interpreter_that_is_not_there_is_the_reason(requirements: Path) -> None:
    with pytest.raises(PeerMissingError, match=r"python2\.0"):
        peer_python("nobody", "python2.0")


def test_measured_processes_keep_what_they_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KEPT", "yes")
    found = clean_environment(MORE="too")
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert (found["KEPT"], found["MORE"]) == ("yes", "too")
