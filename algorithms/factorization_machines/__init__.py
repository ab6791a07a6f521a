"""factorization-machines: linear weights plus factorised pairs, for wide and sparse features."""

from __future__ import annotations

from algorithms.base import JSON, JSONLINES, RECORDIO, Algorithm
from algorithms.factorization_machines.model import NAME, load
from algorithms.factorization_machines.schema import SCHEMA, label_rule
from algorithms.factorization_machines.training import train

ALGORITHM = Algorithm(
    name=NAME,
    hyperparameters=SCHEMA,
    channels={"train": True, "test": False},
    training_content_types=(RECORDIO,),
    inference_content_types=(JSON, JSONLINES, RECORDIO),
    label_rule=label_rule,
    train=train,
    load=load,
)
