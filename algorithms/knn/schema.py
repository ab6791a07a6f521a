"""The hyperparameters of knn, as the service documents them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from algorithms.hyperparameters import AUTO, Categorical, Integer, Schema

FLAT, IVF_FLAT, IVF_PQ = INDEX_TYPES = ("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ")
PQ_COMPONENTS = ("1", "2", "3", "4", "8", "12", "16", "20", "24", "28", "32", "40", "48", "56", "64", "96")


def _check_reduction(values: Mapping[str, Any]) -> Iterator[str]:
    kind, target = values["dimension_reduction_type"], values["dimension_reduction_target"]
    if kind == "none" and target is not None:
        yield f"'dimension_reduction_target' is {target}, but 'dimension_reduction_type' is not sign or fjlt"
    if kind != "none" and target is None:
        yield f"'dimension_reduction_target' is required: 'dimension_reduction_type' is {kind!r}"
    if kind != "none" and target is not None and target >= values["feature_dim"]:
        width = values["feature_dim"]
        yield f"'dimension_reduction_target' is {target}, but must be below 'feature_dim', which is {width}"


def _check_metric(values: Mapping[str, Any]) -> Iterator[str]:
    if values["index_type"] == IVF_PQ and values["index_metric"] != "L2":
        yield f"'index_metric' is {values['index_metric']!r}, but must be 'L2' with 'index_type' {IVF_PQ!r}"


def _check_k(values: Mapping[str, Any]) -> Iterator[str]:
    if values["k"] > values["sample_size"]:
        yield f"'k' is {values['k']}, but must not be above 'sample_size', which is {values['sample_size']}"


SCHEMA = Schema(
    fields={
        "feature_dim": Integer(minimum=1, required=True),
        "k": Integer(minimum=1, required=True),
        "predictor_type": Categorical(choices=("classifier", "regressor"), required=True),
        "sample_size": Integer(minimum=1, required=True),
        "mini_batch_size": Integer(minimum=1, default=5000),
        "index_type": Categorical(choices=INDEX_TYPES, default=FLAT),
        "index_metric": Categorical(choices=("L2", "INNER_PRODUCT", "COSINE"), default="L2"),
        "faiss_index_ivf_nlists": Integer(minimum=1, auto=True, default=AUTO),
        "faiss_index_pq_m": Categorical(choices=PQ_COMPONENTS),
        "dimension_reduction_type": Categorical(choices=("none", "sign", "fjlt"), default="none"),
        "dimension_reduction_target": Integer(minimum=1),
    },
    checks=(_check_reduction, _check_metric, _check_k),
)
