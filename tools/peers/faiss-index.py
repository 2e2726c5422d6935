"""FAISS as a process that answers requests. Argument: `flat` or `hnsw`."""

import sys

import faiss
import numpy as np

from answer import answer

faiss.omp_set_num_threads(1)
index = None
probes = None


def fill(request):
    global index, probes
    dimensions = request["dimensions"]
    vectors = np.fromfile(request["file"], dtype=np.float32).reshape(-1, dimensions)
    if sys.argv[1] == "flat":
        index = faiss.IndexFlatIP(dimensions)
    else:
        index = faiss.IndexHNSWFlat(dimensions, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
        index.hnsw.efSearch = 100
    index.add(vectors)
    probes = np.fromfile(request["probes"], dtype=np.float32).reshape(-1, dimensions)
    return index.ntotal


def search(request):
    at = request["probe"]
    return index.search(probes[at : at + 1], request["limit"])[1][0].tolist()


answer({"fill": fill, "search": search})
