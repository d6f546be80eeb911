r"""A patch encoder whose reading of a picture depends on what the tables say about the patient.

The encoder of `hybridx.measure`, with feature-wise linear modulation: a small network turns the context c of a patient
into a scale and a shift for every channel,

.. math:: h \leftarrow (1 + \gamma(c)) \odot h + \beta(c),

before the last activation of its coarsest maps and before that of its hidden layer. A final weight vector turns the
embedding into one number g, the image's part of the log-hazard or log-odds. gamma, beta and that vector start at 0: an
untrained network says nothing.

Source
------
Perez et al. 2018, FiLM: visual reasoning with a general conditioning layer, AAAI, arXiv:1709.07871.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from hybridx.measure.encoder import DeepEncoder, PatchNetwork, over_lesion, standardise

__all__ = ["STAGES", "ConditionedNetwork", "Maps", "make_network"]

STAGES = ("fine", "middle", "coarse")
_FILM_HIDDEN = 16


@dataclass(frozen=True, eq=False)
class Maps:
    """Patches on their way: feature maps, the lesion on the same grid, and what was pooled on the way there."""

    maps: torch.Tensor
    mask: torch.Tensor
    pooled: torch.Tensor

    def __len__(self) -> int:
        return len(self.maps)

    def rows(self, index: npt.NDArray[np.intp]) -> Self:
        """Return some of them."""
        where = torch.from_numpy(np.asarray(index, dtype=np.int64))
        return type(self)(self.maps[where], self.mask[where], self.pooled[where])

    def to(self, device: torch.device) -> Self:
        """Return them on a device."""
        return type(self)(self.maps.to(device), self.mask.to(device), self.pooled.to(device))

    @classmethod
    def join(cls, parts: list[Self]) -> Self:
        """Return several as one."""
        return cls(
            torch.cat([p.maps for p in parts]),
            torch.cat([p.mask for p in parts]),
            torch.cat([p.pooled for p in parts]),
        )


class ConditionedNetwork(nn.Module):
    """Encoder, modulation and final weights; always in evaluation mode, as its batch statistics are fixed.

    Parameters
    ----------
    encoder : PatchNetwork
        Where training starts.
    context : int
        Length of the context; 0: no modulation.
    """

    def __init__(self, encoder: PatchNetwork, context: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.context = context
        self.channels = (4 * encoder.width, encoder.head[0].out_features)
        if context:
            self.film = nn.Sequential(
                nn.Linear(context, _FILM_HIDDEN), nn.SiLU(), nn.Linear(_FILM_HIDDEN, 2 * sum(self.channels))
            )
            nn.init.zeros_(self.film[2].weight)
            nn.init.zeros_(self.film[2].bias)
        self.weights = nn.Linear(encoder.features, 1, bias=False)
        nn.init.zeros_(self.weights.weight)
        self.eval()

    def lower(self, patches: torch.Tensor, stages: int) -> Maps:
        """Run the first `stages` stages (0 to 2) of the encoder, which see the picture alone."""
        maps, mask = standardise(patches), patches[:, 2:3]
        pooled = [patches.new_zeros((len(patches), 0))]
        for name in STAGES[:stages]:
            maps = getattr(self.encoder, name)(maps)
            # means of means of equal blocks: the same as pooling the whole mask
            mask = functional.adaptive_avg_pool3d(mask, maps.shape[2:])
            pooled.append(over_lesion(maps, mask))
        return Maps(maps, mask, torch.cat(pooled, dim=1))

    def forward(self, lower: Maps, context: torch.Tensor, stages: int) -> torch.Tensor:
        """Return g (n,) from what `lower` gave after as many `stages`, and contexts (n, context)."""
        (scale, shift), (hidden_scale, hidden_shift) = self._modulation(context)
        maps, pooled = lower.maps, [lower.pooled]
        for name in STAGES[stages:-1]:
            maps = getattr(self.encoder, name)(maps)
            pooled.append(over_lesion(maps, lower.mask))
        convolution, normalisation, activation = self.encoder.coarse[1]
        maps = normalisation(convolution(self.encoder.coarse[0](maps)))
        maps = activation(maps * (1 + scale[:, :, None, None, None]) + shift[:, :, None, None, None])
        pooled += [over_lesion(maps, lower.mask), maps.mean(dim=(2, 3, 4)), maps.amax(dim=(2, 3, 4))]
        first, hidden_activation, last = self.encoder.head
        hidden = first(torch.cat(pooled, dim=1)) * (1 + hidden_scale) + hidden_shift
        embedding = self.encoder.scale(last(hidden_activation(hidden)))
        result: torch.Tensor = self.weights(embedding)[:, 0]
        return result

    def _modulation(self, context: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        if not self.context:
            return [(z, z) for z in (context.new_zeros((len(context), n)) for n in self.channels)]
        made = self.film(context)
        scales = made[:, : sum(self.channels)].split(self.channels, dim=1)
        shifts = made[:, sum(self.channels) :].split(self.channels, dim=1)
        return list(zip(scales, shifts, strict=True))

    def settle(self, patches: torch.Tensor) -> None:
        """Set the batch statistics of an untrained encoder to those of some patches, once; they stay fixed."""
        norms = [m for m in self.encoder.modules() if isinstance(m, nn.BatchNorm3d | nn.BatchNorm1d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = 1.0
        self.encoder.train()
        with torch.no_grad():
            self.encoder(patches)
        self.encoder.eval()
        for norm in norms:
            norm.momentum = 0.1

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all weights as arrays."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    @classmethod
    def of_state(cls, state: Mapping[str, npt.NDArray[np.generic]]) -> Self:
        """Build the network that has these weights."""
        width = state["encoder.fine.0.weight"].shape[0]
        features = state["weights.weight"].shape[1]
        context = state["film.0.weight"].shape[1] if "film.0.weight" in state else 0
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten
            network = cls(PatchNetwork(features, width), context)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
        return network.eval()


def make_network(init: str, context: int, seed: int) -> ConditionedNetwork:
    """Return a network to train: from the shipped encoder (``"pretrained"``) or from chance (``"random"``)."""
    with torch.random.fork_rng(devices=[]):  # PyTorch's own generator belongs to the caller
        torch.manual_seed(seed)
        encoder = DeepEncoder.load().network() if init == "pretrained" else PatchNetwork()
        for parameter in encoder.parameters():
            parameter.requires_grad_(True)
        return ConditionedNetwork(encoder, context)
