"""What is in one layer of a transformer, by its modules' names and shapes.

A layer has attention (query, key and value projections, apart or fused, and an output projection)
and a feed-forward network (one or two matrices that widen, one that shrinks). Whatever else has
parameters in it must be a normalisation or a vector as wide as the hidden state; anything that is
not understood is named, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from torch import nn

_QUERY = ("query", "q", "q_proj", "q_lin", "query_proj", "to_q", "wq")
_KEY = ("key", "k", "k_proj", "k_lin", "key_proj", "to_k", "wk")
_VALUE = ("value", "v", "v_proj", "v_lin", "value_proj", "to_v", "wv")
_FUSED = ("qkv", "qkv_proj", "in_proj", "wqkv", "query_key_value", "to_qkv", "c_attn")
_OUTPUT = ("o", "o_proj", "out", "out_proj", "out_lin", "proj", "dense", "to_out", "wo", "c_proj")
_COUNTS = ("num_attention_heads", "num_heads", "n_heads", "n_head", "heads")
_WIDTHS = ("all_head_size", "attn_dim", "inner_dim", "dim")
_SIZES = ("head_dim", "attention_head_size", "head_size")
_NORM = "norm"  # part of the class name, e.g. LayerNorm, LlamaRMSNorm


class Unrecognised(Exception):
    """A module that is not built as expected; the message names it."""


@attrs.frozen(kw_only=True)
class Layer:
    """What was found in a layer; paths are relative to it.

    Attributes:
        projections: Query, key and value, or one fused projection.
        mix: Output projection of attention.
        widen: Matrices that make the hidden state wide; two where one gates the other.
        halves: Runs of neurons in a widening matrix, 2 where one half gates the other.
        shrink: The matrix that reads the neurons.
        heads: Number of heads.
        head_size: Width of one.
        neurons: Width of the feed-forward network.
        counts: Attributes that hold the number of heads.
        widths: Attributes that hold the width of all heads.
        index: Attributes that hold the position of the layer.
    """

    projections: tuple[str, ...]
    mix: str
    widen: tuple[str, ...]
    halves: int
    shrink: str
    heads: int
    head_size: int
    neurons: int
    counts: tuple[str, ...]
    widths: tuple[str, ...]
    index: tuple[str, ...]


def has_attention(layer: nn.Module) -> bool:
    """Whether a module has one set of projections, as a layer has."""
    names = [_name(path) for path in _linears(layer)]
    counts = [sum(name in kind for name in names) for kind in (_FUSED, _QUERY, _KEY, _VALUE)]
    return counts in ([1, 0, 0, 0], [0, 1, 1, 1])


def read(at: str, layer: nn.Module, index: int) -> Layer:
    """Find the parts of a layer.

    Args:
        at: Its path, for messages.
        layer: The module.
        index: Its position.

    Raises:
        Unrecognised: A part is missing, or there is one that is not understood.
    """
    linears = _linears(layer)
    projections = _projections(at, linears)
    home, mix = _mix(at, linears, projections)
    _check_attention(at, linears, home, (*projections, mix))
    rest = [path for path in linears if not _inside(path, home) and path != mix]
    widen, shrink, halves = _network(at, linears, rest, linears[mix].out_features)
    wide = linears[mix].in_features
    owner = projections[0].rpartition(".")[0]
    homes = (owner, home)
    counts = tuple(_numbers(layer, homes, _COUNTS, None))
    heads = _head_count(at, layer, homes, counts, wide)
    _check_rest(at, layer, linears, linears[mix].out_features, wide // heads)
    return Layer(
        projections=projections,
        mix=mix,
        widen=widen,
        halves=halves,
        shrink=shrink,
        heads=heads,
        head_size=wide // heads,
        neurons=linears[shrink].in_features,
        counts=tuple(path for path in counts if _value(layer, path) == heads),
        widths=tuple(_numbers(layer, homes, _WIDTHS, wide)),
        index=tuple(_indices(layer, index)),
    )


def _head_count(
    at: str, layer: nn.Module, homes: tuple[str, str], counts: tuple[str, ...], wide: int
) -> int:
    sizes = tuple(_numbers(layer, homes, _SIZES, None))
    if not counts and not sizes:
        raise Unrecognised(
            f"module '{at}.{homes[0]}' does not say its number of heads; expected an attribute "
            f"like {', '.join((*_COUNTS, *_SIZES))}"
        )
    told = _value(layer, (counts or sizes)[0])
    if told < 1 or wide % told:
        raise Unrecognised(
            f"attribute '{at}.{(counts or sizes)[0]}' is {told}; expected a part of {wide}"
        )
    return told if counts else wide // told


def _projections(at: str, linears: dict[str, nn.Linear]) -> tuple[str, ...]:
    fused = [path for path in linears if _name(path) in _FUSED]
    if fused:
        return (fused[0],)
    kinds = (_QUERY, _KEY, _VALUE)
    found = [next(path for path in linears if _name(path) in kind) for kind in kinds]
    widths = [linears[path].out_features for path in found]
    if len(set(widths)) > 1:
        raise Unrecognised(
            f"module '{at}.{found[1]}' is {widths[1]} wide and the query {widths[0]}: heads share "
            "keys and values (grouped-query attention); expected as many keys as queries"
        )
    return tuple(found)


def _mix(at: str, linears: dict[str, nn.Linear], projections: tuple[str, ...]) -> tuple[str, str]:
    """The module that holds all of attention, and the output projection in it."""
    blocks = 3 if len(projections) == 1 else 1
    wide = linears[projections[0]].out_features // blocks
    home = projections[0].rpartition(".")[0]
    while home:
        for path, linear in linears.items():
            if _inside(path, home) and _name(path) in _OUTPUT and linear.in_features == wide:
                return home, path
        home = home.rpartition(".")[0]
    raise Unrecognised(
        f"module '{at}.{projections[0]}' has no output projection beside it; expected a Linear "
        f"called {', '.join(_OUTPUT)} that reads {wide} features"
    )


def _check_attention(
    at: str, linears: dict[str, nn.Linear], home: str, known: tuple[str, ...]
) -> None:
    for path in linears:
        if _inside(path, home) and path not in known:
            raise Unrecognised(
                f"module '{at}.{path}' stands in attention beside query, key, value and output; "
                "what it does with heads is not known"
            )


def _network(
    at: str, linears: dict[str, nn.Linear], rest: list[str], hidden: int
) -> tuple[tuple[str, ...], str, int]:
    shapes = {path: (linears[path].in_features, linears[path].out_features) for path in rest}
    for shrink in rest:
        inner = shapes[shrink][0]
        widen = tuple(path for path in rest if path != shrink)
        wide = {shapes[path] for path in widen}
        runs = {(hidden, inner): 1, (hidden, 2 * inner): 2}
        fits = len(wide) == 1 and wide <= set(runs) and shapes[shrink][1] == hidden
        # Where all are square the last one in the layer reads the others.
        if fits and len(widen) in (1, 2) and shrink == rest[-1]:
            return widen, shrink, runs[wide.pop()]
    listed = ", ".join(f"{path} {list(shape)}" for path, shape in shapes.items())
    raise Unrecognised(
        f"module {at!r} has no feed-forward network that is understood; expected one or two "
        f"Linear modules from {hidden} features to some, and then one back; found {listed or '-'}"
    )


def _check_rest(
    at: str, layer: nn.Module, linears: dict[str, nn.Linear], hidden: int, head_size: int
) -> None:
    for name, parameter in layer.named_parameters():
        path = name.rpartition(".")[0]
        module = layer.get_submodule(path)
        if path in linears:
            continue
        norm = _NORM in type(module).__name__.lower()
        if norm and parameter.shape[-1] in (hidden, head_size):
            continue
        if tuple(parameter.shape) == (hidden,) and not norm:
            continue
        raise Unrecognised(
            f"parameter '{at}.{name}' of shape {list(parameter.shape)} is not understood; expected "
            "Linear modules, normalisations and vectors as wide as the hidden state"
        )


def _numbers(
    layer: nn.Module, homes: tuple[str, ...], names: tuple[str, ...], value: int | None
) -> Iterator[str]:
    """Whole numbers of these names (and this value) in the modules of attention."""
    for home in dict.fromkeys(homes):
        for name in names:
            found = vars(layer.get_submodule(home)).get(name)
            if isinstance(found, int) and value in (None, found):
                yield f"{home}.{name}"


def _indices(layer: nn.Module, index: int) -> Iterator[str]:
    for path, module in layer.named_modules():
        if vars(module).get("layer_idx") == index:
            yield f"{path}.layer_idx" if path else "layer_idx"


def _value(layer: nn.Module, path: str) -> int:
    home, _, name = path.rpartition(".")
    return int(vars(layer.get_submodule(home))[name])


def _linears(layer: nn.Module) -> dict[str, nn.Linear]:
    return {path: m for path, m in layer.named_modules() if isinstance(m, nn.Linear)}


def _inside(path: str, home: str) -> bool:
    return path.startswith(f"{home}.")


def _name(path: str) -> str:
    return path.rpartition(".")[2].lower()
