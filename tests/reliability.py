"""Run the tests of the promises and print what they hold.

    make reliability

A test belongs to a promise if its name begins with the number: ``test_P07_...``. The
first table has the promises, the second the figures that follow from them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

PROMISES = {
    "P01": "scikit-learn's checks, PerturbationRegressor",
    "P02": "scikit-learn's checks, DrugResponseRegressor",
    "P03": "the same checks through tables of treatments",
    "P04": "clone, set_params, searches, pipelines",
    "P05": "a pretrained model is kept by clone, or refused",
    "P06": "fit forgets the fit before, and changes no input",
    "P07": "NaN and infinity are named by row and column",
    "P08": "numbers too large for float32 are refused",
    "P09": "genes are matched by name",
    "P10": "foreign genes are counted",
    "P11": "arrays after tables, wrong widths",
    "P12": "unusual types and shapes of X",
    "P13": "constant genes and responses",
    "P14": "repeated rows and labels",
    "P15": "negative and zero doses and times",
    "P16": "every form of y",
    "P17": "texts that are no SMILES are refused by row",
    "P18": "molecules without atoms, unknown elements",
    "P19": "salts; one identity for all spellings",
    "P20": "molecules without coordinates keep their rows",
    "P21": "large molecules, and a bound on the time",
    "P22": "a compound is encoded the same, whatever its spelling",
    "P23": "a prediction does not depend on the other rows",
    "P24": "every number of rows trains",
    "P25": "divergence ends within a batch",
    "P26": "too little memory of a device is explained",
    "P27": "the same seed gives the same bits, anywhere",
    "P28": "global random states are left alone",
    "P29": "random_state=None and instances, as in scikit-learn",
    "P30": "processes end, forks do not hang",
    "P31": "a GPU gives what the CPU gives",
    "P32": "Ctrl-C leaves a usable model",
    "P33": "a killed fit is resumed",
    "P34": "a resumed fit equals one without a break",
    "P35": "checkpoints of other fits, full disks",
    "P36": "saved models predict the same bits",
    "P37": "model files run no code",
    "P38": "damaged model files do not load",
    "P39": "model files of all versions load",
    "P40": "folds share no drug, cell or pair",
}
# What is promised in figures, and the promises whose tests hold it.
FIGURES = [
    ("check_estimator, PerturbationRegressor: 53 run, 0 failed", ("P01", "P03")),
    ("check_estimator, DrugResponseRegressor: 52 run, 0 failed", ("P02", "P03")),
    (
        "malformed input is refused by row and column, or read as documented",
        tuple(f"P{number:02d}" for number in range(7, 17)),
    ),
    ("bad SMILES are refused by row, no row is dropped", ("P17", "P18", "P20")),
    ("25 kills (SIGKILL): 25 resumed, to the bit", ("P33", "P34")),
    ("20 fits in threads: 0 differ", ("P27",)),
    ("rows alone and among others: difference 0.0", ("P23",)),
    ("1,000 flipped bytes, 100 truncations: 0 load", ("P38",)),
    ("files with code: 0 run it", ("P37",)),
    ("calls that change a global random state: 0", ("P28",)),
    ("divergence is seen within one batch", ("P25",)),
    ("the search for coordinates ends in time", ("P21",)),
]
ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"test_((?:P\d\d_)+)")


def promises_of(name: str) -> list[str]:
    """Return the promises that a test belongs to, by its name."""
    match = NAME.match(name)
    return match[1].rstrip("_").split("_") if match else []


def run(arguments: list[str]) -> dict[str, Counter[str]]:
    """Run the tests of the promises; count what became of the cases of each."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--no-header", "-r", "fE"),
            *("-k", " or ".join(f"test_{name}" for name in PROMISES), "-m", ""),
            *(f"--junit-xml={report}", "tests", *arguments),
        ]
        subprocess.run(command, cwd=ROOT, check=False)
        if not report.exists():
            sys.exit("The tests did not run.")
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 (ours)
    counts: dict[str, Counter[str]] = {name: Counter() for name in PROMISES}
    for case in cases:
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        outcome = "skipped" if kinds == {"skipped"} else outcome
        for promise in promises_of(case.get("name", "")):
            counts[promise][outcome] += 1
    return counts


def state_of(count: Counter[str]) -> str:
    """Say whether a promise is held."""
    if count["failed"]:
        return "NOT HELD"
    if count["passed"]:
        return "held"
    return "not run here" if count["skipped"] else "NO TEST"


def main() -> int:
    """Run the tests, print both tables; 1 if a promise is not held."""
    start = time.monotonic()
    counts = run(sys.argv[1:])
    lines = [f"\n{'':4} {'promise':56} {'cases':>5} {'skipped':>7}  state"]
    for name, text in PROMISES.items():
        count = counts[name]
        cases = count["passed"] + count["failed"]
        state = state_of(count)
        lines.append(f"{name:4} {text:56} {cases:>5} {count['skipped']:>7}  {state}")
    with_test = sum(count.total() > 0 for count in counts.values())
    lines.append(f"\n{with_test} of {len(PROMISES)} promises have a test.\n")
    lines.append(f"{'figure':72} {'cases':>5}  state")
    for text, names in FIGURES:
        count = sum((counts[name] for name in names), Counter())
        cases = count["passed"] + count["failed"]
        lines.append(f"{text:72} {cases:>5}  {state_of(count)}")
    seconds = time.monotonic() - start
    lines.append(f"\nThese tests took {seconds:.0f} s on {os.cpu_count()} processors.")
    sys.stdout.write("\n".join(lines) + "\n")
    states = [state_of(count) for count in counts.values()]
    return int("NOT HELD" in states or "NO TEST" in states)


if __name__ == "__main__":
    sys.exit(main())
