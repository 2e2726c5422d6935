"""The condition head: faces in known conditions, and a small network that reads the condition of a face from its embedding.

The head has three outputs. The recognisability is the expected cosine between the embedding and that of the same face in a clear
picture. The mask tells whether mouth and nose are covered. The bias is a short vector of numbers that are not negative: the inner
product of the biases of two faces is the part of their cosine that their conditions cause, whoever they are.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from faces import load_faces
from mask import Costume
from mix import SIDE, Mixer

# faces that the crops are made of: real ones, and blends of two people
BASES, REAL = 7000, 2500
FACES_PER_CONDITION = 1000
# the sixteenth value of the bias is that of the mask, and not trained
HIDDEN, BIAS = 64, 15
# conditions that count as clear, and those whose lower half of the face is covered
CLEAR = {'clear', 'jitter 0.3', 'light', 'product clear', 'product mirror'}
COVERED = ('mask', 'lower', 'product mask', 'product lower')


def blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blurs pictures [n,3,112,112] with a Gauss of this sigma in pixels."""
    r = int(3 * sigma + 0.5)
    k = torch.exp(-(torch.arange(-r, r + 1).float() ** 2) / (2 * sigma * sigma))
    k /= k.sum()
    x = F.pad(x, (r, r, r, r), mode='reflect')
    x = F.conv2d(x, k.view(1, 1, 1, -1).repeat(3, 1, 1, 1), groups=3)
    return F.conv2d(x, k.view(1, 1, -1, 1).repeat(3, 1, 1, 1), groups=3)


def shrink(x: torch.Tensor, side: int) -> torch.Tensor:
    """Shrinks pictures to `side` pixels and enlarges them again."""
    small = F.interpolate(x, size=(side, side), mode='area')
    return F.interpolate(small, size=(SIDE, SIDE), mode='bilinear', align_corners=False)


