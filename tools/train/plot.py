"""Draws a training log as an SVG: held-out figures above, parts of the loss below, over the number of pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

WIDTH, HEIGHT, LEFT, GAP = 720, 250, 60, 46
COLOURS = ('#1b6ca8', '#c8553d', '#3c8d53', '#7d5ba6')


def ticks(low: float, high: float) -> list[float]:
    """Returns about five round values between low and high."""
    step = 10.0 ** round_down((high - low) / 4)
    while (high - low) / step > 6:
        step *= 2 if (high - low) / step < 12 else 2.5
    first = int(low / step) * step
    return [v for v in (first + step * k for k in range(20)) if low - 1e-9 <= v <= high + 1e-9]


def round_down(value: float) -> int:
    """Returns the exponent of the greatest power of ten up to value."""
    exponent = 0
    while value < 10.0**exponent:
        exponent -= 1
    while value >= 10.0 ** (exponent + 1):
        exponent += 1
    return exponent


def panel(top: int, x: list[float], lines: dict[str, list[float]], low: float, high: float, title: str) -> list[str]:
    """Draws one diagram. Values beyond low and high are drawn at its edge."""
    out = [f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{title}</text>']
    end = max(x) or 1

    def place(a: float, v: float) -> tuple[float, float]:
        v = min(max(v, low), high)
        return LEFT + a / end * (WIDTH - LEFT - 130), top + (high - v) / (high - low) * HEIGHT

    for v in ticks(low, high):
        _, y = place(0, v)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 130}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{v:.4g}</text>')
    for a in ticks(0, end):
        px, _ = place(a, low)
        out.append(f'<text x="{px:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{a:.3g}</text>')
    for k, (name, values) in enumerate(lines.items()):
        points = ' '.join('{:.1f},{:.1f}'.format(*place(a, v)) for a, v in zip(x, values) if v is not None)
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[k % 4]}" stroke-width="2"/>')
        last = [v for v in values if v is not None][-1]
        y = top + 14 + 18 * k
        out.append(f'<text x="{WIDTH - 122}" y="{y}" fill="{COLOURS[k % 4]}">{name} {last:.4g}</text>')
    return out


def draw(log: list[dict], upper: tuple[str, ...], lower: tuple[str, ...], floor: float, unit: str) -> str:
    """Draws the whole picture as SVG text."""
    x = [line[unit] / (1e6 if unit == 'seen' else 1) for line in log]
    over = 'million pictures seen' if unit == 'seen' else unit
    height = 2 * HEIGHT + 3 * GAP
    body = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" ']
    body += ['font-size="12"><rect width="100%" height="100%" fill="white"/>']
    figures = {k: [line.get(k) for line in log] for k in upper}
    body += panel(GAP, x, figures, floor, 1.0, f'held out, over {over}')
    losses = {k: [line.get(k) for line in log] for k in lower if any(k in line for line in log)}
    high = max(v for values in losses.values() for v in values[1:] or values if v is not None)
    body += panel(2 * GAP + HEIGHT, x, losses, 0, high, f'while training, over {over}')
    return ''.join(body) + '</svg>\n'


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('log', type=Path)
    args.add_argument('picture', type=Path)
    args.add_argument('--upper', default='accuracy,tar')
    args.add_argument('--lower', default='cosine,relation,map14,map7')
    args.add_argument('--floor', type=float, default=0.6, help='lowest value of the upper diagram')
    args.add_argument('--unit', default='seen')
    a = args.parse_args()
    log = [json.loads(line) for line in a.log.read_text().splitlines()]
    a.picture.write_text(draw(log, tuple(a.upper.split(',')), tuple(a.lower.split(',')), a.floor, a.unit))


if __name__ == '__main__':
    main()
