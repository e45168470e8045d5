import re
from pathlib import Path

import pytest
import yaml

from gold_export.options import DEFAULT_TOP
from lake import settings
from lake.errors import UsageError
from lake.settings.document import document
from lake.settings.mistakes import paths

SECRETS = ("s3_access_key_id", "s3_secret_access_key", "api_key")


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variable of this machine and no configuration file decides a test."""
    for name in ("QUANTMINI_LAKE", "POLYGON_API_KEY", "POLYGON_S3_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "CONFIG", tmp_path)
    return tmp_path


def test_the_default_lake_lies_beside_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert settings.load().lake.root == settings.PROJECT / "quantmini-lake"


def test_a_relative_root_in_the_file_starts_at_the_project(monkeypatch, tmp_path, empty):
    (empty / "pipeline_config.yaml").write_text("lake: {root: other}")
    monkeypatch.chdir(tmp_path)
    assert settings.load().lake.root == settings.PROJECT / "other"


def test_environment_beats_credentials_beat_configuration(monkeypatch, tmp_path, empty):
    (empty / "pipeline_config.yaml").write_text(
        "lake: {root: /file}\nsource: {bucket: from-file, s3_endpoint: http://file}\napi_key: file"
    )
    (empty / "credentials.yaml").write_text("api_key: secret\nsource: {bucket: from-credentials}")
    monkeypatch.setenv("QUANTMINI_LAKE", "env-lake")
    monkeypatch.chdir(tmp_path)
    loaded = settings.load()
    assert loaded.lake.root == tmp_path / "env-lake"
    assert loaded.source.bucket == "from-credentials"
    assert loaded.source.s3_endpoint == "http://file"
    assert loaded.api_key is not None
    assert loaded.api_key.get_secret_value() == "secret"
    monkeypatch.setenv("QUANTMINI_SOURCE__BUCKET", "from-env")
    assert settings.load().source.bucket == "from-env"


def test_secrets_print_nowhere(monkeypatch):
    monkeypatch.setenv("POLYGON_S3_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in repr(settings.load()) + str(settings.load().model_dump())


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("source: {bukcet: x}", "source.bukcet: unknown; did you mean source.bucket"),
        ("sorce: {bucket: x}", "sorce: unknown; did you mean source"),
        ("bucket: x", "bucket: unknown; did you mean source.bucket"),
        ("pipeline: {source: {bucket: x}}", "pipeline.source: unknown; did you mean source"),
        ("monitoring: {top: 3}", "monitoring.top: unknown; did you mean gold.stocks_minute.top"),
        ("xyzzy: 1", "xyzzy: unknown; known: lake, pipeline"),
        ("processing: {enable_validation: false}", "does not exist: every row is always checked"),
        ("pipeline: {processing: {gc_frequency: 5}}", "pipeline.processing: unknown"),
        ("source: {bucket: x}\nsource: {bucket: y}", "line 2: source is there twice"),
        ("source: [", "line 1"),
        ("- source", "has no keys"),
        ("lake:\n  root: {{ lake_root }}", "line 2: a name is wanted before the colon"),
        ("1: 2", "line 1: a name is wanted"),
        ("lake: {root: ~nobody-here/lake}", "~nobody-here/lake: no user of that name"),
        ("source: {max_retries: -1}", "source.max_retries"),
        (
            "parquet: {compression: snappy, compression_level: 3}",
            "parquet: snappy has no compression_level",
        ),
        ("parquet: {compression: gzip, compression_level: 12}", "gzip is 1 to 9"),
        ("processing: {max_bad_share: 2}", "processing.max_bad_share"),
        ("gold: {adjustment: all}", "gold.adjustment"),
        ("lake: {root: '/data/[a]'}", r"lake.root: its path cannot hold \["),
        ("gold: {lists: [0]}", "gold.lists"),
        ("lake: {catalog: 'postgresql://u:hunter2@h/d'}", "catalog and data_path belong together"),
        ("lake: {data_path: 's3://b/p'}", "catalog and data_path belong together"),
        ("lake: {catalog: 'postgresql://u:hunter2@h'}", "ends with the database's name"),
        ("lake: {catalog: 'mysql://u:hunter2@h/d'}", "write it as postgresql://"),
        ("lake: {catalog: 'postgresql://u:1/hunter2@h:5432/d'}", "percent-encode"),
        ("lake: {catalog: 'postgresql://u:hunter2/x@h:5432/d'}", "percent-encode"),
        ("lake: {catalog: 'postgresql://u:x#hunter2@h:5432/d'}", "percent-encode"),
        ("lake: {catalog: 'postgresql://h/d', data_path: /p}", "write it as s3://"),
        ("lake: {catalog: 'postgresql://h/d', data_path: 's3://b'}", "needs s3_access_key_id"),
        ("gold: {types: {top5: [CS]}}", "gold.types"),
        ("gold: {types: {../x: [CS]}}", "gold.types"),
        ("gold: {fields: {stocks_daily: []}}", "leave it out"),
        ("gold: {fields: {bonds: [close]}}", "bonds"),
    ],
)
def test_mistakes_are_named_without_their_value(empty, text, named):
    (empty / "pipeline_config.yaml").write_text(text)
    with pytest.raises(UsageError, match=named) as error:
        settings.load()
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("QUANTMINI_SORCE__BUCKET", "did you mean QUANTMINI_SOURCE__BUCKET"),
        ("QUANTMINI_SOURCE_BUCKET", "did you mean QUANTMINI_SOURCE__BUCKET"),
        ("QUANTMINI_SOURCE__BUKCET", "QUANTMINI_SOURCE__BUKCET: unknown; did you mean source"),
        ("QUANTMINI_THREAD", "did you mean QUANTMINI_THREADS"),
        ("QUANTMINI_GOLD__LISTS", "gold"),
    ],
)
def test_mistaken_variables_are_named(monkeypatch, name, named):
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(UsageError, match=named) as raised:
        settings.load()
    assert "hunter2" not in str(raised.value)


def test_variables_that_are_no_settings_are_known(monkeypatch):
    """Those of dbt's files among them, or dbt could not read the settings."""
    files = [settings.PROJECT / name for name in ("profiles.yml", "dbt_project/dbt_project.yml")]
    text = "".join(path.read_text() for path in files)
    for name in {"QUANTMINI_LOG_LEVEL", *re.findall(r"QUANTMINI_\w+", text)}:
        monkeypatch.setenv(name, "1")
    settings.load()


