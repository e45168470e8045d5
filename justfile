# `just` alone: everything that CI runs.
default: test lint

# All tests, slow ones included, as the README says.
test:
    uv run pytest

# Tests that take less than a second or two each.
fast:
    uv run pytest -m "not slow"

# All tests, and the share of lines that they reach, the processes that they start included.
coverage:
    uv run pytest --cov

# What a reviewer should not have to look for.
lint:
    uv run ruff check
    uv run ruff format --check
    uv run mypy
    uv run lint-imports
    cd dbt_project && uv run sqlfluff lint models
    uv lock --check

# Mend what can be mended by machine.
format:
    uv run ruff check --fix
    uv run ruff format
    cd dbt_project && uv run sqlfluff fix models

# The whole main job on a generated market.
demo:
    uv run quantmini demo

# docs/configuration.md from the settings.
configuration:
    uv run python -m lake.settings.document > docs/configuration.md

# docs/commands.md from the program's help.
commands:
    uv run typer flows.cli utils docs --name quantmini --title Commands --output docs/commands.md

# Wheel, source archive and the list of what they bring along, in dist/.
release:
    rm -rf dist
    uv build
    uv export --quiet --preview-features sbom-export --format cyclonedx1.5 --no-default-groups --output-file dist/sbom.json
    QUANTMINI_LAKE=$(mktemp -d) uvx --from dist/quantmini-*.whl quantmini demo
