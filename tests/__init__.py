"""Tests mirror the folders. Their environment is their own, before any setting is read."""

import os

# The processes that these tests start by the hundred would each compile all that they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A lake, keys and alerts of whoever runs these tests are no business of theirs.
for name in [name for name in os.environ if name.startswith(("QUANTMINI_", "POLYGON_"))]:
    del os.environ[name]
# Nor are the files of their configuration: there are none here, and none can be made.
os.environ["QUANTMINI_CONFIG"] = f"{os.devnull}/config"
