"""Three clouds of points in the plane."""

from __future__ import annotations

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split


class BlobsDataModule(LightningDataModule):
    def __init__(self, batch_size: int = 32, num_points: int = 256, num_workers: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.data_train: Dataset | None = None
        self.data_val: Dataset | None = None
        self.data_test: Dataset | None = None

    def setup(self, stage: str | None = None) -> None:
        if self.data_train is not None:
            return
        generator = torch.Generator().manual_seed(42)
        labels = torch.randint(3, (self.hparams.num_points,), generator=generator)
        centers = torch.tensor([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
        points = centers[labels] + 0.6 * torch.randn(len(labels), 2, generator=generator)
        self.data_train, self.data_val, self.data_test = random_split(
            TensorDataset(points, labels), (0.5, 0.25, 0.25), generator=generator
        )

    def _loader(self, dataset: Dataset, shuffle: bool) -> DataLoader:
        return DataLoader(
            dataset, batch_size=self.hparams.batch_size, num_workers=self.hparams.num_workers, shuffle=shuffle
        )

    def train_dataloader(self) -> DataLoader:
        return self._loader(self.data_train, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        return self._loader(self.data_val, shuffle=False)

    def test_dataloader(self) -> DataLoader:
        return self._loader(self.data_test, shuffle=False)
