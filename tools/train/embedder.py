"""The built-in embedder: training with the standard embedder as the teacher, evaluation, export."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from datetime import datetime
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from faces import Faces, Report, evaluate, load_faces
from onnx_check import check
from shards import Window
from student import Bytes, Student, as_input, embed, export
from verbs import run
from workers import agree, follow, join, start

COUNTERS = ('step', 'seen', 'first_step', 'first_seen', 'started')


class Loss(nn.Module):
    """The loss: cosine to the teacher, cosines of all pairs within the batch, and, early on, the teacher's inner maps."""

    def __init__(self):
        super().__init__()
        self.adapt14 = nn.Conv2d(128, 128, 1, stride=2)
        self.adapt7 = nn.Conv2d(128, 128, 1)

    def forward(self, answer, sample, hint: float) -> tuple[torch.Tensor, dict[str, float]]:
        e, m14, m7 = answer
        s, t = F.normalize(e.float(), dim=1), sample.targets
        cosine = (s * t).sum(1).mean()
        relation = ((s @ s.T - t @ t.T) ** 2).sum() / (len(s) * (len(s) - 1))
        total = 5 * (1 - cosine) + 10 * relation
        parts = {'cosine': cosine.item(), 'relation': relation.item()}
        if hint > 0:
            inner = zip((self.adapt14(m14), self.adapt7(m7)), sample.maps)
            far14, far7 = (((a.float().permute(0, 2, 3, 1) - m) ** 2).mean() for a, m in inner)
            total = total + hint * (far14 + far7)
            parts |= {'map14': far14.item(), 'map7': far7.item()}
        return total, parts


class Training:
    """The content of a checkpoint: the student, its running mean, adapters, optimiser, counters."""

    def __init__(self, folder: Path, seed: int):
        torch.manual_seed(seed)
        self.folder = folder
        self.student = Student().to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.student).eval()
        self.loss = Loss().to(memory_format=torch.channels_last)
        decayed = [p for p in self.student.parameters() if p.dim() > 1]
        plain = [p for p in self.student.parameters() if p.dim() <= 1]
        groups = [{'params': decayed, 'weight_decay': 0.02}, {'params': [*plain, *self.loss.parameters()]}]
        self.optimiser = torch.optim.AdamW(groups, lr=0, weight_decay=0)
        self.step = self.seen = 0
        # step and number of pictures at the start of the present schedule
        self.first_step = self.first_seen = 0
        self.started = time.time()

    def save(self) -> None:
        state = {k: getattr(self, k).state_dict() for k in ('student', 'mean', 'loss', 'optimiser')}
        counters = {k: getattr(self, k) for k in COUNTERS}
        new = self.folder / 'checkpoint.new'
        torch.save(state | counters, new)
        new.rename(self.folder / 'checkpoint.pt')

    def resume(self) -> bool:
        file = self.folder / 'checkpoint.pt'
        if not file.exists():
            return False
        state = torch.load(file)
        for k in ('student', 'mean', 'loss', 'optimiser'):
            getattr(self, k).load_state_dict(state[k])
        for k in COUNTERS:
            setattr(self, k, state.get(k, 0))
        return True

    def again(self) -> None:
        """Starts a new schedule from the running mean of the last one."""
        self.student.load_state_dict(self.mean.state_dict())
        self.first_step, self.first_seen, self.started = self.step, self.seen, time.time()

    def tell(self, done: bool) -> None:
        """Writes the progress of the training to a file, for the producer of shards."""
        new = self.folder / 'progress.new'
        new.write_text(json.dumps({'seen': self.seen, 'done': done}))
        new.rename(self.folder / 'progress.json')


