"""The encoder: a small 3-D network that turns a PET/CT patch into a few numbers, and its weights.

It was trained once, without labels, on the library's own synthetic phantoms (``benchmarks/pretrain_encoder.py``), so
that nothing is learnt from a user's cohort before it is split. It carries no diagnosis; whether its numbers help in a
cohort is for nested validation to say.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from torch import nn
from torch.nn import functional

from hybridx.errors import InputError, SettingsError

__all__ = [
    "CHANNELS",
    "EDGE",
    "SHIPPED_WEIGHTS",
    "WEIGHTS_FORMAT",
    "DeepEncoder",
    "PatchNetwork",
    "over_lesion",
    "standardise",
    "torch_device",
    "weights_metadata",
]

CHANNELS = ("pet", "ct", "mask")  # SUVbw, HU, share of the voxel inside the lesion
EDGE = 32  # voxels along each edge of a patch
SHIPPED_WEIGHTS = Path(__file__).parent / "weights" / "petct_encoder.safetensors"

# Fixed, so that a number means the same in every hospital. PET on a logarithmic scale up to SUV 50; CT once over its
# whole range and once in a soft-tissue window, where lesions differ by tens of HU.
_SUV_TOP = 50.0
_HU_WIDE = (-1000.0, 1000.0)
_HU_SOFT = (-160.0, 240.0)
_METADATA_KEY = "hybridx_encoder"
WEIGHTS_FORMAT = "hybridx-patch-encoder-1"  # safetensors metadata of an acceptable file
MAXIMUM_SIZE = 512  # features or channels: a header must not be able to ask for all memory


def standardise(patches: torch.Tensor) -> torch.Tensor:
    """Scale patches in SUV, HU and mask share (n, 3, z, y, x) to the four inputs of the network, about -1 to 1."""
    pet, ct, mask = patches[:, 0], patches[:, 1], patches[:, 2]
    uptake = torch.log1p(pet.clamp(0, _SUV_TOP)) / np.log1p(_SUV_TOP) * 2 - 1
    windows = [2 * (ct.clamp(low, high) - low) / (high - low) - 1 for low, high in (_HU_WIDE, _HU_SOFT)]
    return torch.stack([uptake, *windows, mask], dim=1)


def _convolution(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    # batch norm, not group norm: its fixed statistics at inference keep the absolute uptake, which is the point of SUV
    return nn.Sequential(
        nn.Conv3d(inside, outside, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(outside),
        nn.SiLU(inplace=True),
    )


class PatchNetwork(nn.Module):
    """Five convolutions from 32 x 32 x 32 voxels to 4 x 4 x 4, read out within the lesion at three scales.

    At each scale the mean and the spread of every feature map over the lesion are kept, at the coarsest also the mean
    and the maximum over the whole box: what surrounds the lesion counts, but does not drown it.

    Parameters
    ----------
    features : int
        Length of the embedding.
    width : int
        Channels of the first layer.
    """

    def __init__(self, features: int = 32, width: int = 24) -> None:
        super().__init__()
        self.features, self.width = features, width
        self.fine = _convolution(4, width, stride=2)
        self.middle = nn.Sequential(
            _convolution(width, 2 * width, stride=2), _convolution(2 * width, 2 * width)
        )
        self.coarse = nn.Sequential(
            _convolution(2 * width, 4 * width, stride=2), _convolution(4 * width, 4 * width)
        )
        self.head = nn.Sequential(nn.Linear(22 * width, 128), nn.SiLU(), nn.Linear(128, features))
        # without parameters of its own: each feature has mean 0 and variance 1 over the phantoms
        self.scale = nn.BatchNorm1d(features, affine=False)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Map patches (n, 3, 32, 32, 32) in SUV, HU and mask share to embeddings (n, features)."""
        maps, mask = standardise(patches), patches[:, 2:3]
        pooled = []
        for stage in (self.fine, self.middle, self.coarse):
            maps = stage(maps)
            pooled.append(over_lesion(maps, mask))
        pooled += [maps.mean(dim=(2, 3, 4)), maps.amax(dim=(2, 3, 4))]
        embedding: torch.Tensor = self.scale(self.head(torch.cat(pooled, dim=1)))
        return embedding


