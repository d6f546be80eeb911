r"""Encoders per modality, gated attention over those measured, and heads: many small networks as one batch.

For patient i with measured modalities :math:`M_i`,

.. math:: h_{im} = \mathrm{encoder}_m(x_{im}), \qquad
   a_{im} = \operatorname{softmax}_{m \in M_i}\left( w^\top (\tanh(V h_{im}) \odot \sigma(U h_{im})) + c_m \right),

.. math:: g_i = |M_i|^{\gamma} \sum_{m \in M_i} a_{im} h_{im}, \qquad f_i = (u \mathbf{1}^\top + D)^\top r(g_i) + b.

Attention says how the measured modalities share; :math:`0 < \gamma < 1`, learnt, says how much more several of them
know than one. The reading r(g) is g itself (modalities then interact through attention only), or g and the pairs

.. math:: q_i = \sum_{m < m' \in M_i} (P_m x_{im}) \odot (P_{m'} x_{im'}),

a low-rank product of every two modalities, or a hidden layer. The columns of D, one per time interval, let effects
change over time.

Folds, penalties and ensemble members differ in their weights only, so they are trained side by side: every weight has
two leading axes, F data sets (folds) and S networks on each.

Source
------
Gated attention: Ilse, Tomczak & Welling 2018, arXiv:1802.04712. Low-rank pairs: Rendle 2010, doi:10.1109/ICDM.2010.127.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

__all__ = ["Shape", "Weights", "forward", "from_arrays", "new_weights", "penalty", "to_arrays"]

Weights = dict[str, torch.Tensor]

_GAMMA_START = 0.0  # of the logistic scale: gamma = 1/2
_PAIR_START = 0.1  # at 0 a product has no slope; 0.1 x 0.1 is nearly nothing


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes
    ----------
    inputs : tuple of int, length m
        Numbers that each modality's encoder takes.
    width : int
        Length of each encoding.
    hidden : int
        Units of the hidden layer of each encoder and of the joint layer; 0: linear.
    pairs : int
        Rank of the products of two modalities; 0: none.
    outputs : dict of str to int
        Numbers that each head gives: 1, or one per time interval.
    """

    inputs: tuple[int, ...]
    width: int
    hidden: int
    pairs: int
    outputs: dict[str, int]


def new_weights(shape: Shape, folds: int, networks: int, generator: torch.Generator) -> Weights:
    """Return random weights, the same for every fold.

    Encodings start at 0 (those of pairs nearly): an untrained network says nothing.

    Parameters
    ----------
    folds, networks : int
        F and S, the two leading axes of each weight.
    generator : torch.Generator
        Of the CPU, so that every device starts at the same point.
    """

    def random(*size: int, fan_in: int) -> torch.Tensor:
        drawn = torch.randn((networks, *size), generator=generator) / fan_in**0.5
        return drawn[None].repeat(folds, *[1] * drawn.ndim)

    d, weights = shape.width, {}
    for m, k in enumerate(shape.inputs):
        # inputs of one modality have total variance 1, whatever their number
        first = shape.hidden or d
        weights[f"encoder{m}.bias"] = torch.zeros(folds, networks, first)
        weights[f"encoder{m}.weight"] = torch.zeros(folds, networks, k, first)
        if shape.hidden:
            weights[f"encoder{m}.weight"] = random(k, first, fan_in=1)
            weights[f"encoder{m}.weight2"] = torch.zeros(folds, networks, first, d)
            weights[f"encoder{m}.bias2"] = torch.zeros(folds, networks, d)
        if shape.pairs:
            weights[f"pairs{m}.weight"] = _PAIR_START * random(k, shape.pairs, fan_in=1)
    weights["attention.value"] = random(d, d, fan_in=d)
    weights["attention.gate"] = random(d, d, fan_in=d)
    weights["attention.weight"] = torch.zeros(folds, networks, d)
    weights["attention.bias"] = torch.zeros(folds, networks, len(shape.inputs))
    weights["evidence"] = torch.full((folds, networks), _GAMMA_START)
    read = d
    if shape.hidden:
        weights["joint.weight"] = random(d, shape.hidden, fan_in=d)
        weights["joint.bias"] = torch.zeros(folds, networks, shape.hidden)
        read = shape.hidden
    read += shape.pairs
    for head, size in shape.outputs.items():
        weights[f"{head}.common"] = random(read, 1, fan_in=read)
        weights[f"{head}.bias"] = torch.zeros(folds, networks, size)
        if size > 1:
            weights[f"{head}.changing"] = torch.zeros(folds, networks, read, size)
    return weights


