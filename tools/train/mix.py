"""An endless supply of pictures from few faces: jitter, mixtures of people, light, blur, noise, compression, occlusion."""

from __future__ import annotations

import io
from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIDE = 112
# (centre x, centre y, radius x, radius y) on the aligned face; a half is an ellipse with its centre far outside
REGIONS = torch.tensor(
    [
        [56, 51, 36, 14],  # both eyes
        [38, 51, 17, 13],  # left eye
        [74, 51, 17, 13],  # right eye
        [56, 67, 14, 20],  # nose
        [56, 92, 25, 14],  # mouth
        [56, 40, 46, 18],  # brows
        [56, 175, 140, 100],  # below the nose
        [56, -35, 140, 100],  # above the nose
        [-44, 56, 100, 140],  # left half
        [156, 56, 100, 140],  # right half
        [56, 70, 36, 46],  # inner face
        [56, 76, 30, 34],  # middle of the face
    ],
    dtype=torch.float32,
)


class Mixer:
    """Draws batches of pictures from a set of aligned faces. The same seed gives the same endless sequence of batches."""

    def __init__(self, faces: np.ndarray, seed: int):
        """faces: uint8 [n,112,112,3] RGB, aligned."""
        self.faces = torch.from_numpy(faces).permute(0, 3, 1, 2)
        self.rng = torch.Generator().manual_seed(seed)
        axis = torch.arange(SIDE, dtype=torch.float32)
        self.y, self.x = torch.meshgrid(axis, axis, indexing='ij')

    def batch(self, n: int) -> torch.Tensor:
        """Draws n pictures, uint8 [n,3,112,112] RGB: 45 of 100 are real faces in changed light, the rest are mixtures."""
        plain = round(n * 0.45)
        strength = torch.cat([self.uniform(plain, 0.3, 1.0), self.uniform(n - plain, 0.5, 1.8)])
        x = self.warp(self.picked(n), strength)
        x[plain:] = self._mixed(x[plain:], strength[plain:])
        x = self._occluded(x, 0.12)
        x = self.lit(x, strength)
        x = self.degraded(x)
        x = (x * 255 + 0.5).clamp(0, 255).to(torch.uint8)
        x = self.compressed(x, 0.25)
        return x[torch.randperm(n, generator=self.rng)]

    def uniform(self, n: int, low: float, high: float) -> torch.Tensor:
        """Draws n numbers between low and high."""
        return torch.rand(n, generator=self.rng) * (high - low) + low

    def normal(self, *shape: int) -> torch.Tensor:
        """Draws normal noise of the given shape."""
        return torch.randn(*shape, generator=self.rng)

    def chosen(self, n: int, share: float) -> torch.Tensor:
        """Draws the positions of a random subset: each of n with probability `share`."""
        return torch.nonzero(torch.rand(n, generator=self.rng) < share)[:, 0]

    def smooth(self, n: int, channels: int, cells: int) -> torch.Tensor:
        """Draws smooth noise [n,channels,112,112] of about unit size, with `cells` waves across."""
        coarse = self.normal(n, channels, cells, cells)
        return F.interpolate(coarse, size=(SIDE, SIDE), mode='bilinear', align_corners=True)

    def picked(self, n: int) -> torch.Tensor:
        """Draws random faces, float32 0..1, [n,3,112,112]."""
        return self.faces[torch.randint(len(self.faces), (n,), generator=self.rng)].float() / 255

    def warp(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """Mirrors at random, and applies a small affine change and a smooth displacement; s: strength per picture."""
        n = len(x)
        angle = self.normal(n) * s * (5 * pi / 180)
        scale = torch.exp(self.normal(n) * s * 0.05)
        aspect = torch.exp(self.normal(n) * s * 0.025)
        shear = self.normal(n) * s * 0.03
        flip = torch.where(torch.rand(n, generator=self.rng) < 0.5, -1.0, 1.0)
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        shift = self.normal(n, 2) * s[:, None] * (2.2 * 2 / SIDE)
        theta = torch.stack(
            [
                torch.stack([cos * aspect * flip, -sin + shear, shift[:, 0]], 1),
                torch.stack([sin * flip, cos / aspect, shift[:, 1]], 1),
            ],
            1,
        )
        grid = F.affine_grid(theta, [n, 3, SIDE, SIDE], align_corners=False)
        bend = self.smooth(n, 2, 5) * (s * s * (1.3 * 2 / SIDE)).view(n, 1, 1, 1)
        grid = grid + bend.permute(0, 2, 3, 1)
        padding = 'border' if torch.rand((), generator=self.rng) < 0.8 else 'zeros'
        return F.grid_sample(x, grid, mode='bilinear', padding_mode=padding, align_corners=False)

    def _mixed(self, x: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """Mixes each face with a second one, evenly or region by region, and some with a third one."""
        for share in (1.0, 0.45):
            at = self.chosen(len(x), share)
            if len(at) > 0:
                x[at] = self._blended(x[at], self.warp(self.picked(len(at)), strength[at]))
        return x

    def _blended(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        n = len(a)
        # the second face gets the colours of the first one, so that the seam is not visible
        mean_a, mean_b = a.mean((2, 3), keepdim=True), b.mean((2, 3), keepdim=True)
        ratio = (a.std((2, 3), keepdim=True) / b.std((2, 3), keepdim=True).clamp_min(0.02)).clamp(0.5, 2)
        match = (torch.rand(n, 1, 1, 1, generator=self.rng) < 0.75).float() * self.uniform(n, 0.5, 1).view(n, 1, 1, 1)
        b = b + match * ((b - mean_b) * ratio + mean_a - b)
        even = self.uniform(n, 0.15, 0.85).view(n, 1, 1, 1).expand(n, 1, SIDE, SIDE)
        mask = torch.where(torch.rand(n, 1, 1, 1, generator=self.rng) < 0.4, even, self._regions(n))
        return (a + mask * (b - a)).clamp(0, 1)

    def _regions(self, n: int) -> torch.Tensor:
        """Draws soft masks [n,1,112,112]: a region of the face (or all but it), or a random smooth cloud."""
        r = REGIONS[torch.randint(len(REGIONS), (n,), generator=self.rng)]
        r = r * torch.exp(self.normal(n, 4) * torch.tensor([0.03, 0.03, 0.15, 0.15]))
        cx, cy, rx, ry = (r[:, i].view(n, 1, 1) for i in range(4))
        d = torch.sqrt(((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2)
        field = (1 - d) * torch.minimum(rx, ry)
        cloud = self.smooth(n, 1, 6)[:, 0]
        pure = (torch.rand(n, 1, 1, generator=self.rng) < 0.25).float()
        field = torch.where(pure > 0, cloud * 14, field + cloud * 2.5)
        inverse = torch.where(torch.rand(n, 1, 1, generator=self.rng) < 0.3, -1.0, 1.0)
        soft = torch.exp(self.uniform(n, 0.2, 2.0)).view(n, 1, 1)
        return torch.sigmoid(field * inverse / soft)[:, None]

    def _occluded(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """Draws a mask, glasses or a bar on some faces."""
        at = self.chosen(len(x), share)
        n = len(at)
        if n == 0:
            return x
        kind = torch.randint(4, (n, 1, 1), generator=self.rng)
        j = self.normal(n, 4, 1, 1)
        xs, ys = self.x + j[:, 0] * 2, self.y + j[:, 1] * 2
        wide, high = torch.exp(j[:, 2] * 0.1), torch.exp(j[:, 3] * 0.1)
        mask = 1 - (((xs - 56) / (40 * wide)).abs() ** 3 + ((ys - 100) / (32 * high)).abs() ** 3) ** (1 / 3)
        eyes = [1 - (((xs - c) / (16 * wide)) ** 4 + ((ys - 52) / (11 * high)) ** 4) ** 0.25 for c in (38, 74)]
        lenses = torch.maximum(*eyes)
        bridge = 0.25 - ((ys - 49) / 8).abs() - torch.relu((xs - 56).abs() - 60)
        rims = torch.maximum(0.14 - lenses.abs(), bridge)
        bar_x, bar_y = self.uniform(n, 5, 107).view(n, 1, 1), self.uniform(n, 5, 107).view(n, 1, 1)
        bar = 1 - torch.maximum((xs - bar_x).abs() / (10 + 8 * wide * high), (ys - bar_y).abs() / (9 * high + 6))
        field = torch.where(kind == 0, mask, torch.where(kind == 1, torch.maximum(lenses, bridge), rims))
        field = torch.where(kind == 3, bar, field)
        cover = torch.sigmoid(field * 60)[:, None]
        opaque = torch.where(kind == 1, self.uniform(n, 0.4, 1).view(n, 1, 1), torch.ones(n, 1, 1))
        colour = torch.rand(n, 3, 1, 1, generator=self.rng)
        dark = ((kind == 1) | (kind == 2))[:, None] * 0.75
        pattern = self.smooth(n, 3, 14) * self.uniform(n, -0.1, 0.12).clamp_min(0).view(n, 1, 1, 1)
        cloth = (colour * (1 - dark) + pattern).clamp(0, 1)
        x[at] = x[at] + cover * opaque[:, None] * (cloth - x[at])
        return x

    def lit(self, x: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
        """Changes gamma, contrast, brightness, colour cast and saturation, adds a gradient of light, and makes some grey."""
        n = len(x)
        s = strength.clamp_max(1.4).view(n, 1, 1, 1)
        x = x.clamp(1e-4, 1) ** torch.exp(self.normal(n, 1, 1, 1) * s * 0.25)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = mean + (x - mean) * torch.exp(self.normal(n, 1, 1, 1) * s * 0.18)
        grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)
        saturation = torch.exp(self.normal(n, 1, 1, 1) * s * 0.3)
        saturation = torch.where(torch.rand(n, 1, 1, 1, generator=self.rng) < 0.06, torch.zeros(1), saturation)
        x = grey + (x - grey) * saturation
        x = x * (1 + self.normal(n, 3, 1, 1) * s * 0.06) + self.normal(n, 1, 1, 1) * s * 0.06
        at = self.chosen(n, 0.5)
        if len(at) > 0:
            k = len(at)
            light = self.smooth(k, 1, 3) * 0.18
            slope = self.normal(k, 2, 1, 1) * 0.25
            light = light + (slope[:, :1] * (self.x - 56) + slope[:, 1:] * (self.y - 56)) / 56
            x[at] = x[at] * (1 + s[at] * light).clamp(0.15, 2.5)
        return x

    def degraded(self, x: torch.Tensor) -> torch.Tensor:
        """Blurs some pictures, scales some down and up, and adds noise to some."""
        n = len(x)
        for at in torch.split(self.chosen(n, 0.25), max(1, n // 8)):
            side = int(torch.randint(30, 100, (), generator=self.rng))
            if len(at) > 0:
                small = F.interpolate(x[at], size=(side, side), mode='area' if side < 56 else 'bilinear')
                x[at] = F.interpolate(small, size=(SIDE, SIDE), mode='bilinear', align_corners=False)
        for at in torch.split(self.chosen(n, 0.15), max(1, n // 12)):
            if len(at) > 0:
                x[at] = self._blurred(x[at])
        at = self.chosen(n, 0.25)
        if len(at) > 0:
            k = len(at)
            x[at] = x[at] + self.normal(k, 3, SIDE, SIDE) * self.uniform(k, 0, 0.07).view(k, 1, 1, 1)
        return x

    def _blurred(self, x: torch.Tensor) -> torch.Tensor:
        """Applies Gaussian blur with a separate width per axis (motion, where they differ), the same for the whole group."""
        for axis in (2, 3):
            sigma = float(self.uniform(1, 0.2, 2.2))
            reach = max(1, round(sigma * 2.5))
            taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
            shape = [3, 1, 1, 1]
            shape[axis] = 2 * reach + 1
            kernel = (taps / taps.sum()).view([1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1]).expand(shape)
            pad = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
            x = F.conv2d(F.pad(x, pad, mode='replicate'), kernel, groups=3)
        return x

    def compressed(self, x: torch.Tensor, share: float) -> torch.Tensor:
        """Compresses some pictures as JPEG."""
        for i in self.chosen(len(x), share).tolist():
            store = io.BytesIO()
            quality = int(torch.randint(25, 92, (), generator=self.rng))
            Image.fromarray(x[i].permute(1, 2, 0).contiguous().numpy()).save(store, 'JPEG', quality=quality)
            x[i] = torch.from_numpy(np.asarray(Image.open(store)).copy()).permute(2, 0, 1)
        return x
