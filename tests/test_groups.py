"""Tests that share what is costly to start run in one process."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="there is one process")
def test_the_tests_of_a_file_are_a_group(request):
    assert request.node.nodeid.endswith(f"@{request.node.path}")
