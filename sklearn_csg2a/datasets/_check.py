"""What is missing of a data folder, and how to get it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._catalog import CATALOG, DataFile, DataSet
from sklearn_csg2a.datasets._home import (
    DataNotFoundError,
    find_home,
    list_columns,
)
from sklearn_csg2a.datasets.readers._gmt import read_gmt
from sklearn_csg2a.exceptions import DataFileError, InputError

__all__ = ["check_data_home"]


def check_data_home(
    data_home: str | os.PathLike[str] | None = None,
    *,
    loaders: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Check which files of the loaders a data folder has.

    Files are opened, and their columns are compared with those that are needed; their
    rows are checked when they are loaded.

    Parameters
    ----------
    data_home : str, path or None, default=None
        The folder. None uses the environment variable SKLEARN_CSG2A_DATA.
    loaders : iterable of str or None, default=None
        Names of loaders, such as "load_gdsc2"; None checks all.

    Returns
    -------
    files : DataFrame
        One row per file of a loader: `loader`, `title`, `file`, `content`, `problem`
        (missing where there is none), `source`, `terms`, and `how` to get it.

    Raises
    ------
    DataNotFoundError
        If no folder is known, or there is no such folder.
    InputError
        If a loader is unknown.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_csg2a.datasets import check_data_home
    >>> with TemporaryDirectory() as folder:
    ...     files = check_data_home(folder, loaders=["load_drugcell"])
    >>> files[["file", "problem"]].values.tolist()
    [['drugcell/auc.csv.gz', 'missing']]
    """
    folder = find_home(data_home)
    if not folder.is_dir():
        msg = f"{folder} is not a folder; make it, or name the folder of the data."
        raise DataNotFoundError(msg)
    rows = [
        {
            "loader": data.loader,
            "title": data.title,
            "file": file.name,
            "content": file.content,
            "problem": _find_problem(folder, file),
            "source": data.source,
            "terms": data.terms,
            "how": data.how,
        }
        for data in _choose(loaders)
        for file in data.files
    ]
    return pd.DataFrame(rows)


def _choose(loaders: Iterable[str] | None) -> list[DataSet]:
    """Return the data sets of some loaders, with or without load_ before the name."""
    if loaders is None:
        return list(CATALOG)
    if isinstance(loaders, str):
        msg = f"loaders={loaders!r} is a string; give a list, [{loaders!r}]."
        raise InputError(msg)
    chosen: list[DataSet] = []
    for name in loaders:
        wanted = name.removeprefix("load_").removesuffix("()")
        found = [
            data
            for data in CATALOG
            if data.loader.removeprefix("load_").split("(")[0] == wanted
            or data.loader.removeprefix("load_") == wanted
        ]
        if not found:
            known = list(dict.fromkeys(data.loader.split("(")[0] for data in CATALOG))
            msg = f"{name!r} is not a loader of public data; choose {', '.join(known)}."
            raise InputError(msg)
        chosen += [data for data in found if data not in chosen]
    return chosen


def _find_problem(folder: Path, file: DataFile) -> str | None:
    """Say what is wrong with a file, None if nothing is."""
    path = folder / file.name
    if not path.is_file():
        return "missing"
    try:
        if path.name.endswith((".gmt", ".gmt.gz")):
            read_gmt(path)
            return None
        columns = list_columns(path)
    except (DataFileError, OSError) as error:
        return f"cannot be read: {error}"
    lacking = [name for name in file.columns if name not in columns]
    if lacking:
        return f"lacks the columns {list_offenders(map(repr, lacking))}"
    return None
