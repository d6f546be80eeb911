"""The encoder: weights that are what they say, and numbers that depend on the patch alone."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from hybridx.errors import InputError, SettingsError
from hybridx.measure import encoder as module
from hybridx.measure.encoder import SHIPPED_WEIGHTS, WEIGHTS_FORMAT, DeepEncoder, PatchNetwork, standardise

FACTS = {"format": WEIGHTS_FORMAT, "features": 5, "width": 8}


@pytest.fixture(scope="module")
def encoder() -> DeepEncoder:
    return DeepEncoder.load()


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (3, 32, 32, 32)
    lesion = np.zeros(shape, dtype=np.float32)
    lesion[:, 10:22, 10:22, 10:22] = 1
    pet = 1 + 8 * lesion + 0.2 * rng.standard_normal(shape)
    ct = -800 + 840 * lesion + 10 * rng.standard_normal(shape)
    return np.stack([pet, ct, lesion], axis=1).astype(np.float16)


def small(path: Path, facts: dict[str, object] | None = FACTS, **change: torch.Tensor) -> Path:
    """Write the weights of a small network, some of them changed."""
    torch.manual_seed(0)
    metadata = None if facts is None else {"hybridx_encoder": json.dumps(facts)}
    save_file({**PatchNetwork(5, 8).state_dict(), **change}, path, metadata=metadata)
    return path


def test_the_shipped_weights_are_those_of_the_card() -> None:
    card = json.loads(SHIPPED_WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["sha256"] == hashlib.sha256(SHIPPED_WEIGHTS.read_bytes()).hexdigest()
    assert SHIPPED_WEIGHTS.stat().st_size < 4e6
    assert card["parameters"] == sum(p.numel() for p in PatchNetwork().parameters())
    first, last = card["loss_first_and_last_20_steps"]["loss"]
    assert last < first
    learnt, random = (card["examined"][when]["probe_r2"] for when in ("after_training", "before_training"))
    assert all(learnt[name] > random[name] for name in ("log volume", "log uptake", "CT density"))


def test_embedding_is_repeatable_and_of_the_stated_shape(encoder: DeepEncoder, patches: np.ndarray) -> None:
    first, again = encoder.encode(patches), DeepEncoder.load().encode(patches)
    assert first.shape == (3, encoder.features)
    assert encoder.features <= 32
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()


def test_a_row_does_not_depend_on_its_neighbours(encoder: DeepEncoder, patches: np.ndarray) -> None:
    together = encoder.encode(patches)
    np.testing.assert_array_equal(together[1], encoder.encode(patches[1])[0])
    np.testing.assert_array_equal(together[::-1], encoder.encode(patches[::-1]))
    assert encoder.encode(patches[:0]).shape == (0, encoder.features)


@pytest.mark.parametrize("channel", range(3))
def test_every_channel_is_read(encoder: DeepEncoder, patches: np.ndarray, channel: int) -> None:
    changed = patches[:1].copy()
    changed[:, channel, 12:20, 12:20, 12:20] = (2.0, -300.0, 0.0)[channel]
    assert np.abs(encoder.encode(changed) - encoder.encode(patches[:1])).max() > 0.05


def test_values_beyond_the_fixed_range_change_nothing(encoder: DeepEncoder, patches: np.ndarray) -> None:
    low, lower = patches[:1].copy(), patches[:1].copy()
    low[:, 1, :4], lower[:, 1, :4] = -1000, -3024
    np.testing.assert_array_equal(encoder.encode(low), encoder.encode(lower))


def test_scaling_is_fixed_and_bounded() -> None:
    patch = torch.zeros(1, 3, 1, 1, 5)
    patch[0, 0, 0, 0] = torch.tensor([0.0, 1.0, 10.0, 50.0, 400.0])
    patch[0, 1, 0, 0] = torch.tensor([-3000.0, -1000.0, 40.0, 240.0, 5000.0])
    seen = standardise(patch)[0, :, 0, 0]
    np.testing.assert_allclose(seen[0, [0, 3, 4]], [-1, 1, 1], atol=1e-6)
    assert (seen[0].diff()[:3] > 0).all()
    np.testing.assert_allclose(seen[1], [-1, -1, 0.04, 0.24, 1], atol=1e-6)
    np.testing.assert_allclose(seen[2], [-1, -1, 0, 1, 1], atol=1e-6)


def test_other_weights_are_accepted_and_named_by_content(tmp_path: Path, patches: np.ndarray) -> None:
    path = small(tmp_path / "mine.safetensors")
    other = DeepEncoder.load(weights=path)
    assert other.encode(patches).shape == (3, 5)
    assert other.version == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert other.version in repr(other)
    assert other.version != DeepEncoder.load().version


def test_a_changed_file_of_the_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small(tmp_path / "petct_encoder.safetensors")
    path.with_suffix(".json").write_text(json.dumps({"sha256": "0" * 64}))
    monkeypatch.setattr(module, "SHIPPED_WEIGHTS", path)
    with pytest.raises(InputError, match=r"changed or cut short\. Install the library again"):
        DeepEncoder.load()


def test_damaged_or_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="do not exist"):
        DeepEncoder.load(weights=tmp_path / "none.safetensors")
    pickled = tmp_path / "pickle.safetensors"
    torch.save({"a": torch.zeros(1)}, pickled)
    with pytest.raises(InputError, match="no readable safetensors file"):
        DeepEncoder.load(weights=pickled)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(SHIPPED_WEIGHTS.read_bytes()[:-100])
    with pytest.raises(InputError, match="no readable safetensors file"):
        DeepEncoder.load(weights=cut)
    with pytest.raises(InputError, match="has format None; 'hybridx-patch-encoder-1' is wanted"):
        DeepEncoder.load(weights=small(tmp_path / "bare.safetensors", None))
    with pytest.raises(InputError, match="holds another network than its header says"):
        DeepEncoder.load(weights=small(tmp_path / "other.safetensors", {**FACTS, "width": 9}))
    with pytest.raises(InputError, match="header says features='many'"):
        DeepEncoder.load(weights=small(tmp_path / "words.safetensors", {**FACTS, "features": "many"}))
    broken = load_file(small(tmp_path / "good.safetensors"))["head.2.bias"] * float("nan")
    with pytest.raises(InputError, match="not finite"):
        DeepEncoder.load(weights=small(tmp_path / "nan.safetensors", **{"head.2.bias": broken}))


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(SettingsError, match=r"Use 'cpu', or 'cuda' where PyTorch sees a GPU\."):
        DeepEncoder.load(device=device)


def test_patches_of_another_shape_or_with_nan_are_refused(encoder: DeepEncoder, patches: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"shape \(3, 2, 32, 32, 32\); \(n, 3, 32, 32, 32\) is wanted"):
        encoder.encode(patches[:, :2])
    bad = patches.copy()
    bad[1, 0, 0, 0, 0] = np.nan
    with pytest.raises(
        InputError, match="1 of 3 patches hold values that are not finite; the first is number 1"
    ):
        encoder.encode(bad)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_features(encoder: DeepEncoder, patches: np.ndarray) -> None:
    on_gpu = DeepEncoder.load("cuda").encode(patches)
    # TF32 convolutions round to 10 bits of mantissa; five of them in a row
    np.testing.assert_allclose(on_gpu, encoder.encode(patches), atol=2e-2)


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """The pre-training script as a module; it lies beside the package, not in it."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module("pretrain_encoder")
    sys.path.remove(folder)