def _layer(x: torch.Tensor, weights: Weights, name: str, suffix: str = "") -> torch.Tensor:
    return x @ weights[f"{name}.weight{suffix}"] + weights[f"{name}.bias{suffix}"][:, :, None]


def forward(
    weights: Weights,
    blocks: Sequence[torch.Tensor],
    measured: torch.Tensor,
    keep: torch.Tensor | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return each head's output (F, S, n, size) and the attention (F, S, n, m), 0 where not measured.

    Parameters
    ----------
    weights : dict
        From `new_weights`.
    blocks : sequence of tensors (F, n, k_m)
        Inputs of each modality, finite, 0 where it is not measured.
    measured : tensor of bool, (F, n, m) or (F, S, n, m)
        What each network may see of each patient.
    keep : tensor (F, S, n, m, width) or None
        Dropout of the encodings: 0, or 1 / (share kept). None keeps all.
    """
    seen = measured if measured.ndim == 4 else measured[:, None]
    codes = []
    for m, block in enumerate(blocks):
        code = _layer(block[:, None], weights, f"encoder{m}")
        if f"encoder{m}.weight2" in weights:
            code = _layer(functional.silu(code), weights, f"encoder{m}", "2")
        codes.append(code)
    h = torch.stack(codes, dim=3)
    if keep is not None:
        h = h * keep
    attention = _attention(weights, h, seen)
    gamma = torch.sigmoid(weights["evidence"])[:, :, None, None]
    count = seen.sum(dim=-1, keepdim=True).clamp_min(1).to(h.dtype)
    pooled = (attention[..., None] * h).sum(dim=3) * count**gamma
    if "joint.weight" in weights:
        pooled = functional.silu(_layer(pooled, weights, "joint"))
    if "pairs0.weight" in weights:
        pooled = torch.cat([pooled, _pairs(weights, blocks, seen)], dim=-1)
    heads = [name.partition(".")[0] for name in weights if name.endswith(".common")]
    return {head: _head(weights, head, pooled) for head in heads}, attention


def _pairs(weights: Weights, blocks: Sequence[torch.Tensor], seen: torch.Tensor) -> torch.Tensor:
    """Return the sum over pairs of measured modalities of their elementwise products, (F, S, n, rank)."""
    parts = [
        block[:, None] @ weights[f"pairs{m}.weight"] * seen[..., m, None] for m, block in enumerate(blocks)
    ]
    each = torch.stack(parts)
    return 0.5 * (each.sum(dim=0).square() - each.square().sum(dim=0))


def _attention(weights: Weights, h: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    value = torch.tanh(h @ weights["attention.value"][:, :, None])
    gate = torch.sigmoid(h @ weights["attention.gate"][:, :, None])
    score = (value * gate * weights["attention.weight"][:, :, None, None]).sum(dim=-1)
    score = score + weights["attention.bias"][:, :, None]
    # finite stand-in for "not measured": a row with nothing measured gets attention 0, not NaN
    score = score.masked_fill(~seen, -1e4)
    return torch.softmax(score, dim=-1) * seen


def _head(weights: Weights, head: str, pooled: torch.Tensor) -> torch.Tensor:
    slope = weights[f"{head}.common"]
    if f"{head}.changing" in weights:
        slope = slope + weights[f"{head}.changing"]
    return pooled @ slope + weights[f"{head}.bias"][:, :, None]


def penalty(weights: Weights, start: Weights) -> torch.Tensor:
    """Return half the squared distance of each network's weights from their start, pairs from 0, (F, S).

    There the network says nothing of the patients, so this is the prior belief that they do not differ. The heads' own
    biases go free.
    """
    total = torch.zeros_like(weights["evidence"])
    for name, tensor in weights.items():
        if not (name.endswith(".bias") and f"{name.removesuffix('.bias')}.common" in weights):
            away = (
                (tensor if name.startswith("pairs") else tensor - start[name])
                .square()
                .reshape(*total.shape, -1)
            )
            total = total + 0.5 * away.sum(dim=-1)
    return total


def to_arrays(weights: Weights) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights of one data set (the first) as arrays with the networks in front."""
    return {name: tensor.detach()[0].cpu().numpy().copy() for name, tensor in weights.items()}


def from_arrays(arrays: dict[str, npt.NDArray[np.float32]], device: torch.device) -> Weights:
    """Return weights for predicting, in double precision: a row's number must not depend on the rows beside it."""
    return {
        name: torch.from_numpy(np.asarray(array, dtype=np.float64))[None].to(device)
        for name, array in arrays.items()
    }
