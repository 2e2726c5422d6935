"""The built-in detector: a student with YuNet's inputs and outputs, its training on composed scenes, its ONNX files."""

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

from embedder import Tally, at_clock
from onnx_check import check
from scenes import Rendered, Repertoire, Scene, Stage, flipped, stages
from student import Block, conv, fold_in
from verbs import run
from workers import agree, follow, join, start
from yunet import KINDS, STRIDES, Found, YunetTeacher, cells, collect, decode, overlap, padded

SCALE = 128
SIZES = ((640, 480), (320, 256))
# side of a portrait in pixels: about that of the tensor when the service enlarges a small picture
PORTRAIT = 416
TURNS = ('scene', 'portrait', 'scene', 'portrait', 'scene', 'portrait', 'scene', 'large')
# difference, as a fraction of the eye distance, at which two detections of a face have half the weight
DOUBTED = 0.05
UNSURE = 0.1
# height of the faces, in cells, that a stride detects where the teacher misses them
REACH = (2.0, 7.0)
# cells that a depthwise convolution of each stride sees: the last one sees 431 pixels in all, more than a face of 300
AROUND = (3, 3, 5)


class Detector(nn.Module):
    """Network: stem to stride 4, three stages, sums from coarse to fine, one convolution of 16 channels per stride."""

    def __init__(self, wide: int = 96):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 3, 2), conv(16, 32, 3, 2))
        self.stage8 = nn.Sequential(Block(32, 64, wide, 2), Block(64, 64, wide))
        self.stage16 = nn.Sequential(Block(64, 64, wide, 2), Block(64, 64, wide))
        self.stage32 = nn.Sequential(Block(64, 64, wide, 2), Block(64, 64, wide))
        self.mix = nn.ModuleList(nn.Sequential(conv(64, 64), conv(64, 64, size, 1, 64)) for size in AROUND)
        self.heads = nn.ModuleList(
            nn.Sequential(conv(64, 64), conv(64, 64, size, 1, 64), nn.Conv2d(64, 16, 1)) for size in AROUND
        )
        for head in self.heads:
            # faces are rare, so the scores start low
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
    """The detector with unscaled bytes as input and probabilities as output, like the teacher."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.cat([m[:, :2].sigmoid(), m[:, 2:]], 1) for m in self.detector(x / SCALE)]


class Contract(nn.Module):
    """The detector with the twelve outputs of YuNet, in the order of output_names()."""

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
    """Target of one stride: score [n,h,w] 0..1; weight [n,h,w] of the geometry; geometry [n,14,h,w] as bbox 4, kps 10."""

    score: torch.Tensor
    weight: torch.Tensor
    geometry: torch.Tensor


def targets(maps: list[torch.Tensor], mirrored: list[torch.Tensor], scenes: list[Scene]) -> list[Target]:
    """Makes the targets from the teacher's outputs, corrected by the truth: false faces are removed, missed ones added.

    mirrored: the teacher's outputs for the mirrored scenes; for the same face, box and points are averaged.
    """
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
        found, trust = steadied(collect(maps, i, 0.3), collect(mirrored, i, 0.3), scene.picture.shape[1])
        if len(found.scores) > 0:
            for target, (_, boxes, _), stride in zip(out, answers, STRIDES):
                agree_on(target, i, boxes[i], found, trust, stride)
        # very small faces do not count as missed
        for k in np.flatnonzero((best[i] < 0.6) & (scene.boxes[:, 3] >= 24)):
            add_missed(out, i, scene.boxes[k], scene.points[k])
    return out


def steadied(found: Found, other: Found, width: int) -> tuple[Found, np.ndarray]:
    """Averages two detections of the same faces, the second of which was made on the mirrored picture.

    Also returns a weight per face, [n] 0..1: it is low where the two detections differ much.
    """
    trust = np.full(len(found.boxes), UNSURE)
    if len(found.boxes) == 0 or len(other.boxes) == 0:
        return found, trust
    others, theirs = flipped(other.boxes, other.points, width)
    boxes, points = found.boxes.copy(), found.points.copy()
    for k, box in enumerate(found.boxes):
        over = overlap(box, others)
        best = int(over.argmax())
        if over[best] > 0.5:
            gap = np.linalg.norm(points[k] - theirs[best], axis=1).mean() / np.linalg.norm(points[k, 0] - points[k, 1])
            trust[k] = max(UNSURE, 1 / (1 + (gap / DOUBTED) ** 2))
            boxes[k] = (box + others[best]) / 2
            points[k] = (points[k] + theirs[best]) / 2
    return Found(boxes, points, found.scores), trust


def geometry_of(box: np.ndarray, points: np.ndarray, h: int, w: int, stride: int) -> torch.Tensor:
    """Computes the wanted output of every cell for this face, [14,h,w]."""
    rows, columns = cells(h, w, stride)
    dx, dy = (box[0] + box[2] / 2 - columns) / stride, (box[1] + box[3] / 2 - rows) / stride
    sides = [torch.full((h, w), math.log(max(v, 4) / stride)) for v in box[2:]]
    five = [((p[0] - columns) / stride, (p[1] - rows) / stride) for p in points]
    return torch.stack([dx, dy, *sides, *(v for pair in five for v in pair)]).float()


def agree_on(
    target: Target, i: int, boxes: torch.Tensor, found: Found, trust: np.ndarray, stride: int
) -> None:
    """Sets the mean box and points of the teacher's cells as the target of all cells that detected the face."""
    h, w = target.score.shape[1:]
    flat = boxes.reshape(-1, 4).numpy()
    seen = np.flatnonzero(target.weight[i].view(-1).numpy() > 0)
    if len(seen) == 0:
        return
    over = np.stack([overlap(box, flat[seen]) for box in found.boxes])
    nearest, sure = over.argmax(0), over.max(0) >= 0.5
    for k in range(len(found.boxes)):
        at = torch.from_numpy(seen[(nearest == k) & sure])
        wanted = geometry_of(found.boxes[k], found.points[k], h, w, stride).view(14, -1)
        target.geometry[i].view(14, -1)[:, at] = wanted[:, at]
        target.weight[i].view(-1)[at] *= float(trust[k])


