"""The permanent codes of what can be wrong in the tables of a data folder.

A code keeps its meaning for ever: scripts and letters to hospitals refer to it. A retired code is not used again.
Image problems have codes of their own, I001 and following, in `hybridx.imaging`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["CODES", "EXPECTED", "Severity"]

Severity = Literal["error", "warning"]

# code: (severity, predicate that follows the value or stands alone, what it means and when it is reported)
CODES: Mapping[str, tuple[Severity, str, str]] = {
    # The folder and its files
    "T001": ("error", "holds no data", "The folder does not exist, is not a folder, or is empty."),
    "T002": ("error", "is missing", "There is no patients table."),
    "T003": (
        "error",
        "stands here twice",
        "One table is there both as CSV and as Parquet, or under two names.",
    ),
    "T004": ("warning", "is not read", "A file whose name looks like a misspelt table name."),
    "T005": ("warning", "is not read", "A table file (CSV, Parquet, Excel ...) that belongs to no schema."),
    "T006": (
        "error",
        "is not UTF-8",
        "The text is in another encoding, so names with umlauts would be garbled.",
    ),
    "T007": ("error", "cannot be read as a table", "Not text, not Parquet, cut short, or an Excel workbook."),
    "T008": ("error", "is empty", "There is no header line, or the patients table has no patient."),
    "T009": ("warning", "holds no row", "A header without any data row below it."),
    "T010": ("warning", "is not separated by commas", "Read all the same, with semicolons or tabs."),
    "T011": (
        "error",
        "has the wrong number of cells",
        "A row with more or fewer cells than the header; it is skipped.",
    ),
    "T012": ("error", "stands in the header twice", "Two columns of one name; only the first is read."),
    "T013": ("error", "has no name", "A column with values but without a name in the header."),
    "T014": ("error", "is not a column of this table", "An unknown column, usually misspelt."),
    "T015": ("error", "is missing", "A required column is not in the header."),
    "T016": ("error", "is not a valid declaration", "Something in columns.yaml is wrong."),
    "T017": ("warning", "is empty", "Rows without any content were skipped."),
    "T018": ("error", "is not the header", "The header stands further down; lines above it must go."),
    # One cell
    "T020": ("error", "is not a number", "Text in a column of numbers."),
    "T021": ("error", "is not a whole number", "A fraction where only whole numbers make sense."),
    "T022": (
        "error",
        "has a decimal comma",
        "A comma where a decimal point is wanted, or both in one column.",
    ),
    "T023": ("error", "is neither true nor false", "An event is 1, 0, true or false."),
    "T024": ("error", "is not a date", "Dates are ISO: year-month-day."),
    "T025": ("error", "is an impossible date", "No such day, in the future, or before 1900."),
    "T026": (
        "error",
        "is out of range",
        "A number outside what the column allows (a negative or zero time, too).",
    ),
    "T027": ("error", "is not one of the allowed values", "A word that the column does not know."),
    "T028": ("error", "does not have the right form", "Text that does not follow the pattern of the column."),
    "T029": ("error", "is empty", "A cell that must be filled is not."),
    "T030": ("warning", "was read as empty", "NA, N/A or null stands for a missing value."),
    "T031": (
        "error",
        "cannot be a patient id",
        "Slashes, control characters, markup, outer blanks, or too long.",
    ),
    "T032": (
        "error",
        "is not a finite number",
        "NaN or infinity: a computation went wrong before the export.",
    ),
    "T033": (
        "warning",
        "is an unusual patient id",
        "Letters beyond ASCII or blanks: allowed, but they invite typing slips.",
    ),
    # One row, or rows of one table
    "T040": ("error", "stands here before", "The same patient, value or study twice in one table."),
    "T041": ("warning", "differs only in case or blanks", "Two patient ids that a person would read as one."),
    "T042": (
        "error",
        "and the date disagree",
        "Day and date of one row do not fit the patient's baseline date.",
    ),
    "T043": ("error", "has no baseline date", "A date cannot be counted: the patient has no baseline_date."),
    "T044": ("error", "has no time", "Neither day nor date is given."),
    "T045": ("error", "leads out of the data folder", "An absolute path, a backslash, or '..' in a path."),
    "T046": (
        "warning",
        "is a second value of that day",
        "Two different values of one analyte on one day: their mean is used.",
    ),
    "T047": (
        "warning",
        "lies beyond what the assay can measure",
        "A value such as <0.1: read by a stated rule, and marked in the column censored.",
    ),
    "T050": ("error", "lies before the start", "A treatment that ends before it starts."),
    "T051": ("error", "contradicts other rows", "'none_found' beside alterations of the same sample."),
    "T052": (
        "error",
        "does not fit the classification",
        "'none_found' with a gene, or an alteration without one.",
    ),
    "T053": ("error", "is not a known analyte", "Unknown or misspelt; others are declared in columns.yaml."),
    "T054": (
        "error",
        "cannot be converted",
        "A unit that is not UCUM, or of another kind than the analyte's.",
    ),
    "T055": (
        "error",
        "cannot be true of a living patient",
        "A laboratory value beyond physiology: likely a unit slip.",
    ),
    "T056": ("error", "is above the upper limit", "The lower reference limit exceeds the upper one."),
    "T057": ("error", "is a second unit for one patient", "Expression of one sample in two units."),
    "T058": ("warning", "differs between patients", "Expression in different units cannot be compared well."),
    "T059": ("error", "cannot be negative", "Counts, TPM and FPKM are never negative (is it a z-score?)."),
    # Outcomes
    "T060": (
        "error",
        "says nothing",
        "An outcome row with neither time and event nor a response, level or value.",
    ),
    "T061": (
        "error",
        "is more than one outcome",
        "One row holds two of: time or event, response, level, value.",
    ),
    "T062": ("error", "has no time", "An event (or its absence) without a time."),
    "T063": ("error", "has no event", "A time without saying whether the event happened then."),
    "T064": ("error", "is not after baseline", "An outcome dated on or before the patient's baseline date."),
    "T065": ("error", "is not a response category", "Not RECIST, PERCIST, responder or non-responder."),
    "T066": ("error", "does not belong to the criterion", "For example a PERCIST category under RECIST."),
    "T067": (
        "error",
        "is of two kinds",
        "One endpoint is, say, survival in some rows and response in others.",
    ),
    "T068": (
        "error",
        "is not before the end",
        "Observation starts on or after the day of the event or last follow-up.",
    ),
    "T069": (
        "error",
        "does not count from baseline",
        "A date with another time origin: days cannot be derived.",
    ),
    "T070": (
        "warning",
        "has no event",
        "An endpoint without a single event: nothing can be learnt about it.",
    ),
    "T071": ("warning", "has one class only", "All patients respond, or none does, or all have one level."),
    "T072": ("warning", "is not a usual endpoint", "A name close to a known endpoint: probably misspelt."),
    "T073": (
        "warning",
        "is later than death or last follow-up",
        "For example progression-free survival beyond overall survival.",
    ),
    "T074": ("warning", "lies after death", "A measurement later than the patient's death."),
    "T075": ("error", "has no order", "An ordered endpoint whose levels nobody names from best to worst."),
    "T076": ("error", "differs within the endpoint", "Levels in another order, or a value in another unit."),
    "T077": ("error", "is none of the levels", "A level that the endpoint's own list does not hold."),
    # Across tables
    "T080": ("error", "is not in the patients table", "A row about a patient who is not listed."),
    "T081": ("warning", "has no outcome", "A patient without any row in the outcomes table."),
    "T082": (
        "warning",
        "has no measurement",
        "A patient without any study, laboratory value, variant or expression.",
    ),
    "T083": ("error", "is not in the order of the timepoints", "A later timepoint on an earlier day."),
    "T084": (
        "warning",
        "is after baseline",
        "The first examination lies after day 0: it is no baseline scan.",
    ),
    "T085": (
        "warning",
        "sounds like a result",
        "A declared predictor whose name suggests that it was known only later.",
    ),
    # Files of variants
    "T090": (
        "error",
        "is not annotated",
        "A VCF without VEP's CSQ or SnpEff's ANN does not say which gene is changed and how.",
    ),
    "T091": ("error", "cannot be read as variants", "A VCF or MAF that is damaged, or a record of it."),
    "T092": (
        "error",
        "does not name one tumour sample",
        "Several samples in a VCF, or one that it does not hold.",
    ),
    "T093": ("error", "does not exist", "A file of variants that the sequencing table names."),
    "T094": (
        "error",
        "is not a set of genes",
        "A line of gene_sets.gmt without a name, without genes, or repeated.",
    ),
    "T095": (
        "warning",
        "is hardly measured",
        "A set of genes of which the expression table holds less than 80 %.",
    ),
    "T096": ("error", "ends before it starts", "A segment of the genome whose end lies before its start."),
    "T097": ("error", "overlaps another", "Two segments of one sample cover the same bases."),
}

# What was wanted, where that is the same for every case of a code.
EXPECTED: Mapping[str, str] = {
    "T001": "a folder with patients.csv",
    "T003": "one file per table",
    "T007": "a CSV file in UTF-8, or Parquet",
    "T008": "a header and at least one row",
    "T009": "at least one row, or no file",
    "T012": "each column once",
    "T013": "a name for every column",
    "T017": "no row without content",
    "T018": "the header in row 1",
    "T030": "an empty cell for a missing value",
    "T033": "letters and digits without umlauts and blanks",
    "T041": "ids that nobody can mistake for each other",
    "T043": "a baseline_date of the patient",
    "T046": "one value a day",
    "T051": "none_found alone, or alterations alone",
    "T053": "an analyte that the library knows, such as ldh, crp or albumin",
    "T058": "one unit in the whole table",
    "T069": "the origin 'baseline' beside a date",
    "T070": "at least one event",
    "T071": "patients of at least two classes",
    "T072": "OS, PFS, DFS or another usual name",
    "T073": "a time within overall survival",
    "T074": "a day before death",
    "T080": "a patient of the patients table",
    "T081": "an outcome for every patient",
    "T082": "a study, laboratory value, variant or expression of every patient",
    "T084": "a day of 0 or before at timepoint 1",
    "T090": "a VCF annotated by VEP (INFO field CSQ) or SnpEff (ANN)",
    "T091": "a VCF or MAF file, plain or gzipped",
    "T093": "a path below the data folder",
    "T094": "name, description and genes, separated by tabs",
    "T095": "at least 80 % of the genes of a set",
    "T097": "segments beside each other",
    "T085": "predictors that were known on day 0",
}
