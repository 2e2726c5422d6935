"""OpenCV's FaceDetectorYN with Lintel's YuNet file, and its dnn module with Lintel's embedder, as a process that answers requests.

Arguments: the detector's file, the embedder's file, and its input as JSON: template, mean, std.
"""

import json
import sys

import cv2
import numpy as np

from answer import answer

cv2.setNumThreads(1)
model = json.loads(sys.argv[3])
template = np.array(model["template"], dtype=np.float32)
mean = np.array(model["mean"], dtype=np.float32)
std = np.array(model["std"], dtype=np.float32)
detector = cv2.FaceDetectorYN.create(sys.argv[1], "", (320, 320), 0.6, 0.3)
embedder = cv2.dnn.readNet(sys.argv[2])


def find(file):
    image = cv2.imread(file, cv2.IMREAD_COLOR)
    detector.setInputSize((image.shape[1], image.shape[0]))
    _, faces = detector.detect(image)
    return image, [] if faces is None else faces


def box(face):
    x, y, width, height = (float(value) for value in face[:4])
    return [x, y, x + width, y + height]


def detect(request):
    return [{"box": box(face)} for face in find(request["file"])[1]]


def recognise(request):
    image, faces = find(request["file"])
    found = []
    for face in faces:
        matrix, _ = cv2.estimateAffinePartial2D(face[4:14].reshape(5, 2), template, method=cv2.LMEDS)
        crop = cv2.warpAffine(image, matrix, (112, 112))[:, :, ::-1]
        embedder.setInput(((crop - mean) / std).transpose(2, 0, 1)[None].astype(np.float32))
        vector = embedder.forward().reshape(-1)
        found.append({"box": box(face), "embedding": (vector / np.linalg.norm(vector)).tolist()})
    return found


answer({"detect": detect, "recognise": recognise})
