"""The contract suite's failures are shown like those of tests."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.search.engine_contract")
