"""The built-in detector: a student of YuNet's kind and contract, its training on composed scenes, its ONNX files."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from embedder import Tally
from onnx_check import check
from scenes import Scene, Stage, stages
from student import Block, conv, fold_in
from yunet import KINDS, STRIDES, Found, YunetTeacher, cells, collect, decode, overlap, padded

SCALE = 128
SIZES = ((640, 480), (320, 256))
# the height of the face, in cells, that a stride answers for where the teacher is silent
REACH = (2.0, 7.0)


class Detector(nn.Module):
    """Stem to stride 4, three stages, sums from coarse to fine, one convolution of 16 channels per stride."""

    def __init__(self, wide: int = 96):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2))
        self.stage8 = nn.Sequential(Block(32, 64, wide, 2), Block(64, 64, wide))
        self.stage16 = nn.Sequential(Block(64, 64, wide, 2), Block(64, 64, wide))
        self.stage32 = nn.Sequential(Block(64, 64, wide, 2), Block(64, 64, wide))
        self.mix = nn.ModuleList(nn.Sequential(conv(64, 64), conv(64, 64, 3, 1, 64)) for _ in STRIDES)
        self.heads = nn.ModuleList(
            nn.Sequential(conv(64, 64), conv(64, 64, 3, 1, 64), nn.Conv2d(64, 16, 1)) for _ in STRIDES
        )
        for head in self.heads:
            # faces are rare: start from a low score
            head[2].bias.data[:2] = -4.0

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """x: BGR bytes / SCALE, [n,3,h,w] -> per stride [n,16,h/s,w/s]: logits of cls and obj, bbox 4, kps 10."""
        m8 = self.stage8(self.stem(x))
        m16 = self.stage16(m8)
        m32 = self.mix[2](self.stage32(m16))
        m16 = self.mix[1](m16 + F.interpolate(m32, scale_factor=2.0, mode='nearest'))
        m8 = self.mix[0](m8 + F.interpolate(m16, scale_factor=2.0, mode='nearest'))
        return [head(m) for head, m in zip(self.heads, (m8, m16, m32))]


class Probable(nn.Module):
    """The detector for bytes as they are, with probabilities: the teacher's interface."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.cat([m[:, :2].sigmoid(), m[:, 2:]], 1) for m in self.detector(x / SCALE)]


class Contract(nn.Module):
    """The twelve outputs of YuNet's contract, in the order of output_names()."""

    def __init__(self, detector: Detector, scale: float):
        super().__init__()
        self.detector = detector
        self.scale = scale

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = self.detector(x if self.scale == 1 else x / self.scale)
        out: list[torch.Tensor] = []
        start = 0
        for kind, size in KINDS.items():
            for m in maps:
                part = m[:, start : start + size].permute(0, 2, 3, 1).reshape(1, -1, size)
                out.append(part.sigmoid() if kind in ('cls', 'obj') else part)
            start += size
        return out


def output_names() -> list[str]:
    return [f'{kind}_{stride}' for kind in KINDS for stride in STRIDES]


@dataclass(frozen=True)
class Target:
    """Per stride: score [n,h,w] 0..1; weight [n,h,w] of the geometry; geometry [n,14,h,w] as bbox 4, kps 10."""

    score: torch.Tensor
    weight: torch.Tensor
    geometry: torch.Tensor


def targets(maps: list[torch.Tensor], scenes: list[Scene]) -> list[Target]:
    """The teacher's answers, corrected by the truth: what lies on no face is none, and a face it missed is one."""
    out = []
    answers = [decode(m, stride) for m, stride in zip(maps, STRIDES)]
    best = [np.zeros(len(s.boxes)) for s in scenes]
    for m, (scores, boxes, _) in zip(maps, answers):
        scores, geometry = scores.clone(), m[:, 2:].clone()
        for i, scene in enumerate(scenes):
            flat, s = boxes[i].reshape(-1, 4).numpy(), scores[i].view(-1)
            hits = np.array([overlap(b, flat) for b in scene.boxes]).reshape(-1, len(flat))
            s[torch.from_numpy(hits.max(0, initial=0) < 0.4)] = 0
            for k in range(len(scene.boxes)):
                good = hits[k] > 0.5
                if good.any():
                    best[i][k] = max(best[i][k], float(s.numpy()[good].max()))
        out.append(Target(scores, torch.where(scores > 0.3, scores, torch.zeros(1)), geometry))
    for i, scene in enumerate(scenes):
        for k in np.flatnonzero(best[i] < 0.6):
            add_missed(out, i, scene.boxes[k], scene.points[k])
    return out


