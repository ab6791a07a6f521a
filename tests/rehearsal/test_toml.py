"""Settings that a rehearsal changes are written as they were read."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import settings
from rehearsal.toml import dump
from settings.reading import FOLDER


@pytest.mark.parametrize("environment", settings.environments())
def test_an_environments_settings_come_back(environment: str) -> None:
    content = tomllib.loads((FOLDER / f"{environment}.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(dump(content)) == content


def test_odd_keys_texts_and_tables_come_back(tmp_path: Path) -> None:
    content = {
        "a.b": 'quoted "text", umlaut ä\n',
        "list": [1, 2.5, True, "x", {"inner": []}],
        "table": {"key with spaces": {"deep": {"er": -1}}, "empty": {}},
    }
    assert tomllib.loads(dump(content)) == content


def test_commands_read_the_settings_of_the_folder_that_a_rehearsal_names(tmp_path: Path) -> None:
    content = tomllib.loads((FOLDER / "dev.toml").read_text(encoding="utf-8"))
    content["alarms"]["latency_ms"] = 1234
    (tmp_path / "dev.toml").write_text(dump(content), encoding="utf-8")
    code = "import settings; print(settings.read('dev').alarms.latency_ms)"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TRAINYARD_SETTINGS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "1234"