def test_a_mistake_in_the_credentials_shows_none_of_them(empty):
    for text in ("api_key: [hunter2", "api_key: hunter2: x", "{hunter2", "api_key: {x: hunter2}"):
        (empty / "credentials.yaml").write_text(text)
        with pytest.raises(UsageError) as raised:
            settings.load()
        assert "hunter2" not in str(raised.value)


def test_what_is_left_empty_counts_as_not_given(monkeypatch, empty):
    example = (settings.PROJECT / "config/credentials.example.yaml").read_text()
    (empty / "credentials.yaml").write_text(example)
    (empty / "pipeline_config.yaml").write_text("source:\n  # bucket: x\n")
    monkeypatch.setenv("QUANTMINI_SOURCE__BUCKET", "")
    loaded = settings.load()
    assert loaded.s3_access_key_id is loaded.s3_secret_access_key is loaded.api_key is None
    assert loaded.source.bucket == "flatfiles"


def test_the_file_has_every_setting_with_its_default(empty):
    text = (settings.PROJECT / "config/pipeline_config.yaml").read_text()
    written = yaml.safe_load(text)
    defaults = settings.load().model_dump(exclude=set(SECRETS))
    for path in paths(settings.Settings):
        if path.split(".")[0] not in SECRETS:
            assert re.search(rf"^[# ]*(- )?{path.rpartition('.')[2]}:", text, re.M) or (
                path.startswith("gold.") and path.count(".") == 2
            ), path
    # Both leave it to the export, whose own defaults these are.
    for store in ("stocks_minute", "options"):
        assert written["gold"].pop(store) == {"top": DEFAULT_TOP[store]}
        del defaults["gold"][store]
    # Naming all features is naming none.
    assert written.pop("features") == features()
    del defaults["features"]
    for block, values in written.items():
        for name, value in values.items():
            assert defaults[block][name] == value, name


def models():
    """The four data sets' models, as their own YAML has them."""
    folder = settings.PROJECT / "dbt_project/models/silver/features"
    files = sorted(folder.glob("*.yml"))
    return {path.stem: yaml.safe_load(path.read_text())["models"][0] for path in files}


def features():
    """The features of each data set."""
    return {
        name: [
            column["name"]
            for column in model["columns"]
            if column.get("config", {}).get("meta", {}).get("feature")
        ]
        for name, model in models().items()
    }


def test_each_feature_has_a_row_in_the_guide_and_each_model_a_test_of_them():
    guide = (settings.PROJECT / "docs/features.md").read_text(encoding="utf-8")
    for dataset, names in features().items():
        for name in names:
            assert re.search(rf"^\| [^|]*\b{dataset}\b[^|]*\| `{name}` \|", guide, re.M), name
    for name, model in models().items():
        assert {"finite_features": {"name": f"{name}_finite_features"}} in model["data_tests"]


def test_the_page_is_made_from_the_settings():
    page = settings.PROJECT / "docs/configuration.md"
    assert page.read_text(encoding="utf-8") == document(), "run `just configuration`"
