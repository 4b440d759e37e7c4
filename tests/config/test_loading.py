"""Recipes: from TOML and --set to settings, and back; every mistake gets a sentence that names the right word."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import pipeline.config
from jobs.recipes import builtin_recipes
from pipeline.config import Recipe, change_recipe, load_recipe, recipe_to_toml
from pipeline.errors import RecipeError
from pipeline.networks.cae import CaeSettings
from pipeline.networks.registry import NETWORKS
from pipeline.networks.timm_backbone import TimmSettings

SETTINGS = [
    model
    for model in vars(pipeline.config).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model is not Recipe
] + [entry.settings for entry in NETWORKS]
TWO = '[[embed]]\nname = "a"\n[[embed]]\nname = "b.c"\n[[autoencode]]\nvectors = "a"\n'


def load(text: str, *assignments: str) -> Recipe:
    return load_recipe("mine", builtin={"mine": text}, assignments=assignments)


@pytest.mark.parametrize("model", SETTINGS, ids=lambda model: model.__name__)
def test_every_default_is_valid_by_its_own_rules(model: type[BaseModel]) -> None:
    written = model().model_dump_json()
    assert model.model_validate_json(written, strict=True) == model()


@pytest.mark.parametrize("name", builtin_recipes())
def test_built_in_recipes_load_under_their_own_name(name: str) -> None:
    recipe = load_recipe(name, builtin=builtin_recipes())
    assert recipe.name == name
    assert not [one for one in recipe.embed if isinstance(one, CaeSettings)], "all else is better: docs/vectors.md"


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[pixels]\nsize = 96\n")
    assert load_recipe(str(tmp_path / "mine.toml")).pixels.size == 96


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pixel]\nsize = 96", ["'pixel'", "Did you mean 'pixels'"]),
        ("[pixels]\nsiez = 96", ["'pixels.siez'", "Did you mean 'size'"]),
        ("[[embed]]\nbatchsize = 8", ["'embed.batchsize'", "Did you mean 'batch_size'"]),
        ("[[autoencode]]\nlayer = [2]", ["'autoencode.layer'", "Did you mean 'layers'"]),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one(text: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        load(text)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[pixels]\nsize = "large"', ["pixels.size", "integer", "'large'"]),
        ('[pixels]\nsize = "96"', ["pixels.size", "integer", "'96'"]),
        ("[pixels]\nsize = true", ["pixels.size", "integer", "True"]),
        ("[pixels]\nsize = 2", ["pixels.size", "greater than or equal to 8", "2"]),
        ("[run]\ncheckpoint_seconds = inf", ["run.checkpoint_seconds", "finite"]),
        ("[run]\ncheckpoint_seconds = nan", ["run.checkpoint_seconds"]),
        ("[scale]\nenabled = 1", ["scale.enabled", "boolean"]),
        ("pixels = 3", ["pixels", "[pixels]", "3"]),
        ("embed = 3", ["embed", "array", "3"]),
        ("embed = [3]", ["embed", "[[embed]]", "3"]),
        ('[corpus]\ninclude = "*.tif"', ["corpus.include", "array", "'*.tif'"]),
        ('[cluster]\nmethods = ["kmean"]', ["cluster.methods", "'kmeans'", "'kmean'"]),
        ('[labels.sets]\n"my set" = "x"', ["labels.sets.my set", "pattern"]),
        ("[[autoencode]]\nlayers = []", ["autoencode", "at least one layer"]),
        ('[[embed]]\nmodel = "resnet18"', ["weights", "'resnet18'"]),
        ("[[embed]]\n[[embed]]", ["'lite0'", "name"]),
        ('[[embed]]\nnetwork = "cae"\nviews = "square"', ["'embed.views'", "input_size"]),
        ('[[embed]]\nnetwork = "sae"', ["embed", "'sae'", "'cae'"]),
        ('[[autoencode]]\nvectors = "vgg"', ["'vgg'", "lite0"]),
        ("[pixels\nsize = 2", ["not valid TOML"]),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(text: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        load(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("source", ["defualt", "nowhere/mine.toml"])
def test_a_recipe_that_does_not_exist(source: str) -> None:
    with pytest.raises(RecipeError, match=r"Did you mean 'default'|cannot be read"):
        load_recipe(source, builtin=builtin_recipes())


def test_values_of_set_are_toml_and_else_text() -> None:
    recipe = load(
        "",
        "pixels.size=96",
        "walk.removals_limit = 1",
        "cluster.k=[3, 5]",
        "corpus.include=['*.tif', \"a b/*\"]",
        "scale.enabled=false",
        "report.title=Fibres of May",
        'report.title="Fibres = May"',
        "labels.sets.phase=/share/labels of#2024",
    )
    assert recipe.pixels.size == 96
    assert recipe.walk.removals_limit == 1.0
    assert recipe.cluster.k == (3, 5)
    assert recipe.corpus.include == ("*.tif", "a b/*")
    assert recipe.scale.enabled is False
    assert recipe.report.title == "Fibres = May"
    assert recipe.labels.sets == {"phase": "/share/labels of#2024"}


def test_set_changes_one_embedding_or_all() -> None:
    recipe = load(TWO, "embed.batch_size=4", "embed.a.seed=3", "embed.b.c.seed=5")
    assert recipe.embed == (
        TimmSettings(name="a", batch_size=4, seed=3),
        TimmSettings(name="b.c", batch_size=4, seed=5),
    )
    assert recipe.autoencode == load(TWO).autoencode


def test_set_reaches_the_default_embedding_and_a_single_table() -> None:
    assert load("", "embed.batch_size=3").embed == (TimmSettings(batch_size=3),)
    assert load("", "embed.lite0.batch_size=3").embed == (TimmSettings(batch_size=3),)
    assert load("[embed]\nseed = 1", "embed.batch_size=3").embed == (TimmSettings(seed=1, batch_size=3),)


def test_set_finds_entries_by_the_default_names_of_their_networks_and_methods() -> None:
    text = '[[embed]]\nnetwork = "contrastive"\n[[embed]]\n[[embed]]\nmodel = "autoencoder"\nname = "x"\n'
    text += '[[map]]\nmethod = "umap"\nvectors = "lite0"\n[[autoencode]]\nnetwork = "dense"\nvectors = "lite0"\n'
    recipe = load(text, "embed.contrastive.seed=3", "embed.lite0.seed=4", "map.umap.seed=5", "autoencode.dense.seed=6")
    assert [one.seed for one in (*recipe.embed, *recipe.map, *recipe.autoencode)] == [3, 4, 0, 5, 6]


@pytest.mark.parametrize(
    ("text", "assignment", "words"),
    [
        ("", "pixels.size", "takes stage.key=value"),
        ("", "size=96", "takes stage.key=value"),
        ("", "pixels.sise=96", "Did you mean 'size'"),
        ("", "pixel.size=96", "Did you mean 'pixels'"),
        ("", "embed.lite.epochs=1", "Did you mean 'lite0'"),
        ("pixels = 3", "pixels.size=96", "is a value"),
        ("embed = 3", "embed.epochs=1", "is a value"),
        ("autoencode = []", "autoencode.epochs=1", "has no autoencode"),
        ("", "pixels.size.x=1", "pixels.size"),
    ],
)
def test_a_wrong_set_is_refused(text: str, assignment: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load(text, assignment)


def test_overrides_win_and_a_finished_recipe_can_be_changed() -> None:
    recipe = load_recipe(assignments=["pixels.size=96"], overrides={"pixels.size": 64, "corpus.include": ["a/**"]})
    assert (recipe.pixels.size, recipe.corpus.include) == (64, ("a/**",))
    changed = change_recipe(recipe, {"labels.sets": {"phase": "/x"}})
    assert changed.labels.sets == {"phase": "/x"}
    assert changed == change_recipe(changed, {})
    assert recipe.labels.sets == {}
    with pytest.raises(RecipeError, match="my set"):
        change_recipe(recipe, {"labels.sets": {"my set": "/x"}})


def test_bytes_that_are_no_text_are_refused_with_their_place() -> None:
    with pytest.raises(RecipeError, match=r"not UTF-8.*caf"):
        change_recipe(load_recipe(), {"labels.sets": {"phase": "/share/caf\udce9"}})


texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(
    title=texts,
    include=st.lists(texts, max_size=3),
    sets=st.dictionaries(names, texts, max_size=3),
    seconds=st.floats(min_value=0, exclude_min=True, allow_nan=False, allow_infinity=False),
    k=st.lists(st.integers(2, 10**9), max_size=3),
    enabled=st.booleans(),
    embeddings=st.lists(names, min_size=1, max_size=3, unique=True),
)
def test_a_recipe_survives_being_written(
    title: str,
    include: list[str],
    sets: dict[str, str],
    seconds: float,
    k: list[int],
    enabled: bool,
    embeddings: list[str],
) -> None:
    recipe = load_recipe(
        overrides={
            "report.title": title,
            "corpus.include": include,
            "labels.sets": sets,
            "run.checkpoint_seconds": seconds,
            "cluster.k": k,
            "scale.enabled": enabled,
        }
    )
    recipe = Recipe.model_validate(
        recipe.model_dump() | {"embed": [TimmSettings(name=name) for name in embeddings], "autoencode": ()}
    )
    text = recipe_to_toml(recipe)
    assert load(text) == recipe
    assert recipe_to_toml(load(text)) == text


def test_a_recipe_without_autoencoders_stays_without() -> None:
    assert load(recipe_to_toml(load("autoencode = []"))).autoencode == ()


def test_a_written_recipe_names_every_setting() -> None:
    tables = tomllib.loads(recipe_to_toml(Recipe()))
    assert set(tables) == set(Recipe.model_fields)
    assert set(tables["embed"][0]) == set(TimmSettings.model_fields)


def test_a_method_is_a_name_or_a_table() -> None:
    """Both ways are written back as what they are read from."""
    methods = 'cluster.methods=["kmeans", {method = "density_peaks", k = [7], density_neighbours = 12}]'
    recipe = load_recipe(assignments=[methods, "cluster.k=[3]"])
    assert [settings.label for settings in recipe.cluster.methods] == ["kmeans", "density_peaks"]
    assert [settings.counts(recipe.cluster.k) for settings in recipe.cluster.methods] == [(3,), (7,)]
    assert recipe.cluster.methods[1].neighbours_needed == 12
    assert load_recipe("own", builtin={"own": recipe_to_toml(recipe)}) == recipe


def test_settings_that_became_a_methods_are_read_from_old_indexes() -> None:
    text = "[cluster]\nmax_hierarchical = 5\ndensity_neighbours = 11"
    methods = {method.method: method for method in load_recipe("old", builtin={"old": text}).cluster.methods}
    assert methods["ward"].max_points == 5
    assert methods["density_peaks"].neighbours_needed == 11
    assert set(methods) == {"kmeans", "density_peaks", "ward"}


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ('[{method = "ward", kk = 3}]', ["cluster.methods.ward.kk", "'k'"]),
        ('[{method = "kmeans", k = [1]}]', ["cluster.methods.kmeans.k", "2"]),
        ('["ward", "ward"]', ["two of them are called 'ward'"]),
        ('[{method = "ward", vectors = ["x"]}]', ["'x'", "sets of vectors"]),
        ('[{method = "density_peaks", density_neighbours = 200}]', ["neighbours.k is 100", "density_peaks"]),
    ],
)
def test_a_wrong_method_is_refused_with_the_right_one(methods: str, words: list[str]) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(assignments=[f"cluster.methods={methods}"])
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a = {'[' * 50_000}{']' * 50_000}", "nested far too deeply"),
        (f"a = {'[' * 900}{']' * 900}", "nested far too deeply|no setting 'a'"),
        (f"name = {'9' * 5000}", "not valid TOML"),
        (f"[walk]\nmax_pixels = 0x{'f' * 5000}", "not valid TOML"),
        ("#" * 2_000_000, "more than 1,048,576 bytes"),
    ],
)
def test_hostile_toml_is_a_sentence(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_recipe(str(tmp_path / "r.toml"))


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 50_000 + "]" * 50_000])
def test_hostile_assignments_are_a_sentence(value: str) -> None:
    with pytest.raises(RecipeError, match=r"--set pixels\.size"):
        load_recipe(assignments=[f"pixels.size={value}"])


def test_a_recipe_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.toml")
    with pytest.raises(RecipeError, match="no regular file"):
        load_recipe(str(tmp_path / "r.toml"))


def test_settings_of_networks_are_read_from_old_recipes() -> None:
    """Before networks had names of their own, an entry of `embed` held the settings of both, and indexes keep that."""
    short = load('[embed]\nmodel = "autoencoder"\nepochs = 3\n[autoencode]\nlayers = [7]')
    assert short.embed == (CaeSettings(name="lite0", epochs=3),)
    assert [(code.network, code.vectors) for code in short.autoencode] == [("sae", "lite0")]
    kept = """
        [[embed]]
        name = "{name}"
        model = "{model}"
        weights = ""
        views = "whole"
        output = "features"
        transform = "sqrt_l2"
        runtime = "onnx"
        device = "cpu"
        batch_size = 8
        seed = 4
        code_size = 32
        input_size = 96
        epochs = 15
        max_training_images = 20000
        """
    both = kept.format(name="a", model="tf_efficientnet_lite0") + kept.format(name="b", model="autoencoder")
    old = load("autoencode = []" + both)
    assert old.embed == (
        TimmSettings(name="a", batch_size=8, seed=4),
        CaeSettings(name="b", batch_size=8, seed=4, code_size=32),
    )
