"""The faiss indexes of knn, built from rows and kept as plain arrays.

The arrays, not faiss's own serialisation, go into the model file: faiss reads its files without distrust, and
a model may come from a stranger. Every array's shape is checked before faiss sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import faiss
import numpy as np
import numpy.typing as npt

from algorithms.errors import CustomerError
from algorithms.knn.schema import FLAT, IVF_PQ

Rows = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]

PQ_CENTROIDS = 256
"""A product quantiser of faiss has 2⁸ centroids a component, and needs as many rows to learn them."""


class Index(Protocol):
    """Finds the nearest of `count` rows of `dimension` numbers."""

    count: int
    dimension: int

    def search(self, queries: Rows, k: int) -> tuple[Rows, Ids]:
        """Return faiss's measure (squared distance, or inner product) and row numbers, nearest first.

        queries: C-ordered, shape (n, dimension). Both results have shape (n, k); k ≤ count.
        """
        ...

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All there is to store, as `load_index` takes it."""
        ...


@dataclass(frozen=True)
class IndexSettings:
    """What an index is built by.

    kind: a faiss.* name of the schema. inner_product: the metric, else L2. lists, components: for IVF kinds.
    """

    kind: str
    inner_product: bool
    lists: int = 1
    components: int = 1

    @property
    def metric(self) -> int:
        """The faiss constant."""
        return int(faiss.METRIC_INNER_PRODUCT if self.inner_product else faiss.METRIC_L2)


class FlatIndex:
    """Compares with every row. Keeps the one array: `faiss.knn` searches it in place."""

    def __init__(self, settings: IndexSettings, rows: Rows) -> None:
        self.count, self.dimension = rows.shape
        self._metric = settings.metric
        self._rows = rows

    def search(self, queries: Rows, k: int) -> tuple[Rows, Ids]:
        """See `Index.search`."""
        measures, ids = faiss.knn(queries, self._rows, k, metric=self._metric)
        return measures, ids

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """See `Index.arrays`."""
        return {"rows": self._rows}