def turn(x: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turns pictures in their plane."""
    a = math.radians(degrees)
    theta = torch.tensor([[math.cos(a), -math.sin(a), 0.0], [math.sin(a), math.cos(a), 0.0]]).repeat(len(x), 1, 1)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode='border', align_corners=False)


def compress(x: torch.Tensor, quality: int) -> torch.Tensor:
    """Stores pictures as JPEG of this quality and reads them again."""
    out = []
    for picture in (x * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, 'JPEG', quality=quality)
        out.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 255


class Conditions:
    """Puts faces [n,3,112,112], float 0..1, into conditions. All faces of one condition have the same kind and strength of damage."""

    def __init__(self, mixer: Mixer):
        self.mixer = mixer
        costume = Costume(mixer)
        self.steps = {
            'clear': lambda x: x,
            'light': lambda x: mixer.lit(x, torch.full((len(x),), 1.2)),
            'mixed': lambda x: mixer.degraded(mixer.lit(self.jitter(x, 0.6), torch.full((len(x),), 0.8))),
            'glare 0.25': lambda x: self.glare(x, 0.25),
            'glare 0.6': lambda x: self.glare(x, 0.6),
            'mask': lambda x: costume.worn(x, mixer.uniform(len(x), 52, 70)),
            'mask low': lambda x: costume.worn(x, mixer.uniform(len(x), 66, 78)),
            'mask one': lambda x: costume.worn(x, torch.full((len(x),), 60.0)),
            'glasses': costume.glasses,
            'glasses one': lambda x: self.glasses(x, False),
            'glasses dark': lambda x: self.glasses(x, True),
            'fingers': costume.touched,
            'lower 60': lambda x: self.cover(x, True, 60, 'flat'),
            'lower 70': lambda x: self.cover(x, True, 70, 'textured'),
            'lower one': lambda x: self.cover(x, True, 62, 'one'),
            'upper 60': lambda x: self.cover(x, False, 60, 'flat'),
            'upper 50': lambda x: self.cover(x, False, 50, 'textured'),
            'upper 62': lambda x: self.cover(x, False, 62, 'textured'),
            'upper one': lambda x: self.cover(x, False, 58, 'one'),
        }
        for strength in (0.3, 0.8, 1.5, 2.5):
            self.steps[f'jitter {strength}'] = lambda x, s=strength: self.jitter(x, s)
        for sigma in (1.5, 2, 2.5, 3, 4, 6):
            self.steps[f'blur {sigma}'] = lambda x, s=sigma: blur(x, s)
        for side in (16, 20, 24, 28, 36, 48):
            self.steps[f'small {side}'] = lambda x, s=side: shrink(x, s)
        for degrees in (10, -15, 20, 30, 45, 90, 180, -120):
            self.steps[f'turn {degrees}'] = lambda x, d=degrees: turn(x, d)
        for share in (0.03, 0.06, 0.12, 0.25):
            self.steps[f'dark {share}'] = lambda x, s=share: self.darken(x, s)
        for quality in (4, 7, 12):
            self.steps[f'jpeg {quality}'] = lambda x, q=quality: compress(x, q)
        for sigma in (0.06, 0.12, 0.2):
            self.steps[f'noise {sigma}'] = lambda x, s=sigma: x + mixer.normal(*x.shape) * s

    def apply(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Returns the pictures in a condition, uint8 [n,112,112,3]. All but the clear ones are also aligned a little wrongly."""
        if name != 'clear' and not name.startswith('jitter'):
            x = self.jitter(x, 0.25)
        return (self.steps[name](x) * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()

    def jitter(self, x: torch.Tensor, strength: float) -> torch.Tensor:
        """Aligns faces wrongly, as imperfect landmarks do."""
        return self.mixer.warp(x, torch.full((len(x),), strength))

    def darken(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """Leaves a share of the light, in whole levels, with the noise of a sensor."""
        return (x * share * 255).round() / 255 + self.mixer.normal(*x.shape) * 0.008

    def glare(self, x: torch.Tensor, radius: float) -> torch.Tensor:
        """Adds a spot that saturates; radius in widths of the picture."""
        m, n = self.mixer, len(x)
        across, down = m.uniform(n, 30, 82).view(n, 1, 1), m.uniform(n, 30, 90).view(n, 1, 1)
        distance = ((m.x - across) ** 2 + (m.y - down) ** 2).sqrt() / (radius * SIDE)
        return x + torch.sigmoid((1 - distance) * 6)[:, None]

    def glasses(self, x: torch.Tensor, dark: bool) -> torch.Tensor:
        """Draws the same glasses on every face."""
        m = self.mixer
        eyes = [1 - (((m.x - c) / 16) ** 4 + ((m.y - 52) / 11) ** 4) ** 0.25 for c in (38, 74)]
        lenses = torch.maximum(*eyes)
        bridge = 0.25 - ((m.y - 49) / 8).abs() - torch.relu((m.x - 56).abs() - 60)
        field = torch.maximum(lenses, bridge) if dark else torch.maximum(0.14 - lenses.abs(), bridge)
        return x + torch.sigmoid(field * 60)[None, None] * (0.08 - x) * 0.9

    def cover(self, x: torch.Tensor, lower: bool, edge: int, kind: str) -> torch.Tensor:
        """Covers the part below or above `edge`; kind: flat colours, textured ones, or one colour for all faces."""
        m, n = self.mixer, len(x)
        colour = torch.rand(1 if kind == 'one' else n, 3, 1, 1, generator=m.rng)
        cloth = (colour + m.smooth(n, 3, 8) * (0.1 if kind == 'textured' else 0.0)).clamp(0, 1)
        y = x.clone()
        part = slice(edge, None) if lower else slice(None, edge)
        y[:, :, part] = cloth[:, :, part]
        return y


def make_crops(a: argparse.Namespace) -> None:
    """Writes crops.u8 and crops.json: faces of the training's people in all conditions, and the same faces clear."""
    faces = load_faces(a.shared)
    pool = np.flatnonzero(~faces.held_out)
    people = np.unique(faces.people, return_inverse=True)[1]
    rng = np.random.default_rng(21)
    mixer = Mixer(faces.pictures[pool], 177)
    conditions = Conditions(mixer)
    bases = np.zeros((BASES, SIDE, SIDE, 3), np.uint8)
    parents = np.zeros((BASES, 2), np.int64)
    real = rng.choice(pool, REAL, replace=False)
    bases[:REAL], parents[:REAL] = faces.pictures[real], people[real][:, None]
    # blends are further people: from real faces alone the head learns who is in the training
    for start in range(REAL, BASES, 500):
        n = min(500, BASES - start)
        one, other = rng.choice(pool, n), rng.choice(pool, n)
        blend = mixer._blended(as_floats(faces.pictures[one]), conditions.jitter(as_floats(faces.pictures[other]), 0.3))
        bases[start : start + n] = (blend * 255 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        parents[start : start + n] = np.stack([people[one], people[other]], 1)
    rows: list[tuple[str, int, list[int]]] = []
    a.out.mkdir(parents=True, exist_ok=True)
    with open(a.out / 'crops.u8', 'wb') as file:
        for name in conditions.steps:
            chosen = rng.choice(BASES, FACES_PER_CONDITION * (3 if name == 'clear' else 1), replace=False)
            file.write(conditions.apply(name, as_floats(bases[chosen])).numpy().tobytes())
            rows += [(name, int(i), parents[i].tolist()) for i in chosen]
        used = sorted({i for _, i, _ in rows})
        file.write(bases[used].tobytes())
        rows += [('reference', int(i), parents[i].tolist()) for i in used]
    (a.out / 'crops.json').write_text(json.dumps(rows))
    print(f'{len(rows)} crops in {a.out}')


def as_floats(pictures: np.ndarray) -> torch.Tensor:
    """Converts pictures, uint8 [n,112,112,3], to float [n,3,112,112], 0..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


class Samples:
    """Embeddings [n,d] with the number of their condition, their people (two for a blend) and their fidelity.

    The fidelity is the cosine with the embedding of the same face in a clear picture.
    """

    def __init__(self, embeddings, names, parents, fidelity):
        self.embeddings = torch.from_numpy(np.stack(embeddings))
        self.names = sorted(set(names))
        numbers = {name: i for i, name in enumerate(self.names)}
        self.condition = torch.tensor([numbers[name] for name in names])
        self.parents = torch.tensor(parents)
        self.fidelity = torch.tensor(fidelity)


def load_samples(a: argparse.Namespace) -> Samples:
    """Reads the crops' embeddings; and, where they are given, those of pictures that went through the product's own path."""
    rows = json.loads((a.out / 'crops.json').read_text())
    embeddings = np.fromfile(a.embeddings, np.float32).reshape(len(rows), -1)
    reference = {i: e for (name, i, _), e in zip(rows, embeddings) if name == 'reference'}
    kept = [(name, p, e, float(e @ reference[i])) for (name, i, p), e in zip(rows, embeddings) if name != 'reference']
    for folder, file in a.product or []:
        kept += load_product(a, Path(folder), Path(file))
    names, parents, vectors, fidelity = ([row[k] for row in kept] for k in range(4))
    return Samples(vectors, names, parents, fidelity)


def load_product(a: argparse.Namespace, folder: Path, file: Path) -> list[tuple]:
    """Reads what dump.ts wrote into `folder`, with embeddings from `file`. The reference is the face's own clear picture."""
    faces = load_faces(a.shared)
    numbers = {name: i for i, name in enumerate(np.unique(faces.people))}
    rows = json.loads((folder / 'faces.json').read_text())['rows']
    embeddings = np.fromfile(file, np.float32).reshape(len(rows), -1)
    seen = [(r, e) for r, e in zip(rows, embeddings) if r['found']]
    reference = {r['name']: e for r, e in seen if r['condition'] == 'clear'}
    return [
        (f'product {r["condition"].replace(":", " ")}', [numbers[r['person']]] * 2, e, float(e @ reference[r['name']]))
        for r, e in seen
        if r['name'] in reference
    ]


class Head(nn.Module):
    """One hidden layer. Input: L2-normalised embeddings [n,d]. Output: logits of recognisability and mask [n], bias [n,BIAS]."""

    def __init__(self, dimensions: int):
        super().__init__()
        self.hidden = nn.Linear(dimensions, HIDDEN)
        self.output = nn.Linear(HIDDEN, 2 + BIAS)
        # the embedding's values are about 1 / sqrt(d)
        self.scale = dimensions**0.5
        with torch.no_grad():
            self.output.bias[2:] = 0.0
            self.output.weight[2:] *= 0.3

    def forward(self, e: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        o = self.output(F.relu(self.hidden(e * self.scale)))
        return o[:, 0], o[:, 1], F.relu(o[:, 2:])


def share_parents(p: torch.Tensor) -> torch.Tensor:
    """Marks, as bool [n,n], the pairs that have a person in common. p: [n,2]."""
    a, b = p[:, 0], p[:, 1]
    return (a[:, None] == a) | (b[:, None] == b) | (a[:, None] == b) | (b[:, None] == a)


def train(a: argparse.Namespace) -> None:
    """Trains the head and writes it as JSON."""
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    s = load_samples(a)
    net = Head(s.embeddings.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), a.rate, weight_decay=0.03)
    members = [torch.nonzero(s.condition == i)[:, 0] for i in range(len(s.names))]
    # in a condition in which hardly a face is recognisable, nothing can be compared
    usable = [i for i, m in enumerate(members) if float((s.fidelity[m] > 0.35).float().mean()) > 0.1]
    clear = torch.cat([members[i] for i, name in enumerate(s.names) if name in CLEAR])
    covered = torch.tensor([float(name.startswith(COVERED)) for name in s.names])[s.condition]
    level, limit = measure_clear(s, clear)
    tail = np.full(len(s.names), 1e-4)
    start = time.time()
    for step in range(a.steps):
        for group in optimiser.param_groups:
            group['lr'] = a.rate * 0.5 * (1 + math.cos(math.pi * step / a.steps))
        chance = tail[usable] ** 0.8
        chosen = rng.choice(usable, 2, replace=False, p=chance / chance.sum())
        parts = [members[i][torch.randperm(len(members[i]))[:256]] for i in chosen]
        parts += [torch.randint(0, len(s.embeddings), (200,)), clear[torch.randperm(len(clear))[:256]]]
        ids = torch.cat(parts)
        e = s.embeddings[ids]
        noisy = F.normalize(e + a.noise * torch.randn_like(e) / e.shape[1] ** 0.5, dim=1)
        recognisable, masked, bias = net(noisy)
        score = e @ e.T - bias @ bias.T
        strangers = (~share_parents(s.parents[ids])).float()
        kept = torch.sigmoid((torch.sigmoid(recognisable).detach() - 0.55) / 0.04)
        weight = strangers * kept[:, None] * kept[None, :]
        cost = a.mix * (score - level) ** 2 * strangers
        cost = cost + (1 - a.mix) * F.softplus((score - (limit - 0.05)) / 0.04) * weight
        loss = a.weight * cost.mean()
        at = 0
        for part, i in zip(parts[:2], chosen):
            block = slice(at, at + len(part))
            at += len(part)
            loss = loss + a.weight * cost[block, block].mean()
            accepted = float(((score[block, block] > limit - 0.06) * weight[block, block]).mean())
            tail[i] = 0.8 * tail[i] + 0.2 * (accepted + 1e-5)
        same = (s.parents[ids][:, None] == s.parents[ids][None]).all(2) & ~torch.eye(len(ids), dtype=torch.bool)
        genuine = same.float() * kept[:, None] * kept[None, :]
        loss = loss + 0.05 * (F.softplus((limit + 0.04 - score) / 0.04) * genuine).sum() / same.sum().clamp_min(1)
        loss = loss + 2 * F.binary_cross_entropy_with_logits(recognisable, s.fidelity[ids].clamp(0.01, 0.99))
        mask_cost = F.binary_cross_entropy_with_logits(masked, covered[ids], reduction='none')
        loss = loss + 0.5 * (mask_cost * s.fidelity[ids].clamp(0, 1)).mean()
        loss = loss + a.clear * bias[-len(parts[3]) :].pow(2).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 200 == 199:
            print(f'step {step + 1} of {a.steps}, loss {float(loss):.3f}, {time.time() - start:.0f} s', flush=True)
    write_head(net, a)


def measure_clear(s: Samples, clear: torch.Tensor) -> tuple[float, float]:
    """Measures clear faces of different people: the mean cosine, and the cosine that one pair in 100,000 reaches."""
    ids = clear[torch.randperm(len(clear))[:3000]]
    cosines = s.embeddings[ids] @ s.embeddings[ids].T
    strangers = cosines[torch.triu(~share_parents(s.parents[ids]), 1)]
    return float(strangers.mean()), float(torch.topk(strangers, max(2, len(strangers) // 100_000)).values[-1])


def write_head(net: Head, a: argparse.Namespace) -> None:
    """Writes the head in the form of src/models/condition-head.ts; the factor of the input is part of the weights."""

    def rows(values: torch.Tensor) -> list:
        return np.round(values.detach().numpy().astype(np.float64), 4).tolist()

    # the mean of strangers' cosines is known better than their greatest ones, which rise more: see README.md
    factor = torch.cat([torch.ones(2), torch.full((BIAS,), a.strength**0.5)])
    layers = {
        'source': a.source,
        'hidden': rows(net.hidden.weight * net.scale),
        'hiddenBias': rows(net.hidden.bias),
        'output': rows(net.output.weight * factor[:, None]),
        'outputBias': rows(net.output.bias * factor),
    }
    lines = [f'{json.dumps(key)}: {format_layer(value)}' for key, value in layers.items()]
    a.head.parent.mkdir(parents=True, exist_ok=True)
    a.head.write_text('{\n  ' + ',\n  '.join(lines) + '\n}\n')
    print(f'written to {a.head}')


def format_layer(value: object) -> str:
    """Formats a layer with one row of weights on each line."""
    if isinstance(value, list) and isinstance(value[0], list):
        return '[\n' + ',\n'.join('    ' + json.dumps(row, separators=(',', ':')) for row in value) + '\n  ]'
    return json.dumps(value)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--shared', type=Path, default=Path('../shared'))
    p.add_argument('--out', type=Path, default=Path('var/train/condition'))
    verbs = p.add_subparsers(required=True)
    verbs.add_parser('crops', help='write faces in all conditions').set_defaults(run=make_crops)
    t = verbs.add_parser('train', help='train the head of one embedder')
    t.add_argument('--embeddings', type=Path, required=True, help='embeddings of crops.u8, by embed.ts')
    t.add_argument('--product', nargs=2, action='append', metavar=('FOLDER', 'FILE'), help='a folder of dump.ts, embeddings')
    t.add_argument('--head', type=Path, required=True, help='JSON file to write')
    t.add_argument('--source', required=True, help='what the head was trained on, in words')
    t.add_argument('--steps', type=int, default=1600)
    t.add_argument('--rate', type=float, default=3e-3)
    t.add_argument('--noise', type=float, default=0.15)
    t.add_argument('--mix', type=float, default=1.0, help='share of the squared cost; the rest counts the tail of strangers')
    t.add_argument('--weight', type=float, default=30.0)
    t.add_argument('--clear', type=float, default=1.0, help='cost of a bias of clear faces')
    t.add_argument('--strength', type=float, default=1.5, help='factor of the inner product of two biases')
    t.add_argument('--seed', type=int, default=0)
    t.set_defaults(run=train)
    a = p.parse_args()
    a.run(a)


if __name__ == '__main__':
    main()
