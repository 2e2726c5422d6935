"""Composed scenes with known faces: LFW crops turned, scaled, lit, masked and blended into procedural backgrounds."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter

from faces import SIDE, TEMPLATE, load_faces
from mask import Costume
from mix import Mixer
from yunet import YunetTeacher, collect, overlap

BORDER = 48
# margin around a small picture that the service enlarges
TENSOR_MARGIN = 32
# scales of the crops of 112 pixels at which the detector runs
SCALES = (1.5, 2.0, 2.6)


@dataclass(frozen=True)
class Marks:
    """Boxes x, y, width, height [n,4] and five points [n,5,2] of the aligned faces, in pixels of the crop."""

    boxes: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A scene. picture: uint8 [h,w,3] RGB; boxes [n,4] x, y, width, height; points [n,5,2].

    inside: x0, y0, x1, y1 of the camera's picture; the rest is the black margin of the tensor.
    """

    picture: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    rendered: bool = False
    inside: tuple[int, int, int, int] | None = None


def look(pictures: np.ndarray, detect: YunetTeacher, scale: float, mirror: bool) -> list[tuple | None]:
    """Detects box and points of each aligned face, in its own pixels, at this scale, mirrored or not."""
    shown = pictures[:, :, ::-1, ::-1] if mirror else pictures[..., ::-1]
    x = torch.from_numpy(shown.copy()).permute(0, 3, 1, 2).float()
    x = F.interpolate(x, size=round(SIDE * scale), mode='bilinear', align_corners=False)
    rest = -(x.shape[2] + 2 * BORDER) % 32
    maps = detect(F.pad(x, (BORDER, BORDER + rest, BORDER, BORDER + rest)))
    answers = []
    for i in range(len(x)):
        found = collect(maps, i)
        near = [
            (abs(five - TEMPLATE).mean(), box, five)
            for box, five in (
                ((b - [BORDER, BORDER, 0, 0]) / scale, (p - BORDER) / scale) for b, p in zip(found.boxes, found.points)
            )
            for box, five in [flipped(box, five, SIDE) if mirror else (box, five)]
        ]
        best = min(near, key=lambda one: one[0], default=(99, None, None))
        answers.append(best[1:] if best[0] < 7 else None)
    return answers


def load_marks(pictures: np.ndarray, detect: YunetTeacher, cache: Path) -> Marks:
    """Marks each aligned face with the standard detector; where it finds none, with the template.

    An aligned face matches the template only in the least-squares sense: the nose of a face that looks aside is off
    it by several pixels. A single detection is off by several per cent of the eye distance; the mean of six is steadier.
    """
    if cache.exists():
        stored = np.load(cache)
        return Marks(stored['boxes'], stored['points'])
    boxes = np.tile(np.array([[14.0, 4.0, 84.0, 112.0]]), (len(pictures), 1))
    points = np.tile(TEMPLATE[None].astype(np.float64), (len(pictures), 1, 1))
    for start in range(0, len(pictures), 32):
        part = pictures[start : start + 32]
        looks = [look(part, detect, scale, mirror) for scale in SCALES for mirror in (False, True)]
        for i in range(len(part)):
            seen = [answers[i] for answers in looks if answers[i] is not None]
            if seen:
                boxes[start + i] = np.mean([box for box, _ in seen], 0)
                points[start + i] = np.mean([five for _, five in seen], 0)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, boxes=boxes, points=points)
    return Marks(boxes, points)


def mirrored(scene: Scene) -> Scene:
    """Mirrors a scene. Left and right of the landmarks are the picture's, so the eyes and the corners change places."""
    width = scene.picture.shape[1]
    boxes, points = flipped(scene.boxes, scene.points, width)
    inside = scene.inside
    if inside is not None:
        inside = (width - inside[2], inside[1], width - inside[0], inside[3])
    return Scene(np.ascontiguousarray(scene.picture[:, ::-1]), boxes, points, scene.rendered, inside)


