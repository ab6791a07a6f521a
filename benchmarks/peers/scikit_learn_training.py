"""scikit-learn's linear classifiers: `python -m benchmarks.peers.scikit_learn_training FOLDER WORK`.

`logistic` and `sgd` find the images of 0, `digits` tells ten digits apart. Each with its own defaults (lbfgs
and at most 100 iterations), but for the passes of SGD, as many as ours.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from sklearn.linear_model import LogisticRegression, SGDClassifier

from benchmarks.peers.turns import split, take_turns

EPOCHS = 15


def main() -> None:
    """Load, then take turns."""
    folder, work = Path(sys.argv[1]), sys.argv[2]
    features, labels = split(folder, "train")
    test, _ = split(folder, "test")
    if work != "digits":
        labels = (labels == 0).astype(labels.dtype)

    def train() -> Any:
        if work == "sgd":
            return SGDClassifier(loss="log_loss", max_iter=EPOCHS, tol=None, random_state=0).fit(
                features, labels
            )
        return LogisticRegression().fit(features, labels)

    # That the iterations run out is its default's doing, and said once a turn otherwise.
    warnings.simplefilter("ignore")
    take_turns(train, lambda model: model.predict(test))


if __name__ == "__main__":
    main()
