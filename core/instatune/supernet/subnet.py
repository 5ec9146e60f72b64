"""Save a sub-network into a folder and load it as an ordinary module. Never pickle.

    model.safetensors   the weights, small
    instatune.json      what they are: kept units and layers, adapter, labels, facts
    config.json, ...    what the adapter needs to build the full-size model, and the processor

Loading builds the full-size model without weights, cuts it as the card says with the same surgery
that sliced the super-network, and fills in the weights.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from instatune.errors import CheckpointError, PluginError, StoreError
from instatune.interfaces import Adapter, Network, Quantizer
from instatune.plugin.entries import Kind, noun
from instatune.space import Anatomy
from instatune.supernet import card
from instatune.supernet.fit import verify
from instatune.supernet.surgery import Surgeon, attribute_place, detached_copy, named_tensors

if TYPE_CHECKING:
    from instatune.plugin.manager import Plugins
    from instatune.plugin.registry import Offer

WEIGHTS = "model.safetensors"


def save(network: Network, directory: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write a network into a folder, so that it is there as a whole or not at all.

    Files of other formats in the folder stay. The card is moved in last; a folder without a card,
    or with one that does not fit the weights, does not load.

    Returns:
        The files written.

    Raises:
        StoreError: The folder cannot be written, e.g. because the disk is full.
    """
    target = Path(directory)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".saving-", dir=target) as name:
            scratch = Path(name)
            with _full_counts(network.model, network.anatomy):
                network.adapter.save_assets(network.model, network.processor, scratch)
            save_file(_tensors(network.deployed), scratch / WEIGHTS, metadata={"format": "pt"})
            card.Card.of(network, _digest(scratch / WEIGHTS)).write(scratch)
            return _move(scratch, target)
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"{target}: cannot be written ({error}); free some space or choose another folder"
        ) from error


def load(path: str | os.PathLike[str], plugins: Plugins | None = None) -> nn.Module:
    """Load a saved sub-network as an ordinary module, in eval mode, on the CPU.

    Args:
        path: Folder that :func:`save` wrote.
        plugins: Where the adapter is looked up; discovered if None.

    Raises:
        CheckpointError: The folder is missing, damaged, or of a newer version.
        PluginError: The adapter is not installed.
    """
    directory = Path(path)
    notes = card.read(directory)
    tensors = _read(directory, notes)
    adapter = _adapter(directory, notes.adapter, plugins)
    skeleton, anatomy = _skeleton(directory, notes.adapter, adapter)
    _check_kept(directory, notes, anatomy)
    # Groups that a later release describes are whole in what an earlier one saved.
    units = {group.name: group.units for group in anatomy.groups} | notes.kept_units
    with Surgeon(skeleton, anatomy).sliced(units, notes.kept_layers) as sliced:
        model = detached_copy(sliced)
    if notes.policy:
        model = _quantizer(directory, notes, plugins).frame(model, notes.policy)
    _fill(directory, model, tensors)
    adapter.name_outputs(model, notes.labels)
    return model.eval()


def load_processor(path: str | os.PathLike[str], plugins: Plugins | None = None) -> Any:
    """Load the tokenizer or transform that was saved with a sub-network; arguments as `load`."""
    directory = Path(path)
    return load_adapter(directory, plugins).processor(str(directory))


