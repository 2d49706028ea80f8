"""Compounds: reading, identity, similarity, graphs and conformers; no torch."""

from sklearn_csg2a._utils.lazy import attach
from sklearn_csg2a.chem._compounds import (
    canonical_smiles,
    compound_identities,
    compound_identity,
    parent_smiles,
    parse_smiles,
    smiles_problem,
)
from sklearn_csg2a.chem._conformers import (
    CONFORMER_METHODS,
    Conformer,
    embed_conformer,
    embed_conformers,
)
from sklearn_csg2a.chem._similarity import (
    murcko_scaffold,
    nearest_tanimoto,
    tanimoto_clusters,
    tanimoto_matrix,
)
from sklearn_csg2a.chem.graphs.mat import (
    N_NODE_FEATURES,
    MoleculeGraph,
    molecule_graph,
    molecule_graphs,
    unsupported_elements,
)

__all__ = [
    "CONFORMER_METHODS",
    "N_NODE_FEATURES",
    "Conformer",
    "MoleculeGraph",
    "canonical_smiles",
    "compound_identities",
    "compound_identity",
    "embed_conformer",
    "embed_conformers",
    "molecule_graph",
    "molecule_graphs",
    "murcko_scaffold",
    "nearest_tanimoto",
    "parent_smiles",
    "parse_smiles",
    "smiles_problem",
    "tanimoto_clusters",
    "tanimoto_matrix",
    "unsupported_elements",
]

# The encoders have moved to `sklearn_csg2a.encoders`; these names go in 0.3.
__getattr__, __dir__ = attach(
    __name__,
    dict.fromkeys(
        (
            "MATEncoder",
            "MorganEncoder",
            "PotencyEncoder",
            "clear_encoding_cache",
            "encode_compounds",
            "pretrain_mat",
            "resolve_encoder",
        ),
        "sklearn_csg2a.encoders",
    ),
)
