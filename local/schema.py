"""The tables of the state directory's SQLite file, and how the file is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import LocalError, disk_full

VERSION = 3

_MIGRATIONS = {
    1: """
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
""",
    2: """
ALTER TABLE executions ADD COLUMN request TEXT;
ALTER TABLE executions ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN modified TEXT;
ALTER TABLE jobs ADD COLUMN modified TEXT;
ALTER TABLE model_package_groups ADD COLUMN request TEXT NOT NULL DEFAULT '{}';
ALTER TABLE model_package_groups ADD COLUMN versions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE model_packages ADD COLUMN description TEXT NOT NULL DEFAULT '{}';
ALTER TABLE model_packages ADD COLUMN modified TEXT;
CREATE TABLE resources (
    kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL, status TEXT NOT NULL,
    request TEXT NOT NULL, description TEXT NOT NULL DEFAULT '{}',
    created TEXT NOT NULL, modified TEXT NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE tags (arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key));
CREATE TABLE tokens (
    operation TEXT NOT NULL, token TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL,
    created TEXT NOT NULL, PRIMARY KEY (operation, token));
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, handler TEXT NOT NULL, event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, outcome TEXT,
    created TEXT NOT NULL, ended TEXT);
CREATE INDEX deliveries_open ON deliveries (id) WHERE ended IS NULL;
""",
    3: """
ALTER TABLE steps ADD COLUMN process_seconds REAL;
""",
}
"""Version → what makes it out of the one before."""


def connect(path: Path) -> sqlite3.Connection:
    """Open (or create) the records for writing; records of an older version are brought up to date.

    WAL lets readers in while a run writes. `synchronous=NORMAL` outlives the death of any process; a power
    cut can take back the last transactions, never half of one.

    Raises:
        LocalError: written by a newer version, damaged, or not this user's to write.
        DiskFullError: there is no room for them.

    """
    with _database_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return _prepared(connection, path)


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the records to read; where there are none yet, empty ones in memory.

    Records of an older version are read from a copy in memory that is brought up to date.

    Raises:
        LocalError: written by a newer version, damaged, or not this user's to read.

    """
    if not path.exists():
        return _prepared(_in_memory(), path)
    with _database_errors(path):
        return _open_reader(path)


def _open_reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if 0 < _version(connection) < VERSION:
        copy = _in_memory()
        connection.backup(copy)
        connection.close()
        return _prepared(copy, path)
    if _version(connection) == 0:  # created this instant by a run that has not written its tables yet
        connection.close()
        return _prepared(_in_memory(), path)
    _prepared(connection, path).execute("PRAGMA query_only=1")
    return connection


@contextmanager
def _database_errors(path: Path) -> Iterator[None]:
    """Say in the user's words why SQLite cannot open a file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise disk_full(path) from None
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise LocalError(
                f"{path} is damaged, or no state of trainyard ({error}); move it away and run again"
            ) from None
        raise LocalError(
            f"{path} cannot be used by this user ({error}); check its permissions and its folder's, "
            "or name another state directory in TRAINYARD_HOME"
        ) from None


def _in_memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _prepared(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    version = _version(connection)
    if version > VERSION:
        raise LocalError(
            f"{path} has schema {version}, this version knows {VERSION}; use the newer trainyard"
        )
    if version < VERSION:
        steps = "".join(_MIGRATIONS[number] for number in range(version + 1, VERSION + 1))
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version={VERSION}; COMMIT;")
    return connection
