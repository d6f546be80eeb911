"""The parts of image fusion: patches, context, network, batches, and the choice that held-out patients make."""

import numpy as np
import pytest
import torch

from hybridx.cohort import Outcome, images
from hybridx.errors import InputError
from hybridx.fusion.image_context import TableContext
from hybridx.fusion.image_held_out import choose
from hybridx.fusion.image_network import ConditionedNetwork, make_network
from hybridx.fusion.image_patches import read_patches, varied
from hybridx.fusion.image_training import _batches, _dropped
from hybridx.measure.encoder import DeepEncoder
from tests.fusion.image_world import draw_images, patch


def test_an_unconditioned_network_is_the_shipped_encoder():
    patches = np.stack([patch(np.random.default_rng(i), 6, 0.4, edge=32) for i in range(3)])
    network = make_network("pretrained", 0, seed=0)
    network.weights.weight.data[:] = torch.arange(1.0, 33.0)
    raw = torch.from_numpy(patches.astype(np.float32))
    expected = DeepEncoder.load().encode(patches) @ np.arange(1.0, 33.0)
    for stages in (0, 1, 2):
        g = network(network.lower(raw, stages), torch.zeros(3, 0), stages).detach().numpy()
        np.testing.assert_allclose(g, expected, rtol=1e-4, atol=1e-2)


def test_untrained_it_says_nothing_and_its_state_comes_back():
    network = make_network("pretrained", 5, seed=1)
    lower = network.lower(torch.rand(2, 3, 16, 16, 16), 0)
    assert (network(lower, torch.rand(2, 5), 0) == 0).all()
    torch.nn.init.normal_(network.film[2].weight)
    torch.nn.init.normal_(network.weights.weight)
    here, there = torch.zeros(2, 5), torch.ones(2, 5)
    assert not torch.allclose(network(lower, here, 0), network(lower, there, 0)), (
        "context changes the reading"
    )
    back = ConditionedNetwork.of_state(network.state())
    assert torch.equal(back(lower, there, 0), network(lower, there, 0))


def test_variation_keeps_the_lesion_and_repeats_with_its_seed():
    rng = np.random.default_rng(0)
    one = np.stack([patch(rng, 4, 0.3), patch(rng, 3, 0.3)])
    first, second = (varied(one, np.random.default_rng(s)) for s in (1, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, varied(one, np.random.default_rng(2)))
    assert first.shape == one.shape and np.isfinite(first).all() and first[:, 0].min() >= 0
    # balls of radius 4 and 3 stay within 16 voxels when moved by two
    np.testing.assert_allclose(first[:, 2].sum(axis=(1, 2, 3)), one[:, 2].sum(axis=(1, 2, 3)), rtol=0.01)
    untouched = one.copy()
    varied(one, np.random.default_rng(3))
    np.testing.assert_array_equal(one, untouched)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"views": np.zeros((3, 8, 8, 8))}, "no patch"),
        ({"patch": np.zeros((2, 8, 8, 8))}, "no patch"),
        ({"patch": np.zeros((3, 4, 8, 8))}, "8 voxels"),
        ({"patch": np.full((3, 8, 8, 8), np.nan)}, "not finite"),
    ],
)
def test_what_is_no_patch_is_refused(arrays, words, tmp_path):
    address, content = images.pack(arrays)
    path = tmp_path / f"{address}.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_patches([f"{path.as_uri()}#{address}"])


def test_context_is_zero_where_nothing_is_measured_and_wide_blocks_are_summarised(tmp_path):
    frame, *_ = draw_images(tmp_path, 40, seed=0)
    rng = np.random.default_rng(0)
    frame = frame.with_columns(**{f"pet.f{j:02d}": rng.normal(size=40) for j in range(30)})
    columns = {"lab": ["lab.x0", "lab.x1", "lab.x2"], "pet": [f"pet.f{j:02d}" for j in range(30)]}
    has_lab = frame["lab.measured"].to_numpy()
    context = TableContext.fit(frame, columns, np.column_stack([has_lab, np.ones(40, dtype=bool)]))
    made = context.transform(frame, {"lab": has_lab, "pet": np.ones(40, dtype=bool)})
    assert made.shape == (40, 3 + 4 + 2) == (40, context.size)
    assert (made[~has_lab, :3] == 0).all() and made[:, 7].tolist() == has_lab.astype(float).tolist()
    np.testing.assert_allclose(made[:, 3:7].std(axis=0), 1, atol=0.1)
    assert np.abs(made).max() <= 3
    dropped = _dropped(made, context.of_blocks(), 0.5, rng)
    lab = [0, 1, 2, 7]
    gone = (dropped[:, lab] == 0).all(axis=1)
    assert gone[has_lab].any() and not gone[has_lab].all()
    np.testing.assert_array_equal(dropped[~gone][:, lab], made[~gone][:, lab])


@pytest.mark.parametrize(("n", "events"), [(100, 60), (100, 10), (33, 33), (500, 20)])
def test_every_batch_has_its_share_of_events(n, events):
    y = Outcome.survival(np.arange(1.0, n + 1), np.arange(n) < events)
    batches = _batches(y, 32, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    assert min(int(y.event[b].sum()) for b in batches) >= min(8, events)


def test_held_out_patients_choose_the_epoch_and_turn_a_useless_image_off():
    rng = np.random.default_rng(0)
    signal, noise = rng.normal(size=200), rng.normal(size=200)
    time = rng.exponential(size=200) * np.exp(-signal)
    y = Outcome.survival(time * 100 + 1, np.ones(200, dtype=bool))
    tables = np.zeros(200)
    found = choose({2: 0.3 * signal + noise, 4: signal, 6: 3 * signal + 2 * noise}, tables, y)
    assert found.epoch == 4 and found.weight == pytest.approx(1, abs=0.3) and found.gain > 10
    assert choose({2: -signal, 4: np.zeros(200)}, tables, y).weight == 0
    assert choose({}, tables, y).epoch == 0
    # twice as loud, half the weight
    loud = choose({4: 2 * signal}, tables, y)
    assert loud.weight == pytest.approx(found.weight / 2, rel=0.01)
