"""The student of the embedder: its layers, running it on bytes, folding its normalisations, its ONNX file."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

SCALE = 128  # bytes / 128: exact in bfloat16, and folded into the first convolution on export


def conv(i: int, o: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(o, momentum=0.05),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class Block(nn.Module):
    """Inverted residual: widen, depthwise 3 x 3, narrow; the input is added where the shape stays."""

    def __init__(self, i: int, o: int, wide: int, stride: int = 1):
        super().__init__()
        self.sum = stride == 1 and i == o
        self.body = nn.Sequential(conv(i, wide), conv(wide, wide, 3, stride, wide), conv(wide, o, relu=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.sum else self.body(x)


class Student(nn.Module):
    """MobileFaceNet's shape with a quick stem: 112 -> 56 -> 28 by two dense convolutions. Plain ReLU throughout."""

    def __init__(self, stem: int = 24, at28: int = 2, at14: int = 4, at7: int = 2, wide: int = 192, head: int = 256):
        super().__init__()
        early = [conv(3, stem, 3, 2), conv(stem, 64, 3, 2), *(Block(64, 64, 128) for _ in range(at28))]
        self.to14 = nn.Sequential(*early, Block(64, 128, wide, 2), *(Block(128, 128, wide) for _ in range(at14)))
        self.to7 = nn.Sequential(Block(128, 128, wide, 2), *(Block(128, 128, wide) for _ in range(at7)))
        self.widen = conv(128, head)
        # the global depthwise convolution over 7 x 7, written as a weighted sum because that trains faster
        self.spot = nn.Parameter(torch.randn(head, 7, 7) / 7)
        self.spot_norm = nn.BatchNorm1d(head)
        self.out = nn.Linear(head, 128)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Runs the student. x: bytes / SCALE, [n,3,112,112] -> the embedding [n,128], the maps at 14 x 14 and 7 x 7."""
        m14 = self.to14(x)
        m7 = self.to7(m14)
        spots = (self.widen(m7).float() * self.spot).sum((2, 3))
        return self.out(self.spot_norm(spots)), m14, m7


def as_input(pictures: torch.Tensor) -> torch.Tensor:
    """Converts uint8 [n,112,112,3] to float32 [n,3,112,112], channels last in memory."""
    return pictures.permute(0, 3, 1, 2).float() / SCALE


@torch.no_grad()
def embed(student: nn.Module, pictures: np.ndarray, quick: bool = False) -> np.ndarray:
    """Embeds uint8 [n,112,112,3] -> float32 [n,128], not normalised; quick: in bfloat16."""
    student.eval()
    rows = []
    for k in range(0, len(pictures), 64):
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=quick):
            rows.append(student(as_input(torch.from_numpy(pictures[k : k + 64])))[0].float())
    return torch.cat(rows).numpy()


class Folded(nn.Module):
    """The student with every normalisation folded into its convolution; the input is unscaled bytes, 0 to 255."""

    def __init__(self, student: Student):
        super().__init__()
        s = copy.deepcopy(student).float().eval()
        self.body = nn.Sequential(s.to14, s.to7, s.widen)
        fold_in(self.body)
        first = next(m for m in self.body.modules() if isinstance(m, nn.Conv2d))
        first.weight.data /= SCALE
        head = s.spot.shape[0]
        self.spot = nn.Conv2d(head, head, 7, groups=head, bias=False)
        self.spot.weight.data = s.spot.data[:, None].clone()
        self.spot = torch.nn.utils.fuse_conv_bn_eval(self.spot.eval(), s.spot_norm)
        self.out = nn.Conv2d(head, 128, 1)
        self.out.weight.data = s.out.weight.data[:, :, None, None].clone()
        self.out.bias.data = s.out.bias.data.clone()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.spot(self.body(x))).flatten(1)


class Bytes(nn.Module):
    """The student as it was trained, with unscaled bytes as input: the reference for the ONNX file."""

    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.student(x / SCALE)[0]


def fold_in(module: nn.Module) -> None:
    """Replaces each convolution with batch normalisation behind it by one convolution with a bias."""
    for child in module.modules():
        if isinstance(child, nn.Sequential):
            for i in range(len(child) - 1):
                if isinstance(child[i], nn.Conv2d) and isinstance(child[i + 1], nn.BatchNorm2d):
                    child[i] = torch.nn.utils.fuse_conv_bn_eval(child[i], child[i + 1])
                    child[i + 1] = nn.Identity()


def export(student: Student, file: Path) -> None:
    """Writes ONNX for one picture: `input` float32 [1,3,112,112] RGB 0..255 -> `embedding` [1,128], not normalised."""
    folded = Folded(student).to(memory_format=torch.contiguous_format).eval()
    x = torch.zeros(1, 3, 112, 112)
    names = {'input_names': ['input'], 'output_names': ['embedding']}
    torch.onnx.export(folded, x, str(file), opset_version=13, **names)
