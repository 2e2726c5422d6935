"""The mask head: masks drawn on bare aligned faces, a tiny network that classifies masked and bare faces, its ONNX file."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from embedder import Tally
from faces import load_faces
from mix import SIDE, Mixer
from onnx_check import check
from student import SCALE, Block, as_input, conv, fold_in
from verbs import run
from yunet import YunetTeacher, largest_face

CLOTHS = torch.tensor(
    [
        [0.55, 0.74, 0.86],  # surgical blue
        [0.93, 0.93, 0.92],  # white
        [0.08, 0.08, 0.09],  # black
        [0.45, 0.46, 0.48],  # grey
        [0.86, 0.66, 0.70],  # pink
        [0.35, 0.60, 0.50],  # green
        [0.12, 0.16, 0.34],  # navy
        [0.72, 0.62, 0.50],  # sand
    ]
)


class Costume:
    """Draws masks on aligned faces, and things that could be confused with masks."""

    def __init__(self, mixer: Mixer):
        self.mixer = mixer

    def batch(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draws n pictures, uint8 [n,3,112,112] RGB, and labels, float32 [n]: 1 where a mask covers the mouth."""
        m = self.mixer
        x = m.picked(n)
        label = (torch.arange(n) % 2).float()
        masked = label > 0
        top = m.uniform(n, 52, 70)
        low = torch.rand(n, generator=m.rng) < 0.2
        top = torch.where(low, m.uniform(n, 72, 82), top)
        x[masked] = self.worn(x[masked], top[masked])
        bare = torch.nonzero(~masked)[:, 0]
        # a mask under the chin does not cover the mouth, and neither a cup nor a hand is a mask
        things = (self.under_chin, self.bearded, self.touched, self.glasses, self.cup, self.hand)
        kinds = torch.randint(2 * len(things), (len(bare),), generator=m.rng)
        for kind, dress in enumerate(things):
            at = bare[kinds == kind]
            if len(at) > 0:
                x[at] = dress(x[at])
        at = torch.nonzero(masked & (torch.rand(n, generator=m.rng) < 0.12))[:, 0]
        if len(at) > 0:
            x[at] = self.glasses(x[at])
        strength = m.uniform(n, 0.4, 2.0)
        x = m.degraded(m.lit(m.warp(x, strength), strength))
        # too dark for the camera's gain: few levels are left, and the sensor's noise
        dark = torch.where(torch.rand(n, generator=m.rng) < 0.12, m.uniform(n, 0.04, 0.4), torch.ones(n)).view(n, 1, 1, 1)
        x = torch.where(dark < 1, x * dark + m.normal(n, 3, SIDE, SIDE) * 0.006, x)
        x = m.compressed((x * 255 + 0.5).clamp(0, 255).to(torch.uint8), 0.4)
        return x, label

    def worn(self, x: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
        """Draws a mask whose upper edge crosses the nose at `top`, in pixels from above."""
        m = self.mixer
        n = len(x)
        shape = (n, 1, 1)
        centre = 56 + m.normal(n).view(shape) * 3.5
        wide = m.uniform(n, 33, 54).view(shape)
        narrow = wide * m.uniform(n, 0.25, 0.95).view(shape)
        upper = top.view(shape)
        lower = m.uniform(n, 103, 126).view(shape).maximum(upper + 14)
        u = (m.x - centre) / wide
        edge = upper + m.uniform(n, -3, 15).view(shape) * u**2
        edge = edge - m.uniform(n, 0, 6).view(shape) * torch.exp(-((u * 5) ** 2))
        hem = lower - m.uniform(n, 0, 24).view(shape) * u**2
        down = ((m.y - upper) / (lower - upper)).clamp(0, 1)
        bulge = torch.exp(m.normal(n).view(shape) * 0.5)
        half = wide + (narrow - wide) * down**bulge
        field = torch.minimum(torch.minimum(m.y - edge, hem - m.y), half - (m.x - centre).abs())
        field = field + m.smooth(n, 1, 7)[:, 0] * 0.6
        x = self._strapped(x, centre, wide * 0.93, upper + 6, lower - 10)
        cloth = self._cloth(x, u, down, field)
        shadow = 1 - m.uniform(n, 0, 0.4).view(n, 1, 1, 1) * torch.exp(field.clamp_max(0) / 2.5)[:, None]
        cover = torch.sigmoid(field / m.uniform(n, 0.25, 0.9).view(shape))[:, None]
        return x * shadow + cover * (cloth - x * shadow)

    def _cloth(self, x: torch.Tensor, u: torch.Tensor, v: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
        """Draws colour, pattern, pleats and shading [n,3,112,112]; u runs across, v down; the face's light is applied."""
        m = self.mixer
        n = len(x)
        shape = (n, 1, 1, 1)

        def colour() -> torch.Tensor:
            known = CLOTHS[torch.randint(len(CLOTHS), (n,), generator=m.rng)].view(n, 3, 1, 1)
            free = torch.rand(n, 3, 1, 1, generator=m.rng)
            return torch.where(torch.rand(shape, generator=m.rng) < 0.7, known + m.normal(n, 3, 1, 1) * 0.04, free)

        u, v = u[:, None], v[:, None]
        first, second = colour(), colour()
        turn, waves = m.uniform(n, 0, math.pi).view(shape), m.uniform(n, 4, 26).view(shape)
        along = u * torch.cos(turn) + v * torch.sin(turn)
        across = v * torch.cos(turn) - u * torch.sin(turn)
        stripes = torch.sin(along * waves) > m.uniform(n, -0.6, 0.9).view(shape)
        dots = torch.sin(along * waves) * torch.sin(across * waves) > 0.4
        clouds = m.smooth(n, 1, 9) > 0.3
        logo = ((u - m.normal(*shape) * 0.4) ** 2 + (v - 0.5) ** 2) < 0.02
        kind = torch.randint(12, shape, generator=m.rng)
        marks = ((kind == 0) & stripes) | ((kind == 1) & dots) | ((kind == 2) & clouds) | ((kind == 3) & logo)
        cloth = self._printed(torch.where(marks, second, first), u, v)
        pleats = torch.sin(v * m.uniform(n, 8, 26).view(shape)) * m.uniform(n, -0.1, 0.14).clamp_min(0).view(shape)
        ridge = torch.exp(-((u * 12) ** 2)) * m.uniform(n, -0.2, 0.25).clamp_min(0).view(shape)
        round_off = 1 - m.uniform(n, 0, 0.45).view(shape) * u**2 - m.uniform(n, -0.1, 0.3).view(shape) * v
        rim = 1 - m.uniform(n, -0.2, 0.25).view(shape) * torch.exp(-((field[:, None] - 2) ** 2))
        light = F.interpolate(F.avg_pool2d(x.mean(1, keepdim=True), 28), size=(SIDE, SIDE), mode='bilinear')
        light = (light / light.mean((2, 3), keepdim=True).clamp_min(0.05)) ** m.uniform(n, 0, 1).view(shape)
        level = (x.mean((1, 2, 3), keepdim=True) / 0.45) ** m.uniform(n, 0, 1).view(shape)
        weave = m.normal(n, 1, SIDE, SIDE) * m.uniform(n, 0, 0.03).view(shape)
        return (cloth * (1 + pleats + ridge) * round_off * rim * light * level + weave).clamp(0, 1)

    def _printed(self, cloth: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Prints lips, with or without teeth, on some masks, and letters on others."""
        m = self.mixer
        n = len(cloth)
        shape = (n, 1, 1, 1)
        kind = torch.rand(shape, generator=m.rng)
        across, down = u - m.normal(*shape) * 0.08, v - m.uniform(n, 0.35, 0.75).view(shape)
        wide, high = m.uniform(n, 0.22, 0.55).view(shape), m.uniform(n, 0.06, 0.2).view(shape)
        bent = down - m.uniform(n, -0.25, 0.35).view(shape) * across**2
        lips = 1 - ((across / wide) ** 2 + (bent / high) ** 2)
        red = torch.rand(n, 3, 1, 1, generator=m.rng) * torch.tensor([0.7, 0.5, 0.5]).view(1, 3, 1, 1)
        red = red + torch.tensor([0.3, 0.0, 0.0]).view(1, 3, 1, 1)
        inner = torch.where(torch.rand(shape, generator=m.rng) < 0.6, m.uniform(n, 0.7, 1).view(shape), red * 0.4)
        mouth = torch.where(lips > m.uniform(n, 0.3, 1.0).view(shape), inner.expand(n, 3, 1, 1), red)
        cloth = torch.where((kind < 0.12) & (lips > 0), mouth, cloth)
        cells = torch.rand(n, 1, 28, 56, generator=m.rng)
        cells = F.interpolate(cells, size=(SIDE, SIDE)) > m.uniform(n, 0.35, 0.65).view(shape)
        band = (across.abs() < wide) & (bent.abs() < high * 0.7)
        ink = torch.rand(n, 3, 1, 1, generator=m.rng)
        return torch.where((kind > 0.92) & band & cells, ink, cloth)

    def _strapped(self, x, centre, half, upper, lower) -> torch.Tensor:
        """Draws straps from the mask's corners to the ears."""
        m = self.mixer
        n = len(x)
        shape = (n, 1, 1)
        tone = m.uniform(n, 0, 1).view(n, 1, 1, 1)
        thick = m.uniform(n, 0.5, 1.6).view(shape)
        for side in (-1, 1):
            for start in (upper, lower):
                x0, y0 = centre + side * half, start
                x1, y1 = x0 + side * 18, start - m.uniform(n, 2, 26).view(shape)
                length = (x1 - x0) ** 2 + (y1 - y0) ** 2
                t = (((m.x - x0) * (x1 - x0) + (m.y - y0) * (y1 - y0)) / length).clamp(0, 1)
                far = ((m.x - x0 - t * (x1 - x0)) ** 2 + (m.y - y0 - t * (y1 - y0)) ** 2).sqrt()
                cover = torch.sigmoid((thick - far) * 2)[:, None]
                x = x + cover * (tone - x)
        return x

    def under_chin(self, x: torch.Tensor) -> torch.Tensor:
        """Draws a mask that is pulled down, or a high collar."""
        return self.worn(x, self.mixer.uniform(len(x), 101, 108))

    def bearded(self, x: torch.Tensor) -> torch.Tensor:
        """Draws a beard: fine noise darkens the lower face without the lips."""
        m = self.mixer
        n = len(x)
        d = (((m.x - 56) / 40) ** 2 + ((m.y - 88) / 30) ** 2).sqrt()
        lips = (((m.x - 56) / 17) ** 2 + ((m.y - 92) / 6) ** 2).sqrt()
        field = torch.minimum((1 - d) * 30, (lips - 1) * 8) + m.smooth(n, 1, 20)[:, 0] * 4
        field = torch.minimum(field, (m.y - m.uniform(n, 74, 88).view(n, 1, 1)) * 0.5)
        hair = m.uniform(n, 0.05, 0.6).view(n, 1, 1, 1) + m.normal(n, 1, SIDE, SIDE) * 0.08
        hair = hair * torch.tensor([1.0, 0.9, 0.8]).view(3, 1, 1)
        cover = torch.sigmoid(field)[:, None] * m.uniform(n, 0.4, 0.95).view(n, 1, 1, 1)
        return x + cover * (hair.clamp(0, 1) - x)

    def touched(self, x: torch.Tensor) -> torch.Tensor:
        """Draws skin-coloured or other blobs over a part of the face, like fingers, a cup or a microphone."""
        m = self.mixer
        n = len(x)
        skin = x[:, :, 40:80, 40:72].mean((2, 3), keepdim=True)
        free = torch.rand(n, 3, 1, 1, generator=m.rng)
        tone = torch.where(torch.rand(n, 1, 1, 1, generator=m.rng) < 0.6, skin, free)
        for _ in range(3):
            cx, cy = m.uniform(n, 20, 92).view(n, 1, 1), m.uniform(n, 70, 118).view(n, 1, 1)
            a = m.uniform(n, -1.2, 1.2).view(n, 1, 1)
            p = (m.x - cx) * torch.cos(a) + (m.y - cy) * torch.sin(a)
            q = (m.y - cy) * torch.cos(a) - (m.x - cx) * torch.sin(a)
            long, wide = m.uniform(n, 8, 26).view(n, 1, 1), m.uniform(n, 4, 9).view(n, 1, 1)
            field = (1 - ((p / wide) ** 2 + (q / long) ** 2).sqrt()) * wide
            shade = tone * (1 + 0.25 * (p / wide).clamp(-1, 1))[:, None]
            x = x + torch.sigmoid(field * 1.5)[:, None] * (shade.clamp(0, 1) - x)
        return x

    def cup(self, x: torch.Tensor) -> torch.Tensor:
        """Draws a cup, a glass or a bottle before the mouth: a bar that widens or narrows downwards, its edge round."""
        m = self.mixer
        n = len(x)
        shape = (n, 1, 1)
        top, wide = m.uniform(n, 78, 98).view(shape), m.uniform(n, 9, 29).view(shape)
        across = m.x - 56 - m.normal(n).view(shape) * 6 - m.uniform(n, -0.45, 0.45).view(shape) * (m.y - top)
        half = wide * (1 - m.uniform(n, -0.1, 0.3).view(shape) * (m.y - top).clamp_min(0) / 34)
        edge = top + m.uniform(n, -5, 5).view(shape) * (1 - (across / wide).clamp(-1, 1) ** 2).sqrt()
        field = torch.minimum(m.y - edge, half - across.abs())
        tone = torch.rand(n, 3, 1, 1, generator=m.rng)
        round_off = 1 - m.uniform(n, 0, 0.6).view(shape) * ((across / wide).clamp(-1, 1) + m.normal(n).view(shape) * 0.3) ** 2
        stripe = torch.sin((m.y - top) * m.uniform(n, 0.1, 0.9).view(shape)) * m.uniform(n, -0.3, 0.3).view(shape).clamp_min(0)
        cover = torch.sigmoid(field * 1.5)[:, None] * m.uniform(n, 0.75, 1).view(n, 1, 1, 1)
        return x + cover * ((tone * (round_off + stripe)[:, None]).clamp(0, 1) - x)

    def hand(self, x: torch.Tensor) -> torch.Tensor:
        """Draws fingers side by side, in the colour of the skin, from one side over the mouth or the chin."""
        m = self.mixer
        n = len(x)
        shape = (n, 1, 1)
        skin = x[:, :, 40:80, 40:72].mean((2, 3), keepdim=True) * m.uniform(n, 0.75, 1.25).view(n, 1, 1, 1)
        side = torch.where(torch.rand(shape, generator=m.rng) < 0.5, -1.0, 1.0)
        turn = m.uniform(n, -0.3, 0.9).view(shape)
        cx, cy = 56 - side * m.uniform(n, -12, 26).view(shape), m.uniform(n, 80, 112).view(shape)
        along = (m.x - cx) * side * torch.cos(turn) + (m.y - cy) * torch.sin(turn)
        across = (m.y - cy) * torch.cos(turn) - (m.x - cx) * side * torch.sin(turn)
        thick = m.uniform(n, 4, 7).view(shape)
        row = (across / (2 * thick)).round().clamp(-2, 1)
        offset = across - row * 2 * thick
        tip = torch.sin(row * 2.1 + cx) * 4
        field = thick * 1.05 - ((tip - along).clamp_min(0) ** 2 + offset**2).sqrt()
        shade = 1.05 - m.uniform(n, 0.1, 0.5).view(shape) * (offset / thick).abs().clamp_max(1) ** 3
        knuckle = 1 - 0.12 * torch.exp(-(((along - tip - m.uniform(n, 10, 18).view(shape)) / 2) ** 2))
        cover = torch.sigmoid(field * 1.5)[:, None]
        return x + cover * ((skin * (shade * knuckle)[:, None]).clamp(0, 1) - x)

    def glasses(self, x: torch.Tensor) -> torch.Tensor:
        """Draws dark glasses."""
        m = self.mixer
        n = len(x)
        a, b = m.uniform(n, 13, 19).view(n, 1, 1), m.uniform(n, 8, 14).view(n, 1, 1)
        fields = [1 - (((m.x - c) / a) ** 4 + ((m.y - 53) / b) ** 4) ** 0.25 for c in (38, 74)]
        bar = (0.3 - ((m.y - 49) / 8).abs()).expand(n, SIDE, SIDE)
        cover = torch.sigmoid(torch.maximum(torch.maximum(*fields), bar) * 40)[:, None]
        tone = torch.rand(n, 3, 1, 1, generator=m.rng) * 0.3
        return x + cover * m.uniform(n, 0.5, 1).view(n, 1, 1, 1) * (tone - x)


class MaskHead(nn.Module):
    """Network from 112 x 112 px to one pair of logits: bare, masked."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 12, 3, 2),
            conv(12, 24, 3, 2),
            Block(24, 32, 48, 2),
            Block(32, 32, 64),
            Block(32, 48, 96, 2),
            Block(48, 48, 96),
            conv(48, 64),
        )
        self.spot = nn.Conv2d(64, 64, 7, groups=64, bias=False)
        self.out = nn.Conv2d(64, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Runs the head. x: bytes / SCALE, [n,3,112,112] -> [n,2]."""
        return self.out(F.relu(self.spot(self.body(x)))).flatten(1)


class Plain(nn.Module):
    """The head with unscaled bytes as input."""

    def __init__(self, head: MaskHead):
        super().__init__()
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x / SCALE)


def folded(head: MaskHead) -> MaskHead:
    """Copies the head with the normalisations and the scale of the bytes folded into the convolutions."""
    copy = MaskHead()
    copy.load_state_dict(head.state_dict())
    copy.eval()
    fold_in(copy.body)
    copy.body[0][0].weight.data /= SCALE
    return copy


def adopt(head: MaskHead, file: Path) -> None:
    """Loads the weights of an exported 8-bit file; the normalisations, which are folded into them, become identities."""
    graph = onnx.load(str(file)).graph
    stored = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    maker = {name: node for node in graph.node for name in node.output}

    def value(name: str) -> torch.Tensor:
        if name in stored:
            return torch.from_numpy(stored[name].astype(np.float32))
        whole, scale, zero = (stored[one].astype(np.float32) for one in maker[name].input)
        along = (-1,) + (1,) * (whole.ndim - 1)
        return torch.from_numpy((whole - zero.reshape(along)) * scale.reshape(along))

    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    layers = [m for m in head.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            continue
        weight, *bias = (value(name) for name in convolutions.pop(0).input[1:])
        layer.weight.data = weight * (SCALE if i == 0 else 1)
        if layer.bias is not None:
            layer.bias.data = bias[0]
        elif bias:
            norm = layers[i + 1]
            norm.weight.data.fill_(math.sqrt(1 + norm.eps))
            norm.bias.data = bias[0]


def export(head: MaskHead, file: Path) -> None:
    """Writes ONNX: `input` float32 [1,3,112,112] RGB 0..255, the face on the template -> `logits` [1,2]: bare, masked."""
    names = {'input_names': ['input'], 'output_names': ['logits']}
    torch.onnx.export(folded(head), torch.zeros(1, 3, SIDE, SIDE), str(file), opset_version=13, **names)


@torch.no_grad()
def scores(head: MaskHead, pictures: torch.Tensor) -> torch.Tensor:
    """Scores pictures: uint8 [n,112,112,3] -> logit of masked minus logit of bare, [n]."""
    head.eval()
    answer = head(as_input(pictures))
    return answer[:, 1] - answer[:, 0]


def train(a: argparse.Namespace) -> None:
    torch.manual_seed(a.seed)
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    faces = load_faces(a.shared)
    costume = Costume(Mixer(faces.pictures[~faces.held_out], a.seed))
    test, expected = Costume(Mixer(faces.pictures[faces.held_out], a.seed + 1)).batch(512)
    head = MaskHead()
    if a.start:
        adopt(head, a.start)
    head = head.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(head.parameters(), lr=0, weight_decay=0.02)
    first = 0
    if (a.out / 'checkpoint.pt').exists():
        state = torch.load(a.out / 'checkpoint.pt')
        head.load_state_dict(state['head'])
        optimiser.load_state_dict(state['optimiser'])
        first = state['step']
        # another seed, so that the pictures differ from those before
        costume = Costume(Mixer(faces.pictures[~faces.held_out], a.seed + 1000 + first))
    start = time.time()
    tally = Tally()
    total = a.pictures // a.batch
    for step in range(first, total):
        rate = a.rate * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / total))
        for group in optimiser.param_groups:
            group['lr'] = rate
        x, label = costume.batch(a.batch)
        # The normalisations of a network that was exported are identities, and stay so.
        head.train(not a.start)
        answer = head(as_input(x.permute(0, 2, 3, 1)))
        loss = F.cross_entropy(answer, label.long(), label_smoothing=0.03)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        tally.add({'loss': loss.item()})
        if (step + 1) % a.every == 0 or step + 1 == total:
            right = ((scores(head, test.permute(0, 2, 3, 1)) > 0).float() == expected).float().mean().item()
            line = {'minutes': round((time.time() - start) / 60, 2), 'seen': (step + 1) * a.batch}
            line |= {'accuracy': round(right, 4), **{k: round(v, 4) for k, v in tally.take().items()}}
            with open(a.out / 'log.jsonl', 'a') as log:
                log.write(json.dumps(line) + '\n')
            print(json.dumps(line), flush=True)
            state = {'head': head.state_dict(), 'optimiser': optimiser.state_dict(), 'step': step + 1}
            torch.save(state, a.out / 'checkpoint.new')
            (a.out / 'checkpoint.new').rename(a.out / 'checkpoint.pt')
    export(head, a.out / 'mask.onnx')


def trained(file: Path) -> MaskHead:
    head = MaskHead()
    head.load_state_dict(torch.load(file)['head'])
    return head.eval()


def evaluate(a: argparse.Namespace) -> None:
    """Measures the head on the photos under `masks`: a folder of people with a mask, and one of people without."""
    head = trained(a.out / 'checkpoint.pt')
    detect = YunetTeacher(a.shared / 'models' / 'yunet_n_dynamic.onnx')
    for folder in sorted(p for p in (a.shared / 'masks').iterdir() if p.is_dir()):
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in ('.jpg', '.jpeg', '.png'))
        crops = [largest_face(np.asarray(Image.open(p).convert('RGB')), detect) for p in files]
        seen = [c for c in crops if c is not None]
        s = scores(head, torch.from_numpy(np.stack(seen)))
        print(f'{folder.name}: {len(files)} photos, {len(seen)} faces, masked {int((s > 0).sum())}')


def check_export(a: argparse.Namespace) -> None:
    pictures = torch.from_numpy(load_faces(a.shared).pictures[::1000]).permute(0, 3, 1, 2).float()
    check(a.out / 'mask.onnx', Plain(trained(a.out / 'checkpoint.pt')), pictures, ['logits'])


OPTIONS = {
    '--pictures': {'type': int, 'default': 200_000},
    '--batch': {'type': int, 'default': 64},
    '--every': {'type': int, 'default': 100, 'help': 'steps between log lines and checkpoints'},
    '--start': {'type': Path, 'help': '8-bit file whose weights the training starts with'},
    '--rate': {'type': float, 'default': 2e-3, 'help': 'greatest learning rate'},
    '--seed': {'type': int, 'default': 3},
    '--threads': {'type': int, 'default': 2},
}

if __name__ == '__main__':
    verbs = {
        'train': train,
        'evaluate': evaluate,
        'export': lambda a: export(trained(a.out / 'checkpoint.pt'), a.out / 'mask.onnx'),
        'check': check_export,
    }
    run(__doc__, 'var/train/mask', OPTIONS, verbs)
