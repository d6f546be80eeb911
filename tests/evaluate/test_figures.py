import numpy as np
import pytest

from hybridx.errors import InputError
from hybridx.evaluate import NestedCV, evaluate
from tests.evaluate.doubles import ByColumn, Noise
from tests.evaluate.world import make_cohort


@pytest.fixture(scope="module")
def result():
    models = {"a<b>": ByColumn(), "noise": Noise()}
    return evaluate(models, make_cohort(60), "OS", NestedCV(4, 1), workers=1, progress=False, resamples=200)


def titles(figure):
    layout = figure.to_dict()["layout"]
    return [layout[axis]["title"]["text"] for axis in layout if "axis" in axis and "title" in layout[axis]]


def test_each_figure_names_its_axes_and_says_synthetic(result):
    for figure in (
        result.figure_metrics(),
        result.figure_comparisons(),
        result.figure_calibration(),
        result.figure_groups(),
        result.figure_over_time("brier_t"),
    ):
        assert titles(figure)
        assert "Synthetic data" in figure.layout.title.subtitle.text
        assert "a<b>" not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


def test_metrics_figure_holds_the_values_of_the_table(result):
    drawn = {trace.y[0].split(" (n")[0]: trace.x[0] for trace in result.figure_metrics("uno_c").data}
    table = result.table("uno_c")
    assert sorted(drawn.values()) == pytest.approx(sorted(table["value"]))


def test_comparisons_figure_holds_the_differences_and_their_intervals(result):
    table = result.comparisons("uno_c", model="noise")[::-1]
    (trace,) = result.figure_comparisons("uno_c", model="noise").data
    assert list(trace.x) == pytest.approx(table["difference"].to_list())
    ends = np.asarray(trace.x) + np.asarray(trace.error_x.array)
    assert ends == pytest.approx(table["high"].to_numpy())


def test_group_curves_start_at_one_and_count_everyone_at_risk(result):
    figure = result.figure_groups(groups=2)
    lines = [trace for trace in figure.data if trace.name and "risk" in trace.name]
    assert len(lines) == 2 and all(line.y[0] == 1.0 for line in lines)
    counts = [trace for trace in figure.data if trace.mode == "text"]
    assert sum(int(trace.text[0]) for trace in counts) == 60
    assert "Months" in titles(figure)[-1] or any("Months" in title for title in titles(figure))


def test_auc_over_time_has_a_line_per_model_and_no_reference(result):
    names = {trace.name for trace in result.figure_over_time().data if trace.name}
    assert names == {"a&lt;b&gt;", "noise", "clinical", "mtv", "pet", "lab"}
    values = np.array(result.figure_over_time().data[2].y, dtype=float)
    assert np.isfinite(values).all()


def test_groups_without_an_interval_get_no_bar(result):
    points = result.figure_calibration().data[-1]
    groups = result.calibration().groups.drop_nulls("observed")
    bars = np.array(points.error_y.arrayminus, dtype=float)
    missing = groups["low"].is_null().to_numpy()
    assert (bars[missing] == 0).all()
    expected = (groups["observed"] - groups["low"]).drop_nulls().to_numpy()
    np.testing.assert_allclose(bars[~missing], expected, atol=1e-12)


def test_a_model_without_probabilities_has_no_calibration_figure(result):
    with pytest.raises(InputError, match="gives risks, not probabilities"):
        result.figure_calibration("noise")
