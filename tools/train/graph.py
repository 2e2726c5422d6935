"""Runs the convolutional part of an ONNX file in PyTorch: batched, channels last, in bfloat16 where the CPU has it."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper


class Graph:
    """Supports the operators of the teachers: convolution, clip, ReLU, sum, pooling, doubling by repetition, flattening."""

    def __init__(self, path: Path, wanted: list[str] | None = None, dtype: torch.dtype = torch.bfloat16):
        """wanted: names of tensors inside the graph; default: the graph's outputs."""
        model = onnx.load(str(path))
        self.dtype = dtype
        self.input = model.graph.input[0].name
        self.wanted = wanted or [o.name for o in model.graph.output]
        self.weights = {
            i.name: channels_last(torch.from_numpy(numpy_helper.to_array(i).copy()).to(dtype))
            for i in model.graph.initializer
            if i.data_type == onnx.TensorProto.FLOAT
        }
        needed = set(self.wanted)
        kept = []
        for node in reversed(model.graph.node):
            if node.output[0] in needed and node.op_type != 'Constant':
                kept.append(node)
                needed.update(node.input)
        self.steps = [
            (n.op_type, list(n.input), n.output[0], {a.name: helper.get_attribute_value(a) for a in n.attribute})
            for n in reversed(kept)
        ]
        # a map is released after its last use
        self.last = {name: k for k, step in enumerate(self.steps) for name in step[1]}

    @torch.no_grad()
    def __call__(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Runs the graph. x: float [n,3,h,w], scaled as the model needs it -> the wanted tensors by name."""
        held = {self.input: channels_last(x.to(self.dtype))}
        found: dict[str, torch.Tensor] = {}
        for k, (op, names, out, a) in enumerate(self.steps):
            y = self._step(op, [held.get(name) for name in names], names, a)
            held[out] = y
            if out in self.wanted:
                found[out] = y.clone()
            for name in names:
                if self.last[name] == k:
                    held.pop(name, None)
        return found

    def _step(self, op: str, given: list[torch.Tensor | None], names: list[str], a: dict) -> torch.Tensor:
        x = given[0]
        if op == 'Conv':
            w, b = self.weights[names[1]], self.weights[names[2]]
            return F.conv2d(x, w, b, a['strides'], a['pads'][:2], a['dilations'], a['group'])
        if op == 'Clip':
            return x.clamp_(0, 6)
        if op == 'Relu':
            return x.relu_()
        if op == 'Add':
            return x + given[1]
        if op == 'MaxPool':
            return F.max_pool2d(x, a['kernel_shape'], a['strides'])
        if op == 'Resize':
            return F.interpolate(x, scale_factor=2, mode='nearest')
        if op == 'Reshape':
            return x.flatten(1)
        raise ValueError(f'the operator {op} is not supported')


def channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