def add_missed(out: list[Target], i: int, box: np.ndarray, points: np.ndarray) -> None:
    """Sets the target of the cells around the centre of a face that the teacher missed."""
    for target, stride in zip(out, STRIDES):
        size = box[3] / stride
        ends = (0 if stride == STRIDES[0] else REACH[0], math.inf if stride == STRIDES[-1] else REACH[1])
        if not ends[0] <= size < ends[1]:
            continue
        h, w = target.score.shape[1:]
        rows, columns = cells(h, w, stride)
        cx, cy = box[0] + box[2] / 2, box[1] + box[3] / 2
        near = ((rows + stride / 2 - cy).abs() < stride) & ((columns + stride / 2 - cx).abs() < stride)
        target.score[i][near] = 1
        target.weight[i][near] = 1
        target.geometry[i][:, near] = geometry_of(box, points, h, w, stride)[:, near]


def loss_of(answers: list[torch.Tensor], wanted: list[Target]) -> tuple[torch.Tensor, dict[str, float]]:
    """Computes the loss: quality focal loss of the scores, smooth L1 of boxes and points where a face is."""
    total = sum(t.weight.sum() for t in wanted).clamp_min(1)
    score = geometry = 0
    for m, t in zip(answers, wanted):
        m = m.float()
        for logits in (m[:, 0], m[:, 1]):
            gap = (logits.detach().sigmoid() - t.score).abs() ** 2
            score = score + (gap * F.binary_cross_entropy_with_logits(logits, t.score, reduction='none')).sum()
        # the error is relative to the face's size, so that a large face counts as much as a small one
        size = t.geometry[:, 2:4].clamp(-6, 6).exp().mean(1, keepdim=True)
        gap = m[:, 2:] - t.geometry
        gap = torch.cat([gap[:, :2] / size, gap[:, 2:4], gap[:, 4:] / size], 1)
        far = F.smooth_l1_loss(gap, torch.zeros(1).expand_as(gap), reduction='none', beta=0.005)
        # points count twice as much as boxes
        geometry = geometry + ((far[:, :4].mean(1) + 2 * far[:, 4:].mean(1)) * t.weight).sum()
    parts = {'score': float(score / total), 'geometry': float(geometry / total)}
    return (score + 10 * geometry) / total, parts


