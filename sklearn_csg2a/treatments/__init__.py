"""The column contract: from the user's X to unique cells, compounds and indices."""

from sklearn_csg2a.treatments._columns import is_plain, read_column
from sklearn_csg2a.treatments._identifiers import Identifiers, read_identifiers
from sklearn_csg2a.treatments._read import read_treatments
from sklearn_csg2a.treatments._treatments import Treatments
from sklearn_csg2a.treatments._units import read_response

__all__ = [
    "Identifiers",
    "Treatments",
    "is_plain",
    "read_column",
    "read_identifiers",
    "read_response",
    "read_treatments",
]
