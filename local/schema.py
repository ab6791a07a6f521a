"""The tables of the state directory's SQLite file, and how the file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from local.errors import LocalError

VERSION = 1

_TABLES = """
CREATE TABLE executions (
    id TEXT PRIMARY KEY, arn TEXT NOT NULL, pipeline TEXT NOT NULL, status TEXT NOT NULL,
    failure_reason TEXT, parameters TEXT NOT NULL, definition TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT);
CREATE INDEX executions_of_pipeline ON executions (pipeline, started);
CREATE TABLE steps (
    execution TEXT NOT NULL REFERENCES executions (id), name TEXT NOT NULL, type TEXT NOT NULL,
    status TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    pipeline TEXT NOT NULL, cache_key TEXT, cache_source TEXT, cache_reason TEXT, failure_reason TEXT,
    outcome TEXT, job TEXT, log TEXT, properties TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (execution, name));
CREATE INDEX steps_of_pipeline ON steps (pipeline, name, ended);
CREATE TABLE jobs (
    name TEXT PRIMARY KEY, arn TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
    execution TEXT, step TEXT, request TEXT NOT NULL, description TEXT NOT NULL DEFAULT '{}',
    exit_reason TEXT, log TEXT NOT NULL, pid INTEGER, process_started TEXT,
    created TEXT NOT NULL, ended TEXT);
CREATE INDEX jobs_under_way ON jobs (status) WHERE ended IS NULL;
CREATE TABLE models (
    name TEXT PRIMARY KEY, arn TEXT NOT NULL, request TEXT NOT NULL, execution TEXT, created TEXT NOT NULL);
CREATE TABLE model_package_groups (name TEXT PRIMARY KEY, arn TEXT NOT NULL, created TEXT NOT NULL);
CREATE TABLE model_packages (
    arn TEXT PRIMARY KEY, model_package_group TEXT NOT NULL REFERENCES model_package_groups (name),
    version INTEGER NOT NULL, status TEXT NOT NULL, approval_status TEXT NOT NULL, request TEXT NOT NULL,
    execution TEXT, step TEXT, created TEXT NOT NULL, UNIQUE (model_package_group, version));
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open (or create) the records for writing.

    WAL lets readers in while a run writes. `synchronous=NORMAL` outlives the death of any process; a power
    cut can take back the last transactions, never half of one.

    Raises:
        LocalError: written by a newer version.

    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return _prepared(connection, path)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the records to read; where there are none yet, empty ones in memory."""
    if not path.exists():
        return _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False), path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if _version(connection) == 0:  # created this instant by a run that has not written its tables yet
        connection.close()
        return _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False), path)
    _prepared(connection, path).execute("PRAGMA query_only=1")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _prepared(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    version = _version(connection)
    if version > VERSION:
        raise LocalError(
            f"{path} has schema {version}, this version knows {VERSION}; use the newer trainyard"
        )
    if version == 0:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
    return connection
