"""Model package groups and packages by the short names that people type."""

from __future__ import annotations

from typing import Any

from cli.errors import UsageError


def groups_of(sagemaker: Any, task: str) -> list[str]:
    """Return the model package groups that a name may mean: the one of that name, or those that end in it.

    A deployed environment puts its own name before the task's, as in `trainyard-dev-iris`.
    """
    from serving.api import found, pages

    if found(sagemaker.describe_model_package_group, ModelPackageGroupName=task) is not None:
        return [task]
    listed = pages(sagemaker.list_model_package_groups, "ModelPackageGroupSummaryList", NameContains=task)
    names = [str(entry["ModelPackageGroupName"]) for entry in listed]
    return sorted(name for name in names if name.endswith(f"-{task}"))


def group_of(sagemaker: Any, task: str) -> str:
    """Return the model package group of a task.

    Raises:
        UsageError: there is none, or there are several.

    """
    groups = groups_of(sagemaker, task)
    if len(groups) == 1:
        return groups[0]
    if groups:
        raise UsageError(f"{task} is the end of several model package groups; name one: {', '.join(groups)}")
    from pipeline.tasks import CATALOGUE

    if task in CATALOGUE:
        raise UsageError(f"no model package group {task!r}; a run of the task makes it: trainyard run {task}")
    raise UsageError(
        f"no model package group {task!r}, and no task of this name; the tasks are {', '.join(CATALOGUE)}"
    )


def package_of(sagemaker: Any, text: str) -> dict[str, Any]:
    """Return the description of a model package that is named by its ARN, or as TASK/VERSION.

    Raises:
        UsageError: there is none.

    """
    from serving.api import found, pages

    if text.startswith("arn:"):
        package = found(sagemaker.describe_model_package, ModelPackageName=text)
        if package is None:
            raise UsageError(f"no model package {text}; `trainyard models` lists them")
        return package
    task, slash, version = text.rpartition("/")
    if not slash or not version.isdecimal():
        raise UsageError(f"{text}: name a model package by its ARN or as TASK/VERSION, such as iris/1")
    group = group_of(sagemaker, task)
    for entry in pages(sagemaker.list_model_packages, "ModelPackageSummaryList", ModelPackageGroupName=group):
        if entry["ModelPackageVersion"] == int(version):
            answer: dict[str, Any] = sagemaker.describe_model_package(
                ModelPackageName=entry["ModelPackageArn"]
            )
            return answer
    raise UsageError(f"group {group} has no version {version}; `trainyard models {task}` lists them")
