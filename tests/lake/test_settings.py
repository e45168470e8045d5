from pathlib import Path

import pytest

from lake import settings
from lake.errors import UsageError


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
        ("source: {bukcet: x}", "source.bukcet"),
        ("processing: {max_bad_share: 2}", "processing.max_bad_share"),
        ("unknown: 1", "unknown"),
        ("gold: {adjustment: all}", "gold.adjustment"),
        ("gold: {lists: [0]}", "gold.lists"),
        ("gold: {types: {top5: [CS]}}", "gold.types"),
        ("gold: {types: {../x: [CS]}}", "gold.types"),
        ("gold: {fields: {stocks_daily: []}}", "leave it out"),
        ("gold: {fields: {bonds: [close]}}", "bonds"),
    ],
)
def test_mistakes_are_named_without_their_value(empty, text, named):
    (empty / "pipeline_config.yaml").write_text(text)
    with pytest.raises(UsageError, match=named):
        settings.load()
