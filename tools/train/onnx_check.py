"""Passes an exported model and PyTorch's outputs to check.mjs, which compares them with those of onnxruntime-node."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn


@torch.no_grad()
def check(file: Path, model: nn.Module, inputs: torch.Tensor, outputs: list[str]) -> None:
    """inputs: float32 [n,...], run one by one. Raises CalledProcessError where a cosine is not above 0.9999."""
    model.eval()
    answers = [model(x[None]) for x in inputs]
    answers = [a if isinstance(a, (tuple, list)) else (a,) for a in answers]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs.numpy().astype(np.float32).tofile(folder / 'input')
        for i, output in enumerate(outputs):
            np.concatenate([a[i].numpy().ravel() for a in answers]).astype(np.float32).tofile(folder / output)
        spec = {'dims': [1, *inputs.shape[1:]], 'runs': len(inputs), 'outputs': outputs}
        (folder / 'check.json').write_text(json.dumps(spec))
        script = Path(__file__).parent / 'check.mjs'
        subprocess.run(['node', str(script), str(file), name], check=True)
