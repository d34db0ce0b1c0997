"""Places in code whose result may be another in each run, by what makes it so."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from reprise.named_tuple import NamedTuple
from reprise.runner.lint import draws
from reprise.runner.lint.code import Module
from reprise.runner.lint.names import Call

_CLOCKS = {
    "time.time", "time.time_ns", "time.perf_counter", "time.monotonic", "time.strftime", "time.ctime",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
_IDS = {
    "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getpid", "secrets.token_hex", "secrets.token_bytes",
    "secrets.token_urlsafe", "secrets.randbelow", "secrets.choice", "tempfile.mkdtemp", "tempfile.mkstemp",
    "id", "random.SystemRandom",
}  # fmt: skip
_UNORDERED = {
    "os.listdir",
    "os.scandir",
    "os.walk",
    "glob.glob",
    "glob.iglob",
    "concurrent.futures.as_completed",
}
_UNORDERED_METHODS = {"iterdir", "glob", "rglob", "imap_unordered", "as_completed"}
_OWN_THREADS = {
    "threading.Thread",
    "threading.Timer",
    "concurrent.futures.ThreadPoolExecutor",
    "multiprocessing.pool.ThreadPool",
    "_thread.start_new_thread",
}
_THREADED = {
    "numpy", "scipy", "sklearn", "torch", "tensorflow", "keras", "xgboost", "lightgbm", "jax", "pandas",
}  # fmt: skip
_SETS = {"set", "frozenset"}
_IN_ORDER = {
    "list",
    "tuple",
    "enumerate",
    "iter",
    "next",
    "print",
    "str",
    "repr",
    "map",
    "zip",
    "join",
    "format",
}


class Suspect(NamedTuple):
    """``what`` is the code in question, as short as it can be said."""

    file: str
    line: int
    what: str


class Suspects(NamedTuple):
    """What the code of an entry point holds.

    ``threaded`` are libraries that compute in several threads, ``own_threads`` where it starts its own.
    """

    unseeded: tuple[Suspect, ...] = ()
    hashed: tuple[Suspect, ...] = ()
    clocks: tuple[Suspect, ...] = ()
    ids: tuple[Suspect, ...] = ()
    unordered: tuple[Suspect, ...] = ()
    threaded: tuple[str, ...] = ()
    own_threads: tuple[Suspect, ...] = ()


def find_suspects(modules: Iterable[Module]) -> Suspects:
    """Everything in ``modules``, which run together, that may differ from run to run."""
    modules = list(modules)
    libraries = {name.partition(".")[0] for module in modules for name in module.imported_names.values()}
    return Suspects(
        unseeded=tuple(
            Suspect(draw.module.path, draw.line, f"{draw.name}()") for draw in draws.find_unseeded(modules)
        ),
        hashed=_find_each(modules, _find_hashed),
        clocks=_find_each(modules, _calls_of(_CLOCKS)),
        ids=_find_each(modules, _calls_of(_IDS)),
        unordered=_find_each(modules, _find_unordered),
        threaded=tuple(sorted(libraries & _THREADED)),
        own_threads=_find_each(modules, _calls_of(_OWN_THREADS)),
    )


def _find_each(
    modules: list[Module], look: Callable[[Module], Iterator[tuple[ast.expr, str]]]
) -> tuple[Suspect, ...]:
    found = [Suspect(module.path, node.lineno, what) for module in modules for node, what in look(module)]
    return tuple(sorted(set(found)))


def _calls_of(names: set[str]) -> Callable[[Module], Iterator[tuple[ast.expr, str]]]:
    def look(module: Module) -> Iterator[tuple[ast.expr, str]]:
        for call in module.calls:
            if call.name in names:
                yield call.node, f"{call.name}()"

    return look


def _find_unordered(module: Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield listings and results in an undefined order, unless they are sorted at once."""
    is_sorted = {id(part) for call in module.calls if call.name == "sorted" for part in ast.walk(call.node)}
    for call in module.calls:
        if id(call.node) in is_sorted:
            continue
        if call.name in _UNORDERED or (call.last in _UNORDERED_METHODS and "." in call.name):
            yield call.node, f"{call.name.lstrip('.')}()"


def _find_hashed(module: Module) -> Iterator[tuple[ast.expr, str]]:
    """Where the order of a set shows, or a hash itself: both follow PYTHONHASHSEED for texts."""
    names = _names_of_sets(module)
    for node in module.nodes:
        if isinstance(node, ast.For | ast.AsyncFor) and _is_set(node.iter, names):
            yield node.iter, "a set, item by item"
        elif isinstance(node, ast.ListComp | ast.GeneratorExp):
            for step in node.generators:
                if _is_set(step.iter, names):
                    yield step.iter, "a set, item by item"
        elif isinstance(node, ast.FormattedValue) and _is_set(node.value, names):
            yield node.value, "a set as text"
    for call in module.calls:
        if call.name == "hash":
            yield call.node, "hash()"
        elif call.last in _IN_ORDER and any(_is_set(argument, names) for argument in call.node.args):
            yield call.node, f"{call.last}() of a set"
        elif call.last == "pop" and _is_method_of_set(call, names):
            yield call.node, "pop() of a set"


def _names_of_sets(module: Module) -> set[str]:
    names: set[str] = set()
    for node in module.nodes:
        if isinstance(node, ast.Assign) and _is_set(node.value, names):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and node.value is not None and _is_set(node.value, names):
            names |= {node.target.id} if isinstance(node.target, ast.Name) else set()
    return names


def _is_set(node: ast.expr, names: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in names
        case ast.Call(func=ast.Name(id=name)):
            return name in _SETS
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left, names) or _is_set(right, names)
    return False


def _is_method_of_set(call: Call, names: set[str]) -> bool:
    return isinstance(call.node.func, ast.Attribute) and _is_set(call.node.func.value, names)
