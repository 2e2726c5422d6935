"""Detectors with YuNet's outputs: the standard one as a teacher, decoding, suppression, alignment of the found faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from faces import SIDE, TEMPLATE
from graph import Graph

STRIDES = (8, 16, 32)
KINDS = {'cls': 1, 'obj': 1, 'bbox': 4, 'kps': 10}
# convolutions whose outputs become cls, obj, bbox and kps of the strides 8, 16, 32 once transposed
RAW = {'cls': ('297', '299', '301'), 'obj': ('309', '311', '313'), 'bbox': ('303', '305', '307')}
RAW |= {'kps': ('315', '317', '319')}


@dataclass(frozen=True)
class Found:
    """Found faces: boxes [n,4] x, y, width, height; points [n,5,2]; scores [n]; in pixels of the given picture."""

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray


class YunetTeacher:
    """The standard detector. It returns per stride one map [n,16,h,w]: cls, obj (as probabilities), bbox 4, kps 10."""

    def __init__(self, path: Path, dtype: torch.dtype = torch.float32):
        self.graph = Graph(path, [name for names in RAW.values() for name in names], dtype)

    def __call__(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Runs the detector. pictures: float [n,3,h,w] BGR 0..255, h and w multiples of 32."""
        found = {k: v.float() for k, v in self.graph(pictures).items()}
        maps = []
        for i in range(len(STRIDES)):
            raw = torch.cat([found[RAW[kind][i]] for kind in KINDS], 1)
            maps.append(torch.cat([raw[:, :2].sigmoid(), raw[:, 2:]], 1))
        return maps


def cells(h: int, w: int, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns rows and columns of all cells, [h,w] each, in pixels."""
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing='ij')
    return rows.float() * stride, columns.float() * stride


def decode(m: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Decodes a map [n,16,h,w] (probabilities first): scores [n,h,w], boxes x, y, w, h [n,h,w,4], points [n,h,w,5,2]."""
    n, _, h, w = m.shape
    rows, columns = cells(h, w, stride)
    scores = (m[:, 0].clamp(0, 1) * m[:, 1].clamp(0, 1)).sqrt()
    size = m[:, 4:6].clamp(-6, 6).exp() * stride
    x = columns + m[:, 2] * stride - size[:, 0] / 2
    y = rows + m[:, 3] * stride - size[:, 1] / 2
    boxes = torch.stack([x, y, size[:, 0], size[:, 1]], -1)
    k = m[:, 6:].view(n, 5, 2, h, w) * stride
    points = torch.stack([k[:, :, 0] + columns, k[:, :, 1] + rows], 2).permute(0, 3, 4, 1, 2)
    return scores, boxes, points


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Computes the intersection over union of one box with many."""
    left = np.maximum(box[:2], others[:, :2])
    right = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.prod(np.clip(right - left, 0, None), axis=1)
    return shared / (box[2] * box[3] + others[:, 2] * others[:, 3] - shared + 1e-9)


def collect(maps: list[torch.Tensor], index: int, threshold: float = 0.6, limit: float = 0.3) -> Found:
    """Lists the faces of picture `index` of a batch, best first, overlapping ones suppressed.

    As in the service, the cells that detect the same face vote: the mean of their boxes and points, weighted by score, is
    several times steadier than the answer of the best cell alone.
    """
    parts = []
    for m, stride in zip(maps, STRIDES):
        scores, boxes, points = decode(m[index : index + 1].float(), stride)
        at = scores > threshold
        parts.append((boxes[at].numpy(), points[at].numpy(), scores[at].numpy()))
    boxes, points, scores = (np.concatenate([p[i] for p in parts]) for i in range(3))
    left = list(np.argsort(-scores))
    kept: list[int] = []
    while left:
        first = left.pop(0)
        kept.append(first)
        left = [k for k, o in zip(left, overlap(boxes[first], boxes[left])) if o <= limit] if left else left
    votes = [scores * (overlap(boxes[k], boxes) >= 0.5) for k in kept]
    mean = [(np.average(boxes, 0, v), np.average(points, 0, v)) for v in votes]
    shaped = (np.array([m[i] for m in mean]).reshape(-1, *shape) for i, shape in enumerate([(4,), (5, 2)]))
    return Found(*shaped, scores[kept])


def padded(picture: np.ndarray, scale: float = 1.0) -> torch.Tensor:
    """Scales RGB uint8 [h,w,3] to float [1,3,H,W] BGR, with zeros to the right and below up to multiples of 32."""
    x = torch.from_numpy(picture[:, :, ::-1].copy()).permute(2, 0, 1)[None].float()
    if scale != 1:
        x = F.interpolate(x, scale_factor=scale, mode='area' if scale < 1 else 'bilinear')
    h, w = x.shape[2:]
    return F.pad(x, (0, -w % 32, 0, -h % 32))


def aligned(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Aligns RGB uint8 [h,w,3] by five points -> uint8 [112,112,3], by the least-squares similarity onto the template."""
    p, t = points - points.mean(0), TEMPLATE - TEMPLATE.mean(0)
    norm = (t**2).sum()
    # transform from the template to the picture: z -> (a + ib) z + c
    a = (t * p).sum() / norm
    b = (t[:, 0] * p[:, 1] - t[:, 1] * p[:, 0]).sum() / norm
    turn = np.array([[a, -b], [b, a]])
    shift = points.mean(0) - turn @ TEMPLATE.mean(0)
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    at = np.stack([xs, ys], -1).astype(np.float64) @ turn.T + shift
    h, w = picture.shape[:2]
    grid = torch.from_numpy((at + 0.5) / np.array([w, h]) * 2 - 1).float()[None]
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    y = F.grid_sample(x, grid, mode='bilinear', padding_mode='zeros', align_corners=False)
    return y[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()


def largest_face(picture: np.ndarray, detect: nn.Module | YunetTeacher, side: int = 480) -> np.ndarray | None:
    """Returns the aligned face of the largest box, searched at three scales; None where there is none."""
    base = side / max(picture.shape[:2])
    for factor in (1.0, 0.5, 0.25):
        scale = base * factor
        found = collect(detect(padded(picture, scale)), 0)
        if len(found.scores) > 0:
            best = int(np.argmax(found.boxes[:, 2] * found.boxes[:, 3]))
            return aligned(picture, found.points[best] / scale)
    return None
