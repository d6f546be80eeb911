"""The analytes the library knows.

Plausible limits are wide enough for the sickest patient who was ever weighed into a trial and narrow enough to catch a
unit slip of ten or more where the physiology allows it. Tumour markers span six orders of magnitude: for them only
absurd values are caught. LOINC codes name the analyte in the unit kept here. Reference limits, which depend on sex and
age, stand with their sources in ``reference_limits.csv``.
"""

from __future__ import annotations

from hybridx.terms.analyte import Analyte

__all__ = ["ANALYTES"]

_COUNT_UNITS = ("10*9/L", "/uL", "/nL")


def _count(name: str, title: str, loinc: str, high: float, *aliases: str) -> Analyte:
    return Analyte(name, title, "10*9/L", (0, high), loinc=loinc, aliases=aliases, other_units=_COUNT_UNITS)


def _enzyme(name: str, title: str, loinc: str, high: float, *aliases: str) -> Analyte:
    return Analyte(
        name, title, "U/L", (1, high), loinc=loinc, aliases=aliases, other_units=("ukat/L", "U/mL")
    )


def _marker(name: str, title: str, unit: str, loinc: str, *aliases: str, highest: float) -> Analyte:
    return Analyte(name, title, unit, (0, highest), loinc=loinc, aliases=aliases)


