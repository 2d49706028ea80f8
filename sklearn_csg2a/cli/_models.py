"""The models that the command line fits, by name."""

from __future__ import annotations

from typing import Any

from sklearn_csg2a.exceptions import InputError

__all__ = ["MODELS", "make_model", "model_name"]

# Public names of sklearn_csg2a and its baselines.
MODELS = {
    "csg2a": "DrugResponseRegressor",
    "kernel_ridge": "PairwiseKernelRidge",
    "gaussian_process": "ResponseGaussianProcess",
    "svm": "SVMResponse",
    "ensemble_mf": "EnsembleMF",
    "graphdrp": "GraphDRP",
    "drpreter": "DRPreter",
    "deeptta": "DeepTTA",
    "deepcovdr": "DeepCoVDR",
    "pathdnn": "PathDNN",
    "precily": "Precily",
    "random_forest": "RandomForestResponse",
    "gradient_boosting": "GradientBoostingResponse",
    "latent_factors": "LatentFactors",
    "mean_effects": "MeanEffects",
    "tissue_drug_mean": "TissueDrugMean",
    "drug_mean": "DrugMean",
    "cell_mean": "CellMean",
    "tissue_mean": "TissueMean",
    "global_mean": "GlobalMean",
}


def model_name(text: str) -> str:
    """Return the name of a model in any spelling: "KernelRidge" is kernel_ridge."""
    names = {_plain(name): name for name in MODELS}
    classes = {_plain(public): name for name, public in MODELS.items()}
    return (names | classes).get(_plain(text), text)


def make_model(name: str, settings: dict[str, Any], given: dict[str, Any]) -> Any:
    """Return an unfitted model.

    `settings` are parameters that the user names, all of which it must have; those of
    `given` that it does not have are left out, as are those that are None.
    """
    import sklearn_csg2a
    from sklearn_csg2a import baselines

    home = baselines if MODELS[name] in baselines.__all__ else sklearn_csg2a
    model = getattr(home, MODELS[name])()
    known = model.get_params(deep=False)
    unknown = [parameter for parameter in settings if parameter not in known]
    if unknown:
        msg = (
            f"{name} has no parameter {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(sorted(known))}."
        )
        raise InputError(msg)
    fitting = {
        parameter: value
        for parameter, value in given.items()
        if parameter in known and value is not None
    }
    return model.set_params(**{**fitting, **settings})


def _plain(text: str) -> str:
    """Spell a name without case and punctuation."""
    return "".join(filter(str.isalnum, text)).casefold()
