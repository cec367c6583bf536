"""What is in the images of the stages, and how they are built."""

import pytest

from pipelines.profiles import STAGES
from tests.containers.running import output

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_starts_as_nobody_with_nothing_to_write_to(stage_images, stage):
    check = f"import os, components.{stage}.stage; print(os.getuid(), os.environ['SIMPGAN_COMMIT'] != 'unknown')"
    assert output(stage_images[stage], "python3", "-c", check) == "10001 True\n"
