"""Executions, steps, jobs, models and model packages as rows: every change of state is one transaction."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.arns import arn, execution_arn, now
from local.errors import NotFoundError, disk_full

Row = sqlite3.Row


class Records:
    """The rows of one state directory.

    One connection serves all threads, one at a time. Readers use it with a connection that cannot write.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path):
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several changes one: all of them, or none; within a transaction, a part of that one."""
        with self._lock:
            if self._open_transaction():  # this thread's own: another's would hold the lock
                yield
                return
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
                self._execute("COMMIT")
            except BaseException:
                if self._open_transaction():
                    self._connection.execute("ROLLBACK")
                raise

    def _open_transaction(self) -> bool:
        return self._connection.in_transaction

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        try:
            with self._lock:
                return self._connection.execute(statement, values)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise disk_full(self._path) from None
            raise

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return the rows of a query."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _row(self, statement: str, *values: object) -> Row | None:
        rows = self.rows(statement, *values)
        return rows[0] if rows else None

    def insert(self, table: str, values: Mapping[str, object]) -> None:
        """Write a row; one with the same key is replaced."""
        columns, marks = ", ".join(values), ", ".join("?" * len(values))
        self._execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", *values.values())  # noqa: S608

    def update(self, table: str, where: Mapping[str, object], values: Mapping[str, object]) -> None:
        """Change columns of the rows whose columns equal `where`."""
        sets = ", ".join(f"{column} = ?" for column in values)
        keys = " AND ".join(f"{column} = ?" for column in where)
        self._execute(f"UPDATE {table} SET {sets} WHERE {keys}", *values.values(), *where.values())  # noqa: S608

    def delete(self, table: str, where: Mapping[str, object]) -> None:
        """Remove the rows whose columns equal `where`."""
        keys = " AND ".join(f"{column} = ?" for column in where)
        self._execute(f"DELETE FROM {table} WHERE {keys}", *where.values())  # noqa: S608

    # --- executions -----------------------------------------------------------------------------------

    def add_execution(
        self, execution: str, pipeline: str, parameters: Mapping[str, object], definition: Mapping[str, Any]
    ) -> None:
        """Record an execution that starts now."""
        self.insert(
            "executions",
            {
                "id": execution,
                "arn": execution_arn(pipeline, execution),
                "pipeline": pipeline,
                "status": "Executing",
                "parameters": json.dumps(parameters),
                "definition": json.dumps(definition),
                "started": now(),
            },
        )

    def execution(self, execution: str) -> Row:
        """Return the row of an execution.

        Raises:
            NotFoundError: there is none.

        """
        row = self._row("SELECT * FROM executions WHERE id = ?", execution)
        if row is None:
            raise NotFoundError(f"no execution {execution!r} here; `trainyard executions` lists them")
        return row

    def executions(self, pipeline: str | None = None) -> list[Row]:
        """Return the executions (of one pipeline), newest first."""
        return self.rows(
            "SELECT * FROM executions WHERE ?1 IS NULL OR pipeline = ?1 ORDER BY started DESC, rowid DESC",
            pipeline,
        )

    def execution_summaries(self, pipeline: str) -> list[Row]:
        """Return a pipeline's executions without their definitions, newest first."""
        return self.rows(
            "SELECT id, arn, pipeline, status, failure_reason, started, ended, request FROM executions "
            "WHERE pipeline = ? ORDER BY started DESC, rowid DESC",
            pipeline,
        )

    def last_start(self, pipeline: str) -> str | None:
        """Return when a pipeline's newest execution was started, or None."""
        newest: str | None = self.rows("SELECT max(started) FROM executions WHERE pipeline = ?", pipeline)[0][
            0
        ]
        return newest

    def update_execution(self, execution: str, **values: object) -> None:
        """Change columns of an execution."""
        self.update("executions", {"id": execution}, values)

    def stop_interrupted(self, reason: str) -> None:
        """Mark as Stopped what was under way when its runner died: executions, their steps and jobs.

        Those that the service had started, and that nobody had asked to stop, are marked as interrupted: the
        service goes on with them when it runs again.
        """
        with self.transaction():
            for row in self.rows("SELECT * FROM executions WHERE status IN ('Executing', 'Stopping')"):
                self.stop_open_steps(row["id"], reason)
                interrupted = row["status"] == "Executing" and row["request"] is not None
                self.update_execution(
                    row["id"],
                    status="Stopped",
                    failure_reason=reason,
                    ended=now(),
                    interrupted=int(interrupted),
                )

    # --- steps ----------------------------------------------------------------------------------------

    def start_step(self, execution: str, pipeline: str, name: str, kind: str) -> None:
        """Record that a step starts now; an earlier try of it (before a resume) is forgotten."""
        self.insert(
            "steps",
            {
                "execution": execution,
                "pipeline": pipeline,
                "name": name,
                "type": kind,
                "status": "Executing",
                "started": now(),
            },
        )

    def update_step(self, execution: str, name: str, **values: object) -> None:
        """Change columns of a step."""
        self.update("steps", {"execution": execution, "name": name}, values)

    def steps(self, execution: str) -> list[Row]:
        """Return the steps of an execution in the order of their start."""
        return self.rows("SELECT * FROM steps WHERE execution = ? ORDER BY started, rowid", execution)

    def stop_open_steps(self, execution: str, reason: str | None) -> None:
        """Mark as Stopped what has not ended in an execution: steps and their jobs."""
        for table, column in (("steps", "failure_reason"), ("jobs", "exit_reason")):
            self._execute(
                f"UPDATE {table} SET status = 'Stopped', {column} = ?, ended = ? "  # noqa: S608
                "WHERE execution = ? AND ended IS NULL",
                reason,
                now(),
                execution,
            )

    def forget_unfinished_steps(self, execution: str) -> None:
        """Remove the steps that did not succeed, so that a resumed execution runs them anew."""
        self._execute("DELETE FROM steps WHERE execution = ? AND status != 'Succeeded'", execution)

    def successes(self, pipeline: str, step: str) -> list[Row]:
        """Return the runs of a step that succeeded and were not cached themselves, newest first."""
        return self.rows(
            "SELECT * FROM steps WHERE pipeline = ? AND name = ? AND status = 'Succeeded' "
            "AND cache_source IS NULL AND cache_key IS NOT NULL ORDER BY ended DESC, rowid DESC",
            pipeline,
            step,
        )

    def process_seconds(self, pipeline: str) -> dict[str, float]:
        """Return for each step of a pipeline how long its process ran when it last succeeded."""
        # Of the other columns of a group SQLite gives those of the row with the maximum.
        rows = self.rows(
            "SELECT name, process_seconds, max(ended) FROM steps "
            "WHERE pipeline = ? AND process_seconds IS NOT NULL GROUP BY name",
            pipeline,
        )
        return {row["name"]: row["process_seconds"] for row in rows}

    # --- jobs -----------------------------------------------------------------------------------------

    def add_job(
        self,
        name: str,
        kind: str,
        execution: str | None,
        step: str | None,
        request: Mapping[str, Any],
        log: Path,
    ) -> None:
        """Record a job before its process is started, so that a process without a record cannot be.

        One that was asked for by itself has neither execution nor step.
        """
        self.insert(
            "jobs",
            {
                "name": name,
                "arn": arn(kind, name.lower()),
                "type": kind,
                "status": "InProgress",
                "execution": execution,
                "step": step,
                "request": json.dumps(request),
                "log": str(log),
                "created": now(),
            },
        )

    def update_job(self, name: str, **values: object) -> None:
        """Change columns of a job."""
        self.update("jobs", {"name": name}, values)

    def job(self, name: str) -> Row:
        """Return the row of a job.

        Raises:
            NotFoundError: there is none.

        """
        row = self._row("SELECT * FROM jobs WHERE name = ?", name)
        if row is None:
            raise NotFoundError(f"no job {name!r} here")
        return row

    def jobs_under_way(self) -> list[Row]:
        """Return the jobs that have not ended."""
        return self.rows("SELECT * FROM jobs WHERE ended IS NULL")

    # --- models and model packages --------------------------------------------------------------------

    def add_model(self, name: str, request: Mapping[str, Any], execution: str | None) -> None:
        """Record a model."""
        values = {"name": name, "arn": arn("model", name.lower()), "request": json.dumps(request)}
        self.insert("models", {**values, "execution": execution, "created": now()})

    def model(self, name: str) -> Row:
        """Return the row of a model.

        Raises:
            NotFoundError: there is none.

        """
        row = self._row("SELECT * FROM models WHERE name = ?", name)
        if row is None:
            raise NotFoundError(f"no model {name!r} here")
        return row

    def add_model_package(
        self, group: str, request: Mapping[str, Any], approval: str, execution: str | None, step: str | None
    ) -> str:
        """Record the next version of a group, which is made where it is new; return the package's ARN."""
        with self.transaction():
            self._execute(
                "INSERT OR IGNORE INTO model_package_groups (name, arn, created) VALUES (?, ?, ?)",
                group,
                arn("model-package-group", group.lower()),
                now(),
            )
            # The number of a package that was deleted is not given again.
            self._execute(
                "UPDATE model_package_groups SET versions = 1 + max(versions, coalesce((SELECT max(version) "
                "FROM model_packages WHERE model_package_group = name), 0)) WHERE name = ?",
                group,
            )
            version = self.rows("SELECT versions FROM model_package_groups WHERE name = ?", group)[0][0]
            name = arn("model-package", f"{group.lower()}/{version}")
            values = {"arn": name, "model_package_group": group, "version": version, "status": "Completed"}
            self.insert(
                "model_packages",
                {
                    **values,
                    "approval_status": approval,
                    "request": json.dumps(request),
                    "execution": execution,
                    "step": step,
                    "created": now(),
                },
            )
        return name

    def model_packages(self, group: str | None = None) -> list[Row]:
        """Return the model packages (of one group), newest first."""
        return self.rows(
            "SELECT * FROM model_packages WHERE ?1 IS NULL OR model_package_group = ?1 "
            "ORDER BY created DESC, rowid DESC",
            group,
        )
