"""Where code draws random numbers, and what of it nothing seeds."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from reprise.named_tuple import NamedTuple
from reprise.runner.lint.code import Module
from reprise.runner.lint.names import Call

_GENERATORS = {"random.Random", "numpy.random.default_rng", "numpy.random.RandomState"}
"""They have a seed of their own, or none."""

_NO_DRAWS = {
    "random": {"seed", "getstate", "setstate", "SystemRandom", "Random"},
    "numpy": {"seed", "get_state", "set_state", "Generator", "SeedSequence", "PCG64", "MT19937", "Philox"},
    "torch": {"manual_seed", "initial_seed", "get_rng_state", "set_rng_state", "Generator"},
    "tensorflow": {"set_seed", "Generator", "set_global_generator"},
}
_TORCH = {
    "rand",
    "randn",
    "randint",
    "randperm",
    "rand_like",
    "randn_like",
    "normal",
    "bernoulli",
    "multinomial",
}
_TORCH_LAYERS = {
    "Linear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "LSTM", "GRU",
    "RNN", "Embedding", "Transformer", "TransformerEncoderLayer", "MultiheadAttention", "Dropout",
}  # fmt: skip
_KERAS_LAYERS = {
    "Dense",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "LSTM",
    "GRU",
    "Embedding",
    "Dropout",
    "MultiHeadAttention",
}
_SKLEARN = {
    "train_test_split", "ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit", "RandomizedSearchCV",
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
    "GradientBoostingClassifier", "GradientBoostingRegressor", "BaggingClassifier", "BaggingRegressor",
    "AdaBoostClassifier", "AdaBoostRegressor", "IsolationForest", "DecisionTreeClassifier",
    "DecisionTreeRegressor", "MLPClassifier", "MLPRegressor", "SGDClassifier", "SGDRegressor", "Perceptron",
    "KMeans", "MiniBatchKMeans", "GaussianMixture", "TSNE", "NMF", "LatentDirichletAllocation", "FastICA",
    "make_classification", "make_regression", "make_blobs", "make_moons", "make_circles", "shuffle",
    "resample", "permutation_importance",
}  # fmt: skip
_SHUFFLED = {"KFold", "StratifiedKFold", "StratifiedGroupKFold", "DataLoader"}
_METHODS = {"sample": "pandas", "rvs": "scipy"}
_OWN_SEED = ("random_state", "seed", "generator", "rng")

_SEEDS = {
    "random.seed": {"random"},
    "numpy.random.seed": {"numpy"},
    "torch.manual_seed": {"torch"},
    "torch.random.manual_seed": {"torch"},
    "tensorflow.random.set_seed": {"tensorflow"},
    "tensorflow.set_random_seed": {"tensorflow"},
}
_ALL = {"random", "numpy", "torch", "tensorflow"}
_SEED_ALL = {
    "seed_everything", "seed_all", "set_seed", "set_seeds", "set_all_seeds", "set_random_seed", "fix_seed",
    "fix_seeds", "setup_seed", "enable_full_determinism",
}  # fmt: skip


class Draw(NamedTuple):
    """A call that draws from the generator of ``library``, or of its own (None)."""

    module: Module
    line: int
    name: str
    library: str | None


def find_unseeded(modules: Iterable[Module]) -> list[Draw]:
    """Return the draws in code that runs together whose generator is not seeded there.

    For each generator, only the first draw of each file.
    """
    modules = list(modules)
    seeded = {library for module in modules for call in module.calls for library in _find_seeded(call)}
    found: dict[tuple[str, object], Draw] = {}
    for module in modules:
        for draw in _find_draws(module):
            if draw.library not in seeded:
                found.setdefault((module.path, draw.library or draw.line), draw)
    return list(found.values())


def _find_seeded(call: Call) -> set[str]:
    """The libraries whose generators the call seeds."""
    if not call.is_given:
        return set()
    if call.last in _SEED_ALL and call.name not in _SEEDS:
        return _ALL
    return _SEEDS.get(call.name, set())


def _find_draws(module: Module) -> Iterator[Draw]:
    libraries = {name.partition(".")[0] for name in module.imported_names.values()}
    for call in module.calls:
        if call.name in _GENERATORS:
            if not call.is_given:
                yield Draw(module, call.node.lineno, call.name, None)
        elif library := _drawn_from(call, libraries):
            yield Draw(module, call.node.lineno, call.name.lstrip("."), library)


def _drawn_from(call: Call, libraries: set[str]) -> str | None:
    """The library whose generator the call draws from, unless it is given a seed of its own."""
    top, _, rest = call.name.partition(".")
    if call.find_keyword(*_OWN_SEED) is not None:
        return None
    if call.last in _SHUFFLED and top in ("sklearn", "torch"):
        shuffled = call.find_keyword("shuffle")
        is_on = shuffled is not None and not (
            isinstance(shuffled, ast.Constant) and shuffled.value is False
        )
        return {"sklearn": "numpy", "torch": "torch"}[top] if is_on else None
    if top == "random" and "." not in rest and call.last not in _NO_DRAWS["random"]:
        return "random" if rest else None
    if call.name.startswith("numpy.random.") and call.last not in _NO_DRAWS["numpy"]:
        return "numpy"
    if top == "torch" and (rest in _TORCH or (".nn." in call.name and call.last in _TORCH_LAYERS)):
        return "torch"
    if call.name.startswith("tensorflow.random.") and call.last not in _NO_DRAWS["tensorflow"]:
        return "tensorflow"
    if top in ("tensorflow", "keras") and call.last in _KERAS_LAYERS:
        return "tensorflow"
    if top == "sklearn" and call.last in _SKLEARN:
        return "numpy"
    return "numpy" if _METHODS.get(call.last) in libraries and top not in ("random", "torch") else None
