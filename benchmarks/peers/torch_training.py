"""PyTorch on processors: `python -m benchmarks.peers.torch_training FOLDER WORK ARGUMENTS`.

    zero MODELS              hinge loss, MODELS side by side in one matrix, 15 epochs
    digits MODELS            softmax of ten classes, likewise
    machine FACTORS EPOCHS   a factorization machine

Batches of 200 in the file's order (its images lie in none, and rows shuffled are rows copied: half as long
again), Adam, fused. Models side by side differ in their learning rate; the best on the validation images is
taken. Rates are those that found most of a few tried.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from benchmarks.peers.turns import split, take_turns

BATCH, EPOCHS = 200, 15
RATES = (1e-3, 8e-3)  # of many models, evenly between in their logarithm
DIGITS_RATE = 2e-3  # of one
MACHINE_RATE, MACHINE_SPREAD = 3e-3, 0.1

Score = Callable[[Tensor], Tensor]
Data = dict[str, tuple[Tensor, Tensor]]


def load(folder: Path) -> Data:
    """Return features (n, 784) float32 and labels (n,) int64 of each split."""
    splits = {name: split(folder, name) for name in ("train", "validation", "test")}
    return {name: (torch.from_numpy(x), torch.from_numpy(y).long()) for name, (x, y) in splits.items()}


def descend(
    loss: Callable[[slice], Tensor], weights: list[Tensor], rate: float, epochs: int, rows: int
) -> None:
    """Take one step of Adam for each batch."""
    optimizer = torch.optim.Adam(weights, lr=rate, fused=True)
    for _ in range(epochs):
        for start in range(0, rows, BATCH):
            optimizer.zero_grad()
            loss(slice(start, start + BATCH)).backward()
            optimizer.step()


def linear(data: Data, models: int, classes: int) -> Score:
    """Train models side by side; return the best one's scores.

    Adam's step is its rate whatever the gradient's size. So one optimizer steps all models at the lowest
    rate, and each model's weights are what it holds times the model's own rate over the lowest.
    """
    rates = (
        torch.logspace(*(torch.tensor(RATES).log10().tolist()), models)
        if models > 1
        else torch.tensor([DIGITS_RATE])
    )
    scale = (rates / rates[0]).repeat_interleave(classes)
    held = torch.zeros(784, models * classes, requires_grad=True)
    bias = torch.zeros(models * classes, requires_grad=True)
    features, labels = data["train"]
    signs = torch.where(labels == 0, 1.0, -1.0)[:, None]

    def scores(images: Tensor) -> Tensor:
        return torch.addmm(bias * scale, images, held * scale)

    def loss(rows: slice) -> Tensor:
        found = scores(features[rows])
        if classes == 1:
            return torch.relu(1 - signs[rows] * found).mean(0).sum()
        wanted = labels[rows].repeat_interleave(models)
        return cross_entropy(found.view(-1, classes), wanted, reduction="sum") / len(found)

    descend(loss, [held, bias], float(rates[0]), EPOCHS, len(features))
    with torch.no_grad():
        images, wanted = data["validation"]
        best = int(torch.stack([quality(each, wanted) for each in scores(images).split(classes, 1)]).argmax())
    return lambda images: scores(images).split(classes, 1)[best]


def quality(scores: Tensor, labels: Tensor) -> Tensor:
    """F1 of the images of 0 for one column of scores, else the share of right classes."""
    if scores.shape[1] > 1:
        return (scores.argmax(1) == labels).float().mean()
    found, wanted = scores[:, 0] > 0, labels == 0
    return 2 * (found & wanted).sum() / (found.sum() + wanted.sum())


def machine(data: Data, factors: int, epochs: int) -> Score:
    """Train a factorization machine to find the images of 0; return its scores."""
    table = (torch.randn(784, factors) * MACHINE_SPREAD).requires_grad_()
    weights, bias = torch.zeros(784, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    features, labels = data["train"]
    zero = (labels == 0).float()[:, None]

    def scores(images: Tensor) -> Tensor:
        pairs = (images @ table).square() - images.square() @ table.square()
        return torch.addmm(bias, images, weights) + pairs.sum(1, keepdim=True) / 2

    def loss(rows: slice) -> Tensor:
        return binary_cross_entropy_with_logits(scores(features[rows]), zero[rows])

    descend(loss, [table, weights, bias], MACHINE_RATE, epochs, len(features))
    return scores


def main() -> None:
    """Load, then take turns."""
    data, work = load(Path(sys.argv[1])), sys.argv[2]
    first, *others = map(int, sys.argv[3:])

    def train() -> Score:
        torch.manual_seed(0)
        if work == "machine":
            return machine(data, first, *others)
        return linear(data, first, 10 if work == "digits" else 1)

    def predict(score: Score) -> Tensor:
        with torch.no_grad():
            scores = score(data["test"][0])
        return scores.argmax(1) if work == "digits" else (scores[:, 0] > 0).float()

    take_turns(train, predict)


if __name__ == "__main__":
    main()
