"""Compiled functions: what is kept of them answers as they do, without numba, and only as long as it fits."""

import json
import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from llvmlite.binding import ModulePassManager

from hybridx.compute.compiled import Kernel, compiled, compiled_sums
from hybridx.compute.machine_code import kind_of, possible

needs_kept = pytest.mark.skipif(
    not (possible() and hasattr(ModulePassManager, "add_global_dead_code_eliminate_pass")),
    reason="machine code is kept on Linux with x86-64 only, and not with the first versions of numba that work",
)
FACTOR = 3.5


class Both(NamedTuple):
    weights: np.ndarray
    shift: float


@compiled
def scaled(a, b):
    return a + b * FACTOR


@compiled
def several(values, n):
    out = np.zeros(n, np.float32)
    for k in range(n):
        out[k] = scaled(values[k % len(values)], float(k))
    return out, (n, out[0] > 1.0), out, math.exp(values[0])


@compiled
def mirrored(image):
    return image[::-1, 1:]


@compiled
def weighted(values, both):
    return (values * both.weights).sum() + both.shift


@compiled
def quotient(a, b):
    return a // b


@compiled
def filled(out, value):
    out.reshape(out.size)[:] = value


@compiled
def listed(n):
    found = [0]
    for k in range(n):
        found.append(k * k)  # noqa: PERF401 - a list that grows
    return np.array(found).sum()


@compiled
def copied(out, rows):
    for k in range(len(out)):
        out[k, :2] = rows[k]
    return out


@compiled
def worded(n):
    return str(n)


@compiled_sums
def total(values):
    found = 0.0
    for k in range(len(values)):
        found += values[k]
    return found


def test_numbers_arrays_and_tuples_come_back_as_they_would_from_python():
    values = np.array([0.5, 1.5, 2.5])
    found = several(values, 7)
    assert found[1] == (7, False)
    assert np.array_equal(found[0], several.py_func(values, 7)[0])
    assert found[0].dtype == np.float32
    assert np.array_equal(found[0], found[2])
    assert found[3] == math.exp(0.5)
    assert scaled(1, 2) == 8.0
    assert scaled(np.float64(1.0), 2.0) == 8.0
    assert scaled(True, 2.0) == 8.0
    assert scaled(np.uint16(65_535), np.float32(2.5)) == 65_543.75
    assert scaled(np.int8(-3), np.uint64(2**63)) == 2.0**63 * FACTOR
    assert quotient(np.uint64(2**63 + 2), np.uint64(2)) == 2**62 + 1
    assert several(values, 0)[0].shape == (0,)


def test_an_answer_that_is_part_of_an_argument_keeps_it():
    part = mirrored(np.arange(12.0).reshape(3, 4))
    trash = [np.full((3, 4), 99.0) for _ in range(50)]
    assert len(trash) == 50
    assert np.array_equal(part, np.arange(12.0).reshape(3, 4)[::-1, 1:])
    assert part.strides == (-32, 8)


@pytest.mark.parametrize("order", ["C", "F", "A"])
def test_every_layout_is_seen_as_it_lies(order):
    image = np.arange(24, dtype=np.int16).reshape(4, 6)
    image = {"C": image, "F": np.asfortranarray(image), "A": image[::2, ::2]}[order]
    assert np.array_equal(mirrored(image), image[::-1, 1:])


def test_named_tuples_and_read_only_arrays_are_kinds_of_their_own():
    values = np.array([1.0, 2.0])
    assert weighted(values, Both(np.array([2.0, 3.0]), 0.25)) == 8.25
    fixed = values.copy()
    fixed.flags.writeable = False
    assert weighted(fixed, Both(values, 0.0)) == 5.0
    assert len(weighted.signatures) >= 2


def test_an_argument_is_changed_in_place_through_another_shape():
    out = np.zeros((2, 3, 4))
    assert filled(out, 7.0) is None
    assert (out == 7.0).all()
    assert filled(np.zeros((2, 3, 0)), 7.0) is None
    assert filled(np.zeros((2, 0, 3)), 7.0) is None