def as_batch(scenes: list[Scene]) -> torch.Tensor:
    """Turns scenes into a batch: float [n,3,h,w] BGR 0..255."""
    return torch.from_numpy(np.stack([s.picture[:, :, ::-1] for s in scenes])).permute(0, 3, 1, 2).float()


def compare(found: Found, boxes: np.ndarray, points: np.ndarray, least: float) -> tuple[int, int, int, list[float]]:
    """Counts faces of at least `least` pixels, those found at IoU 0.5 and false ones; lists errors in eye distances."""
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
    """Measures the detector on held-out scenes of the smaller size, for faces of at least 24 pixels."""
    rows = [compare(collect(Probable(detector)(as_batch([s])), 0), s.boxes, s.points, 24) for s in scenes]
    count, hits, false = (sum(row[i] for row in rows) for i in range(3))
    errors = [e for row in rows for e in row[3]]
    median = float(np.median(errors)) if errors else 1.0
    figures = {'recall': hits / max(count, 1), 'false': false / len(scenes), 'points': median}
    return {k: round(v, 4) for k, v in figures.items()}


class Training:
    """The content of a checkpoint: the detector, its running mean, the optimiser, counters."""

    def __init__(self, folder: Path, seed: int):
        torch.manual_seed(seed)
        self.folder = folder
        self.detector = Detector()
        self.mean = copy.deepcopy(self.detector).eval()
        self.optimiser = torch.optim.AdamW(self.detector.parameters(), lr=0, weight_decay=0.01)
        self.step = self.seen = 0

    def save(self) -> None:
        state = {k: getattr(self, k).state_dict() for k in ('detector', 'mean', 'optimiser')}
        new = self.folder / 'checkpoint.new'
        torch.save(state | {'step': self.step, 'seen': self.seen}, new)
        new.rename(self.folder / 'checkpoint.pt')

    def resume(self) -> None:
        file = self.folder / 'checkpoint.pt'
        if not file.exists():
            return
        state = torch.load(file)
        for k in ('detector', 'mean', 'optimiser'):
            getattr(self, k).load_state_dict(state[k])
        self.step, self.seen = state['step'], state['seen']