def over_lesion(maps: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return mean and spread of each feature map over the lesion, (n, 2 * channels)."""
    weight = functional.adaptive_avg_pool3d(mask, (maps.shape[2], maps.shape[3], maps.shape[4]))
    weight = weight / weight.sum(dim=(2, 3, 4), keepdim=True).clamp_min(1e-6)
    mean = (maps * weight).sum(dim=(2, 3, 4))
    variance = ((maps - mean[:, :, None, None, None]) ** 2 * weight).sum(dim=(2, 3, 4))
    # the small constant keeps the slope of the root finite for a lesion of one voxel
    return torch.cat([mean, (variance + 1e-4).sqrt()], dim=1)


class DeepEncoder:
    """A patch encoder ready to use, with the fingerprint of its weights.

    Parameters
    ----------
    network : PatchNetwork
        In evaluation mode.
    device : str
        ``cpu``, ``cuda`` or ``cuda:1``.
    version : str
        First twelve digits of the weights' SHA-256: it travels with every feature.

    Examples
    --------
    >>> encoder = DeepEncoder.load()
    >>> patch = np.zeros((1, 3, 32, 32, 32), dtype=np.float16)
    >>> encoder.encode(patch).shape == (1, encoder.features)
    True
    """

    def __init__(self, network: PatchNetwork, device: str, version: str) -> None:
        self._network = network
        self.device = device
        self.version = version

    @property
    def features(self) -> int:
        """Length of the embedding."""
        return self._network.features

    def network(self) -> PatchNetwork:
        """Return a copy of the network, to be trained further."""
        return copy.deepcopy(self._network)

    @classmethod
    def load(cls, device: str = "cpu", weights: str | os.PathLike[str] | None = None) -> DeepEncoder:
        """Read an encoder's weights.

        Parameters
        ----------
        device : str
            ``cpu``, or ``cuda`` where PyTorch sees a GPU. A GPU rounds differently: do not mix the two in a cohort.
        weights : path, optional
            A safetensors file of a `PatchNetwork`, with its metadata (see `WEIGHTS_FORMAT`). By default the one that
            ships with the library, which must have the SHA-256 of the card beside it.

        Raises
        ------
        SettingsError
            There is no such device.
        InputError
            The file is missing, damaged, or holds another network.
        """
        place = torch_device(device)
        path = Path(weights) if weights is not None else SHIPPED_WEIGHTS
        if not path.is_file():
            msg = f"The encoder's weights {str(path)!r} do not exist."
            raise InputError(msg)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if weights is None:
            _check_card(path, digest)
        network = _network_of(path, content)
        return cls(network.to(place).eval(), device, digest[:12])

    @torch.inference_mode()
    def encode(self, patches: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Turn patches into embeddings.

        Parameters
        ----------
        patches : array_like, shape (n, 3, 32, 32, 32) or (3, 32, 32, 32)
            PET in SUVbw, CT in HU, share of the voxel inside the lesion; see `make_patch`.

        Returns
        -------
        ndarray, shape (n, features)
            About mean 0 and variance 1 over the synthetic phantoms. A patch's row does not depend on the others.

        Raises
        ------
        InputError
            Another shape, or values that are not finite.
        """
        array = np.asarray(patches, dtype=np.float32)
        array = array[None] if array.ndim == 4 else array
        wanted = (len(CHANNELS), EDGE, EDGE, EDGE)
        if array.ndim != 5 or array.shape[1:] != wanted:
            msg = f"Patches have shape {np.shape(patches)}; (n, {', '.join(map(str, wanted))}) is wanted."
            raise InputError(msg)
        bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2, 3, 4)))
        if len(bad):
            msg = f"{len(bad)} of {len(array)} patches hold values that are not finite; the first is number {bad[0]}."
            raise InputError(msg)
        # one at a time: the last digits of a convolution change with the size of its batch
        rows = [self._network(torch.from_numpy(row[None]).to(torch_device(self.device))) for row in array]
        if not rows:
            return np.empty((0, self.features), dtype=np.float32)
        return torch.cat(rows).cpu().numpy().astype(np.float32)

    def __repr__(self) -> str:
        return f"DeepEncoder({self.features} features, weights {self.version}, on {self.device})"


def torch_device(name: str) -> torch.device:
    """Return a device by name.

    Raises
    ------
    SettingsError
        It is not there.
    """
    cure = "Use 'cpu', or 'cuda' where PyTorch sees a GPU."
    try:
        device = torch.device(name)
    except RuntimeError as error:
        msg = f"device={name!r} is no device. {cure}"
        raise SettingsError(msg) from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and not torch.cuda.is_available()):
        msg = f"device={name!r} is not available here. {cure}"
        raise SettingsError(msg)
    return device


def _check_card(path: Path, digest: str) -> None:
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if card["sha256"] != digest:
        msg = (
            f"{path.name} has SHA-256 {digest[:12]}..., its card says {card['sha256'][:12]}...: the file was changed "
            f"or cut short. Install the library again."
        )
        raise InputError(msg)


def weights_metadata(network: PatchNetwork) -> dict[str, str]:
    """Return the safetensors metadata of a network's weights.

    One key only: safetensors writes several in random order, so that equal weights would have different hashes.
    """
    facts = {"features": network.features, "format": WEIGHTS_FORMAT, "width": network.width}
    return {_METADATA_KEY: json.dumps(facts, sort_keys=True)}


def _facts(metadata: dict[str, str]) -> dict[str, Any]:
    try:
        facts = json.loads(metadata.get(_METADATA_KEY, "{}"))
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _network_of(path: Path, content: bytes) -> PatchNetwork:
    try:
        with safe_open(path, framework="pt") as handle:
            facts = _facts(handle.metadata() or {})
        tensors = load_tensors(content)
    except SafetensorError as error:
        msg = f"{str(path)!r} is no readable safetensors file ({error})."
        raise InputError(msg) from error
    if facts.get("format") != WEIGHTS_FORMAT:
        msg = f"{str(path)!r} has format {facts.get('format')!r}; {WEIGHTS_FORMAT!r} is wanted."
        raise InputError(msg)
    sizes = {name: str(facts.get(name, "")) for name in ("features", "width")}
    if not all(size.isdecimal() and 0 < int(size) <= MAXIMUM_SIZE for size in sizes.values()):
        said = ", ".join(f"{name}={size!r}" for name, size in sizes.items())
        msg = f"{str(path)!r}: its header says {said}; whole numbers up to {MAXIMUM_SIZE} are wanted."
        raise InputError(msg)
    network = PatchNetwork(int(sizes["features"]), int(sizes["width"]))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        msg = f"{str(path)!r} holds another network than its header says: {error}"
        raise InputError(msg) from error
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        msg = f"{str(path)!r} holds weights that are not finite."
        raise InputError(msg)
    return network