def add_missed(out: list[Target], i: int, box: np.ndarray, points: np.ndarray) -> None:
    """Marks the cells around the middle of a face that the teacher did not find."""
    for target, stride in zip(out, STRIDES):
        size = box[3] / stride
        ends = (0 if stride == STRIDES[0] else REACH[0], math.inf if stride == STRIDES[-1] else REACH[1])
        if not ends[0] <= size < ends[1]:
            continue
        h, w = target.score.shape[1:]
        rows, columns = cells(h, w, stride)
        cx, cy = box[0] + box[2] / 2, box[1] + box[3] / 2
        near = ((rows + stride / 2 - cy).abs() < stride) & ((columns + stride / 2 - cx).abs() < stride)
        dx, dy = (cx - columns) / stride, (cy - rows) / stride
        sides = [torch.full((h, w), math.log(max(v, 4) / stride)) for v in box[2:]]
        five = [((p[0] - columns) / stride, (p[1] - rows) / stride) for p in points]
        geometry = torch.stack([dx, dy, *sides, *(v for pair in five for v in pair)])
        target.score[i][near] = 1
        target.weight[i][near] = 1
        target.geometry[i][:, near] = geometry[:, near].float()


def loss_of(answers: list[torch.Tensor], wanted: list[Target]) -> tuple[torch.Tensor, dict[str, float]]:
    """Scores by quality focal loss, boxes and points by smooth L1 where a face is."""
    total = sum(t.weight.sum() for t in wanted).clamp_min(1)
    score = geometry = 0
    for m, t in zip(answers, wanted):
        m = m.float()
        for logits in (m[:, 0], m[:, 1]):
            gap = (logits.detach().sigmoid() - t.score).abs() ** 2
            score = score + (gap * F.binary_cross_entropy_with_logits(logits, t.score, reduction='none')).sum()
        far = F.smooth_l1_loss(m[:, 2:], t.geometry, reduction='none', beta=0.1)
        # points count as much as boxes
        geometry = geometry + ((far[:, :4].mean(1) + far[:, 4:].mean(1)) * t.weight).sum()
    parts = {'score': float(score / total), 'geometry': float(geometry / total)}
    return (score + 2 * geometry) / total, parts


def as_batch(scenes: list[Scene]) -> torch.Tensor:
    """float [n,3,h,w] BGR 0..255."""
    return torch.from_numpy(np.stack([s.picture[:, :, ::-1] for s in scenes])).permute(0, 3, 1, 2).float()


def compare(found: Found, boxes: np.ndarray, points: np.ndarray, least: float) -> tuple[int, int, int, list[float]]:
    """Faces of at least `least` pixels, those found at IoU 0.5, false ones, errors of points by the eyes' distance."""
    used: set[int] = set()
    hits, count = 0, 0
    errors: list[float] = []
    for box, five in zip(boxes, points):
        over = overlap(box, found.boxes) if len(found.boxes) else np.zeros(0)
        best = int(over.argmax()) if len(over) else -1
        hit = best >= 0 and over[best] >= 0.5
        used |= {best} if hit else set()
        if box[3] < least:
            continue
        count += 1
        hits += hit
        if hit:
            eyes = float(np.linalg.norm(five[0] - five[1]))
            errors += list(np.linalg.norm(found.points[best] - five, axis=1) / eyes)
    return count, hits, len(found.boxes) - len(used), errors


def report(detector: Detector, scenes: list[Scene]) -> dict[str, float]:
    """On held-out scenes of the smaller size, faces of at least 24 pixels."""
    detector.eval()
    rows = [compare(collect(Probable(detector)(as_batch([s])), 0), s.boxes, s.points, 24) for s in scenes]
    count, hits, false = (sum(row[i] for row in rows) for i in range(3))
    errors = [e for row in rows for e in row[3]]
    median = float(np.median(errors)) if errors else 1.0
    figures = {'recall': hits / max(count, 1), 'false': false / len(scenes), 'points': median}
    return {k: round(v, 4) for k, v in figures.items()}