# fmt: off
ANALYTES: tuple[Analyte, ...] = (
    # Blood count
    # the molar mass is that of the monomer Hb(Fe): laboratories that print mmol/L mean this one
    Analyte("hemoglobin", "Haemoglobin", "g/L", (20, 260), loinc="718-7",
        molar_mass=16114.0, aliases=("hb", "hgb", "hämoglobin", "haemoglobin", "hemoglobine"),
        other_units=("g/dL", "mmol/L")),
    Analyte("hematocrit", "Haematocrit", "L/L", (0.05, 0.8), loinc="4544-3",
        aliases=("hct", "hkt", "hämatokrit"), other_units=("%",)),
    _count("leukocytes", "Leukocytes", "6690-2", 1000, "wbc", "leukozyten",
        "white blood cells"),
    _count("neutrophils", "Neutrophils", "751-8", 500, "anc", "neutrophile",
        "neutrophile granulozyten"),
    _count("lymphocytes", "Lymphocytes", "731-0", 1000, "alc", "lymphozyten"),
    _count("monocytes", "Monocytes", "742-7", 200, "monozyten"),
    _count("eosinophils", "Eosinophils", "711-2", 200, "eosinophile"),
    _count("platelets", "Platelets", "777-3", 4000, "plt", "thrombozyten", "thrombocytes"),
    Analyte("nlr", "Neutrophil-to-lymphocyte ratio", "1", (0, 200), aliases=(
        "neutrophil lymphocyte ratio",)),
    Analyte("plr", "Platelet-to-lymphocyte ratio", "1", (0, 5000), aliases=("platelet lymphocyte ratio",)),
    # Inflammation and nutrition
    Analyte("crp", "C-reactive protein", "mg/L", (0, 1000), loinc="1988-5", aliases=(
        "c-reactive protein", "c-reaktives protein"), other_units=("mg/dL",)),
    Analyte("albumin", "Albumin", "g/L", (5, 70), loinc="1751-7", molar_mass=66500.0,
        aliases=("alb",), other_units=("g/dL", "umol/L")),
    Analyte("total_protein", "Total protein", "g/L", (20, 160), loinc="2885-2", aliases=("protein",
        "gesamteiweiß", "gesamteiweiss"), other_units=("g/dL",)),
    Analyte("il6", "Interleukin 6", "ng/L", (0, 1e6), loinc="26881-3", aliases=("interleukin-6",
        "il-6")),
    Analyte("procalcitonin", "Procalcitonin", "ug/L", (0, 2000), loinc="33959-8",
        aliases=("pct",)),
    Analyte("ferritin", "Ferritin", "ug/L", (0, 200000), loinc="2276-4"),
    Analyte("b2_microglobulin", "Beta-2 microglobulin", "mg/L", (0.1, 200), loinc="1952-1",
        aliases=("b2m", "beta2-microglobulin", "beta-2-mikroglobulin", "β2-microglobulin",
        "β2-mikroglobulin"), other_units=("ug/L",)),
    # Enzymes and liver
    _enzyme("ldh", "Lactate dehydrogenase", "2532-0", 50000, "ld", "laktatdehydrogenase"),
    _enzyme("alt", "Alanine aminotransferase", "1742-6", 30000, "gpt",
        "alat"),
    _enzyme("ast", "Aspartate aminotransferase", "1920-8", 50000, "got",
        "asat"),
    _enzyme("alp", "Alkaline phosphatase", "6768-6", 20000, "ap", "alkalische phosphatase"),
    _enzyme("ggt", "Gamma-glutamyltransferase", "2324-2", 20000, "gamma-gt",
        "γ-gt"),
    Analyte("bilirubin", "Bilirubin, total", "umol/L", (0, 1200), loinc="14631-6",
        molar_mass=584.66, aliases=("total bilirubin", "gesamtbilirubin", "bili", "bilirubin gesamt"),
        other_units=("mg/dL",)),
    # Kidney and salts
    Analyte("creatinine", "Creatinine", "umol/L", (5, 3000), loinc="14682-9",
        molar_mass=113.12, aliases=("crea", "krea", "kreatinin"), other_units=("mg/dL", "mmol/L")),
    Analyte("egfr", "Glomerular filtration rate, estimated", "mL/min/{1.73_m2}", (0, 250),
        "98979-8", aliases=("gfr", "gfr ckd-epi", "egfr ckd-epi"), other_units=("mL/s/{1.73_m2}",)),
    Analyte("urea", "Urea", "mmol/L", (0.2, 150), loinc="22664-7", molar_mass=60.06,
        aliases=("harnstoff",), other_units=("mg/dL",)),
    # the nitrogen of urea alone: 1 mg/dL is 2.14 mg/dL of urea, so it must not be an alias of it
    Analyte("urea_nitrogen", "Urea nitrogen", "mg/dL", (0.5, 420), loinc="3094-0", aliases=("bun",
        "harnstoff-n", "blood urea nitrogen"), other_units=("mg/L",)),
    Analyte("uric_acid", "Uric acid", "umol/L", (5, 3000), loinc="14933-6",
        molar_mass=168.11, aliases=("urate", "harnsäure"), other_units=("mg/dL",)),
    Analyte("sodium", "Sodium", "mmol/L", (90, 200), loinc="2951-2", molar_mass=22.99, valence=1,
        aliases=("na", "natrium"), other_units=("mg/dL",)),
    Analyte("potassium", "Potassium", "mmol/L", (1, 12), loinc="2823-3", molar_mass=39.098,
        valence=1, aliases=("k", "kalium"), other_units=("mg/dL",)),
    Analyte("calcium", "Calcium, total", "mmol/L", (0.5, 6), loinc="2000-8", molar_mass=40.078,
        valence=2, aliases=("ca", "kalzium", "calcium"), other_units=("mg/dL", "meq/L")),
    Analyte("magnesium", "Magnesium", "mmol/L", (0.1, 5), loinc="2601-3", molar_mass=24.305,
        valence=2, aliases=("mg",), other_units=("mg/dL", "meq/L")),
    Analyte("phosphate", "Phosphate", "mmol/L", (0.1, 8), loinc="14879-1", molar_mass=94.971,
        aliases=("phosphat", "inorganic phosphate")),
    Analyte("glucose", "Glucose", "mmol/L", (0.5, 100), loinc="14749-6", molar_mass=180.156,
        aliases=("glukose", "glc", "blutzucker"), other_units=("mg/dL",)),
    # Coagulation
    Analyte("inr", "INR", "1", (0.5, 20), loinc="6301-6"),
    Analyte("aptt", "Activated partial thromboplastin time", "s", (10, 400), loinc="14979-9",
        aliases=("ptt",)),
    Analyte("fibrinogen", "Fibrinogen", "g/L", (0.1, 20), loinc="3255-7", other_units=("mg/dL",)),
    Analyte("d_dimer", "D-dimer (FEU)", "mg/L{FEU}", (0, 500), loinc="48065-7",
        aliases=("d-dimere", "d-dimers", "ddimer", "d-dimer"), other_units=("ug/L{FEU}",)),
    # Hormones
    _marker("tsh", "Thyrotropin", "m[iU]/L", "3016-3", "thyreotropin", "thyroid stimulating hormone",
        highest=2000),
    Analyte("testosterone", "Testosterone", "nmol/L", (0, 200), loinc="14913-8",
        molar_mass=288.42, aliases=("testosteron",), other_units=("ng/mL", "ng/dL", "ug/L")),
    # Tumour markers
    _marker("psa", "Prostate-specific antigen", "ug/L", "2857-1", "total psa",
        "prostataspezifisches antigen", highest=50000),
    _marker("cea", "Carcinoembryonic antigen", "ug/L", "2039-6", "karzinoembryonales antigen", highest=100000),
    _marker("ca19_9", "CA 19-9", "k[iU]/L", "24108-3", "ca199", "cancer antigen 19-9", highest=5e6),
    _marker("ca125", "CA 125", "k[iU]/L", "10334-1", "cancer antigen 125", highest=1e6),
    _marker("ca15_3", "CA 15-3", "k[iU]/L", "6875-9", "ca153", "cancer antigen 15-3", highest=1e6),
    Analyte("afp", "Alpha-fetoprotein", "ug/L", (0, 5e6), loinc="1834-1",
        aliases=("alpha-1-fetoprotein",)),
    _marker("hcg", "Chorionic gonadotropin", "[iU]/L", "19080-1", "beta-hcg", "ß-hcg", "β-hcg", "bhcg",
        highest=1e7),
    _marker("nse", "Neuron-specific enolase", "ug/L", "15060-7", "neuronenspezifische enolase", highest=10000),
    _marker("cyfra21_1", "CYFRA 21-1", "ug/L", "25390-6", "cyfra", "cytokeratin 19 fragment", highest=10000),
    _marker("scc", "Squamous cell carcinoma antigen", "ug/L", "9679-2", "scc-ag", "scca", highest=10000),
    _marker("s100b", "S100B", "ug/L", "47275-3", "s100", "s-100", "protein s100", "s-100b", highest=1000),
    _marker("cga", "Chromogranin A", "ug/L", "9811-1", "chromogranin a", "chromogranin-a", highest=1e6),
    _marker("thyroglobulin", "Thyroglobulin", "ug/L", "3013-0", "tg", "hTg", highest=1e6),
    Analyte("calcitonin", "Calcitonin", "ng/L", (0, 1e7), loinc="1992-7",
        molar_mass=3418.0, aliases=("kalzitonin",), other_units=("pmol/L",)),
)
# fmt: on
