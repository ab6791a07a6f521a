"""How a task's steps hang together, written with the SageMaker Python SDK v3.

Only this module and `pipeline.sdk`, which holds the steps, import the SDK. That takes seconds and needs a
default region in the environment; `pipeline.compile` runs it in a child process whose environment names
neither an account nor a network.

Names of the place where the pipeline will run (roles, buckets, keys, subnets, images) are written as
`${Name}`, for CloudFormation's `Fn::Sub` on AWS and for `pipeline.definition.fill` here.

What the service refuses although the SDK writes it, and is therefore avoided (aws/sagemaker-python-sdk):

- #3463, #4418: the path of a JsonGet must be plain text, never a parameter or a Join. So the evaluation
  decides which figure counts and writes it at one fixed path, `champion.value`.
- #2746: `ConditionNot` was refused for its property names. So the contrary case is an ElseSteps branch, and
  the only conditions used are Equals and GreaterThanOrEqualTo.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Mapping

from sagemaker.core.workflow.conditions import ConditionEquals, ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep

from pipeline import tasks
from pipeline.sdk.candidates import create_model, register, train, transform
from pipeline.sdk.data import convert, evaluate, inspect
from pipeline.sdk.images import image_table
from pipeline.sdk.offline import OfflineSession, definition
from pipeline.sdk.settings import EVALUATION, Parameters, Site, output_of
from pipeline.tasks import Task

_FIGURES = {"f1": "F1", "macro_f1": "macro F1"}


def get_pipeline(task: Task, session: PipelineSession | None = None) -> Pipeline:
    """Build the pipeline that turns a task's raw data into a registered model.

    Convert → Inspect; for each candidate Train → CreateModel → Transform of the test channel; Evaluate;
    then the champion is registered if its figure reaches MinF1, else the execution fails and says so.
    The model package's metadata name the conversion's `dataset`, where the treatment of raw rows is kept.

    Args:
        task: an entry of `pipeline.tasks.CATALOGUE`, or one of your own.
        session: a pipeline session; by default one that touches no network.

    """
    site = Site(task, Parameters(task), session or OfflineSession())
    converted = convert(site)
    trained = {c.name: train(site, c, converted) for c in task.candidates}
    models = {c.name: create_model(site, c, trained[c.name]) for c in task.candidates}
    transformed = {c.name: transform(site, c, models[c.name], converted) for c in task.candidates}
    evaluated = evaluate(site, converted, transformed)
    return Pipeline(
        name=task.name,
        parameters=site.parameters.listed(),
        steps=[
            converted,
            inspect(site, converted),
            *trained.values(),
            *models.values(),
            *transformed.values(),
            evaluated,
            _check_quality(site, converted, evaluated, trained),
        ],
        # The default creates an experiment per pipeline, to which no step here reports.
        pipeline_experiment_config=None,
        sagemaker_session=site.session,
    )


def _check_quality(
    site: Site, converted: ProcessingStep, evaluated: ProcessingStep, trained: Mapping[str, TrainingStep]
) -> ConditionStep:
    """Register the champion when its figure reaches MinF1; else fail, and say where to look.

    Nothing is registered where the parameter Registration is None.
    """
    registrations = [
        ConditionStep(
            name=f"IsChampion-{candidate.name}",
            conditions=[
                ConditionEquals(left=_champion("name"), right=candidate.name),
                ConditionEquals(left=site.parameters.registration, right="Champion"),
            ],
            if_steps=[register(site, candidate, trained[candidate.name], converted, evaluated)],
            else_steps=[],
        )
        for candidate in site.task.candidates
    ]
    return ConditionStep(
        name="CheckQuality",
        conditions=[ConditionGreaterThanOrEqualTo(left=_champion("value"), right=site.parameters.min_f1)],
        if_steps=registrations,
        else_steps=[_fail(site, evaluated)],
    )


def _champion(key: str) -> JsonGet:
    return JsonGet(step_name="Evaluate", property_file=EVALUATION, json_path=f"champion.{key}")


def _fail(site: Site, evaluated: ProcessingStep) -> FailStep:
    figure = _FIGURES[site.task.metric]
    return FailStep(
        name="QualityTooLow",
        error_message=Join(
            on="",
            values=[
                f"No candidate is good enough: the best {figure} is below MinF1 = ",
                site.parameters.min_f1,
                ". The evaluation is at ",
                output_of(evaluated, "evaluation"),
                "/evaluation.json",
            ],
        ),
    )


def main() -> None:
    """Print {"definitions": {task: definition}, "images": table} as JSON."""
    # The SDK announces on each step that no job is started, which is the point.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    session = OfflineSession()
    definitions = {name: definition(get_pipeline(task, session)) for name, task in tasks.CATALOGUE.items()}
    json.dump({"definitions": definitions, "images": image_table()}, sys.stdout)


if __name__ == "__main__":
    main()
