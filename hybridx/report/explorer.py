"""`CohortExplorer`: choose endpoint, modalities and patient; cohort, course and reasons follow each other."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from hybridx.errors import InputError
from hybridx.terms import DAYS_PER_MONTH, check_name, listing
from hybridx.terms.modalities import modality_title

__all__ = ["CohortExplorer"]

# colour-blind safe (Okabe and Ito), each with a symbol of its own: colour is never the only sign
_EVENT, _NONE, _CHOSEN, _LESS = "#d55e00", "#0072b2", "#000000", "#56b4e9"
_BARS = 12
_TITLES = ("The cohort: click a patient", "What is expected for this patient", "Why")


class CohortExplorer:
    """Look at a cohort's results by hand, in JupyterLab.

    Three linked figures: all patients by what the chosen modalities add to their predicted risk and by what happened;
    the chosen patient's prediction; what its features added. Predictions are out-of-fold and stay what they are: the
    choice of modalities selects patients who have all of them, and whose contributions are added up, but no model is
    fitted anew.

    Parameters
    ----------
    results : mapping of str to Result
        By endpoint; each with an explanation.

    Raises
    ------
    InputError
        No result, or one without an explanation.

    Examples
    --------
    >>> explorer = CohortExplorer({"OS": result})  # doctest: +SKIP
    >>> explorer.choose(patient="P012", modalities=["pet", "clinical"])  # doctest: +SKIP
    >>> explorer.figure()  # doctest: +SKIP
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        without = [name for name, result in results.items() if result.explanation is None]
        if not results or without:
            who = listing(without) if without else "all, since none was given"
            msg = f"Wanted results with an explanation; without one: {who}. Run evaluate(explain=hx.explain)."
            raise InputError(msg)
        self.results = dict(results)
        self.endpoint = next(iter(self.results))
        self.modalities: tuple[str, ...] = ()
        self.patient = ""
        self.choose(endpoint=self.endpoint)

    def choose(
        self,
        *,
        endpoint: str | None = None,
        modalities: Sequence[str] | None = None,
        patient: str | None = None,
    ) -> CohortExplorer:
        """Choose; what is left out stays, as far as it is still possible.

        Parameters
        ----------
        endpoint : str, optional
            One of ``results``.
        modalities : sequence of str, optional
            Any of the explained ones; none: all of them, and patients need not have them all.
        patient : str, optional
            If it is not among the patients with all chosen modalities, the one with the highest risk is taken.
        """
        if endpoint is not None:
            self.endpoint = check_name(endpoint, list(self.results), "endpoint")
        known = self.known_modalities
        if modalities is not None:
            self.modalities = tuple(check_name(name, known, "modality") for name in modalities)
        self.modalities = tuple(name for name in self.modalities if name in known)
        table = self.table()
        if patient is not None:
            check_name(patient, self.results[self.endpoint].cohort.patients, "patient")
            self.patient = patient
        if self.patient not in set(table["patient_id"]):
            self.patient = table["patient_id"][0] if table.height else ""
        return self

    @property
    def known_modalities(self) -> list[str]:
        """Modalities that the explanation of the chosen endpoint speaks of."""
        return list(self.results[self.endpoint].explanation.modality_names)

    def table(self) -> pl.DataFrame:
        """Patients with all chosen modalities, worst first: `patient_id`, `added`, `predicted`, `months`, `event`."""
        result = self.results[self.endpoint]
        why, cohort = result.explanation, result.cohort
        named = self.modalities or tuple(self.known_modalities)
        rows = {p: i for i, p in enumerate(cohort.patients)}
        outcome = cohort.outcomes(self.endpoint)
        found = []
        added = why.modalities.select(pl.sum_horizontal(*named)).to_series().to_numpy()
        for patient, value, predicted in zip(why.patients, added, why.prediction, strict=True):
            i = rows[patient]
            if np.isfinite(predicted) and all(bool(cohort.measured[m][i]) for m in self.modalities):
                found.append((patient, float(value), float(predicted), *_happened(outcome, i)))
        schema = {
            "patient_id": pl.String, "added": pl.Float64, "predicted": pl.Float64, "months": pl.Float64,
            "event": pl.Boolean,
        }  # fmt: skip
        table = pl.DataFrame(found, schema=schema, orient="row")
        return table.sort(["predicted", "patient_id"], descending=[self._higher_is_worse, False])

    @property
    def _higher_is_worse(self) -> bool:
        return bool(self.results[self.endpoint].kind == "survival")

    def figure(self) -> go.Figure:
        """Draw the present choice as an ordinary figure, which exports and batch runs keep."""
        return self._fill(_canvas(go.Figure()))

    def _fill(self, figure: Any) -> Any:
        """Put the present choice into the traces and titles of a canvas."""
        table, chosen = self.table(), self.patient
        own = table.filter(pl.col("patient_id") == chosen)
        for trace, event in ((0, True), (1, False)):
            part = table.filter(pl.col("event") == event)
            figure.data[trace].update(
                x=part["added"].to_list(), y=part["months"].to_list(), text=part["patient_id"].to_list()
            )
        figure.data[2].update(x=own["added"].to_list(), y=own["months"].to_list(), text=[chosen] * own.height)
        for trace, (x, y) in zip(figure.data[3:6], self._course(), strict=True):
            trace.update(x=x, y=y)
        names, values = self._reasons()
        figure.data[6].update(x=values, y=names, marker_color=[_EVENT if v > 0 else _LESS for v in values])
        survival = self._higher_is_worse
        named = "all modalities" if not self.modalities else " + ".join(map(modality_title, self.modalities))
        figure.update_layout(
            title=f"{self.endpoint} · {named}: {table.height} patients · chosen: {_short(chosen) or 'nobody'}",
            xaxis_title=f"what {named} add",
            yaxis_title="months observed" if survival else "response (1: yes)",
            xaxis2_title="months" if survival else "",
            yaxis2_title=f"free of {self.endpoint} event" if survival else "probability of response",
        )
        figure.data[0].name, figure.data[1].name = (
            ("event", "no event (so far)") if survival else ("responder", "non-responder")
        )
        return figure

    def _course(self) -> list[tuple[list[float], list[float]]]:
        """Return the lines of the middle figure: upper and lower end of the band, and the prediction."""
        result = self.results[self.endpoint]
        if not self.patient or result.curves is None:
            return [([], [])] * 3
        own = result.curves.filter(
            (pl.col("patient_id") == self.patient) & (pl.col("model") == result.primary)
        )
        if self._higher_is_worse:
            own = own.sort("time_days")
            months = (own["time_days"] / DAYS_PER_MONTH).to_list()
            return [(months, own[column].to_list()) for column in ("high", "low", "survival")]
        (value,) = (c for c in own.columns if c not in ("patient_id", "model", "low", "high"))
        return [([0.0, 1.0], own[column].to_list() * 2) for column in ("high", "low", value)]

    def _reasons(self) -> tuple[list[str], list[float]]:
        """Return the chosen patient's largest contributions among the chosen modalities, largest on top."""
        why = self.results[self.endpoint].explanation
        if not self.patient:
            return [], []
        own = why.features.filter(pl.col("patient_id") == self.patient).drop("patient_id")
        named = self.modalities or tuple(self.known_modalities)
        values = {
            name: float(own[name][0]) for name in own.columns if name.split(".")[0] in named and own[name][0]
        }
        top = sorted(values, key=lambda name: (-abs(values[name]), name))[:_BARS][::-1]
        return top, [values[name] for name in top]

    def widget(self) -> Any:
        """Return the controls with the linked figures; needs the extra ``notebook``.

        Raises
        ------
        InputError
            ipywidgets or anywidget is not installed.
        """
        try:
            widgets = importlib.import_module("ipywidgets")
            # filled before the browser hears of it: what changes before it is drawn for the first time is lost there
            canvas = go.FigureWidget(self.figure().update_layout(width=1050))  # wide enough for three panels
        except ImportError as error:
            msg = "The explorer needs the extra `notebook`: pip install 'hybridx[notebook]'."
            raise InputError(msg) from error
        return _linked(self, widgets, canvas)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget()._repr_mimebundle_(**kwargs)


