"""Discovery: what is good is offered, what is broken is told, nothing stops the rest."""

from __future__ import annotations

import sys

import pytest

from instatune import __version__
from instatune.errors import PluginError
from instatune.plugin.manager import discover
from instatune.testing.plugins import FakeDistribution

SAMPLER = """
from instatune.plugin import hookimpl
from instatune.plugin.entries import ReporterEntry, SamplerEntry

@hookimpl
def instatune_samplers():
    yield SamplerEntry(name="{name}", target="mine:Mine", draws_largest=True, summary="a test")
"""
MARKED = "from instatune.plugin import hookimpl\n@hookimpl\n"


def sampler(name: str = "mine") -> str:
    return SAMPLER.format(name=name)


def install(site, text: str, *, name: str = "acme", module: str = "acme_mod", **more) -> None:
    FakeDistribution(name=name, modules={module: text}, **more).write(site)


def broken_of(plugins, distribution: str = "acme") -> list[str]:
    return [item.reason for item in plugins.broken if item.distribution == distribution]


def test_an_installed_distribution_is_found_with_its_origin(site):
    install(site, sampler(), version="2.5")

    offer = discover()["samplers"].find("mine")

    assert (offer.distribution, offer.version, offer.module) == ("acme", "2.5", "acme_mod")


def test_first_party_components_come_through_the_same_door():
    origins = {offer.origin for offer in discover()["samplers"].offers()}

    assert origins == {f"instatune {__version__}"}


def test_first_party_plugins_are_all_sound():
    assert discover(only=("instatune",)).broken == ()


def test_offers_are_sorted_by_name_and_distribution(site):
    install(site, sampler("zeta"), name="a-dist", module="a_mod")
    install(site, sampler("alpha"), name="z-dist", module="z_mod")

    names = discover()["samplers"].names()

    assert list(names) == sorted(names)
    assert {"zeta", "alpha"} <= set(names)


def test_an_import_error_is_told_and_does_not_stop_the_others(site):
    install(site, "import botorch_is_not_here")
    install(site, sampler(), name="good", module="good_mod")

    plugins = discover()

    (broken,) = [item for item in plugins.broken if item.distribution == "acme"]
    assert broken.reason == "ModuleNotFoundError: No module named 'botorch_is_not_here'"
    assert "import botorch_is_not_here" in broken.traceback
    assert (broken.version, broken.entry_point) == ("1.0", "acme_mod")
    assert plugins["samplers"].find("mine").distribution == "good"


def test_a_module_that_exits_python_does_not_take_instatune_along(site):
    install(site, "raise SystemExit(3)")

    assert broken_of(discover()) == ["SystemExit: 3"]


def test_an_unmarked_hook_is_told_with_its_cure(site):
    install(site, "def instatune_samplers():\n    return ()\n")

    assert broken_of(discover()) == [
        "instatune_samplers is not marked as a hook; put @hookimpl above it"
    ]


def test_a_hook_of_no_kind_is_told_with_the_near_name(site):
    install(site, MARKED + "def instatune_sampler():\n    return ()\n")

    assert broken_of(discover()) == [
        "there is no hook 'instatune_sampler'; did you mean 'instatune_samplers'?"
    ]


def test_a_hook_far_from_all_names_is_told_with_the_list(site):
    install(site, MARKED + "def instatune_xyzzy_qqq():\n    return ()\n")

    (reason,) = broken_of(discover())
    assert reason.startswith("there is no hook 'instatune_xyzzy_qqq'; hooks: instatune_adapters, ")


def test_a_hook_may_be_optional_for_older_versions_of_instatune(site):
    future = "@hookimpl(optionalhook=True)\ndef instatune_from_the_future():\n    return ()\n"
    install(site, sampler() + future)

    plugins = discover()

    assert broken_of(plugins) == []
    assert plugins["samplers"].find("mine")


def test_a_hook_with_arguments_is_refused(site):
    install(site, MARKED + "def instatune_samplers(config):\n    return ()\n")

    (reason,) = broken_of(discover())
    assert "config" in reason
    assert "\n" not in reason


def test_a_hook_wrapper_is_refused(site):
    text = "from instatune.plugin import hookimpl\n@hookimpl(wrapper=True)\n"
    install(site, text + "def instatune_samplers():\n    return (yield)\n")

    assert broken_of(discover()) == [
        "instatune_samplers is a hook wrapper; write a plain hook, which stands for itself"
    ]


def test_a_module_without_a_hook_is_told(site):
    install(site, "x = 1\n")

    (reason,) = broken_of(discover())
    assert reason.startswith("has no hook; write at least one of: instatune_adapters, ")