def test_what_a_kernel_raises_is_raised():
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        quotient(1, 0)
    assert quotient(7, 2) == 3


def test_whole_numbers_beyond_a_word_are_not_cut():
    assert quotient(2**63 + 4, 2**63) == 1
    assert quotient(4, 2) == 2


def test_what_machine_code_cannot_do_alone_numba_does():
    assert worded(5) == "5"
    assert quotient(7.5, np.float32(2.0)) == 3.0


def test_lists_and_parts_of_arrays():
    assert listed(5) == 30
    assert np.array_equal(copied(np.zeros((2, 3)), np.ones((2, 2))), [[1, 1, 0], [1, 1, 0]])
    with pytest.raises((RuntimeError, ValueError)):
        copied(np.zeros((2, 3)), np.ones((2, 3)))


def test_sums_in_any_order_are_the_sum():
    values = np.arange(1000.0)
    assert total(values) == 499_500.0


def test_a_kernel_travels_by_name_and_runs_in_threads():
    assert pickle.loads(pickle.dumps(scaled)) is scaled
    fresh = Kernel(scaled.py_func)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda k: fresh(1.0, float(k % 2)), range(64))) == {1.0, 4.5}


@needs_kept
def test_memory_of_answers_is_given_back():
    def resident():
        with Path("/proc/self/status").open() as status:
            return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024

    values, n = np.array([1.0]), 1_000_000  # 4 MB each
    several(values, n)
    listed(n // 10)
    before = resident()
    for _ in range(40):
        several(values, n)
        listed(n // 10)
    assert resident() - before < 40


@needs_kept
def test_code_outlives_the_module_that_linked_it():
    import gc
    import importlib

    from hybridx.compute import machine_code

    assert scaled(1.0, 2.0) == 8.0
    names = dict(vars(machine_code))
    importlib.reload(machine_code)
    vars(machine_code).update(names)  # for the tests that come after
    machine_code._linker.cache_clear()
    gc.collect()
    assert scaled(1.0, 2.0) == 8.0
    assert Kernel(scaled.py_func)(np.uint8(1), 2.0) == 8.0, "and more can be linked"


def test_kinds_that_words_cannot_carry_are_refused():
    assert kind_of((np.zeros(2, "M8[s]"),)) is None
    assert kind_of((np.zeros(2, ">f8"),)) is None
    assert kind_of(("text",)) is None
    assert kind_of((2**70,)) is None
    assert kind_of(((1, np.zeros(2)),)) == (
        ("tuple", ("int64", ("array", "<f8", 1, "C", True)), "builtins.tuple"),
    )


PROGRAM = """
import json, sys
import numpy as np
from kernels_of_a_test import twice
found = float(twice(np.arange(4.0)).sum())
print(json.dumps({"found": found, "numba": "numba" in sys.modules}))
"""
KERNELS = """
from hybridx.compute.compiled import compiled
from numbers_of_a_test import FACTOR

@compiled
def inner(a):
    return a * FACTOR

@compiled
def twice(values):
    return inner(values) + 0.0
"""


@pytest.fixture
def program(tmp_path):
    def run(factor=2.0):
        (tmp_path / "numbers_of_a_test.py").write_text(f"FACTOR = {factor}\n")
        (tmp_path / "kernels_of_a_test.py").write_text(KERNELS)
        paths = os.pathsep.join([str(tmp_path), *sys.path])
        environment = {name: text for name, text in os.environ.items() if not name.startswith("NUMBA")}
        environment |= {
            "PYTHONPATH": paths,
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    run.folder = tmp_path / "cache" / "hybridx"
    return run


@needs_kept
@pytest.mark.slow
def test_another_process_runs_it_without_numba_until_something_changes(program):
    assert program() == {"found": 12.0, "numba": True}
    assert program() == {"found": 12.0, "numba": False}
    assert program(factor=3.0) == {"found": 18.0, "numba": True}  # another file's number
    for damaged in program.folder.glob("*.kernel"):
        content = damaged.read_bytes()
        damaged.write_bytes(content[:-40] + bytes(40))
    assert program(factor=3.0) == {"found": 18.0, "numba": True}
