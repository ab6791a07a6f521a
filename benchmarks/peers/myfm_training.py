"""myFM's Gibbs sampler: `python -m benchmarks.peers.myfm_training FOLDER FACTORS`.

It is no gradient method: 3 of its iterations say little (F1 0.62), so it gets 50.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from myfm import MyFMGibbsClassifier
from scipy.sparse import csr_matrix

from benchmarks.peers.turns import split, take_turns

ITERATIONS = 50


def main() -> None:
    """Load, then take turns."""
    folder, factors = Path(sys.argv[1]), int(sys.argv[2])
    (features, labels), (test, _) = (split(folder, name) for name in ("train", "test"))
    rows, zero, unseen = csr_matrix(features.astype(float)), labels == 0, csr_matrix(test.astype(float))

    def train() -> Any:
        return MyFMGibbsClassifier(rank=factors, random_seed=0).fit(rows, zero, n_iter=ITERATIONS)

    take_turns(train, lambda model: model.predict(unseen))


if __name__ == "__main__":
    main()