@pytest.mark.parametrize(("major", "age"), [(2, "newer"), (0, "older")])
def test_hooks_of_another_major_are_told_without_import(site, major, age):
    install(site, "raise RuntimeError('must not be imported')", group=f"instatune.v{major}")

    (reason,) = broken_of(discover())
    article = "an" if age == "older" else "a"
    assert reason == (
        f"needs {article} {age} instatune: it is written for the {age} hooks "
        f"'instatune.v{major}', instatune {__version__} has 'instatune.v1'"
    )
    assert "acme_mod" not in sys.modules


def test_a_distribution_that_speaks_both_majors_is_fine(site):
    info = FakeDistribution(name="acme", modules={"acme_mod": sampler()}).write(site)
    with (info / "entry_points.txt").open("a") as file:
        file.write("[instatune.v2]\nnew = acme_new\n")

    assert broken_of(discover()) == []


def test_a_plugin_for_another_version_of_instatune_is_told_without_import(site):
    install(site, "raise RuntimeError('must not be imported')", requires=("Instatune >=99",))

    assert broken_of(discover()) == [
        f"needs instatune>=99, but instatune {__version__} is running; "
        "install versions that fit together"
    ]
    assert "acme_mod" not in sys.modules


def test_requirements_that_fit_or_belong_to_extras_are_no_obstacle(site):
    install(
        site,
        sampler(),
        requires=("instatune>=0.0.1.dev0", 'instatune>=99; extra == "future"', "not a ( spec"),
    )

    assert broken_of(discover()) == []


def test_a_failing_hook_is_told_and_the_other_hooks_of_its_module_are_used(site):
    failing = "@hookimpl\ndef instatune_reporters():\n    raise ValueError('no reporters today')\n"
    install(site, sampler() + failing)

    plugins = discover()

    assert broken_of(plugins) == ["hook instatune_reporters failed: ValueError: no reporters today"]
    assert plugins["samplers"].find("mine")


def test_a_bad_name_in_an_entry_is_told(site):
    install(site, sampler("Not-A-Name"))

    (reason,) = broken_of(discover())
    assert "name 'Not-A-Name' is not a name like 'my_component'" in reason


def test_a_config_that_is_no_attrs_class_is_told(site):
    text = sampler().replace("draws_largest=True", "draws_largest=True, config=dict")
    install(site, text)

    (reason,) = broken_of(discover())
    assert "config <class 'dict'> is not an attrs class; decorate it with @attrs.frozen" in reason


def test_an_entry_of_another_kind_is_told_and_the_good_ones_stay(site):
    wrong = "    yield ReporterEntry(name='r', target='m:R', summary='')\n"
    install(site, sampler() + wrong)

    plugins = discover()

    (reason,) = broken_of(plugins)
    assert reason.startswith("hook instatune_samplers gave ReporterEntry(name='r'")
    assert reason.endswith("(ReporterEntry); it must yield SamplerEntry")
    assert plugins["samplers"].find("mine")


def test_a_hook_that_gives_nothing_to_iterate_is_told(site):
    install(site, MARKED + "def instatune_samplers():\n    return 7\n")

    (reason,) = broken_of(discover())
    assert reason == "hook instatune_samplers failed: TypeError: 'int' object is not iterable"


def test_an_unreadable_requirement_is_told(site):
    text = sampler().replace("draws_largest=True", "draws_largest=True, requires=('a b c',)")
    install(site, text)

    (reason,) = broken_of(discover())
    assert reason.startswith("mine: requirement 'a b c' cannot be read: ")


def test_one_name_twice_in_a_distribution_is_told_and_the_first_is_used(site):
    modules = {"acme_one": sampler(), "acme_two": sampler()}
    FakeDistribution(name="acme", modules=modules).write(site)

    plugins = discover()

    (reason,) = broken_of(plugins)
    assert "offers samplers 'mine' twice, in acme_" in reason
    assert len([o for o in plugins["samplers"].offers() if o.entry.name == "mine"]) == 1


def test_two_entry_points_for_one_module_are_told(site):
    points = {"a": "acme_mod", "b": "acme_mod"}
    install(site, sampler(), entry_points=points)

    assert broken_of(discover()) == [
        "module 'acme_mod' is already loaded for entry point 'a' of acme; remove one of the two"
    ]


def test_an_entry_point_that_names_an_object_is_told(site):
    install(site, sampler(), entry_points={"a": "acme_mod:plugin"})

    assert broken_of(discover()) == [
        "entry point 'a' names an object, 'acme_mod:plugin'; name its module"
    ]


def test_damaged_metadata_of_a_stranger_does_not_stop_discovery(site):
    install(site, sampler())
    stranger = FakeDistribution(name="stranger").write(site)
    (stranger / "entry_points.txt").write_text("[console_scripts]\nno equals sign here\n")

    assert discover()["samplers"].find("mine").distribution == "acme"