def load_adapter(path: str | os.PathLike[str], plugins: Plugins | None = None) -> Adapter:
    """Make the adapter that a sub-network was saved with; arguments as `load`."""
    directory = Path(path)
    return _adapter(directory, card.read(directory).adapter, plugins)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, tied ones once, under their first name."""
    unique = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    state = model.state_dict()
    return {name: tensor.contiguous() for name, tensor in state.items() if name in unique}


@contextmanager
def _full_counts(model: nn.Module, anatomy: Anatomy) -> Iterator[None]:
    """Let the assets tell of the full model: numbers of layers follow cuts, also in a config."""
    places = [
        (*attribute_place(model, path), stack.layers)
        for stack in anatomy.stacks
        for path in stack.count_attributes
    ]
    before = [home[key] for home, key, _ in places]
    try:
        for home, key, full in places:
            home[key] = full
        yield
    finally:
        for (home, key, _), small in zip(places, before, strict=True):
            home[key] = small


def _move(scratch: Path, target: Path) -> tuple[Path, ...]:
    files = [file.relative_to(scratch) for file in sorted(scratch.rglob("*")) if file.is_file()]
    files.sort(key=lambda file: file.name == card.FILE)
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch / file, target / file)
    return tuple(target / file for file in files)


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _read(directory: Path, notes: card.Card) -> dict[str, Tensor]:
    file = directory / WEIGHTS
    if not file.is_file():
        raise CheckpointError(f"{directory}: {WEIGHTS} is missing; export it again")
    try:
        tensors = load_file(file)
        intact = _digest(file) == notes.sha256
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: cannot be read ({error}); export it again") from error
    if not intact:
        raise CheckpointError(
            f"{file}: is not the file that {card.FILE} describes (its SHA-256 differs); "
            "export it again"
        )
    return tensors


def _adapter(directory: Path, name: str, plugins: Plugins | None) -> Adapter:
    from instatune.plugin.registry import load_target

    offer = _offer(directory, "adapters", name, plugins)
    config = offer.entry.config
    kind = cast("type[Adapter]", load_target(offer, Adapter))
    return kind(config() if config else None)


def _quantizer(directory: Path, notes: card.Card, plugins: Plugins | None) -> Quantizer:
    from instatune.plugin.registry import load_target

    offer = _offer(directory, "quantizers", notes.quantizer, plugins)
    kind = cast("type[Quantizer]", load_target(offer, Quantizer))
    config = offer.entry.config
    try:
        return kind(config(**notes.quantizer_settings) if config else None)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{directory}: quantizer {notes.quantizer!r} does not know the settings that it was "
            f"written with ({error}); update its distribution or export again"
        ) from error


def _offer(directory: Path, kind: Kind, name: str, plugins: Plugins | None) -> Offer[Any]:
    from instatune.plugin.manager import discover

    try:
        return (plugins or discover())[kind].find(name)
    except PluginError as error:
        distribution = name.partition("@")[2] or "the one that offers it"
        raise PluginError(
            f"{directory}: was written with {noun(kind)} {name!r}, which cannot be used here; "
            f"install the distribution {distribution!r}\n    {error}"
        ) from error


def _skeleton(directory: Path, name: str, adapter: Adapter) -> tuple[nn.Module, Anatomy]:
    skeleton = adapter.skeleton(directory)
    if any(tensor.is_meta for tensor in named_tensors(skeleton).values()):
        raise PluginError(
            f"adapter {name!r}: its skeleton lies on the meta device, where weights cannot be "
            "filled in; it must build it on the CPU"
        )
    anatomy = adapter.describe(skeleton)
    verify(anatomy, skeleton)
    return skeleton, anatomy


def _check_kept(directory: Path, notes: card.Card, anatomy: Anatomy) -> None:
    """Compare the card with the rebuilt model."""
    groups = {group.name: group for group in anatomy.groups}
    layers = {stack.name: range(stack.layers) for stack in anatomy.stacks}
    fits = (
        notes.kept_units.keys() <= groups.keys()
        and notes.kept_layers.keys() == layers.keys()
        and all(
            groups[name].minimum <= kept <= groups[name].units
            for name, kept in notes.kept_units.items()
        )
        and all(set(kept) <= set(layers[name]) for name, kept in notes.kept_layers.items())
    )
    if not fits:
        raise CheckpointError(
            f"{directory / card.FILE}: keeps units or layers that the model described beside it "
            "does not have; export it again"
        )


def _fill(directory: Path, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    want = _tensors(model)
    for name in sorted(want.keys() | tensors.keys()):
        here, there = want.get(name), tensors.get(name)
        if here is None or there is None or here.shape != there.shape:
            raise CheckpointError(
                f"{directory / WEIGHTS}: tensor {name!r} is {_shape(there)} in the file, "
                f"but {_shape(here)} in the network; export it again"
            )
    model.load_state_dict(tensors, strict=False)


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else str(list(tensor.shape))
