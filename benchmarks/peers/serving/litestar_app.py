"""Litestar with msgspec, the quickest of the frameworks: typed structures decoded without a detour."""

import msgspec
import numpy as np
from linear import from_csv, scores
from litestar import Litestar, Request, post


class Instance(msgspec.Struct):
    """One row."""

    features: list[float]


class Instances(msgspec.Struct):
    """A request."""

    instances: list[Instance]


@post("/json", status_code=200)
async def json_rows(data: Instances) -> dict[str, list[dict[str, float]]]:
    """Answer JSON."""
    rows = np.array([each.features for each in data.instances], np.float32)
    return {"predictions": [{"score": score} for score in scores(rows)]}


@post("/csv", status_code=200)
async def csv_rows(request: Request) -> dict[str, list[dict[str, float]]]:
    """Answer CSV."""
    return {"predictions": [{"score": score} for score in scores(from_csv(await request.body()))]}


app = Litestar([json_rows, csv_rows], openapi_config=None)
