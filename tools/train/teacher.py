"""The standard embedder as a teacher: its embedding of a picture, and the inner maps that a student can imitate."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from graph import Graph

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# the ends of the 14 x 14 and of the 7 x 7 stage, 128 channels each
INNER = ['/features/features.11/Add_output_0', '/features/features.14/Add_output_0']
OUTPUT = 'output0'


class Teacher:
    """The teacher. bfloat16 is four to seven times faster, and its embeddings have a cosine of 0.9997 to those in float."""

    def __init__(self, path: Path, dtype: torch.dtype = torch.bfloat16):
        self.graph = Graph(path, [*INNER, OUTPUT], dtype)

    @torch.no_grad()
    def __call__(self, pictures: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Embeds pictures: uint8 [n,3,112,112] RGB -> float32 [n,128] of length 1, and the maps named by INNER."""
        x = (pictures.float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        found = self.graph(x)
        return F.normalize(found[OUTPUT].float(), dim=1), [found[name] for name in INNER]