def test_damaged_metadata_of_a_plugin_is_told(site):
    info = FakeDistribution(name="acme", modules={"acme_mod": sampler()}).write(site)
    (info / "METADATA").unlink()

    plugins = discover()

    (reason,) = broken_of(plugins, "unknown")
    assert reason == "the metadata of its distribution is damaged; install it again"
    assert plugins["samplers"].find("uniform")


def test_strict_discovery_raises_at_the_first_broken_plugin(site):
    install(site, "import botorch_is_not_here")

    with pytest.raises(PluginError, match=r"^plugin acme 1\.0 \(ModuleNotFoundError") as caught:
        discover(strict=True)

    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("word", ["acme", "ACME", "acme_mod"])
def test_disabled_plugins_are_not_imported_and_remembered(site, word):
    install(site, "raise RuntimeError('must not be imported')")

    plugins = discover(disable=(word,))

    assert broken_of(plugins) == []
    assert plugins.left_out == ("acme",)


def test_disabling_what_is_not_installed_is_fine():
    assert discover(disable=("not-installed",)).left_out == ()


def test_only_leaves_the_rest_out(site):
    install(site, sampler())

    plugins = discover(only=("acme",))

    assert plugins["samplers"].names() == ("mine",)
    assert plugins.left_out == ("instatune",)


def test_only_takes_packages_around_modules():
    found = discover(only=("instatune_plugins.samplers",))
    assert {"sandwich", "uniform"} <= set(found["samplers"].names())
    assert found["tasks"].names() == ()
    assert discover(only=("instatune_contrib",))["samplers"].names() == ()


def test_only_of_something_unknown_is_an_error():
    with pytest.raises(PluginError, match="no plugin is called 'acmee'; there are: instatune"):
        discover(only=("acmee",))


def test_the_kinds_have_registries_and_nothing_else():
    with pytest.raises(PluginError, match="no kind 'sampler' of component; kinds: adapters, "):
        discover()["sampler"]


def test_discoveries_do_not_share_anything(site):
    before = discover()
    install(site, sampler())

    assert "mine" in discover()["samplers"].names()
    assert "mine" not in before["samplers"].names()


class TestSingleFiles:
    def test_a_file_is_a_plugin_under_its_own_name(self, tmp_path, site):
        file = site / "lone_plugin.py"
        file.write_text(sampler())

        offer = discover(files=[file])["samplers"].find("mine@lone_plugin.py")

        assert (offer.distribution, offer.version) == ("lone_plugin.py", "")
        assert offer.origin == "lone_plugin.py"

    def test_its_classes_can_be_imported(self, tmp_path):
        from instatune.interfaces import Sampler
        from instatune.plugin.registry import load_target

        file = tmp_path / "lone_classes.py"
        text = sampler().replace('"mine:Mine"', 'f"{__name__}:Mine"')
        file.write_text(
            text
            + "from instatune.interfaces import Sampler\n"
            + "class Mine(Sampler):\n    def draw(self, space, step, total_steps, rng): ...\n"
        )

        offer = discover(files=[file])["samplers"].find("mine")

        assert load_target(offer, Sampler).__name__ == "Mine"
        again = discover(files=[file])["samplers"].find("mine")
        assert load_target(again, Sampler) is load_target(offer, Sampler)

    def test_a_missing_file_is_told(self, tmp_path):
        plugins = discover(files=[tmp_path / "gone.py"])

        assert broken_of(plugins, "gone.py") == [f"there is no file '{tmp_path / 'gone.py'}'"]

    def test_a_file_that_fails_is_told_and_forgotten(self, tmp_path):
        file = tmp_path / "lone_failure.py"
        file.write_text("1 / 0")

        plugins = discover(files=[file])

        assert broken_of(plugins, "lone_failure.py") == ["ZeroDivisionError: division by zero"]
        assert "lone_failure" not in sys.modules

    def test_a_file_that_hides_a_module_is_told(self, tmp_path):
        file = tmp_path / "colorsys.py"
        file.write_text(sampler())

        plugins = discover(files=[file])

        assert broken_of(plugins, "colorsys.py") == [
            "another module is called 'colorsys'; give the file another name"
        ]

    def test_a_file_that_can_be_no_module_is_told(self, tmp_path):
        file = tmp_path / "my-plugin.py"
        file.write_text(sampler())

        assert broken_of(discover(files=[file]), "my-plugin.py") == [
            "'my-plugin.py' cannot be a module; use letters, digits and underscores"
        ]

    def test_a_file_that_is_not_python_is_told(self, tmp_path):
        file = tmp_path / "notes.txt"
        file.write_text("hello")

        assert broken_of(discover(files=[file]), "notes.txt") == [
            "'notes.txt' is no Python file; its name must end in .py"
        ]

    def test_a_disabled_file_is_left_out(self, tmp_path):
        file = tmp_path / "lone_disabled.py"
        file.write_text("raise RuntimeError")

        assert discover(files=[file], disable=["lone_disabled.py"]).left_out == (
            "lone_disabled.py",
        )
