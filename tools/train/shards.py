"""Shards of mixed pictures with the teacher's outputs: a producer writes them endlessly, a training reads them at random."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from faces import load_faces
from mix import Mixer
from teacher import Teacher

BATCH = 64
PER_SHARD = 2048


@dataclass(frozen=True)
class Sample:
    """pictures uint8 [n,112,112,3]; targets float32 [n,128] of length 1; maps float32 [n,7,7,128], unit variance:
    every second place of the 14 x 14 map, and the 7 x 7 map."""

    pictures: torch.Tensor
    targets: torch.Tensor
    maps: list[torch.Tensor]


class Window:
    """The shards that are on disk at the moment. Batches are drawn evenly from all of them."""

    def __init__(self, folder: Path, seed: int):
        self.folder = folder
        self.rng = np.random.default_rng(seed)
        self.open: dict[str, dict[str, np.ndarray]] = {}

    def refresh(self) -> int:
        """Opens new shards and closes deleted ones. Returns the number of shards."""
        names = {p.name for p in self.folder.glob('shard-*')}
        for gone in self.open.keys() - names:
            del self.open[gone]
        for name in names - self.open.keys():
            files = (self.folder / name).glob('*.npy')
            self.open[name] = {f.stem: np.load(f, mmap_mode='r') for f in files}
        return len(self.open)

    def draw(self, n: int) -> Sample:
        """Draws n pictures at random, with their targets and maps."""
        names = sorted(self.open)
        parts: dict[str, list[np.ndarray]] = {'pictures': [], 'targets': [], 'map14': [], 'map7': []}
        of = self.rng.integers(len(names), size=n)
        for k in np.unique(of):
            shard = self.open[names[k]]
            rows = np.sort(self.rng.choice(PER_SHARD, size=int((of == k).sum()), replace=False))
            for key, out in parts.items():
                out.append(shard[key][rows, ::2, ::2] if key == 'map14' else shard[key][rows])
        whole = {key: torch.from_numpy(np.concatenate(v)) for key, v in parts.items()}
        maps = [whole[key].float() / 16 for key in ('map14', 'map7')]
        return Sample(whole['pictures'], whole['targets'].float(), maps)


class Producer:
    """Writes one shard after the other. The number of a shard is its seed, so that shards can be reproduced."""

    def __init__(self, mixer_faces: np.ndarray, teacher: Teacher, folder: Path, seed: int):
        self.faces = mixer_faces
        self.teacher = teacher
        self.folder = folder
        self.seed = seed

    def spread(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Measures mean and deviation per channel of the teacher's inner maps, on 512 pictures of a separate seed."""
        file = self.folder / 'spread.pt'
        if not file.exists():
            mixer = Mixer(self.faces, self.seed)
            answers = [self.teacher(mixer.batch(BATCH))[1] for _ in range(8)]
            both = [torch.cat([a[i].float() for a in answers]) for i in range(2)]
            found = [(m.mean((0, 2, 3)), m.std((0, 2, 3)).clamp_min(1e-3)) for m in both]
            torch.save(found, file)
        return torch.load(file)

    def make(self, number: int) -> None:
        """Writes one shard. It gets its name only when it is complete."""
        mixer = Mixer(self.faces, self.seed + 1 + number)
        spread = self.spread()
        pictures, targets, maps = [], [], [[], []]
        for _ in range(PER_SHARD // BATCH):
            x = mixer.batch(BATCH)
            e, inner = self.teacher(x)
            pictures.append(x.permute(0, 2, 3, 1).contiguous().numpy())
            targets.append(e.half().numpy())
            for out, m, (mean, deviation) in zip(maps, inner, spread):
                unit = (m.float() - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1)
                whole = (unit * 16).round().clamp(-127, 127).to(torch.int8)
                out.append(whole.permute(0, 2, 3, 1).contiguous().numpy())
        new = self.folder / f'new-{number:06d}'
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        np.save(new / 'pictures.npy', np.concatenate(pictures))
        np.save(new / 'targets.npy', np.concatenate(targets))
        np.save(new / 'map14.npy', np.concatenate(maps[0]))
        np.save(new / 'map7.npy', np.concatenate(maps[1]))
        new.rename(self.folder / f'shard-{number:06d}')


def seen_so_far(progress: Path) -> tuple[int, bool]:
    """Reads from the training's file the number of pictures used, and whether the training has ended."""
    if not progress.exists():
        return 0, False
    state = json.loads(progress.read_text())
    return int(state['seen']), bool(state['done'])


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('--shared', type=Path, default=Path('../shared'))
    args.add_argument('--data', type=Path, default=Path('var/train/shards'))
    args.add_argument('--progress', type=Path, default=Path('var/train/embedder/progress.json'))
    args.add_argument('--window', type=int, default=24, help='shards kept on disk, 141 MB each')
    args.add_argument('--reuse', type=float, default=5, help='average number of uses of a picture')
    args.add_argument('--seed', type=int, default=20)
    args.add_argument('--threads', type=int, default=1)
    a = args.parse_args()
    torch.set_num_threads(a.threads)
    a.data.mkdir(parents=True, exist_ok=True)
    faces = load_faces(a.shared)
    teacher = Teacher(a.shared / 'models' / 'MobileFaceNet.onnx')
    producer = Producer(faces.pictures[~faces.held_out], teacher, a.data, a.seed)
    there = sorted(int(p.name[6:]) for p in a.data.glob('shard-*'))
    number = there[-1] + 1 if there else 0
    while True:
        seen, done = seen_so_far(a.progress)
        if done:
            return
        # eight shards at the start, then as fast as the training uses them
        if number >= 8 and number * PER_SHARD > 8 * PER_SHARD + seen / a.reuse:
            time.sleep(2)
            continue
        producer.make(number)
        number += 1
        for old in sorted(a.data.glob('shard-*'))[: -a.window]:
            shutil.rmtree(old)


if __name__ == '__main__':
    main()
