"""FastAPI: JSON through a pydantic model, as its documentation does it; CSV through numpy."""

import numpy as np
from fastapi import FastAPI, Request
from linear import score
from pydantic import BaseModel

app = FastAPI()


class Instance(BaseModel):
    """One row."""

    features: list[float]


class Instances(BaseModel):
    """A request."""

    instances: list[Instance]


@app.post("/json")
async def from_json(request: Instances) -> dict[str, list[dict[str, float]]]:
    """Answer JSON."""
    rows = [np.array(each.features, np.float32) for each in request.instances]
    return {"predictions": [{"score": score(row)} for row in rows]}


@app.post("/csv")
async def from_csv(request: Request) -> dict[str, list[dict[str, float]]]:
    """Answer one line of CSV."""
    row = np.array((await request.body()).decode().split(","), np.float32)
    return {"predictions": [{"score": score(row)}]}
