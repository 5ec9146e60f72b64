"""Does an anatomy fit a model? Checked once, before anything is cut."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from instatune.errors import CheckpointError
from instatune.space import Anatomy, Attention, Buffer, Cut, Group, Stack
from instatune.supernet.surgery import attribute_place, named_tensors


def verify(anatomy: Anatomy, model: nn.Module) -> None:
    """Compare an anatomy with a full-size model, tensor by tensor.

    Raises:
        CheckpointError: They differ; names the first tensor or module that does.
    """
    for difference in _differences(anatomy, model):
        raise CheckpointError(
            f"{type(model).__name__} is not built as the {anatomy.family} family is: {difference}"
        )


def buffers(model: nn.Module) -> dict[str, Buffer]:
    """Buffers in the state dict of a model, as an anatomy lists them; shared ones once."""
    state = model.state_dict()
    return {
        name: Buffer(tuple(tensor.shape), tensor.element_size())
        for name, tensor in model.named_buffers()
        if name in state
    }


def _differences(anatomy: Anatomy, model: nn.Module) -> Iterator[str]:
    for stack in anatomy.stacks:
        yield from _stack(stack, model)
    yield from _shapes(anatomy, model)
    tensors = named_tensors(model)
    for group in anatomy.groups:
        yield from _group(group, tensors)
        yield from _attributes(group, model)
    for work in anatomy.work:
        if work.weight not in anatomy.shapes:
            yield f"the work of {work.weight!r} is counted, but no such tensor is listed"
    yield from _tables(anatomy)
    names = {group.name for group in anatomy.groups}
    for attention in anatomy.attentions:
        if attention.group not in names:
            yield f"attention of group {attention.group!r} is counted, but no such group is listed"
        yield from _projections(attention, model)


def _tables(anatomy: Anatomy) -> Iterator[str]:
    for table in anatomy.embeddings:
        if len(anatomy.shapes.get(table, ())) != 2:
            yield f"{table!r} is listed as a look-up table, but there is no such tensor of two axes"


def _projections(attention: Attention, model: nn.Module) -> Iterator[str]:
    if len(attention.projections) not in (0, 1, 3):
        yield (
            f"attention of group {attention.group!r} has {len(attention.projections)} projections; "
            "query, key and value are three, or one module gives them all"
        )
    for path in attention.projections:
        try:
            model.get_submodule(path)
        except AttributeError:
            yield f"module {path!r} of the attention of group {attention.group!r} is missing"


def _stack(stack: Stack, model: nn.Module) -> Iterator[str]:
    try:
        container = model.get_submodule(stack.path)
    except AttributeError:
        yield f"module {stack.path!r} is missing"
        return
    if not isinstance(container, (nn.ModuleList, nn.Sequential)):
        yield f"module {stack.path!r} is a {type(container).__name__}, not a list of layers"
    elif len(container) != stack.layers:
        yield f"module {stack.path!r} has {len(container)} layers instead of {stack.layers}"
    else:
        paths = [(model, path) for path in stack.count_attributes]
        paths += [(layer, path) for layer in container for path in stack.index_attributes]
        for root, path in paths:
            yield from _missing(root, path)


def _shapes(anatomy: Anatomy, model: nn.Module) -> Iterator[str]:
    found = {name: tuple(tensor.shape) for name, tensor in model.named_parameters()}
    for name, shape in anatomy.shapes.items():
        if name not in found:
            yield f"tensor {name!r} is missing"
        elif found[name] != shape:
            yield f"tensor {name!r} has shape {list(found[name])} instead of {list(shape)}"
    for name in found:
        if name not in anatomy.shapes:
            yield f"tensor {name!r} is not known"


def _group(group: Group, tensors: dict[str, Tensor]) -> Iterator[str]:
    if not set(group.readers) <= set(group.cuts):
        yield f"the outgoing cut of group {group.name!r} is not among its cuts"
    for cut in group.cuts:
        if cut.tensor not in tensors:
            yield f"tensor {cut.tensor!r} of group {group.name!r} is missing"
        else:
            yield from _axis(group, cut, tuple(tensors[cut.tensor].shape))


def _axis(group: Group, cut: Cut, shape: tuple[int, ...]) -> Iterator[str]:
    want = cut.blocks * group.units * cut.unit
    have = shape[cut.axis] if 0 <= cut.axis < len(shape) else None
    if have != want:
        yield (
            f"axis {cut.axis} of tensor {cut.tensor!r} has length {have} instead of {want} "
            f"({group.units} units of {group.name!r})"
        )


def _attributes(group: Group, model: nn.Module) -> Iterator[str]:
    for attribute in group.attributes:
        yield from _missing(model, attribute.path)
        home, key = attribute_place(model, attribute.path)
        number = group.units * attribute.unit
        want = (number,) if attribute.as_tuple else number
        if home[key] != want:
            yield f"attribute {attribute.path!r} is {home[key]} instead of {want}"


def _missing(root: nn.Module, path: str) -> Iterator[str]:
    try:
        attribute_place(root, path)
    except AttributeError as error:
        yield f"attribute {path!r} is missing ({error})"
