"""k nearest neighbours: a sample of the training rows in a faiss index, answered by vote or mean."""

from algorithms.knn.algorithm import ALGORITHM

__all__ = ["ALGORITHM"]
