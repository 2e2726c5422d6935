"""The command line that the trainings share: train, evaluate, export, check."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

Verb = Callable[[argparse.Namespace], None]


def run(about: str | None, out: str, options: dict[str, dict], verbs: dict[str, Verb]) -> None:
    """Reads --shared, --out and the given options (in the form of argparse), and runs the requested verb."""
    args = argparse.ArgumentParser(description=about)
    args.add_argument('what', choices=list(verbs))
    args.add_argument('--shared', type=Path, default=Path('../shared'))
    args.add_argument('--out', type=Path, default=Path(out))
    for name, how in options.items():
        args.add_argument(name, **how)
    a = args.parse_args()
    verbs[a.what](a)