def test_pretraining_gives_the_same_weights_twice(script: ModuleType, tmp_path: Path) -> None:
    pictures, truth = script.draw_pairs(6, seed=5)
    again, _ = script.draw_pairs(6, seed=5)
    np.testing.assert_array_equal(pictures, again)
    assert truth.shape == (6, len(script.PROPERTIES))
    digests = [
        script.write(script.train(pictures, steps=2, seed=1, batch=6)[0], {"run": run}, tmp_path / run)
        for run in ("a", "b")
    ]
    assert digests[0] == digests[1]
    written = DeepEncoder.load(weights=tmp_path / "a" / "petct_encoder.safetensors")
    assert written.version == digests[0][:12]
    assert np.isfinite(written.encode(pictures[:, 0])).all()


def test_equal_weights_are_equal_files(script: ModuleType, tmp_path: Path) -> None:
    # safetensors orders several metadata keys at random: with three, 12 files agree by luck once in 6**11
    network = PatchNetwork(5, 8)
    assert len({script.write(network, {}, tmp_path) for _ in range(12)}) == 1


def test_the_targets_of_pretraining_come_from_the_pictures_alone(script: ModuleType) -> None:
    pictures, _ = script.draw_pairs(6, seed=5)
    tones = script.spectra(pictures)
    assert tones.shape == (6, 2, 4 * 9 + 1)
    np.testing.assert_allclose(tones.mean(axis=(0, 1)), 0, atol=1e-4)
    volumes = np.array([[(view[2] >= 0.5).sum() for view in pair] for pair in pictures])
    assert np.corrcoef(tones[..., -1].ravel(), np.log(volumes).ravel())[0, 1] > 0.99
