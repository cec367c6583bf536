"""How images are built: a changed line costs its layer, what is missing is named, and pushed images are locked."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from simpgan.components.core.errors import UserError
from simpgan.components.core.images import StageImages
from simpgan.pipelines import cli
from simpgan.pipelines.cli.images import check, lock
from simpgan.pipelines.images import push as pushing
from simpgan.pipelines.images.build import IMAGES, Bases, build, commit_of, context, in_order
from simpgan.pipelines.images.docker_command import reason
from simpgan.pipelines.images.push import push
from simpgan.pipelines.images.wheels import CONSTRAINTS, ROOT, Python, download, image_of_wheels, requirements, versions
from tests.pipelines.cluster.test_image_registry import address, locked

__all__ = ["address", "locked"]

DEBIAN = Python("3.11", "x86_64", "2.36")


def remove(*names: str) -> None:
    """Take names from images, and the images if they have no other."""
    subprocess.run(["docker", "image", "rm", *names], capture_output=True, check=True)


def layers(name: str) -> list[str]:
    """The layers of an image, from the base up."""
    inspect = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", name]
    return json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)


def copy_code(folder: Path) -> None:
    """Copy what goes into images to another root."""
    for name in ("components", "simpgan"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)


@pytest.mark.docker
def test_a_changed_line_is_a_new_layer_of_that_stage_alone(bases, tmp_path):
    wheels = image_of_wheels(bases.python())
    copy_code(tmp_path)
    before = layers(build("ingest", bases, wheels, root=tmp_path, tag="before"))
    with (tmp_path / "components" / "ingest" / "stage.py").open("a") as file:
        file.write("\n# one line more\n")
    after = layers(build("ingest", bases, wheels, root=tmp_path, tag="after"))
    assert len(before) == len(after)
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
    remove("simpgan/ingest:before", "simpgan/ingest:after")


@pytest.mark.docker
def test_stages_with_the_same_packages_share_their_layers(stage_images):
    trains, translates = layers(stage_images["train_gan"]), layers(stage_images["translate"])
    assert trains[:-1] == translates[:-1]
    evaluates = layers(stage_images["evaluate"])
    assert evaluates[: len(trains) - 4] == trains[: len(trains) - 4]  # base and packages, before core in three layers


@pytest.fixture
def small_images(engine, monkeypatch):
    """Images of a few bytes in the place of two stages'."""
    names = {stage: f"simpgan-test/small-{stage}:latest" for stage in ("finish", "ingest")}
    for stage, name in names.items():
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(stage))
        subprocess.run(["docker", "import", "-", name], input=archive.getvalue(), capture_output=True, check=True)
    monkeypatch.setattr(pushing, "image", names.get)
    monkeypatch.setattr("simpgan.pipelines.images.build.IMAGES", list(names))
    yield names
    remove(*names.values())


@pytest.mark.docker
def test_images_are_pushed_and_locked_by_the_digests_that_the_engine_knows(small_images, address, locked):
    pushed = [push(stage, f"{address}/reid", "v1") for stage in small_images]
    assert pushed == [f"{address}/reid/finish:v1", f"{address}/reid/ingest:v1"]
    lock(f"{address}/reid", tag="v1")
    inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", small_images["ingest"]]
    known = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    assert known == [StageImages.locked().reference("ingest")]
    check()
    remove(*pushed)


@pytest.mark.docker
def test_an_image_that_was_not_built_is_not_pushed(engine, monkeypatch):
    monkeypatch.setattr(pushing, "image", lambda stage: f"simpgan-test/none-{stage}:latest")
    with pytest.raises(UserError, match=r"none-ingest:latest is not built: simpgan images build ingest$"):
        push("ingest", "127.0.0.1:1/reid", "latest")


@pytest.mark.docker
def test_a_registry_that_does_not_take_images_is_named(small_images):
    with pytest.raises(
        UserError, match=r"^127.0.0.1:1/reid/finish:latest cannot be pushed .*docker login 127.0.0.1:1$"
    ):
        push("finish", "127.0.0.1:1/reid", "latest")
    remove("127.0.0.1:1/reid/finish:latest")


@pytest.mark.docker
def test_a_base_image_that_cannot_be_had_is_named(engine):
    with pytest.raises(UserError, match=r"^the base image 127.0.0.1:1/none is not on this machine"):
        Bases("127.0.0.1:1/none", "127.0.0.1:1/none").python()