def train(worker: int, a: argparse.Namespace) -> None:
    """Runs one of `a.workers` processes: all have the same detector; each draws its own scenes."""
    join(worker, a.workers, a.out)
    training = Training(a.out, a.seed)
    training.resume()
    stage = stages(a.shared, a.marks, a.seed + 1000 * worker + training.step)[0]
    heads = Rendered(a.heads)

    def composed() -> Scene:
        return heads.pick(stage.rng) if stage.rng.random() < a.rendered else stage.scene(*SIZES[1])

    def portrait() -> Scene:
        return stage.cut_out(PORTRAIT) if stage.rng.random() < 0.7 else stage.scene(PORTRAIT, PORTRAIT, True)

    # pictures per batch of each kind, so that every batch takes about the same time; the kinds take turns
    kinds = {
        'scene': (1, Repertoire(stage, composed, a.room, a.reuse)),
        'portrait': (0.5, Repertoire(stage, portrait, a.room // 2, a.reuse)),
        'large': (0.25, Repertoire(stage, lambda: stage.scene(*SIZES[0]), a.room // 4, a.reuse)),
    }
    fixed = stages(a.shared, a.marks, a.seed)[1]
    test = [fixed.shot(fixed.scene(*SIZES[1])) for _ in range(100)] if worker == 0 else []
    teacher = YunetTeacher(a.shared / 'models' / 'yunet_n_dynamic.onnx', torch.bfloat16)
    start = last = time.time()
    until = at_clock(a.until) if a.until else 0
    share = a.batch // a.workers
    tally = Tally()
    part = 0.0
    while part < 1:
        rate = a.rate * min(1, (training.step + 1) / 300) * 0.5 * (1 + math.cos(math.pi * part))
        for group in training.optimiser.param_groups:
            group['lr'] = rate
        part_of, repertoire = kinds[TURNS[training.step % len(TURNS)]]
        scenes = repertoire.scenes(max(1, round(share * part_of)))
        x = as_batch(scenes)
        wanted = targets(teacher(x), teacher(x.flip(3)), scenes)
        training.detector.train()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=a.precision == 'bfloat16'):
            answers = training.detector(x / SCALE)
        loss, parts = loss_of(answers, wanted)
        training.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(training.detector.parameters(), 10)
        passed = (time.time() - start) / (until - start) if a.until else training.seen / a.scenes
        part = agree(training.optimiser, passed)
        training.optimiser.step()
        training.step, training.seen = training.step + 1, training.seen + len(scenes) * a.workers
        if worker > 0:
            continue
        follow(training.mean, training.detector, training.step)
        tally.add(parts)
        if time.time() - last > a.every * 60 or part >= 1:
            minutes = round((time.time() - start) / 60, 1)
            line = {'minutes': minutes, 'seen': training.seen, 'rate': round(rate, 6)}
            line |= report(training.mean, test) | {k: round(v, 4) for k, v in tally.take().items()}
            with open(a.out / 'log.jsonl', 'a') as log:
                log.write(json.dumps(line) + '\n')
            print(json.dumps(line), flush=True)
            training.save()
            last = time.time()
    if worker == 0:
        export(training.mean, a.out)


def folded(detector: Detector) -> Detector:
    """Copies the detector with the normalisations and the scale of the bytes folded into the convolutions."""
    made = copy.deepcopy(detector).eval()
    fold_in(made)
    made.stem[0][0].weight.data /= SCALE
    return made.to(memory_format=torch.contiguous_format)


def export(detector: Detector, folder: Path) -> None:
    """Writes ONNX: `input` float32 [1,3,h,w] BGR 0..255, h and w multiples of 32, outputs like YuNet's."""
    model = Contract(folded(detector), 1)
    x = torch.zeros(1, 3, SIZES[1][1], SIZES[1][0])
    names = {'input_names': ['input'], 'output_names': output_names()}
    free = {'input': {2: 'height', 3: 'width'}} | {name: {1: f'cells_{name[-2:].strip("_")}'} for name in output_names()}
    torch.onnx.export(model, x, str(folder / 'detector.onnx'), opset_version=13, dynamic_axes=free, **names)


def trained(file: Path) -> Detector:
    detector = Detector()
    detector.load_state_dict(torch.load(file)['mean'])
    return detector.eval()


def evaluate(a: argparse.Namespace) -> None:
    """Compares with the standard detector on the photos under `faces`, for faces of at least 60 pixels."""
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


def check_export(a: argparse.Namespace) -> None:
    stage: Stage = stages(a.shared, a.marks, a.seed)[1]
    model = Contract(trained(a.out / 'checkpoint.pt'), SCALE)
    for size in SIZES:
        pictures = as_batch([stage.shot(stage.scene(*size)) for _ in range(3)])
        check(a.out / 'detector.onnx', model, pictures, output_names())


OPTIONS = {
    '--marks': {'type': Path, 'default': Path('var/train/marks.npz')},
    '--heads': {'type': Path, 'default': Path('var/train/heads'), 'help': 'folder that heads.ts wrote'},
    '--scenes': {'type': int, 'default': 700_000},
    '--until': {'help': 'HH:MM today, end of the schedule; default: after --scenes'},
    '--room': {'type': int, 'default': 800, 'help': 'scenes kept in memory by each worker'},
    '--reuse': {'type': float, 'default': 4, 'help': 'average number of uses of a scene'},
    '--rendered': {'type': float, 'default': 0.15, 'help': 'share of the rendered scenes'},
    '--rate': {'type': float, 'default': 2e-3},
    '--batch': {'type': int, 'default': 32},
    '--every': {'type': float, 'default': 10, 'help': 'minutes between log lines and checkpoints'},
    '--precision': {'choices': ['bfloat16', 'float32'], 'default': 'bfloat16'},
    '--seed': {'type': int, 'default': 5},
    '--workers': {'type': int, 'default': 2, 'help': 'processes of one thread each'},
}

if __name__ == '__main__':
    verbs = {
        'train': lambda a: start(train, a),
        'evaluate': evaluate,
        'export': lambda a: export(trained(a.out / 'checkpoint.pt'), a.out),
        'check': check_export,
    }
    run(__doc__, 'var/train/detector', OPTIONS, verbs)
