"""linear-learner: linear classifiers and regressors, many of them trained in lock-step.

Its contract (hyperparameters, formats, log lines) is the service's; its mathematics is its own. Where the
service does not say what it does, each module says what is done here.
"""

from __future__ import annotations

from algorithms.base import CSV, JSON, JSONLINES, RECORDIO, Algorithm
from algorithms.linear_learner.model import NAME, load
from algorithms.linear_learner.schema import SCHEMA, label_rule
from algorithms.linear_learner.training import train

ALGORITHM = Algorithm(
    name=NAME,
    hyperparameters=SCHEMA,
    channels={"train": True, "validation": False, "test": False},
    training_content_types=(RECORDIO, CSV),
    inference_content_types=(JSON, JSONLINES, RECORDIO, CSV),
    label_rule=label_rule,
    train=train,
    load=load,
)
