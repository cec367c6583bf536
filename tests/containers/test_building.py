"""How images are built: a changed line costs its layer, what is missing is named, and pushed images are locked."""

import io
import json
import shutil
import subprocess
import sys
import tarfile

import pytest

from components.core.images import Images
from components.core.runtime.errors import UserError
from pipelines import cli
from pipelines.cli.images import check, lock
from pipelines.images import push as pushing
from pipelines.images.build import Bases, build, commit_of, context, in_order
from pipelines.images.push import push
from pipelines.images.wheels import CONSTRAINTS, ROOT, Python, download, image_of_wheels, requirements, versions
from pipelines.profiles import STAGES
from tests.pipelines.test_registry import address, locked

__all__ = ["address", "locked"]

DEBIAN = Python("3.11", "x86_64", "2.36")


def layers(name: str) -> list[str]:
    """The layers of an image, from the base up."""
    inspect = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", name]
    return json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)


@pytest.mark.docker
def test_a_changed_line_is_a_new_layer_of_that_stage_alone(stage_images, bases, tmp_path):
    shutil.copytree(ROOT / "components", tmp_path / "components")
    with (tmp_path / "components" / "ingest" / "stage.py").open("a") as file:
        file.write("\n# one line more\n")
    changed = build("ingest", bases, image_of_wheels(bases.python()), root=tmp_path, tag="changed")
    before, after = layers(stage_images["ingest"]), layers(changed)
    assert len(before) == len(after)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True] * (len(before) - 1) + [False]
    subprocess.run(["docker", "image", "rm", changed], capture_output=True, check=True)


@pytest.mark.docker
def test_stages_with_the_same_packages_share_their_layers(stage_images):
    trains, translates = layers(stage_images["train_gan"]), layers(stage_images["translate"])
    assert trains[:-1] == translates[:-1]
    evaluates = layers(stage_images["evaluate"])
    assert evaluates[: len(trains) - 3] == trains[: len(trains) - 3]  # base and packages, before core in two layers


@pytest.mark.docker
def test_images_are_pushed_and_locked(stage_images, address, locked, monkeypatch, capsys):
    monkeypatch.setattr("pipelines.profiles.STAGES", ["finish", "ingest"])
    for stage in ("finish", "ingest"):
        assert push(stage, f"{address}/reid", "latest") == f"{address}/reid/{stage}:latest"
    lock(f"{address}/reid")
    reference = Images.locked().reference("ingest")
    inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", stage_images["ingest"]]
    assert reference in json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    check()
    for stage in ("finish", "ingest"):
        subprocess.run(["docker", "image", "rm", f"{address}/reid/{stage}:latest"], capture_output=True, check=True)


@pytest.mark.docker
def test_an_image_that_was_not_built_is_not_pushed(engine, monkeypatch):
    monkeypatch.setattr(pushing, "image", lambda stage: f"simpgan-test/none-{stage}:latest")
    with pytest.raises(UserError, match=r"none-ingest:latest is not built: simpgan images build ingest$"):
        push("ingest", "127.0.0.1:1/reid", "latest")


@pytest.mark.docker
def test_a_registry_that_does_not_take_images_is_named(stage_images):
    with pytest.raises(
        UserError, match=r"^127.0.0.1:1/reid/finish:latest cannot be pushed .*docker login 127.0.0.1:1$"
    ):
        push("finish", "127.0.0.1:1/reid", "latest")


@pytest.mark.docker
def test_a_base_image_that_cannot_be_had_is_named(engine):
    with pytest.raises(UserError, match=r"^there is no base image 127.0.0.1:1/none here, and it cannot be pulled"):
        Bases("127.0.0.1:1/none", "127.0.0.1:1/none").python()


@pytest.mark.docker
def test_a_base_image_without_torch_is_refused(bases):
    with pytest.raises(UserError, match=r"^the image of pretrain cannot be built \(.*torch.*\): see images/README.md$"):
        build("pretrain", Bases(bases.slim, bases.slim), image_of_wheels(bases.python()), tag="none")


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


def test_every_stage_has_a_target_and_one_without_is_named():
    assert sorted(in_order(STAGES)) == STAGES
    with pytest.raises(UserError, match=r"^images/Dockerfile has no target guess-who: add one"):
        in_order(["guess_who"])


def test_the_bases_of_the_dockerfile_are_pinned_and_others_need_not_be():
    assert Bases.given().without_digest() == []
    assert Bases.given(torch="mine:latest").without_digest() == ["mine:latest"]


def test_a_build_is_given_code_and_nothing_else_whoever_owns_it(tmp_path):
    shutil.copytree(ROOT / "components", tmp_path / "components")
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
    assert {"pandas", "kfp", "mlflow-skinny", "scikit-image", "matplotlib"} <= names
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