@pytest.mark.docker
def test_a_base_image_without_torch_is_refused(bases):
    with pytest.raises(UserError, match=rf"^{bases.slim} has no torch: give an image with torch as --base-image$"):
        Bases(bases.slim, bases.slim).python()


@pytest.mark.parametrize(
    ("output", "errors", "said"),
    [
        ("Step 1\n\x1b[91mERROR: No torch\n\x1b[0m\x1b[91mERROR: Stop\n\x1b[0m", "The command ... failed", "No torch"),
        ("", "#9 1.2 ERROR: No torch\n#9 ERROR: process ...\nERROR: failed to build", "No torch"),
        ("", "Using default tag\nError response from daemon: no", "Error response from daemon: no"),
        ("", "", "docker gives no reason"),
    ],
)
def test_why_a_command_failed_is_one_line_under_both_builders(output, errors, said):
    assert reason(output, errors) == said


def test_without_an_engine_it_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(sys, "argv", ["simpgan", "images", "build", "ingest"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert f"cannot reach the Docker engine at unix://{tmp_path}/none.sock" in capsys.readouterr().err


def test_an_unknown_stage_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["simpgan", "images", "build", "train-gun"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "there is no stage train_gun: did you mean 'train_gan'?" in capsys.readouterr().err


def test_every_image_has_a_target_and_one_without_is_named():
    assert sorted(in_order(IMAGES)) == IMAGES
    with pytest.raises(UserError, match=r"^images/Dockerfile has no target guess-who: add one"):
        in_order(["guess_who"])


def test_the_bases_of_the_dockerfile_are_pinned_and_others_need_not_be():
    assert Bases.given().without_digest() == []
    assert Bases.given(torch="mine:latest").without_digest() == ["mine:latest"]


def test_a_build_is_given_code_and_nothing_else_whoever_owns_it(tmp_path):
    copy_code(tmp_path)
    (tmp_path / "components" / "ingest" / ".env").write_text("PASSWORD=secret")
    (tmp_path / "components" / "ingest" / "stage.py").chmod(0o600)
    assert context(tmp_path) == context()
    with tarfile.open(fileobj=io.BytesIO(context())) as archive:
        names = archive.getnames()
    assert "components/core/images.py" in names
    assert {name.rpartition(".")[2] for name in names} <= {"Dockerfile", "py", "j2", "yaml", "json", "csv"}


def test_the_commit_in_an_image_is_that_of_its_own_code(tmp_path):
    def git(*arguments: str) -> str:
        person = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        ran = subprocess.run(["git", *person, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    assert commit_of("ingest", tmp_path) == "unknown"
    git("init", "--quiet")
    for number, stage in enumerate(("ingest", "umdl")):
        file = tmp_path / "components" / stage / "stage.py"
        file.parent.mkdir(parents=True)
        file.write_text(str(number))
        git("add", ".")
        git("commit", "--quiet", "--message", stage)
    assert commit_of("umdl", tmp_path) == git("rev-parse", "--short=12", "HEAD")
    assert commit_of("ingest", tmp_path) == git("rev-parse", "--short=12", "HEAD~1")
    (tmp_path / "components" / "ingest" / "stage.py").write_text("2")
    assert commit_of("ingest", tmp_path) == git("rev-parse", "--short=12", "HEAD~1") + "-dirty"


def test_packages_are_those_of_the_extras_at_the_versions_of_constraints():
    wanted = requirements()
    pinned = versions(line for lines in wanted.values() for line in lines)
    names = {line.partition("==")[0].lower() for line in pinned}
    assert {"pandas", "kfp", "mlflow-skinny", "scikit-image", "matplotlib", "uvicorn"} <= names
    assert not {"torch", "torchvision", "mlflow", "kubernetes", "pytest"} & names
    assert set(pinned) <= set(CONSTRAINTS.read_text().splitlines())


def test_wheels_fit_the_images_python_and_not_newer_ones():
    platforms = DEBIAN.platforms()
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert "manylinux_2_17_x86_64" in platforms
    assert "manylinux2014_x86_64" in platforms


def test_a_package_that_cannot_be_fetched_is_named(tmp_path):
    with pytest.raises(UserError, match=r"^packages of the images for Python 3.11: .*no-such-package.*its index\?$"):
        download(["--no-index", "no-such-package==1"], DEBIAN, tmp_path)
