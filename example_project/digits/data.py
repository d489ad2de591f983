"""The digits images as a Lightning data module, held in memory."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, TensorDataset

PIXEL_MEAN, PIXEL_STD = 4.88, 6.02  # of all pixels, which have 17 grey levels from 0 to 16


class DigitsDataModule(pl.LightningDataModule):
    """1797 grey images of the digits 0 to 9, shape (1, side, side), standardized; 8 by 8 pixels if not enlarged.

    The split depends on `split_seed` alone: runs with different training seeds are validated on the same
    images.
    """

    def __init__(self, batch_size: int, val_fraction: float, split_seed: int = 0, side: int = 8) -> None:
        super().__init__()
        if not 0 < val_fraction < 1:
            raise ValueError(f"val_fraction must lie between 0 and 1, got {val_fraction}")
        self.batch_size = batch_size
        self.val_fraction = val_fraction
        self.split_seed = split_seed
        self.side = side

    def setup(self, stage: str) -> None:
        """Load the images and split them."""
        digits = load_digits()
        images = (torch.from_numpy(digits.images).float().unsqueeze(1) - PIXEL_MEAN) / PIXEL_STD
        if self.side != 8:
            images = interpolate(images, size=(self.side, self.side), mode="bilinear", align_corners=False)
        labels = torch.from_numpy(digits.target).long()
        train, val = stratified_split(labels, self.val_fraction, self.split_seed)
        self.train_set = TensorDataset(images[train], labels[train])
        self.val_set = TensorDataset(images[val], labels[val])

    def train_dataloader(self) -> DataLoader:
        """Shuffled batches; `num_workers=0` because a worker costs more to start than an epoch takes."""
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True, num_workers=0)

    def val_dataloader(self) -> DataLoader:
        """The whole validation set as one batch: its size must not depend on the one being searched."""
        return DataLoader(self.val_set, batch_size=len(self.val_set), num_workers=0)


def stratified_split(labels: Tensor, val_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return (training, validation) indices with `val_fraction` of every class in validation."""
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for label in labels.unique():
        members = torch.nonzero(labels == label).squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        n_val = round(val_fraction * len(members))
        val.append(members[:n_val])
        train.append(members[n_val:])
    return torch.cat(train), torch.cat(val)
