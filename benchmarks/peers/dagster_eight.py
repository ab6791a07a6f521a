"""The eight-step graph with empty bodies as two Dagster jobs: in one process, and a process a step."""

# ruff: noqa: D103 -- empty steps: their names say all there is to say

from dagster import Definitions, In, Nothing, Out, graph, in_process_executor, multiprocess_executor, op

AFTER = {"start": In(Nothing)}


@op(out=Out(Nothing))
def convert():
    pass


@op(ins=AFTER, out=Out(Nothing))
def train():
    pass


@op(ins=AFTER, out=Out(Nothing))
def transform():
    pass


@op(ins=AFTER, out=Out(Nothing))
def evaluate():
    pass


@graph
def eight():
    converted = convert()
    lanes = [transform.alias(f"transform_{name}")(train.alias(f"train_{name}")(converted)) for name in "abc"]
    evaluate(lanes)


definitions = Definitions(
    jobs=[
        eight.to_job(name="in_process", executor_def=in_process_executor),
        eight.to_job(name="multiprocess", executor_def=multiprocess_executor),
    ]
)
