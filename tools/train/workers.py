"""Several processes of one thread each train one model: on shared cores this is far faster than several threads."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing
from torch import nn


def start(train: Callable[[int, argparse.Namespace], None], a: argparse.Namespace) -> None:
    """Runs `train` in a.workers processes, and waits for them; they end with this one."""
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / 'rendezvous').unlink(missing_ok=True)
    # SIGTERM becomes a regular exit, so that the daemon processes end as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    torch.multiprocessing.spawn(train, (a,), a.workers, daemon=True)


def join(worker: int, workers: int, folder: Path) -> None:
    """Connects this process with the others through a file in the folder (removed before they start); uses one thread."""
    torch.set_num_threads(1)
    if workers > 1:
        # a worker may be paused for a long time
        dist.init_process_group('gloo', f'file://{folder.absolute()}/rendezvous', timedelta(days=1), workers, worker)


def agree(optimiser: torch.optim.Optimizer, part: float) -> float:
    """Averages the gradients of all workers, and their progress in the schedule."""
    if not dist.is_initialized():
        return part
    every = [p for group in optimiser.param_groups for p in group['params']]
    gradients = [p.grad for p in every if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([part])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for g in gradients:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()
    return float(flat[-1])


@torch.no_grad()
def follow(mean: nn.Module, model: nn.Module, step: int) -> None:
    """Moves the running mean of the weights towards the model."""
    keep = min(0.999, (1 + step) / (10 + step))
    for a, b in zip(mean.state_dict().values(), model.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(b, 1 - keep)
        else:
            a.copy_(b)
