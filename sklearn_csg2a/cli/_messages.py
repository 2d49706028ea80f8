"""Messages on the standard error, in the words of the command line."""

from __future__ import annotations

import re
import sys

__all__ = ["in_words_of_the_command", "say", "without_names_of_tables"]

# What the package says about arguments, and how they are called here.
_WORDS = [
    (
        r"columns=\{'(\w+)': '(?:<its name>)'\}",
        r"--column \1=<its name>",
    ),
    (r"columns=\{'(\w+)': '([^']*)'\}", r"--column \1='\2'"),
    (
        r"compounds\.rename\(columns=\{'([^']*)': '(\w+)'\}\)",
        r"--column \2='\1'",
    ),
    (r"pass (?:expression|samples|cells|reference|X)\.T\b", "use --rows genes"),
    (r"\b(?:expression|samples|cells|reference|X)\.T\b", "--rows genes"),
    (r"(?:set_params\()?expression=\.\.\.\)?", "--expression"),
    (
        r" and expression=None\. Pass expression= \(a DataFrame[^)]*\)",
        ". Give --expression (a table: a row per cell line, a column per gene)",
    ),
    (r"duplicates='(mean|drop)'", r"--duplicates \1"),
    (r"replicates='mean' takes .*? leaves all of them out", "Keep one row of each"),
    (r"missing_genes='zero'", "--missing-genes zero"),
    (r"on_invalid_smiles='nan'", "--set on_invalid_smiles=nan"),
    (r"\b[Pp]ass (samples|cells)=(, a DataFrame[^.:;]*)?", "give --expression"),
    (r"\b[Pp]ass reference=(, a DataFrame[^.:;]*)?", "give --reference"),
    (r"\b[Pp]ass compounds=(, such as a dict of names and SMILES)?", "give --smiles"),
    (r"another n_splits, or leave this scheme out of schemes=", "another --splits"),
    (r"\bdata_home=", "--folder "),
]


def say(message: str) -> None:
    """Write a line to the standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()


def in_words_of_the_command(problem: object) -> str:
    """Return what an error or warning says, with options instead of arguments."""
    if isinstance(problem, OSError) and problem.filename is not None:
        reason = problem.strerror or type(problem).__name__
        return f"{problem.filename}: {reason}."
    text = str(problem) or type(problem).__name__
    for pattern, replacement in _WORDS:
        text = re.sub(pattern, replacement, text)
    return re.sub(r"(?<=\. )give --", "Give --", text)


def without_names_of_tables(text: str) -> str:
    """Return a message that is the same for all tables of a command."""
    return re.sub(r"\b(?:cells|expression|reference|samples|X)\b", "", text)