def flipped(boxes: np.ndarray, points: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Mirrors boxes [...,4] and points [...,5,2] in a picture of this width."""
    boxes, points = boxes.copy(), points[..., [1, 0, 2, 4, 3], :].copy()
    boxes[..., 0] = width - boxes[..., 0] - boxes[..., 2]
    points[..., 0] = width - points[..., 0]
    return boxes, points


def stretched(crop: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stretches a face at random: each row in width, and each part in height.

    crop: uint8 [112,112,3]; points [5,2]. Mouths of the crops are 0.85 of the eye distance wide, give or take 0.05; a student
    that sees no others answers with the mean, and not with the mouth that it sees.
    """
    rows = np.arange(SIDE)
    # for each row of the new picture: the row of the old one, and the factor of its width
    ends = np.array([-20.0, 20, 45, 70, 92, 130])
    source = np.interp(rows, ends, np.sort(ends + rng.normal(size=6) * 3))
    wider = np.convolve(np.interp(np.arange(-8, SIDE + 8), ends, np.exp(rng.normal(size=6) * 0.09)), np.ones(17) / 17, 'valid')
    middle = SIDE / 2
    x = middle + (rows[None] - middle) / wider[:, None]
    grid = np.stack([x + 0.5, np.broadcast_to(source[:, None] + 0.5, x.shape)], 2) / SIDE * 2 - 1
    picture = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float()
    made = F.grid_sample(picture, torch.from_numpy(grid)[None].float(), padding_mode='border', align_corners=False)
    y = np.interp(points[:, 1], source, rows)
    moved = np.stack([middle + (points[:, 0] - middle) * np.interp(y, rows, wider), y], 1)
    return made[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy(), moved


class Stage:
    """Draws scenes. The same seed gives the same endless sequence of scenes."""

    def __init__(self, pictures: np.ndarray, marks: Marks, seed: int):
        self.pictures = pictures
        self.marks = marks
        self.rng = np.random.default_rng(seed)
        self.costume = Costume(Mixer(pictures, seed))

    def scene(self, width: int, height: int, portrait: bool = False) -> Scene:
        """Draws a scene without camera effects: none to eight faces, from 20 pixels to more than the picture; or a portrait."""
        r = self.rng
        canvas = self._background(width, height)
        for _ in range(r.integers(0, 4)):
            self._decoy(canvas)
        boxes: list[np.ndarray] = []
        points: list[np.ndarray] = []
        painted: list[tuple[np.ndarray, np.ndarray]] = []
        wanted = 1 if portrait else int(r.choice([0, 1, 2, 3, 5, 8], p=[0.08, 0.4, 0.2, 0.14, 0.12, 0.06]))
        smallest = 0.35 * height if portrait else 60 if wanted == 1 and r.random() < 0.5 else 20
        for _ in range(wanted):
            placed = self._place(width, height, boxes, smallest, (1.15 if wanted == 1 else 0.75) * height)
            if placed is not None:
                crop, matrix, box, five = placed
                painted.append((crop, matrix))
                boxes.append(box)
                points.append(five)
        # bodies are drawn first, so that none of them hides a face
        for _, matrix in painted:
            if r.random() < 0.6:
                self._body(canvas, matrix)
        for crop, matrix in painted:
            self._paint(canvas, crop, matrix)
        return Scene(np.asarray(canvas), np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, 5, 2))

    def shot(self, scene: Scene) -> Scene:
        """Applies camera effects to the scene; mirrors every second one."""
        if self.rng.random() < 0.5:
            scene = mirrored(scene)
        whole = Image.fromarray(scene.picture)
        if scene.inside is None:
            return replace(scene, picture=self._photographed(whole))
        picture = np.zeros_like(scene.picture)
        x0, y0, x1, y1 = scene.inside
        picture[y0:y1, x0:x1] = self._photographed(whole.crop(scene.inside))
        return replace(scene, picture=picture)

    def cut_out(self, side: int) -> Scene:
        """Draws a face that fills its picture, as after an enlargement: in a square tensor, with a black margin."""
        r = self.rng
        crop, (bx, by, bw, bh), points = self._face()
        size = int(r.integers(side // 2, side - 2 * TENSOR_MARGIN + 1))
        angle = math.radians(float(r.normal() * 6))
        # the rotated and shifted crop still covers the picture
        zoom = size / SIDE * float(r.uniform(1.02, 1.3)) * (abs(math.cos(angle)) + abs(math.sin(angle)))
        flat = float(np.exp(r.normal() * 0.05))
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = zoom * turn @ np.diag([flat, 1 / flat])
        room = max(0.0, (zoom * min(flat, 1 / flat) / (abs(math.cos(angle)) + abs(math.sin(angle))) * SIDE - size) / 2)
        corner = TENSOR_MARGIN + int(r.integers(0, side - 2 * TENSOR_MARGIN - size + 1)) * (r.random() < 0.3)
        centre = corner + size / 2 + r.uniform(-room, room, 2)
        matrix = np.concatenate([linear, (centre - linear @ np.array([SIDE / 2, SIDE / 2]))[:, None]], 1)
        canvas = Image.new('RGB', (side, side), self._colour())
        self._paint(canvas, crop, matrix, whole=True)
        middle = linear @ np.array([bx + bw / 2, by + bh / 2]) + matrix[:, 2]
        half = np.sqrt((linear[:, 0] * bw / 2) ** 2 + (linear[:, 1] * bh / 2) ** 2)
        five = points @ linear.T + matrix[:, 2]
        inside = (corner, corner, corner + size, corner + size)
        box = np.concatenate([middle - half, 2 * half])
        return Scene(np.asarray(canvas), box[None], five[None], inside=inside)

    def _colour(self) -> tuple[int, int, int]:
        return tuple(int(v) for v in self.rng.integers(0, 256, 3))

    def _background(self, width: int, height: int) -> Image.Image:
        r = self.rng
        total = np.zeros((height, width, 3), np.float32)
        for cells in (1, 3, 7, 16, 40, 120):
            grain = r.normal(size=(max(1, cells * height // width), cells, 3)).astype(np.float32)
            if r.random() < 0.6:
                grain = grain.mean(2, keepdims=True).repeat(3, 2)
            layers = [
                np.asarray(Image.fromarray(grain[:, :, c]).resize((width, height), Image.BICUBIC)) for c in range(3)
            ]
            total += np.stack(layers, 2) * float(r.random() ** 2) * (90 if cells < 10 else 35)
        image = Image.fromarray((total + r.uniform(40, 210)).clip(0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(image)
        for _ in range(int(r.integers(0, 24) * (r.random() < 0.8))):
            x, y = r.uniform(-0.2, 1.1) * width, r.uniform(-0.2, 1.1) * height
            w, h = r.exponential(0.15, 2) * (width, height)
            kind = r.integers(4)
            if kind == 0:
                draw.rectangle([x, y, x + w, y + h], fill=self._colour())
            elif kind == 1:
                draw.ellipse([x, y, x + w, y + h], fill=self._colour())
            elif kind == 2:
                end = [x + r.normal() * width, y + r.normal() * height]
                draw.line([x, y, *end], self._colour(), int(r.integers(1, 9)))
            else:
                corners = [(x + r.normal() * w, y + r.normal() * h) for _ in range(int(r.integers(3, 7)))]
                draw.polygon(corners, fill=self._colour())
        if r.random() < 0.25:
            self._grid(draw, width, height)
        if r.random() < 0.25:
            self._lettering(draw, width, height)
        if r.random() < 0.5:
            image = image.filter(ImageFilter.GaussianBlur(float(r.exponential(1.5))))
        return image

    def _grid(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        r = self.rng
        step, thick, colour = int(r.integers(5, 60)), int(r.integers(1, 5)), self._colour()
        for x in range(0, width, step):
            draw.line([x, 0, x + r.normal() * 3, height], colour, thick)
        if r.random() < 0.6:
            for y in range(0, height, max(4, int(step * r.uniform(0.4, 2)))):
                draw.line([0, y, width, y], colour, thick)

    def _lettering(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        r = self.rng
        size, colour = int(r.integers(3, 24)), self._colour()
        left, top = r.uniform(0, 0.6) * width, r.uniform(0, 0.7) * height
        for row in range(int(r.integers(1, 10))):
            x = left
            for _ in range(int(r.integers(3, 30))):
                w = size * r.uniform(0.2, 0.8)
                y = top + row * size * 1.6
                draw.line([x, y, x + r.uniform(-0.2, 1) * w, y + size], colour, max(1, size // 6))
                draw.line([x, y + size * r.random(), x + w, y + size * r.random()], colour, max(1, size // 6))
                x += w + size * 0.3

    def _decoy(self, canvas: Image.Image) -> None:
        """Draws something with a face's colours and edges that is no face: shuffled faces, blobs of skin."""
        r = self.rng
        crop = self.pictures[r.integers(len(self.pictures))]
        kind = r.integers(3)
        if kind == 0:
            side = int(r.choice([14, 16, 28]))
            n = SIDE // side
            blocks = crop.reshape(n, side, n, side, 3).swapaxes(1, 2).reshape(n * n, side, side, 3)
            blocks = blocks[r.permutation(n * n)]
            crop = blocks.reshape(n, n, side, side, 3).swapaxes(1, 2).reshape(SIDE, SIDE, 3)
        elif kind == 1:
            skin = crop[40:80, 30:80].reshape(-1, 3).mean(0)
            grain = r.normal(size=(5, 5)).astype(np.float32)
            light = np.asarray(Image.fromarray(grain).resize((SIDE, SIDE), Image.BICUBIC))
            crop = (skin * (1 + 0.2 * light[:, :, None])).clip(0, 255).astype(np.uint8)
        else:
            # the corners of a crop hold hair, collars and background
            x, y = r.choice([0, 84]), r.choice([0, 84])
            crop = crop[y : y + 28, x : x + 28]
        side = max(12, int(min(canvas.size) * np.exp(r.uniform(np.log(0.06), np.log(0.7)))))
        piece = Image.fromarray(crop).resize((side, side), Image.BICUBIC).rotate(float(r.uniform(0, 360)))
        cover = Image.new('L', (side, side), 0)
        ImageDraw.Draw(cover).ellipse([2, 2, side - 2, side - 2], fill=255)
        cover = cover.filter(ImageFilter.GaussianBlur(side * float(r.uniform(0.01, 0.06))))
        at = [int(r.uniform(-0.3, 1) * v) for v in canvas.size]
        canvas.paste(piece, tuple(at), cover)

    def _face(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picks a crop uint8 [112,112,3] RGB, its box x, y, width, height and points [5,2]; most are stretched."""
        who = int(self.rng.integers(len(self.pictures)))
        crop, points = self.pictures[who], self.marks.points[who]
        if self.rng.random() < 0.75:
            crop, points = stretched(crop, points, self.rng)
        return crop, self.marks.boxes[who], points

    def _place(self, width, height, taken, smallest, largest):
        """Places a face: its crop, the 2 x 3 matrix to the scene, its box and points there; None where no room is left."""
        r = self.rng
        crop, (bx, by, bw, bh), points = self._face()
        for _ in range(6):
            size = float(np.exp(r.uniform(np.log(smallest), np.log(largest))))
            scale = size / bh
            angle = math.radians(float(r.normal() * 14))
            flat, skew = float(np.exp(r.normal() * 0.06)), float(r.normal() * 0.05)
            turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            linear = scale * turn @ np.array([[flat, skew], [0, 1 / flat]])
            margin = size * 0.35
            whole = np.array([width, height])
            centre = r.uniform(np.minimum(margin, whole / 2), np.maximum(whole - margin, whole / 2))
            middle = np.array([bx + bw / 2, by + bh / 2])
            matrix = np.concatenate([linear, (centre - linear @ middle)[:, None]], 1)
            # the upright box around the ellipse that fills the face's box
            half = np.sqrt((linear[:, 0] * bw / 2) ** 2 + (linear[:, 1] * bh / 2) ** 2)
            box = np.concatenate([centre - half, 2 * half])
            if not taken or overlap(box, np.array(taken)).max() < 0.05:
                five = points @ linear.T + matrix[:, 2]
                return crop, matrix, box, five
        return None

    def _paint(self, canvas: Image.Image, crop: np.ndarray, matrix: np.ndarray, whole: bool = False) -> None:
        r = self.rng
        if r.random() < 0.15:
            x = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255
            x = self.costume.worn(x, torch.tensor([float(r.uniform(54, 74))]))
            crop = (x[0].permute(1, 2, 0) * 255).clamp(0, 255).byte().numpy()
        crop = (crop * float(np.exp(r.normal() * 0.2))).clip(0, 255).astype(np.uint8)
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        side = SIDE if scale > 0.8 else max(8, round(SIDE * scale))
        image = Image.fromarray(crop).resize((side, side), Image.BOX)
        cover = Image.new('L', (SIDE, SIDE), 255) if whole else self._cover()
        image.putalpha(cover.resize((side, side), Image.BOX))
        corners = np.array([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]]) @ matrix[:, :2].T + matrix[:, 2]
        left, top = np.floor(corners.min(0)).astype(int) - 1
        right, bottom = np.ceil(corners.max(0)).astype(int) + 1
        back = np.linalg.inv(matrix[:, :2]) * (side / SIDE)
        shift = back @ (np.array([left, top]) - matrix[:, 2])
        data = (back[0, 0], back[0, 1], shift[0], back[1, 0], back[1, 1], shift[1])
        piece = image.transform((int(right - left), int(bottom - top)), Image.AFFINE, data, Image.BICUBIC)
        if scale > 1.3 and r.random() < 0.6:
            # an enlarged crop is softer than a near face
            piece = piece.filter(ImageFilter.UnsharpMask(scale * float(r.uniform(0.5, 1.5)), int(r.integers(50, 250)), 0))
        canvas.paste(piece, (int(left), int(top)), piece.getchannel('A'))

    def _cover(self) -> Image.Image:
        """Draws the mask with which a crop is blended in: an oval, a soft square or, as on a poster, the whole square."""
        r = self.rng
        cover = Image.new('L', (SIDE, SIDE), 0)
        draw = ImageDraw.Draw(cover)
        kind = r.random()
        if kind < 0.55:
            w, h = r.uniform(40, 50), r.uniform(52, 60)
            draw.ellipse([56 - w, 60 - h, 56 + w, 60 + h], fill=255)
            return cover.filter(ImageFilter.GaussianBlur(float(r.uniform(1.5, 6))))
        if kind < 0.85:
            inset = r.uniform(3, 10)
            draw.rounded_rectangle([inset, inset, SIDE - inset, SIDE - inset], radius=int(r.integers(4, 40)), fill=255)
            return cover.filter(ImageFilter.GaussianBlur(float(r.uniform(1, inset / 2))))
        draw.rectangle([0, 0, SIDE, SIDE], fill=255)
        return cover

    def _body(self, canvas: Image.Image, matrix: np.ndarray) -> None:
        """Draws hair or a head-dress, a neck and shoulders, in the crop's coordinates."""
        r = self.rng
        draw = ImageDraw.Draw(canvas)

        def outline(points) -> list[tuple[float, float]]:
            return [tuple(p) for p in np.array(points) @ matrix[:, :2].T + matrix[:, 2]]

        ring = np.linspace(0, 2 * math.pi, 24)
        w, h = r.uniform(48, 66), r.uniform(58, 82)
        shoulder, neck = r.uniform(75, 130), r.uniform(22, 40)
        trunk = [(56 - shoulder, 210), (56 - neck, 128), (56 + neck, 128), (56 + shoulder, 210)]
        draw.polygon(outline(trunk), self._colour())
        hair = [(56 + w * math.cos(t), 50 + h * math.sin(t)) for t in ring]
        draw.polygon(outline(hair), tuple(int(v * 0.6) for v in self._colour()))
        skin = tuple(int(v) for v in np.array([200, 150, 120]) * r.uniform(0.4, 1.2))
        draw.polygon(outline([(56 - neck, 90), (56 + neck, 90), (56 + neck, 135), (56 - neck, 135)]), skin)

    def _photographed(self, canvas: Image.Image) -> np.ndarray:
        """Applies light, colour, focus, noise and compression to the whole picture."""
        r = self.rng
        x = np.asarray(canvas).astype(np.float32) / 255
        x = x ** float(np.exp(r.normal() * 0.25))
        x = (x - 0.5) * float(np.exp(r.normal() * 0.2)) + 0.5 + float(r.normal() * 0.06)
        x = x * (1 + r.normal(size=3) * 0.06).astype(np.float32)
        if r.random() < 0.2:
            x = x.mean(2, keepdims=True).repeat(3, 2)
        if r.random() < 0.4:
            coarse = r.normal(size=(3, 3)).astype(np.float32)
            light = np.asarray(Image.fromarray(coarse).resize(canvas.size, Image.BICUBIC))
            x = x * np.clip(1 + 0.25 * light, 0.2, 2)[:, :, None]
        if r.random() < 0.4:
            x = x + r.normal(size=x.shape).astype(np.float32) * float(r.uniform(0, 0.06))
        image = Image.fromarray((x * 255).clip(0, 255).astype(np.uint8))
        if r.random() < 0.3:
            image = image.filter(ImageFilter.GaussianBlur(float(r.exponential(0.9))))
        if r.random() < 0.5:
            store = io.BytesIO()
            image.save(store, 'JPEG', quality=int(r.integers(25, 92)))
            image = Image.open(store)
        return np.asarray(image)


class Rendered:
    """Scenes of rendered heads with hair and shoulders, written by heads.ts. They show no real person."""

    def __init__(self, folder: Path):
        told = json.loads((folder / 'truth.json').read_text())
        shape = (len(told['scenes']), told['height'], told['width'], 3)
        self.pictures = np.memmap(folder / 'scenes.rgb', np.uint8, 'r', shape=shape)
        self.truth = told['scenes']

    def pick(self, rng: np.random.Generator) -> Scene:
        k = int(rng.integers(len(self.truth)))
        boxes = [[b['x0'], b['y0'], b['x1'] - b['x0'], b['y1'] - b['y0']] for b in (f['box'] for f in self.truth[k])]
        points = [[[p['x'], p['y']] for p in f['points']] for f in self.truth[k]]
        return Scene(np.array(self.pictures[k]), np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, 5, 2), True)


class Repertoire:
    """Scenes of one size. Each is used several times, with new camera effects each time."""

    def __init__(self, stage: Stage, draw: Callable[[], Scene], room: int, reuse: float):
        self.stage = stage
        self.draw = draw
        self.room = room
        self.reuse = reuse
        self.kept: list[Scene] = []
        self.owed = 0.0

    def scenes(self, n: int) -> list[Scene]:
        rng = self.stage.rng
        self.owed += n / self.reuse
        while self.owed > 0 or len(self.kept) < n:
            drawn = self.draw()
            if len(self.kept) < self.room:
                self.kept.append(drawn)
            else:
                self.kept[int(rng.integers(self.room))] = drawn
            self.owed -= 1
        return [self.stage.shot(self.kept[int(rng.integers(len(self.kept)))]) for _ in range(n)]


def stages(shared: Path, cache: Path, seed: int) -> tuple[Stage, Stage]:
    """Creates a stage with the people of the training, and one with the held-out people."""
    faces = load_faces(shared)
    marks = load_marks(faces.pictures, YunetTeacher(shared / 'models' / 'yunet_n_dynamic.onnx', torch.bfloat16), cache)
    out = faces.held_out
    ours, theirs = (Stage(faces.pictures[k], Marks(marks.boxes[k], marks.points[k]), seed) for k in (~out, out))
    return ours, theirs
