"""Notes of the report: methods, limitations, choice of settings."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from sklearn_csg2a.evaluation.page import Notes

TEXTS = Path(__file__).resolve().parent / "notes.toml"


def read_notes(data: str, settings: Sequence[str] = ()) -> Notes:
    """Read the texts on a data set; `settings` replaces the stored ones."""
    texts = tomllib.loads(TEXTS.read_text("utf-8"))
    of_data = texts.get(data, {})
    return Notes(
        _as_lines(texts["methods"]),
        _as_lines(of_data.get("limits", [])),
        settings or _as_lines(of_data.get("settings", texts["no_settings"])),
        _as_lines(of_data.get("published", [])),
    )


def read_paragraphs(path: Path) -> list[str]:
    """Read the paragraphs of a text file, each as one line."""
    parts = path.read_text("utf-8").split("\n\n")
    return _as_lines([part for part in parts if part.strip()])


def _as_lines(texts: Sequence[str]) -> list[str]:
    """Join the lines of each text."""
    return [" ".join(text.split()) for text in texts]