def train(worker: int, a: argparse.Namespace) -> None:
    """Runs one of `a.workers` processes: all have the same student; each takes its share of the batch."""
    join(worker, a.workers, a.out)
    faces = load_faces(a.shared) if worker == 0 else None
    training = Training(a.out, a.seed)
    window = Window(a.data, a.seed + 1000 * worker + training.step)
    resumed = training.resume()
    while window.refresh() < 3:
        time.sleep(2)
    if a.again:
        training.again()
    elif not resumed:
        training.started = time.time()
    until = at_clock(a.until) if a.until else 0
    share = a.batch // a.workers
    last_log = last_window = time.time()
    tally = Tally()
    part = 0.0
    while part < 1:
        now = time.time()
        if now - last_window > 15:
            window.refresh()
            last_window = now
            if worker == 0:
                training.tell(False)
        rate = a.rate * min(1, (training.step - training.first_step + 1) / 300) * 0.5 * (1 + math.cos(math.pi * part))
        for group in training.optimiser.param_groups:
            group['lr'] = rate
        sample = window.draw(share)
        training.student.train()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=a.precision == 'bfloat16'):
            hint = a.hint * max(0.0, 1 - part / 0.7)
            loss, parts = training.loss(training.student(as_input(sample.pictures)), sample, hint)
        training.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        passed = (training.seen - training.first_seen) / a.pictures
        if a.until:
            passed = (now - training.started) / (until - training.started)
        part = agree(training.optimiser, passed)
        training.optimiser.step()
        training.step += 1
        training.seen += share * a.workers
        if worker > 0:
            continue
        follow(training.mean, training.student, training.step)
        tally.add(parts)
        if time.time() - last_log > a.every * 60 or training.step in (250, 1000):
            report(a, training, faces, tally.take(), rate)
            training.save()
            last_log = time.time()
    if worker == 0:
        report(a, training, faces, tally.take(), 0)
        training.save()
        training.tell(True)
        export(training.mean, a.out / 'embedder.onnx')


class Tally:
    """Means of the parts of the loss since the last call of take()."""

    def __init__(self):
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, parts: dict[str, float]) -> None:
        self.count += 1
        for k, v in parts.items():
            self.sums[k] = self.sums.get(k, 0) + v

    def take(self) -> dict[str, float]:
        means = {k: v / self.count for k, v in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def report(a: argparse.Namespace, training: Training, faces: Faces, parts: dict[str, float], rate: float) -> None:
    """Adds a line to the log: held-out figures of the running mean, losses since the last line, time, rate."""
    torch.set_num_threads(a.workers)
    r = evaluate(faces, embed(training.mean, faces.pictures, quick=a.precision == 'bfloat16'))
    torch.set_num_threads(1)
    line = {
        'time': datetime.now().isoformat(timespec='seconds'),
        'minutes': round((time.time() - training.started) / 60, 1),
        'step': training.step,
        'seen': training.seen,
        'rate': round(rate, 6),
        'accuracy': round(r.accuracy, 4),
        'best': round(r.best, 4),
        'tar': round(r.tar, 4),
        'threshold': round(r.threshold, 3),
        **{k: round(v, 4) for k, v in parts.items()},
    }
    with open(a.out / 'log.jsonl', 'a') as log:
        log.write(json.dumps(line) + '\n')
    print(json.dumps(line), flush=True)


def at_clock(text: str) -> float:
    """Converts 'HH:MM' of today to seconds since the epoch."""
    hour, minute = (int(v) for v in text.split(':'))
    return datetime.now().replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()


def trained(file: Path) -> Student:
    student = Student().to(memory_format=torch.channels_last)
    student.load_state_dict(torch.load(file)['mean'])
    return student.eval()


def tell_held_out(a: argparse.Namespace) -> None:
    faces = load_faces(a.shared)
    r: Report = evaluate(faces, embed(trained(a.out / 'checkpoint.pt'), faces.pictures))
    print(json.dumps(r.__dict__, indent=2))


def check_export(a: argparse.Namespace) -> None:
    pictures = torch.from_numpy(load_faces(a.shared).pictures[::500]).permute(0, 3, 1, 2).float()
    check(a.out / 'embedder.onnx', Bytes(trained(a.out / 'checkpoint.pt')), pictures, ['embedding'])


OPTIONS = {
    '--data': {'type': Path, 'default': Path('var/train/shards')},
    '--until': {'help': 'HH:MM today, end of the schedule; default: after --pictures'},
    '--pictures': {'type': int, 'default': 3_000_000},
    '--again': {'action': 'store_true', 'help': 'start a new schedule from the checkpoint; leave it out to resume'},
    '--batch': {'type': int, 'default': 128},
    '--rate': {'type': float, 'default': 3e-3},
    '--hint': {'type': float, 'default': 0.5},
    '--every': {'type': float, 'default': 10, 'help': 'minutes between log lines and checkpoints'},
    '--precision': {'choices': ['bfloat16', 'float32'], 'default': 'bfloat16'},
    '--seed': {'type': int, 'default': 1},
    '--workers': {'type': int, 'default': 2, 'help': 'processes of one thread each'},
}

if __name__ == '__main__':
    verbs = {
        'train': lambda a: start(train, a),
        'evaluate': tell_held_out,
        'export': lambda a: export(trained(a.out / 'checkpoint.pt'), a.out / 'embedder.onnx'),
        'check': check_export,
    }
    run(__doc__, 'var/train/embedder', OPTIONS, verbs)
