"""The eight-step graph with empty bodies as a Prefect flow; its tasks are threads of one process."""

# ruff: noqa: D103 -- empty steps: their names say all there is to say

from prefect import flow, task


@task
def convert():
    pass


@task
def train(name):
    pass


@task
def transform(name):
    pass


@task
def evaluate():
    pass


@flow
def eight():
    converted = convert.submit()
    trained = {name: train.submit(name, wait_for=[converted]) for name in "ABC"}
    transformed = [transform.submit(name, wait_for=[trained[name]]) for name in "ABC"]
    evaluate.submit(wait_for=transformed).result()


if __name__ == "__main__":
    eight()
