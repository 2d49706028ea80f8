"""Compounds: reading, identity, encoding and similarity. Only place of RDKit."""

from sklearn_csg2a.chem._conformers import (
    CONFORMER_METHODS,
    Conformer,
    embed_conformer,
    embed_conformers,
)
from sklearn_csg2a.chem._identity import (
    compound_identities,
    compound_identity,
    parent_smiles,
)
from sklearn_csg2a.chem._similarity import (
    murcko_scaffold,
    nearest_tanimoto,
    tanimoto_clusters,
    tanimoto_matrix,
)
from sklearn_csg2a.chem._smiles import canonical_smiles, parse_smiles, smiles_problem
from sklearn_csg2a.chem.graphs.mat import (
    N_NODE_FEATURES,
    MoleculeGraph,
    molecule_graph,
    molecule_graphs,
    unsupported_elements,
)
from sklearn_csg2a.encoders._mat import MATEncoder
from sklearn_csg2a.encoders._morgan import MorganEncoder
from sklearn_csg2a.encoders._potency import PotencyEncoder
from sklearn_csg2a.encoders._resolve import (
    clear_encoding_cache,
    encode_compounds,
    resolve_encoder,
)
from sklearn_csg2a.encoders.pretraining.pretrain import pretrain_mat

__all__ = [
    "CONFORMER_METHODS",
    "N_NODE_FEATURES",
    "Conformer",
    "MATEncoder",
    "MoleculeGraph",
    "MorganEncoder",
    "PotencyEncoder",
    "canonical_smiles",
    "clear_encoding_cache",
    "compound_identities",
    "compound_identity",
    "embed_conformer",
    "embed_conformers",
    "encode_compounds",
    "molecule_graph",
    "molecule_graphs",
    "murcko_scaffold",
    "nearest_tanimoto",
    "parent_smiles",
    "parse_smiles",
    "pretrain_mat",
    "resolve_encoder",
    "smiles_problem",
    "tanimoto_clusters",
    "tanimoto_matrix",
    "unsupported_elements",
]
