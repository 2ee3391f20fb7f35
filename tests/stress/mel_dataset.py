"""A dataset of torch whose items are mels of drawn signals; imported by the workers of a loader."""

import numpy as np
import torch
from torch.utils.data import Dataset

import fastspec

PLAN, BANK = fastspec.STFT(400, hop_length=160), fastspec.MelBank(16000, 400, 80)


class Mels(Dataset[torch.Tensor]):
    """Item k is the mel spectrogram of a second of noise that is drawn from k."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, k: int) -> torch.Tensor:
        y = np.random.default_rng([self.seed, k]).standard_normal(16000).astype(np.float32)
        return torch.from_numpy(PLAN.mel(y, BANK, log="db"))
