"""Write a report of stored results, as Markdown and HTML.

    python benchmarks/report.py --data gdsc2

Writes <data>.md, with its figures, and <data>.html, a self-contained page. See
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.data.load import LOADERS
from benchmarks.models.registry import NAIVE, ROSTER, Registered
from benchmarks.run import RESULTS, cache_folder
from benchmarks.studies.notes import read_notes, read_paragraphs
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.evaluation.page import (
    Origin,
    as_html,
    as_markdown,
    list_files,
    make_report,
)
from sklearn_csg2a.evaluation.panels import make_panels, read_results


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; return the exit status."""
    options = parse_arguments(arguments)
    results, warnings = read_results(options.results, options.data)
    if options.models and not results.empty:
        results = results[results["model"].isin([*NAIVE, *options.models])]
    if results.empty:
        missing = f"No results of {options.data} in {options.results}."
        print(missing, *warnings, sep="\n", file=sys.stderr)
        return 1
    settings = read_paragraphs(options.settings) if options.settings else ()
    known = options.data in LOADERS
    origin = Origin(
        options.data,
        options.predictions,
        Registered(options.data, options.data_home).load if known else None,
        read_notes(options.data, settings),
        options.noise,
    )
    report = make_report(make_panels(results, ROSTER), warnings, origin)
    folder = options.output or options.results
    texts = {
        f"{options.data}.md": as_markdown(report),
        f"{options.data}.html": as_html(report),
        **{name: picture.svg for name, picture in list_files(report)},
    }
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", default="gdsc2", help="data set (default gdsc2)")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add(
        "--predictions",
        type=Path,
        default=cache_folder(),
        help="for predictions",
    )
    add("--output", type=Path, help="folder to write to (default: that of the results)")
    add("--models", nargs="+", help="only these and the naive models")
    add("--noise", type=float, help="standard deviation of one measurement, if known")
    add(
        "--settings",
        type=Path,
        help="text file on how the settings were chosen",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