def _linked(explorer: CohortExplorer, widgets: Any, canvas: Any) -> Any:
    wide = {"description_width": "initial"}
    endpoint = widgets.Dropdown(
        options=list(explorer.results), value=explorer.endpoint, description="Endpoint", style=wide
    )
    modalities = widgets.SelectMultiple(
        options=_options(explorer), value=explorer.modalities, description="Measured with", style=wide
    )
    patient = widgets.Dropdown(options=[], description="Patient", style=wide)
    busy = [False]  # a change that the explorer itself makes is not a choice

    def offer() -> None:
        busy[0] = True
        try:
            modalities.options = _options(explorer)
            modalities.value = explorer.modalities
            patient.options = [(_short(p), p) for p in explorer.table()["patient_id"]]
            patient.value = explorer.patient or None
        finally:
            busy[0] = False

    def show() -> None:
        offer()
        with canvas.batch_update():
            explorer._fill(canvas)  # noqa: SLF001 - its own

    def chosen(_: Any) -> None:
        if not busy[0]:
            explorer.choose(endpoint=endpoint.value, modalities=list(modalities.value), patient=patient.value)
            show()

    def clicked(trace: Any, points: Any, _: Any) -> None:
        if points.point_inds:
            explorer.choose(patient=trace.text[points.point_inds[0]])
            show()

    for control in (endpoint, modalities, patient):
        control.observe(chosen, names="value")
    for trace in canvas.data[:2]:
        trace.on_click(clicked)
    offer()
    return widgets.VBox([widgets.HBox([endpoint, modalities, patient]), canvas])


