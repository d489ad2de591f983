"""The networks: each maps images (batch, 1, side, side) to logits (batch, 10)."""

from __future__ import annotations

from torch import nn

N_CLASSES = 10


class MLP(nn.Sequential):
    """Two hidden layers, of `hidden1` and `hidden2` units, each followed by dropout."""

    def __init__(self, hidden1: int, hidden2: int, dropout: float, side: int = 8) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(side * side, hidden1),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden1, hidden2),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden2, N_CLASSES),
        )


class CNN(nn.Sequential):
    """Two 3x3 convolutions, of `channels` and twice as many, then one hidden layer with dropout."""

    def __init__(self, channels: int, hidden: int, dropout: float, side: int = 8) -> None:
        pooled_side = side // 4  # two poolings, each halves the image
        super().__init__(
            nn.Conv2d(1, channels, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * channels * pooled_side**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, N_CLASSES),
        )