def train(a: argparse.Namespace) -> None:
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    stage, other = stages(a.shared, a.marks, a.seed)
    test = [other.scene(320, 256) for _ in range(100)]
    teacher = YunetTeacher(a.shared / 'models' / 'yunet_n_dynamic.onnx', torch.bfloat16)
    detector = Detector().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=0, weight_decay=0.01)
    step, seen = 0, 0
    file = a.out / 'checkpoint.pt'
    if file.exists():
        state = torch.load(file)
        detector.load_state_dict(state['detector'])
        optimiser.load_state_dict(state['optimiser'])
        step, seen = state['step'], state['seen']
        stage.rng = np.random.default_rng(a.seed + step)
    start, last = time.time(), time.time()
    tally = Tally()
    while seen < a.scenes:
        rate = 3e-3 * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * seen / a.scenes))
        for group in optimiser.param_groups:
            group['lr'] = rate
        # every fifth batch is of large pictures, with as many pixels in all
        large = step % 5 == 4
        size, n = (SIZES[0], max(1, a.batch // 4)) if large else (SIZES[1], a.batch)
        scenes = [stage.scene(*size) for _ in range(n)]
        x = as_batch(scenes)
        wanted = targets(teacher(x), scenes)
        detector.train()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=a.precision == 'bfloat16'):
            answers = detector((x / SCALE).contiguous(memory_format=torch.channels_last))
        loss, parts = loss_of(answers, wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(detector.parameters(), 10)
        optimiser.step()
        step, seen = step + 1, seen + n
        tally.add(parts)
        if time.time() - last > a.every * 60 or seen >= a.scenes:
            line = {'minutes': round((time.time() - start) / 60, 1), 'seen': seen, **report(detector, test)}
            line |= {k: round(v, 4) for k, v in tally.take().items()}
            with open(a.out / 'log.jsonl', 'a') as log:
                log.write(json.dumps(line) + '\n')
            print(json.dumps(line), flush=True)
            state = {'detector': detector.state_dict(), 'optimiser': optimiser.state_dict(), 'step': step, 'seen': seen}
            torch.save(state, a.out / 'checkpoint.new')
            (a.out / 'checkpoint.new').rename(file)
            last = time.time()
    export(detector, a.out)


def folded(detector: Detector) -> Detector:
    """A copy with the normalisations and the scale of the bytes folded into the convolutions."""
    made = copy.deepcopy(detector).eval()
    fold_in(made)
    made.stem[0][0].weight.data /= SCALE
    return made.to(memory_format=torch.contiguous_format)


def export(detector: Detector, folder: Path) -> None:
    """One ONNX file per size: `input` float32 [1,3,h,w] BGR 0..255, outputs as in YuNet's contract."""
    model = Contract(folded(detector), 1)
    for width, height in SIZES:
        x = torch.zeros(1, 3, height, width)
        file = folder / f'detector-{width}x{height}.onnx'
        names = {'input_names': ['input'], 'output_names': output_names()}
        torch.onnx.export(model, x, str(file), opset_version=13, **names)


def trained(file: Path) -> Detector:
    detector = Detector()
    detector.load_state_dict(torch.load(file)['detector'])
    return detector.eval()


def evaluate(a: argparse.Namespace) -> None:
    """On the photos under `faces`, against the standard detector: faces of at least 60 pixels."""
    student = Probable(trained(a.out / 'checkpoint.pt'))
    standard = YunetTeacher(a.shared / 'models' / 'yunet_n_dynamic.onnx')
    files = sorted(p for p in (a.shared / 'faces').rglob('*') if p.suffix in ('.png', '.jpg'))
    rows = []
    for file in files:
        x = padded(np.asarray(Image.open(file).convert('RGB')))
        truth, found = collect(standard(x), 0), collect(student(x), 0)
        rows.append(compare(found, truth.boxes, truth.points, 60))
    count, hits, false = (sum(row[i] for row in rows) for i in range(3))
    errors = [e for row in rows for e in row[3]]
    print(f'{len(files)} photos, {count} faces, found {hits}, false {false}, points {np.median(errors or [1]):.4f}')


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('what', choices=['train', 'evaluate', 'export', 'check'])
    args.add_argument('--shared', type=Path, default=Path('../shared'))
    args.add_argument('--out', type=Path, default=Path('var/train/detector'))
    args.add_argument('--marks', type=Path, default=Path('var/train/marks.npz'))
    args.add_argument('--scenes', type=int, default=200_000)
    args.add_argument('--batch', type=int, default=32)
    args.add_argument('--every', type=float, default=10, help='minutes between log lines and checkpoints')
    args.add_argument('--precision', choices=['bfloat16', 'float32'], default='bfloat16')
    args.add_argument('--seed', type=int, default=5)
    args.add_argument('--threads', type=int, default=2)
    a = args.parse_args()
    if a.what == 'train':
        train(a)
    elif a.what == 'evaluate':
        evaluate(a)
    elif a.what == 'export':
        export(trained(a.out / 'checkpoint.pt'), a.out)
    else:
        stage: Stage = stages(a.shared, a.marks, a.seed)[1]
        model = Contract(trained(a.out / 'checkpoint.pt'), SCALE)
        for width, height in SIZES:
            pictures = as_batch([stage.scene(width, height) for _ in range(3)])
            check(a.out / f'detector-{width}x{height}.onnx', model, pictures, output_names())


if __name__ == '__main__':
    main()
