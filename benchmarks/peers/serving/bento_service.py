"""BentoML: a service with an array for JSON and text for CSV."""

import bentoml
import numpy as np
from linear import from_csv, scores


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Linear:
    """The linear model."""

    @bentoml.api(route="/json")
    async def json_rows(self, features: np.ndarray) -> list[float]:
        """Answer JSON."""
        return scores(features.astype(np.float32))

    @bentoml.api(route="/csv")
    async def csv_rows(self, text: str, /) -> list[float]:
        """Answer CSV."""
        return scores(from_csv(text.encode()))
