"""FastAPI: JSON through a pydantic model, as its documentation does it; CSV through numpy."""

import numpy as np
from fastapi import FastAPI, Request
from linear import from_csv, scores
from pydantic import BaseModel

app = FastAPI()


class Instance(BaseModel):
    """One row."""

    features: list[float]


class Instances(BaseModel):
    """A request."""

    instances: list[Instance]


@app.post("/json")
async def json_rows(request: Instances) -> dict[str, list[dict[str, float]]]:
    """Answer JSON."""
    rows = np.array([each.features for each in request.instances], np.float32)
    return {"predictions": [{"score": score} for score in scores(rows)]}


@app.post("/csv")
async def csv_rows(request: Request) -> dict[str, list[dict[str, float]]]:
    """Answer CSV."""
    return {"predictions": [{"score": score} for score in scores(from_csv(await request.body()))]}
