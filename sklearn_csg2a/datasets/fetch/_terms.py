"""Terms of use, said before data are fetched."""

from __future__ import annotations

import logging

from sklearn_csg2a.datasets._catalog import CATALOG

__all__ = ["show_terms"]

_LOGGER = logging.getLogger("sklearn_csg2a")


def show_terms(loader: str, url: str, title: str | None = None) -> None:
    """Say what is fetched from where, and under which terms it may be used."""
    data = next(data for data in CATALOG if data.loader == loader)
    _LOGGER.warning(
        "Fetching %s from %s. Terms: %s.", title or data.title, url, data.terms
    )
