"""Litestar with msgspec, the quickest of the frameworks: typed structures decoded without a detour."""

import msgspec
import numpy as np
from linear import score
from litestar import Litestar, Request, post


class Instance(msgspec.Struct):
    """One row."""

    features: list[float]


class Instances(msgspec.Struct):
    """A request."""

    instances: list[Instance]


@post("/json", status_code=200)
async def from_json(data: Instances) -> dict[str, list[dict[str, float]]]:
    """Answer JSON."""
    rows = [np.array(each.features, np.float32) for each in data.instances]
    return {"predictions": [{"score": score(row)} for row in rows]}


@post("/csv", status_code=200)
async def from_csv(request: Request) -> dict[str, list[dict[str, float]]]:
    """Answer one line of CSV."""
    row = np.array((await request.body()).decode().split(","), np.float32)
    return {"predictions": [{"score": score(row)}]}


app = Litestar([from_json, from_csv], openapi_config=None)
