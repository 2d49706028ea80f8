"""Errors and warnings raised by the package."""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "Csg2aError",
    "DataFileError",
    "DeviceMemoryError",
    "DivergedError",
    "ExpressionScaleWarning",
    "GeneMismatchError",
    "InputError",
    "InterruptedFitWarning",
    "InvalidSmilesError",
    "MissingDependencyError",
    "ModelFileError",
    "SlowPrecisionWarning",
    "UnknownCellLineError",
    "UnsupportedElementWarning",
]


class Csg2aError(Exception):
    """Base class of every error that this package raises on purpose."""


class InputError(Csg2aError, ValueError):
    """A table, column or value given by the user cannot be used."""


class InvalidSmilesError(InputError):
    """A compound cannot be read from its SMILES string."""


class GeneMismatchError(InputError):
    """The given genes do not match the genes of the model."""


class UnknownCellLineError(InputError):
    """A cell line has no row in the table of basal expression."""


class ModelFileError(InputError):
    """A model file is damaged, foreign or from a newer version."""


class DataFileError(InputError):
    """A data file is empty, truncated, damaged or of another kind."""


class MissingDependencyError(Csg2aError, ImportError):
    """An optional package is needed and not installed."""


class CheckpointError(Csg2aError, ValueError):
    """A training checkpoint does not belong to this fit."""


class DeviceMemoryError(Csg2aError, RuntimeError):
    """The memory of the device is too small for a batch, a block or a kernel."""


class DivergedError(Csg2aError, RuntimeError):
    """The training loss or the gradient stopped being finite."""


class ExpressionScaleWarning(UserWarning):
    """Expression in predict is on another scale than expression in fit.

    Raw TPM or counts against logarithms or z-scores, logarithms against z-scores and
    min-max scaling are recognised. Scales that differ by a constant factor or a small
    shift are not: natural against binary logarithms, another pseudocount, or z-scores
    within cells against z-scores within genes.
    """


class InterruptedFitWarning(UserWarning):
    """A fit was stopped from the keyboard; the model is usable."""


class SlowPrecisionWarning(UserWarning):
    """The requested precision makes training slower on this processor."""


class UnsupportedElementWarning(UserWarning):
    """A compound contains an element that the featuriser does not distinguish."""