class InvertedIndex:
    """Compares with the rows of the nearest tenth of all lists, or of all lists where those hold too few."""

    def __init__(self, settings: IndexSettings, dimension: int) -> None:
        self.count = 0
        self.dimension = dimension
        self._lists = settings.lists
        self._flat = faiss.IndexFlat(dimension, settings.metric)  # kept: faiss holds a bare pointer to it
        self._quantized = settings.kind == IVF_PQ
        self._index: Any  # faiss's own annotations do not know its Python-side arguments
        if self._quantized:
            self._index = faiss.IndexIVFPQ(self._flat, dimension, settings.lists, settings.components, 8)
            self._index.pq.cp.min_points_per_centroid = 1
        else:
            self._index = faiss.IndexIVFFlat(self._flat, dimension, settings.lists, settings.metric)
        self._index.cp.min_points_per_centroid = 1  # else faiss warns on stderr below 39 rows a list

    def build(self, rows: Rows) -> None:
        """Learn the lists from the rows and fill them."""
        self._index.train(rows)
        self._index.add(rows)
        self.count = len(rows)

    def search(self, queries: Rows, k: int) -> tuple[Rows, Ids]:
        """See `Index.search`."""
        probes = _probe(-(-self._lists // 10))
        measures, ids = self._index.search(queries, k, params=probes)
        short = np.flatnonzero(ids[:, -1] < 0)
        if len(short):
            everything = self._index.search(queries[short], k, params=_probe(self._lists))
            measures[short], ids[short] = everything
        return measures, ids

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """See `Index.arrays`."""
        lists = self._index.invlists
        sizes = np.array([lists.list_size(number) for number in range(self._lists)], dtype=np.int64)
        ids = np.empty(self.count, dtype=np.int64)
        codes = np.empty((self.count, self._index.code_size), dtype=np.uint8)
        starts = np.cumsum(sizes) - sizes
        for number in np.flatnonzero(sizes).tolist():
            part = slice(starts[number], starts[number] + sizes[number])
            ids[part] = faiss.rev_swig_ptr(lists.get_ids(number), int(sizes[number]))
            stored = faiss.rev_swig_ptr(lists.get_codes(number), int(sizes[number]) * self._index.code_size)
            codes[part] = stored.reshape(-1, self._index.code_size)
        centroids = faiss.rev_swig_ptr(self._flat.get_xb(), self._lists * self.dimension)
        found = {"centroids": centroids.reshape(self._lists, -1), "sizes": sizes, "ids": ids, "codes": codes}
        if self._quantized:
            found["pq_centroids"] = faiss.vector_to_array(self._index.pq.centroids)
        return found

    def fill(self, arrays: Arrays) -> None:
        """Take over checked arrays (see `_check_inverted`)."""
        self._flat.add(np.ascontiguousarray(arrays["centroids"]))
        if self._quantized:
            faiss.copy_array_to_vector(np.ascontiguousarray(arrays["pq_centroids"]), self._index.pq.centroids)
            self._index.precompute_table()
        self._index.is_trained = True
        ids, codes = np.ascontiguousarray(arrays["ids"]), np.ascontiguousarray(arrays["codes"])
        start = 0
        for number, size in enumerate(arrays["sizes"].tolist()):
            if size:
                part = slice(start, start + size)
                entries = faiss.swig_ptr(ids[part]), faiss.swig_ptr(codes[part])
                self._index.invlists.add_entries(number, size, *entries)
            start += size
        self._index.ntotal = self.count = len(ids)


def _probe(lists: int) -> Any:
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = lists
    return parameters


def build_index(settings: IndexSettings, rows: Rows) -> Index:
    """Build the index over C-ordered float32 rows, shape (n, d). Raises CustomerError for a small n."""
    if settings.kind == FLAT:
        return FlatIndex(settings, rows)
    if len(rows) < settings.lists:
        raise CustomerError(
            f"faiss_index_ivf_nlists is {settings.lists}, but only {len(rows)} rows were sampled: lower it"
        )
    if settings.kind == IVF_PQ and len(rows) < PQ_CENTROIDS:
        raise CustomerError(
            f"{IVF_PQ} needs at least {PQ_CENTROIDS} sampled rows, but there are {len(rows)}: use {FLAT}"
        )
    index = InvertedIndex(settings, rows.shape[1])
    index.build(rows)
    return index


def load_index(settings: IndexSettings, count: int, dimension: int, arrays: Arrays) -> Index:
    """Build the index from what `Index.arrays` gave. Raises ValueError or KeyError when it cannot be that."""
    if settings.kind == FLAT:
        _expect(arrays, "rows", np.float32, (count, dimension))
        return FlatIndex(settings, np.ascontiguousarray(arrays["rows"]))
    index = InvertedIndex(settings, dimension)
    _check_inverted(settings, count, dimension, arrays)
    index.fill(arrays)
    return index


def _check_inverted(settings: IndexSettings, count: int, dimension: int, arrays: Arrays) -> None:
    _expect(arrays, "centroids", np.float32, (settings.lists, dimension))
    _expect(arrays, "sizes", np.int64, (settings.lists,))
    _expect(arrays, "ids", np.int64, (count,))
    if settings.kind == IVF_PQ:
        _expect(arrays, "pq_centroids", np.float32, (PQ_CENTROIDS * dimension,))
        _expect(arrays, "codes", np.uint8, (count, settings.components))
    else:
        _expect(arrays, "codes", np.uint8, (count, 4 * dimension))
    if arrays["sizes"].min() < 0 or arrays["sizes"].max() > count or arrays["sizes"].sum() != count:
        raise ValueError(f"the sizes of its lists do not add up to {count} rows")
    if not np.array_equal(np.sort(arrays["ids"]), np.arange(count)):
        raise ValueError("its lists do not hold every row once")


def _expect(arrays: Arrays, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
    found = arrays[name]
    if found.dtype != dtype or found.shape != shape:
        raise ValueError(f"{name!r} is {found.dtype} {found.shape}, but must be {np.dtype(dtype)} {shape}")
