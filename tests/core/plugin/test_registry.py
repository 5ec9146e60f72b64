"""Registries: from a name to an offer, from an offer to a class, and good messages otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import PluginError
from instatune.interfaces import Sampler
from instatune.plugin.broken import BrokenPlugin
from instatune.plugin.entries import Entry, ReporterEntry, SamplerEntry
from instatune.plugin.registry import (
    AmbiguousNameError,
    Offer,
    Registry,
    UnknownNameError,
    load_target,
)
from instatune.plugin.requirements import install_command, missing_requirements


def offer(name: str, distribution: str = "instatune", version: str = "0.3", **more) -> Offer:
    fields = {"target": "m:M", "summary": "", "draws_largest": True, **more}
    entry = SamplerEntry(name=name, **fields)
    return Offer(entry=entry, distribution=distribution, version=version, module="m")


def registry(*offers: Offer, **more) -> Registry:
    return Registry(kind="samplers", entries=offers, **more)


def test_a_name_is_found():
    mine = offer("mine")

    assert registry(offer("other"), mine).find("mine") is mine


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.sampled_from("abcdef"))
def test_what_is_listed_is_found_and_nothing_else(names, wanted):
    some = registry(*(offer(name) for name in names))

    if wanted in names:
        assert some.find(wanted).entry.name == wanted
    else:
        with pytest.raises(UnknownNameError):
            some.find(wanted)


def test_an_unknown_name_is_told_with_everything_that_may_help():
    broken = BrokenPlugin(
        distribution="instatune-plugin-bo",
        version="0.2",
        entry_point="bo",
        reason="ImportError: No module\nnamed 'botorch'",
    )
    some = registry(offer("uniform"), offer("sandwich"), broken=(broken,), left_out=("acme",))

    with pytest.raises(UnknownNameError) as caught:
        some.find("Uni-form")

    assert str(caught.value) == (
        "no sampler is called 'Uni-form'; did you mean 'uniform' (instatune 0.3)?\n"
        "    available: uniform, sandwich\n"
        "    not loaded: instatune-plugin-bo 0.2 (ImportError: No module named 'botorch'), "
        "see `instatune plugins -v`\n"
        "    left out on request: acme"
    )
    assert caught.value.suggestions == ("uniform",)
    assert caught.value.message.startswith("no sampler is called")
    assert len(caught.value.hints) == 3
    assert caught.value.exit_code == 3


def test_an_unknown_name_far_from_all_others_gets_no_suggestion():
    with pytest.raises(
        UnknownNameError, match=r"^no sampler is called 'zzz'\n    available: none$"
    ):
        registry().find("zzz")


def test_a_clash_harms_only_who_uses_the_bare_name():
    ours, theirs = offer("uniform"), offer("uniform", "Acme.Plugin", "2")
    some = registry(ours, theirs, offer("other"))

    assert some.find("other")
    assert some.find("uniform@instatune") is ours
    assert some.find("uniform@acme-plugin") is theirs
    assert some.names() == ("uniform@instatune", "uniform@Acme.Plugin", "other")
    with pytest.raises(AmbiguousNameError) as caught:
        some.find("uniform")
    assert str(caught.value) == (
        "the sampler 'uniform' is offered by instatune 0.3 and Acme.Plugin 2; "
        "write 'uniform@instatune' or 'uniform@Acme.Plugin', or disable one of them"
    )


def test_a_name_from_another_distribution_is_told():
    with pytest.raises(UnknownNameError) as caught:
        registry(offer("uniform")).find("uniform@acme")

    assert caught.value.message == (
        "no sampler 'uniform' comes from 'acme'; it comes from instatune 0.3"
    )
    assert caught.value.suggestions == ("uniform@instatune",)


class TestLoadTarget:
    def load(self, target: str, **more):
        return load_target(offer("mine", "acme", "1.0", target=target, **more), Sampler)

    def test_it_gives_the_class(self):
        from instatune_plugins.samplers.uniform import Uniform

        assert self.load("instatune_plugins.samplers.uniform:Uniform") is Uniform

    def test_a_module_that_cannot_be_imported_is_told(self):
        with pytest.raises(PluginError) as caught:
            self.load("acme_is_not_here.x:Mine")

        assert str(caught.value) == (
            "sampler 'mine' of acme 1.0 cannot be imported from 'acme_is_not_here.x:Mine': "
            "ModuleNotFoundError: No module named 'acme_is_not_here'"
        )
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    def test_a_missing_class_is_told(self):
        with pytest.raises(
            PluginError,
            match=r"sampler 'mine' of acme 1\.0: module 'json' has no 'Mine'; correct the entry's",
        ):
            self.load("json:Mine")

    @pytest.mark.parametrize("target", ["json:dumps", "json:JSONDecoder"])
    def test_a_class_of_another_kind_is_told(self, target):
        with pytest.raises(PluginError, match="is no Sampler; make it a subclass of"):
            self.load(target)

    def test_an_unfinished_class_is_told(self):
        with pytest.raises(PluginError, match="does not implement draw"):
            self.load("instatune.interfaces:Sampler")

    def test_missing_requirements_are_told_before_the_import(self):
        with pytest.raises(PluginError) as caught:
            self.load(
                "acme_is_not_here:Mine", requires=("attrs>=20", "no-such-thing>=2", "numpy>=99")
            )

        assert str(caught.value) == (
            "sampler 'mine' of acme 1.0 needs no-such-thing>=2, numpy>=99, which is not installed; "
            "pip install 'no-such-thing>=2' 'numpy>=99'"
        )

    def test_a_bare_entry_is_named_by_its_module(self):
        entry = SamplerEntry(name="mine", target="json:M", summary="", draws_largest=True)

        with pytest.raises(PluginError, match=r"^sampler 'mine' of module json: "):
            load_target(entry, Sampler)

    def test_an_entry_of_no_kind_is_a_mistake(self):
        with pytest.raises(TypeError, match="Entry is the entry of no kind"):
            load_target(Entry(name="x", target="json:M", summary=""), Sampler)


class TestRequirements:
    def missing(self, *requires: str) -> tuple[str, ...]:
        entry = ReporterEntry(name="r", target="m:R", summary="", requires=requires)
        return missing_requirements(entry)

    def test_what_is_installed_is_not_missing(self):
        assert self.missing("attrs", "numpy>=1", "PyYAML>=5") == ()

    def test_what_is_absent_or_too_old_is_missing(self):
        assert self.missing("attrs", "numpy>=99", "nope") == ("numpy>=99", "nope")

    def test_markers_are_respected(self):
        assert self.missing("nope; python_version < '3'") == ()

    def test_extras_must_be_there_as_well(self, site):
        from instatune.testing.plugins import FakeDistribution

        requires = ('nope-a; extra == "full"', 'attrs; extra == "small"', "nope-b")
        FakeDistribution(name="acme", requires=requires).write(site)

        assert self.missing("acme[full]", "acme[small]", "acme") == ("acme[full]",)

    def test_the_command_is_quoted_for_a_shell(self):
        assert install_command(["a>=1", "b"]) == "pip install 'a>=1' b"
