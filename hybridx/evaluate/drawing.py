"""The figures of a result as its methods; plotly is loaded when the first one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Drawing"]


class Drawing:
    """What `Result` inherits: ``figure_*`` methods that return plotly figures."""

    def figure_metrics(self: Any, metric: str | None = None) -> go.Figure:
        """Draw a metric of every model with its interval."""
        from hybridx.evaluate import figures  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures.metrics_figure(self, self.metrics[0] if metric is None else metric)

    def figure_comparisons(self: Any, metric: str | None = None, model: str | None = None) -> go.Figure:
        """Draw the paired difference of a model (default the primary) to every other one, with its interval."""
        from hybridx.evaluate import figures  # noqa: PLC0415 - plotly is loaded when something is drawn

        asked = self.metrics[0] if metric is None else metric
        return figures.comparisons_figure(self, asked, self.primary if model is None else model)

    def figure_calibration(self: Any, model: str | None = None) -> go.Figure:
        """Draw told against found probability."""
        from hybridx.evaluate import figures  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures.calibration_figure(self, self.primary if model is None else model)

    def figure_groups(self: Any, model: str | None = None, groups: int | None = None) -> go.Figure:
        """Draw Kaplan-Meier curves of the risk groups with numbers at risk (survival endpoints)."""
        from hybridx.evaluate import figures  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures.groups_figure(self, self.primary if model is None else model, groups)

    def figure_decision_curve(
        self: Any, models: Sequence[str] | None = None, thresholds: Sequence[float] | None = None
    ) -> go.Figure:
        """Draw the net benefit of deciding by each model, beside treating all and treating none."""
        from hybridx.evaluate import figures_decisions  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures_decisions.decision_curve_figure(self, models, thresholds)

    def figure_predicted(self: Any, model: str | None = None) -> go.Figure:
        """Draw found against predicted (ordinal and continuous endpoints)."""
        from hybridx.evaluate import figures_decisions  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures_decisions.predicted_figure(self, self.primary if model is None else model)

    def figure_over_time(
        self: Any, metric: str = "auc_t", models: tuple[str, ...] | None = None
    ) -> go.Figure:
        """Draw AUC(t) or Brier(t) over follow-up (survival endpoints)."""
        from hybridx.evaluate import figures  # noqa: PLC0415 - plotly is loaded when something is drawn

        return figures.over_time_figure(self, metric, models)
