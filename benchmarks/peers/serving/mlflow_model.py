"""MLflow: write the linear model as a Python model into a folder, for `mlflow models serve`."""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import numpy as np


class Linear(mlflow.pyfunc.PythonModel):
    """The linear model; JSON arrives as an array, CSV as a frame."""

    def predict(self, model_input: Any) -> list[float]:
        """Score the rows."""
        from linear import scores

        return scores(np.asarray(model_input, np.float32))


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=Linear(), pip_requirements=[])
