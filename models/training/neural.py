"""Trains small multilayer perceptrons; the same seed gives the same weights on the same machine."""

import numpy as np
import torch
from torch import nn

Layers = list[tuple[np.ndarray, np.ndarray]]


def seed_everything(seed: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def fit(network: nn.Module, inputs, targets, loss, *, epochs: int, rate: float, decay: float, batch: int = 256) -> None:
    """AdamW with a cosine learning rate. `loss(outputs, targets)` gives a scalar."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
    steps = epochs * -(-len(inputs) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(batch):
            optimizer.zero_grad()
            loss(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
            schedule.step()
    network.eval()


def train_mlp(
    inputs: np.ndarray,
    targets: np.ndarray,
    hidden: tuple[int, ...],
    loss,
    *,
    seed: int,
    epochs: int,
    rate: float = 3e-3,
    decay: float = 1e-4,
) -> Layers:
    """Returns (weight [in, out], bias [out]) a layer. `targets` is float32 [N, outputs]."""
    seed_everything(seed)
    sizes = [inputs.shape[1], *hidden, targets.shape[1]]
    modules: list[nn.Module] = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        modules += [nn.Linear(a, b), nn.ReLU()]
    network = nn.Sequential(*modules[:-1])
    as_tensor = lambda a: torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32))  # noqa: E731
    fit(network, as_tensor(inputs), as_tensor(targets), loss, epochs=epochs, rate=rate, decay=decay)
    return layers_of(network)


def layers_of(network: nn.Sequential) -> Layers:
    return [
        (m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy())
        for m in network
        if isinstance(m, nn.Linear)
    ]


def binary_loss(positive_weight: float = 1.0):
    return nn.BCEWithLogitsLoss(pos_weight=torch.tensor([positive_weight]))


def soft_label_loss(logits: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    """Cross-entropy against a distribution: one-hot labels or a teacher's probabilities."""
    return -(probabilities * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
