"""Expression on a log scale, normalised within the patient alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from hybridx.measure import expression_block


def table(patient, values, unit, day=0.0):
    names = [f"G{i}" for i in range(len(values))]
    return pl.DataFrame(
        {"patient_id": patient, "gene": names, "value": np.asarray(values, float), "unit": unit, "day": day}
    )


def row(block, patient):
    return block.frame.filter(pl.col("patient_id") == patient).drop("patient_id").to_numpy()[0]


def names(block):
    return [c.removeprefix("expression.g") for c in block.frame.columns[1:]]


def test_tpm_is_logged_and_log2_is_taken_as_it_is():
    block = expression_block(
        {"expression": pl.concat([table("A", [0, 1, 7], "TPM"), table("B", [0, -1, 3], "log2")])}
    )
    assert row(block, "A").tolist() == [0, 1, 3]
    assert row(block, "B").tolist() == [0, -1, 3]


@pytest.mark.parametrize("genes", [50, 3000])
def test_the_depth_of_sequencing_does_not_matter(genes):
    counts = np.random.default_rng(0).negative_binomial(2, 0.01, genes)
    block = expression_block(
        {"expression": pl.concat([table("A", counts, "counts"), table("B", counts * 8, "counts")])}
    )
    np.testing.assert_allclose(row(block, "A"), row(block, "B"), atol=1e-12)


def test_counts_of_a_transcriptome_are_per_million():
    counts = np.random.default_rng(1).integers(0, 1000, 3000)
    block = expression_block({"expression": table("A", counts, "counts")})
    order = np.argsort([int(n) for n in names(block)])
    linear = 2.0 ** row(block, "A")[order] - 1
    np.testing.assert_allclose(linear, counts / counts.sum() * 1e6, rtol=1e-9, atol=1e-9)


def test_fpkm_of_a_transcriptome_becomes_tpm():
    fpkm = np.random.default_rng(2).gamma(1, 10, 3000)
    linear = 2.0 ** row(expression_block({"expression": table("A", fpkm, "FPKM")}), "A") - 1
    assert linear.sum() == pytest.approx(1e6)


def test_a_patient_does_not_depend_on_the_others():
    one, other = table("A", [3, 5, 9], "counts"), table("B", [1, 100, 4], "TPM")
    both = expression_block({"expression": pl.concat([other, one])})
    assert row(both, "A").tolist() == row(expression_block({"expression": one}), "A").tolist()


def test_two_units_in_one_sample_are_that_patients_failure():
    mixed = pl.concat([table("A", [3], "counts"), table("A", [3, 4], "TPM")[1:], table("B", [1, 2], "TPM")])
    block = expression_block({"expression": mixed})
    assert block.frame["patient_id"].to_list() == ["B"]
    assert block.failures.select("patient_id", "reason").rows() == [
        ("A", "one sample in several units: TPM, counts")
    ]


def test_later_samples_do_not_exist_yet():
    block = expression_block(
        {"expression": pl.concat([table("A", [1, 2], "TPM"), table("B", [1, 2], "TPM", day=9.0)])}
    )
    assert set(block.measured) == {"A"} and dict(block.days) == {"A": 0.0}
