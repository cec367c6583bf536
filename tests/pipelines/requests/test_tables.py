"""Tables as sources and targets of a run: what is known of them before it starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.data_checks import LOOKED_AT_EVERY_TIME, ClusterPlaces
from simpgan.pipelines.requests.adapt import AdaptRequest
from simpgan.pipelines.requests.places import Places
from simpgan.pipelines.requests.request import CheckedRequest
from simpgan.pipelines.requests.table1 import Table1Request
from tests.components.ingest.data_sets import encoded
from tests.components.ingest.tables.test_tables import images_below, network, table_in

SETTINGS = ["pretrain.weights=none", "ingest.columns.person=who", "evaluate.protocols=[]"]


def write(folder: Path, name: str, **role_by_person: str) -> Path:
    """A table of four people by two cameras, with roles if there are any."""
    rows = [
        {"path": row["path"], "who": row["person"], "camera": row["camera"]}
        | ({"role": role_by_person[str(row["person"])]} if role_by_person else {})
        for row in network(4, ["gate", "hall"])
    ]
    images_below(folder / name, *(str(row["path"]) for row in rows))
    return table_in(folder / name, rows, f"{name}.csv")


def checked(source: Path, target: Path, **options: Any) -> CheckedRequest:
    given = {"source": f"table:{source}", "target": f"table:{target}", "set": SETTINGS, **options}
    return AdaptRequest(**given).check(Places())


def test_source_and_target_are_called_as_their_files_and_the_drawn_split_is_adapted_to(tmp_path: Path) -> None:
    request = checked(write(tmp_path, "people"), write(tmp_path, "cameras"))
    arguments = request.arguments
    assert (arguments["source_name"], arguments["target_name"]) == ("people", "cameras")
    assert arguments["source_location"] == str(tmp_path / "people" / "people.csv")
    assert [(each["protocol"], each["fold"]) for each in arguments["adaptations"]] == [("split", "0")]
    assert json.loads(arguments["ingest_settings"])["columns"]["person"] == "who"
    assert {f"{tmp_path}/people/", f"{tmp_path}/cameras/"} <= set(request.reads)


def test_changed_tables_and_images_are_no_stale_hit(tmp_path: Path) -> None:
    source, target = write(tmp_path, "people"), write(tmp_path, "cameras")
    prints = [checked(source, target).arguments["source_fingerprint"] for _ in range(2)]
    (tmp_path / "people" / "0" / "gate0.jpg").write_bytes(encoded(200))
    prints.append(checked(source, target).arguments["source_fingerprint"])
    source.write_text(source.read_text().replace("P03", "P02"))
    prints.append(checked(source, target).arguments["source_fingerprint"])
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_protocols_are_those_of_the_table(tmp_path: Path) -> None:
    source = write(tmp_path, "people")
    target = write(tmp_path, "cameras", P00="train", P01="train", P02="test", P03="test")
    arguments = checked(source, target).arguments
    assert [each["protocol"] for each in arguments["adaptations"]] == ["standard"]
    with pytest.raises(UserError, match="cameras has no protocol 'split' to train in: choose from: standard"):
        checked(source, target, protocol="split")
    with pytest.raises(UserError, match="cameras, protocol 'standard', has no fold 1: they go from 0 to 0"):
        checked(source, target, protocol="standard:1")
    request = Table1Request(source=[f"table:{source}"], target=f"table:{target}", set=SETTINGS, method="gan")
    assert [each["protocol"] for each in request.check(Places()).arguments["adaptations"]] == ["standard"]


def test_what_has_test_images_only_is_measured_and_not_adapted_to(tmp_path: Path) -> None:
    source = write(tmp_path, "people")
    target = write(tmp_path, "cameras", P00="test", P01="test", P02="test", P03="test")
    assert checked(source, target, method="direct").arguments["adaptations"] == []
    with pytest.raises(UserError, match="cameras has no training images: --method direct measures what needs none"):
        checked(source, target, method="simpgan")


def test_a_source_without_people_is_refused_before_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, target = write(tmp_path, "people"), write(tmp_path, "cameras")
    nobody = table_in(tmp_path / "people", [{"path": "0/gate0.jpg", "who": ""}, {"path": "0/gate1.jpg", "who": ""}])
    with pytest.raises(UserError, match="the source people has no labels: 2 of its 2 training images show unknown"):
        checked(nobody, target)
    table = table_in(source.parent, [{"path": "0/gate0.jpg", "pid": "1"}, {"path": "0/gate1.jpg", "pid": "1"}])
    with pytest.raises(UserError, match="the source people has no labels"):
        checked(table, target, set=["pretrain.weights=none"])
    assert "name it, as in --set ingest.columns.person=pid" in caplog.text
    source = write(tmp_path / "again", "people")
    with pytest.raises(UserError, match="the source people has no labels"):
        checked(source, target, set=["pretrain.weights=none", "ingest.columns.person=pid"])
    assert "has no column 'pid', which ingest.columns.person names: it is read without" in caplog.text
    with pytest.raises(UserError, match=r"--source: there is no table '.*none\.csv': correct the path"):
        checked(tmp_path / "none.csv", target)


def test_a_target_may_lack_a_column_that_the_source_names_differently(tmp_path: Path) -> None:
    rows = [{"file": row["path"], "pid": row["person"], "cam": row["camera"]} for row in network(4, ["gate", "hall"])]
    images_below(tmp_path, *(str(row["file"]) for row in rows))
    source = table_in(tmp_path, rows)
    named = ["ingest.columns.path=file", "ingest.columns.person=pid", "ingest.columns.camera=cam"]
    target = table_in(tmp_path, [{"path": row["file"], "person": row["pid"]} for row in rows[:8]], "target.csv")
    request = checked(source, target, set=["pretrain.weights=none", *named], allow_shared_people=True)
    assert [each["protocol"] for each in request.arguments["adaptations"]] == ["split"]


def test_a_cluster_reads_a_table_from_the_store(object_store, tmp_path: Path) -> None:
    table = write(tmp_path, "people")
    files = {f"set/{path.relative_to(table.parent)}": path.read_bytes() for path in table.parent.rglob("*.*")}
    object_store.fill(files)
    target = write(tmp_path, "cameras")
    options: dict[str, Any] = {"source": f"table:{object_store.location}/set/people.csv", "set": SETTINGS}
    options |= {"target": f"table:{target}", "method": "direct"}
    first = AdaptRequest(**options).check(ClusterPlaces()).arguments
    assert first["source_name"] == "people"
    object_store.fill({"set/0/gate0.jpg": encoded(201)})
    second = AdaptRequest(**options).check(ClusterPlaces()).arguments
    assert first["source_fingerprint"] != second["source_fingerprint"]
    later = AdaptRequest(**options, protocol="anything:3").check(ClusterPlaces(scheduled=True)).arguments
    assert later["source_fingerprint"] == LOOKED_AT_EVERY_TIME
    with pytest.raises(UserError, match=r"--source: nothing lies under .*gone\.csv"):
        AdaptRequest(**options | {"source": f"table:{object_store.location}/set/gone.csv"}).check(ClusterPlaces())
