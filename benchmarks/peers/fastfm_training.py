"""fastFM's stochastic gradient descent: `python -m benchmarks.peers.fastfm_training FOLDER FACTORS EPOCHS`.

It steps once a row; of the step sizes 0.001, 0.01, 0.03 and 0.1 the first finds most. Its last distribution
is for Python 3.6, and its sources do not compile for 3.11: no later syntax here.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from fastFM.sgd import FMClassification
from scipy.sparse import csr_matrix

from benchmarks.peers.turns import split, take_turns

STEP_SIZE = 0.001


def main() -> None:
    """Load, then take turns."""
    folder, factors, epochs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    (features, labels), (test, _) = (split(folder, name) for name in ("train", "test"))
    rows, signs = csr_matrix(features.astype(float)), np.where(labels == 0, 1, -1)
    unseen = csr_matrix(test.astype(float))

    def train() -> Any:
        machine = FMClassification(
            n_iter=epochs * len(signs),
            rank=factors,
            step_size=STEP_SIZE,
            l2_reg_w=0,
            l2_reg_V=0,
            init_stdev=0.01,
            random_state=0,
        )
        return machine.fit(rows, signs)

    take_turns(train, lambda machine: (machine.predict(unseen) > 0).astype(np.float32))


if __name__ == "__main__":
    main()
