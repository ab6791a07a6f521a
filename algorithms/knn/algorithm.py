"""Training of knn: sample, reduce, index, score."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from algorithms.base import CSV, JSON, JSONLINES, RECORDIO, Algorithm, Channel, LabelRule, Model
from algorithms.errors import CustomerError
from algorithms.hyperparameters import AUTO
from algorithms.knn.index import build_index
from algorithms.knn.model import KnnModel, Rows, Settings, load, prepare
from algorithms.knn.projection import Projection
from algorithms.knn.reservoir import Reservoir
from algorithms.knn.schema import IVF_PQ, PQ_COMPONENTS, SCHEMA
from algorithms.logs import MetricLog
from algorithms.scores import accuracy, macro_f1, mean_squared_error

SEED = 0
"""There is no hyperparameter for it, so every job draws the same sample and the same projection."""


def train(values: Mapping[str, Any], channels: Mapping[str, Channel], log: MetricLog) -> KnnModel:
    """Index a sample of the train channel and score the test channel, if there is one."""
    started = time.monotonic()
    features, labels = _sample(values, channels["train"], log)
    model = _build(values, features, labels)
    log.progress(1, 1)
    log.throughput(len(labels), time.monotonic() - started)
    if "test" in channels:
        _score(model, values, channels["test"], log)
    return model


def _sample(values: Mapping[str, Any], channel: Channel, log: MetricLog) -> tuple[Rows, Rows]:
    reservoir = Reservoir(values["sample_size"], values["feature_dim"], SEED)
    seen = 0
    for batch in channel.batches(values["mini_batch_size"]):
        assert batch.labels is not None, "channels of training are labelled"
        reservoir.add(batch.features, batch.labels)
        seen += len(batch)
    features, labels = reservoir.take()
    log.info(f"Sampled {len(labels)} of {seen} records (sample_size {values['sample_size']})")
    if len(labels) < values["k"]:
        raise CustomerError(
            f"k is {values['k']}, but channel 'train' has only {len(labels)} records: lower k"
        )
    return features, labels


def _build(values: Mapping[str, Any], features: Rows, labels: Rows) -> KnnModel:
    lists = values["faiss_index_ivf_nlists"]
    settings = Settings(
        feature_dim=values["feature_dim"],
        k=values["k"],
        classifier=values["predictor_type"] == "classifier",
        metric=values["index_metric"],
        index_type=values["index_type"],
        lists=max(1, math.isqrt(len(labels))) if lists == AUTO else lists,
        components=1,
        dimension=values["dimension_reduction_target"] or values["feature_dim"],
        reduction=values["dimension_reduction_type"],
    )
    if settings.index_type == IVF_PQ:
        settings = _with_components(settings, values["faiss_index_pq_m"])
    projection = _draw(settings)
    index = build_index(settings.index, prepare(features, settings, projection))
    return KnnModel(settings, index, labels, projection)


def _with_components(settings: Settings, given: str | None) -> Settings:
    """Set faiss_index_pq_m and raise the dimension to its next multiple, as the service documents.

    Where it is not given: the largest allowed one that leaves each component four dimensions or more.
    """
    fitting = [int(m) for m in PQ_COMPONENTS if int(m) * 4 <= settings.dimension]
    components = int(given) if given is not None else max(fitting, default=1)
    dimension = -(-settings.dimension // components) * components
    return replace(settings, components=components, dimension=dimension)


def _draw(settings: Settings) -> Projection | None:
    if settings.reduction == "none":
        return None
    # A dimension that was raised for pq_m beyond that of the data is filled up with zeros.
    target = min(settings.dimension, settings.feature_dim)
    return Projection.draw(settings.reduction, settings.feature_dim, target, SEED)


def _score(model: Model, values: Mapping[str, Any], channel: Channel, log: MetricLog) -> None:
    actual, predicted = [], []
    for batch in channel.batches(values["mini_batch_size"]):
        assert batch.labels is not None, "channels of training are labelled"
        actual.append(np.array(batch.labels))
        predicted.append(model.predict(batch.features)["predicted_label"])
    truth, guess = np.concatenate(actual), np.concatenate(predicted)
    if values["predictor_type"] == "classifier":
        scores = [("accuracy", accuracy(truth, guess)), ("macro_f_1.000", macro_f1(truth, guess))]
    else:
        scores = [("mse", mean_squared_error(truth, guess))]
    for name, value in scores:
        log.quality("test", name, value)
    log.test_score(*scores)


def _label_rule(values: Mapping[str, Any]) -> LabelRule:
    return LabelRule(whole=values["predictor_type"] == "classifier")


ALGORITHM = Algorithm(
    name="knn",
    hyperparameters=SCHEMA,
    channels={"train": True, "test": False},
    training_content_types=(RECORDIO, CSV),
    inference_content_types=(JSON, JSONLINES, RECORDIO, CSV),
    label_rule=_label_rule,
    train=train,
    load=load,
)
