"""The aligned LFW faces, the pairs of LFW's protocol and the split into training and held-out identities."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 112
HELD_OUT_FOLDS = (8, 9, 10)
# left eye, right eye, nose, left and right corner of the mouth; left and right are the picture's
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)


@dataclass(frozen=True)
class Pair:
    """Two pictures (indices into Faces.pictures), whether they show one person, and the fold, 1 to 10."""

    first: int
    second: int
    same: bool
    fold: int


@dataclass(frozen=True)
class Faces:
    """pictures: uint8 [n,112,112,3] RGB, aligned to TEMPLATE; people: the name per picture."""

    pictures: np.ndarray
    people: np.ndarray
    pairs: list[Pair]

    @property
    def held_out(self) -> np.ndarray:
        """Marks, as bool [n], the pictures of all people who are named in a pair of the held-out folds."""
        kept = {self.people[i] for p in self.pairs if p.fold in HELD_OUT_FOLDS for i in (p.first, p.second)}
        return np.array([name in kept for name in self.people])


def load_faces(shared: Path) -> Faces:
    """Reads lfw/lfw_pairs_112.tar and lfw/pairs.txt under `shared`."""
    pictures: list[np.ndarray] = []
    people: list[str] = []
    index: dict[tuple[str, int], int] = {}
    with tarfile.open(shared / 'lfw' / 'lfw_pairs_112.tar') as tar:
        for member in sorted((m for m in tar if m.isfile()), key=lambda m: m.name):
            found = re.fullmatch(r'(.+)_(\d{4})\.(?:jpg|png)', Path(member.name).name)
            if found is None:
                continue
            data = tar.extractfile(member).read()
            index[(found[1], int(found[2]))] = len(pictures)
            pictures.append(np.asarray(Image.open(io.BytesIO(data)).convert('RGB')))
            people.append(found[1])
    pairs = read_pairs(shared / 'lfw' / 'pairs.txt', index)
    return Faces(np.stack(pictures), np.array(people), pairs)


def read_pairs(path: Path, index: dict[tuple[str, int], int]) -> list[Pair]:
    """Reads pairs.txt: per fold the pairs of one person (name, i, j), then the same number of pairs of two (name, i, name, j)."""
    lines = path.read_text().split('\n')
    folds, half = (int(v) for v in lines[0].split())
    pairs: list[Pair] = []
    for number, line in enumerate(lines[1 : 1 + 2 * folds * half]):
        f = line.split('\t')
        same = len(f) == 3
        other = (f[0], int(f[2])) if same else (f[2], int(f[3]))
        pairs.append(Pair(index[(f[0], int(f[1]))], index[other], same, number // (2 * half) + 1))
    return pairs


def best_threshold(cosines: np.ndarray, same: np.ndarray) -> float:
    """Finds the cosine that separates pairs of one person from pairs of two people with the fewest errors."""
    order = np.argsort(cosines)
    c, s = cosines[order], same[order]
    # all pairs from position k on are accepted
    right = np.concatenate([[0], np.cumsum(~s)]) + np.concatenate([np.cumsum(s[::-1])[::-1], [0]])
    best = np.flatnonzero(right == right.max())
    k = int(best[len(best) // 2])
    if k == 0:
        return float(c[0] - 1e-6)
    return float(c[-1] + 1e-6) if k == len(c) else float((c[k - 1] + c[k]) / 2)


@dataclass(frozen=True)
class Report:
    """accuracy: on the held-out folds, threshold from the other folds; best: threshold from the held-out pairs themselves."""

    accuracy: float
    best: float
    threshold: float
    tar: float
    genuine: int
    impostor: int


def evaluate(faces: Faces, embeddings: np.ndarray, far: float = 1e-3) -> Report:
    """Measures accuracy and TAR at `far` on all pairs of the held-out people. embeddings: [n,128], any length."""
    e = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = np.array([float(e[p.first] @ e[p.second]) for p in faces.pairs])
    same = np.array([p.same for p in faces.pairs])
    out = np.array([p.fold in HELD_OUT_FOLDS for p in faces.pairs])
    threshold = best_threshold(cosines[~out], same[~out])
    own = best_threshold(cosines[out], same[out])
    accuracy = float(((cosines[out] > threshold) == same[out]).mean())
    best = float(((cosines[out] > own) == same[out]).mean())
    kept = np.flatnonzero(faces.held_out)
    all_cosines = e[kept] @ e[kept].T
    upper = np.triu(np.ones(all_cosines.shape, bool), 1)
    equal = faces.people[kept][:, None] == faces.people[kept][None, :]
    genuine, impostor = all_cosines[upper & equal], all_cosines[upper & ~equal]
    limit = np.quantile(impostor, 1 - far)
    return Report(accuracy, best, threshold, float((genuine > limit).mean()), len(genuine), len(impostor))
