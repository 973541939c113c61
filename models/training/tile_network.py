"""The network of tile_inspection and its training, with pixel masks as extra teaching."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .neural import seed_everything

GAINS = (0.015, 0.01, 0.03)  # typical size of each input channel, in shares of white
STRIDES = [(True, 1), (True, 1), (False, 1), (False, 2), (False, 1)]  # pool by 2 after?, dilation
QUANTIZED = [f"conv_{i}{part}" for i in range(1, 5) for part in ("", "_relu")] + ["conv_1_pool", "conv_2_pool"]
EPOCHS, BATCH, WIDTH, SHIFT = 80, 8, 8, 6
STRONGEST = 4


class TileNetwork(nn.Module):
    """[N, 1, 64, 64] in 0..1 -> logits of a 16 x 16 map of suspicion."""

    def __init__(self):
        super().__init__()
        sizes = [
            (3, WIDTH, 3),
            (WIDTH, 2 * WIDTH, 3),
            (2 * WIDTH, 2 * WIDTH, 3),
            (2 * WIDTH, 2 * WIDTH, 3),
            (2 * WIDTH, 1, 1),
        ]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, kernel, padding=dilation * (kernel // 2), dilation=dilation)
            for (a, b, kernel), (_, dilation) in zip(sizes, STRIDES, strict=True)
        )
        self.dropout = nn.Dropout2d(0.1)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        row_mean = mean_of(grey, 1, 9)
        shading, rows, columns = (
            grey - mean_of(grey, 9, 9),
            row_mean - mean_of(row_mean, 13, 1),
            grey - grey.mean(2, keepdim=True),
        )
        value = torch.cat([shading, rows, columns], 1) / torch.tensor(GAINS).reshape(1, 3, 1, 1)
        value = value.clamp(-6, 6)
        for conv, (pool, _) in zip(self.convolutions[:-1], STRIDES, strict=False):
            value = torch.relu(conv(value))
            value = F.max_pool2d(value, 2) if pool else value
        return self.convolutions[-1](self.dropout(value))


def mean_of(grey: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return F.avg_pool2d(grey, (height, width), 1, (height // 2, width // 2), count_include_pad=False)


def train(images: np.ndarray, masks: np.ndarray, seed: int) -> TileNetwork:
    """`images` uint8 [N, 1, 64, 64], `masks` float32 [N, 64, 64]; an image without mask pixels is a free tile."""
    seed_everything(seed)
    network = TileNetwork()
    grey, cover = torch.from_numpy(images).float() / 255, torch.from_numpy(masks)[:, None]
    defect = (cover.flatten(1).amax(1) > 0).float()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * -(-len(grey) // BATCH))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(grey)).split(BATCH):
            x, mask = augmented(grey[rows], cover[rows])
            cells = network(x)
            target = (F.max_pool2d(mask, 4) > 0.1).float()
            image_logit = cells.flatten(1).topk(STRONGEST, 1).values.mean(1)
            loss = F.binary_cross_entropy_with_logits(image_logit, defect[rows])
            loss = loss + F.binary_cross_entropy_with_logits(cells, target, pos_weight=torch.tensor(5.0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def augmented(grey: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirrored, shifted and noisy, image and mask alike."""
    for axis in (2, 3):
        if torch.rand(1) < 0.5:
            grey, mask = grey.flip(axis), mask.flip(axis)
    down, right = (int(v) for v in torch.randint(0, 2 * SHIFT + 1, (2,)))
    side = grey.shape[2]
    shift = lambda t: F.pad(t, [SHIFT] * 4, mode="reflect")[:, :, down : down + side, right : right + side]  # noqa: E731
    return shift(grey) + 0.02 * torch.randn_like(grey), shift(mask)
