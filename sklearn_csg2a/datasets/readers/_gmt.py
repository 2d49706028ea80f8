"""Gene sets in GMT files: one line per set."""

from __future__ import annotations

import os
import re

from sklearn_csg2a.datasets.readers._text import open_text
from sklearn_csg2a.exceptions import DataFileError

__all__ = ["read_gmt"]

_WEIGHT = re.compile(r"\s*-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?\s*")
_EXPECTED = "a GMT file (name, description and genes, separated by tabs)"


def read_gmt(path: str | os.PathLike[str]) -> dict[str, list[str]]:
    r"""Read gene sets from a GMT file.

    Parameters
    ----------
    path : str or path
        The file, gzip-compressed or not.

    Returns
    -------
    gene_sets : dict of str to list of str
        Genes by name of the set, both in the order of the file. Genes repeated in a
        line are listed once; weights ("TP53,1.0", as written by Enrichr) are dropped.

    Raises
    ------
    DataFileError
        If the file is empty, cut off or not a GMT file, or has a set twice.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import read_gmt
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "sets.gmt")
    ...     _ = path.write_text("REPAIR\tmade up\tTP53\tATM\n")
    ...     read_gmt(path)
    {'REPAIR': ['TP53', 'ATM']}
    """
    gene_sets: dict[str, list[str]] = {}
    with open_text(path, _EXPECTED) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name, *rest = line.rstrip("\r\n").split("\t")
            name = name.strip(' "')
            genes = [gene for gene in map(_read_gene, rest[1:]) if gene]
            if not name or not genes:
                msg = (
                    f"{path}, line {number}: not a gene set; {_EXPECTED} was expected."
                )
                raise DataFileError(msg)
            if name in gene_sets:
                msg = f"{path}, line {number}: the set {name!r} is repeated."
                raise DataFileError(msg)
            gene_sets[name] = list(dict.fromkeys(genes))
    if not gene_sets:
        msg = f"{path} contains no gene set; {_EXPECTED} was expected."
        raise DataFileError(msg)
    return gene_sets


def _read_gene(field: str) -> str:
    """Return the gene of a field, without quotes and weight."""
    gene, _, weight = field.strip(' "').partition(",")
    return gene if not weight or _WEIGHT.fullmatch(weight) else field.strip()
