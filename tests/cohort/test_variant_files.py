"""MAF and VCF files become rows of the variants table, and every defect in them is told with file and row."""

from __future__ import annotations

import gzip
import random

import pytest

from hybridx.terms.consequences import from_maf, from_ontology
from hybridx.terms.protein import parse_change, short_change
from tests.cohort.folders import GOOD, place, write

PATIENTS = {"patients.csv": "patient_id\nP001\nP002\nMüller-3\n"}
MAF_HEADER = (
    "Hugo_Symbol\tChromosome\tStart_Position\tReference_Allele\tTumor_Seq_Allele2\tVariant_Classification\t"
    "Tumor_Sample_Barcode\tHGVSp_Short\tt_depth\tt_alt_count\tFILTER\tMutation_Status"
)
VCF_HEAD = """\
##fileformat=VCFv4.2
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=weak,Description="Weak evidence">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. \
Format: Allele|Consequence|SYMBOL|CANONICAL|HGVSp">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="Fraction">
##contig=<ID=17>
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def maf(*rows, comment="#version 2.4\n"):
    return comment + MAF_HEADER + "\n" + "".join("\t".join(str(c) for c in row) + "\n" for row in rows)


def maf_row(
    gene, kind, *, barcode="P001", change="", depth=100, alt=31, keep="PASS", status="Somatic", start=1
):
    return (gene, "17", start, "C", "T", kind, barcode, change, depth, alt, keep, status)


def vcf(*records, samples=("tumour",), head=VCF_HEAD):
    names = "".join(f"\t{s}" for s in samples)
    return (
        head + COLUMNS + ("\tFORMAT" + names if samples else "") + "\n" + "".join(r + "\n" for r in records)
    )


def record(csq, calls="\tGT:AD\t0/1:69,31", *, alt="T", keep="PASS", pos=7675088, ref="C", key="CSQ"):
    return f"17\t{pos}\t.\t{ref}\t{alt}\t.\t{keep}\t{key}={csq}{calls}"


TP53 = "T|missense_variant|TP53|YES|ENSP00000269305.4:p.Arg175His"


def told(data):
    """The problems but two that every folder here has: an umlaut in an id, patients without any measurement."""
    return [p for p in data.problems if p.code not in {"T033", "T082"}]


def folder_of(path, **files):
    content = {**PATIENTS, **files}
    for name in content:
        (path / name).parent.mkdir(exist_ok=True, parents=True)
    return write(path, content)


def rows(data, *columns):
    return data.tables["variants"].select(columns or ("patient_id", "gene", "classification", "hgvsp")).rows()


def test_a_maf_is_a_table_of_variants(tmp_path):
    text = maf(
        maf_row("TP53", "Missense_Mutation", change="p.R175H"),
        maf_row("APC", "Frame_Shift_Del", change="p.S1465Wfs*3", depth="", alt=""),
        maf_row("TERT", "5'Flank"),
        maf_row("KRAS", "Intron"),
        maf_row("BRCA1", "Missense_Mutation", status="Germline"),
        maf_row("BRCA2", "Missense_Mutation", keep="weak"),
        maf_row("EGFR", "Silent", barcode="P002"),
    )
    data = folder_of(tmp_path, **{"variants.maf": text})
    assert told(data) == []
    assert rows(data) == [
        ("P001", "TP53", "missense", "p.R175H"),
        ("P001", "APC", "frameshift", "p.S1465Wfs*3"),
        ("P001", "TERT", "promoter", None),
        ("P002", "EGFR", "synonymous", None),
    ]
    assert data.tables["variants"]["vaf"].to_list() == [0.31, None, 0.31, 0.31]
    assert data.tables["variants"]["position"][0] == "17:1 C>T"


def test_a_maf_may_be_packed_and_its_barcodes_translated(tmp_path):
    text = maf(
        maf_row("TP53", "Missense_Mutation", barcode="T-17"), maf_row("KRAS", "Silent", barcode="P002")
    )
    data = folder_of(
        tmp_path,
        **{
            "variants.maf.gz": gzip.compress(text.encode()),
            "sequencing.csv": "patient_id,sample,panel_mb,day\nMüller-3,T-17,1.5,-4\nP002,,,\nP001,T-18,1.5,\n",
        },
    )
    assert told(data) == []
    assert rows(data, "patient_id", "gene", "panel_mb", "day") == [
        ("Müller-3", "TP53", 1.5, -4),
        ("P002", "KRAS", None, 0),
        ("P001", "-", 1.5, 0),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (maf(maf_row("TP53", "Mis_Mutation")), ("T027", 3, "classification", "Mis_Mutation")),
        (maf(maf_row("TP53", "Silent", barcode="P009")), ("T080", 3, "patient_id", "P009")),
        (maf(maf_row("T P53", "Silent")), ("T028", 3, "gene", "T P53")),
        (maf(maf_row("TP53", "Silent", alt=200)), ("T026", 3, "vaf", "2")),
        (maf(("TP53", "17")), ("T011", 3, None, "2 cells")),
        (maf(comment="").replace("Hugo_Symbol", "Gene"), ("T015", 1, "Hugo_Symbol", None)),
        ("", ("T091", None, None, None)),
        (b"\xff\xfe\x00", ("T091", None, None, "UnicodeDecodeError")),
    ],
)
def test_defects_of_a_maf_have_their_row(tmp_path, text, expected):
    data = folder_of(tmp_path, **{"variants.maf": text})
    code, row, column, value = expected
    assert (code, "variants.maf", row, column, value) in [place(p) for p in told(data)]


def test_vcf_files_are_named_after_their_patients(tmp_path):
    data = folder_of(
        tmp_path,
        **{
            "variants/P001.vcf": vcf(record(TP53), record("T|intron_variant|NF1|YES|", pos=9)),
            "variants/Müller-3.vcf.gz": gzip.compress(vcf().encode()),
        },
    )
    assert told(data) == []
    assert sorted(rows(data)) == [
        ("Müller-3", "-", "none_found", None),
        ("P001", "TP53", "missense", "p.R175H"),
    ]
    assert data.tables["variants"].filter(gene="TP53")["vaf"].to_list() == [0.31]


def test_the_sequencing_table_names_file_sample_day_and_size(tmp_path):
    two = vcf(
        record(TP53, "\tGT:AD\t0/0:100,0\t0/1:50,50"),
        record(TP53.replace("TP53", "MYC"), "\tGT:AD\t0/1:60,40\t0/0:90,1", pos=9),
        samples=("A", "B"),
    )
    listing = "patient_id,file,sample,panel_mb,day\nP001,vcf/both.vcf,A,1.1,-3\nP002,vcf/both.vcf,B,1.1,-8\n"
    data = folder_of(tmp_path, **{"vcf/both.vcf": two, "sequencing.csv": listing})
    assert told(data) == []
    assert rows(data, "patient_id", "gene", "panel_mb", "day", "vaf") == [
        ("P001", "MYC", 1.1, -3, 0.4),
        ("P002", "TP53", 1.1, -8, 0.5),
    ]


def test_the_tumour_is_told_from_the_normal_or_asked_for(tmp_path):
    pair = vcf(record(TP53, "\tGT:AF\t0/0:0.01\t0/1:0.42"), samples=("BLOOD_17", "T17"))
    data = folder_of(tmp_path, **{"variants/P001.vcf": pair})
    assert rows(data, "gene", "vaf") == [("TP53", 0.42)]
    mutect = vcf(
        record(TP53, "\tGT:AF\t0/1:0.42\t0/0:0"), samples=("X", "Y"), head=VCF_HEAD + "##tumor_sample=X\n"
    )
    assert rows(folder_of(tmp_path, **{"variants/P001.vcf": mutect}), "gene", "vaf") == [("TP53", 0.42)]
    unclear = folder_of(tmp_path, **{"variants/P001.vcf": vcf(samples=("X", "Y"))})
    assert [place(p) for p in told(unclear)] == [("T092", "variants/P001.vcf", None, "sample", "X, Y")]
    listing = "patient_id,file,sample\nP001,variants/P001.vcf,Z17\n"
    wrong = folder_of(tmp_path, **{"variants/P001.vcf": pair, "sequencing.csv": listing})
    assert [place(p) for p in told(wrong)] == [("T092", "variants/P001.vcf", None, "sample", "Z17")]
    assert "Did you mean 'T17'?" in told(wrong)[0].hint


def test_what_does_not_count_is_left_out(tmp_path):
    records = (
        record(TP53, keep="weak"),
        record("<DEL>|transcript_ablation|RB1|YES|", alt="<DEL>", pos=2),
        record(TP53, "\tGT:AD\t0/0:100,1", pos=3),
        record("T|upstream_gene_variant|MYC|YES|", pos=4),
        record("T|upstream_gene_variant|TERT|YES|", keep=".", pos=5),
    )
    data = folder_of(tmp_path, **{"variants/P001.vcf": vcf(*records)})
    assert told(data) == []
    assert rows(data) == [("P001", "TERT", "promoter", None)]


def test_of_several_alleles_and_transcripts_the_right_one_counts(tmp_path):
    csq = (
        "T|stop_gained|OTHER|YES|p.Q1*,A|missense_variant|TP53||p.A1V,"
        "A|synonymous_variant|TP53|YES|p.A1%3D,-|frameshift_variant|TP53|YES|p.A1fs"
    )
    data = folder_of(
        tmp_path, **{"variants/P001.vcf": vcf(record(csq, "\tGT:AF\t0/1/2:0.1,0.2", alt="A,CT", ref="C"))}
    )
    assert rows(data) == [("P001", "TP53", "synonymous", "p.A1=")], "the canonical transcript of allele A"
    deletion = record(
        "-|frameshift_variant|APC|YES|p.A2fs,AT|stop_gained|APC|YES|p.Q2*", ref="CA", alt="C,CAT"
    )
    data = folder_of(tmp_path, **{"variants/P001.vcf": vcf(deletion.replace("0/1:69,31", "1/2:0,5,5"))})
    assert [r[2:] for r in rows(data)] == [("frameshift", "p.A2fs"), ("nonsense", "p.Q2*")]


def test_snpeff_is_read_as_well(tmp_path):
    head = VCF_HEAD.replace("ID=CSQ", "ID=ANN")
    ann = (
        "T|missense_variant&splice_region_variant|MODERATE|TP53|ENSG1|transcript|NM_1|pc|5/11|c.524G>A|p.Arg175His|1,"
        "T|intron_variant|M|X"
    )
    data = folder_of(tmp_path, **{"variants/P001.vcf": vcf(record(ann, key="ANN"), head=head)})
    assert told(data) == []
    assert rows(data) == [("P001", "TP53", "missense", "p.R175H")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (vcf(head=VCF_HEAD.replace("ID=CSQ", "ID=XYZ")), ("T090", None, None, None)),
        (
            vcf(record(TP53), record(TP53, pos="here")),
            ("T091", 11, None, "17\there\t.\tC\tT\t.\tPASS\tCSQ=T|missense_vari"),
        ),
        (vcf(record(TP53), "17\t5"), ("T091", 11, None, "17\t5")),
        ("patient,gene\n", ("T091", None, None, "IncorrectVCFFormat")),
        (b"\x1f\x8b\x00", ("T091", None, None, "UnicodeDecodeError")),
        ("", ("T091", None, None, None)),
    ],
)
def test_defects_of_a_vcf_have_their_file_and_row(tmp_path, text, expected):
    data = folder_of(tmp_path, **{"variants/P001.vcf": text})
    code, row, column, value = expected
    found = [place(p) for p in told(data)]
    assert any(
        f[:4] == (code, "variants/P001.vcf", row, column) and (value is None or f[4] == value) for f in found
    ), found


def test_a_blank_line_does_not_end_a_vcf(tmp_path):
    data = folder_of(
        tmp_path, **{"variants/P001.vcf": vcf(record(TP53), "", record(TP53.replace("TP53", "APC"), pos=3))}
    )
    assert [r[1] for r in rows(data)] == ["TP53", "APC"]


def test_a_packed_vcf_that_is_cut_short_is_told(tmp_path):
    cut = gzip.compress(vcf(*[record(TP53, pos=p) for p in range(1, 900)]).encode())[:-40]
    data = folder_of(tmp_path, **{"variants/P001.vcf.gz": cut})
    assert [p.code for p in told(data)] == ["T091"]


def test_files_that_are_not_there_or_not_named(tmp_path):
    listing = "patient_id,file\nP001,vcf/P01.vcf\nP002,../P002.vcf\n"
    data = folder_of(
        tmp_path, **{"vcf/P001.vcf": vcf(), "sequencing.csv": listing, "stray.vcf": vcf(), "notes.docx": "x"}
    )
    assert sorted(place(p) for p in told(data)) == [
        ("T005", "stray.vcf", None, None, None),
        ("T045", "sequencing.csv", 3, "file", "../P002.vcf"),
        ("T093", "sequencing.csv", 2, "file", "vcf/P01.vcf"),
    ]
    assert "Did you mean 'P001.vcf'?" in next(p.hint for p in told(data) if p.code == "T093")


def test_the_order_of_lines_changes_nothing(tmp_path):
    lines = [maf_row(g, k, change=c, start=i) for i, (g, k, c) in enumerate(
        [("TP53", "Silent", "p.A1="), ("APC", "Nonsense_Mutation", "p.Q1*"), ("KRAS", "Missense_Mutation", "p.G12D")]
    )]  # fmt: skip
    first = folder_of(tmp_path, **{"variants.maf": maf(*lines)}).tables["variants"]
    random.Random(1).shuffle(lines)
    second = folder_of(tmp_path, **{"variants.maf": maf(*lines)}).tables["variants"]
    assert first.sort("gene").equals(second.sort("gene"))


def test_a_table_of_variants_and_a_file_stand_side_by_side(tmp_path):
    files = {name: text for name, text in GOOD.items() if name != "variants.csv"}
    copies = "patient_id,gene,classification\nP001,ERBB2,amplification\nP001,ALK,fusio\n"
    data = write(tmp_path, files | {"variants.csv": copies, "variants.maf": maf(maf_row("TP53", "Silent"))})
    assert [place(p) for p in told(data)] == [("T027", "variants.csv", 3, "classification", "fusio")]
    assert [r[1] for r in rows(data)] == ["ERBB2", "ALK", "TP53"]


def test_words_of_consequences():
    assert from_maf("Missense_Variation", "TP53") is None
    assert from_ontology(["3_prime_UTR_variant"], "TP53")[0] == ""
    assert from_ontology(["splice_region_variant", "stop_gained", "missense_variant"], "X")[0] == "nonsense"


@pytest.mark.parametrize(
    ("text", "first", "last", "after"),
    [
        ("p.R175H", 175, 175, "H"),
        ("NP_000537.3:p.(Arg175His)", 175, 175, "H"),
        ("p.Gln61Ter", 61, 61, "*"),
        ("p.E746_A750del", 746, 750, "del"),
        ("p.L747_P753delinsS", 747, 753, "delinsS"),
        ("A289V", 289, 289, "V"),
    ],
)
def test_changes_of_proteins(text, first, last, after):
    found = parse_change(text)
    assert (found.first, found.last, found.after) == (first, last, after)
    assert parse_change(short_change(text)) == found


@pytest.mark.parametrize("text", [None, "", "c.524G>A", "p.?", "p.X125_splice", "nonsense"])
def test_what_is_no_change_of_a_protein_is_none(text):
    assert parse_change(text) is None or text == "p.X125_splice"
