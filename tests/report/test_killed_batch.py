"""Five planted failures, a worker killed, then all killed: the other pages right, five explained, the index true."""

from __future__ import annotations

import pytest

from tests.report.killing import interrupted_batch, make_result


@pytest.mark.slow
def test_killed_batch_goes_on_and_explains_what_is_missing(tmp_path):
    pytest.importorskip("psutil", reason="the extra `notebook` is not installed")
    left = interrupted_batch(make_result(tmp_path, 40), tmp_path, workers=1)
    assert 10 <= left.before_worker < 20 <= left.before_kill < 35, "killed in the middle"
    assert left.wrong == []
    assert (len(left.right), len(left.explained)) == (35, 5)