def _options(explorer: CohortExplorer) -> list[tuple[str, str]]:
    return [(modality_title(name), name) for name in explorer.known_modalities]


def _canvas(figure: Any) -> Any:
    """Lay out three empty panels: traces 0 to 2 the cohort, 3 to 5 the course, 6 the reasons."""
    figure = make_subplots(
        1, 3, subplot_titles=_TITLES, column_widths=[0.36, 0.28, 0.36], horizontal_spacing=0.1, figure=figure
    )
    marks = (
        ("event", _EVENT, "x", 9),
        ("no event (so far)", _NONE, "circle-open", 9),
        ("chosen", _CHOSEN, "square-open", 16),
    )
    for name, colour, symbol, size in marks:
        figure.add_scatter(
            x=[], y=[], mode="markers", name=name,
            marker={"color": colour, "symbol": symbol, "size": size, "line": {"width": 2}},
            hovertemplate="%{text}<br>adds %{x:.2f}, %{y:.1f}<extra></extra>", row=1, col=1,
        )  # fmt: skip
    line = {"color": _LESS, "width": 0, "shape": "hv"}
    figure.add_scatter(x=[], y=[], mode="lines", line=line, showlegend=False, row=1, col=2)
    figure.add_scatter(x=[], y=[], mode="lines", line=line, fill="tonexty", name="95 % band", row=1, col=2)
    figure.add_scatter(
        x=[], y=[], mode="lines", line={"color": _CHOSEN, "width": 2, "shape": "hv"}, name="prediction", row=1, col=2
    )  # fmt: skip
    figure.add_bar(x=[], y=[], orientation="h", showlegend=False, row=1, col=3)
    figure.update_yaxes(range=[0, 1], row=1, col=2)
    figure.update_xaxes(title="adds to the prediction", row=1, col=3)
    figure.update_yaxes(automargin=True, tickfont={"size": 10}, row=1, col=3)
    return figure.update_layout(
        height=480, margin={"t": 90, "l": 60, "r": 20}, legend={"orientation": "h", "y": -0.2}
    )


def _happened(outcome: Any, i: int) -> tuple[float, bool]:
    if not outcome.known[i]:
        return float("nan"), False
    if outcome.kind == "survival":
        return float(outcome.time_days[i]) / DAYS_PER_MONTH, bool(outcome.event[i])
    return float(outcome.value[i]), bool(outcome.value[i] == 1)


def _short(text: str) -> str:
    """Shorten an identifier, and take its angle brackets away: plotly reads them as markup."""
    plain = text.replace("<", "‹").replace(">", "›")
    return plain if len(plain) <= 40 else f"{plain[:39]}…"
