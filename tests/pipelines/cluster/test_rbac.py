"""The rights of rbac.yaml: valid, named one by one, and those that the commands ask the server for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from simpgan.pipelines import cluster
from tests.pipelines.kubeflow_server import ROUTES

FILE = Path(cluster.__file__).with_name("rbac.yaml")
ANY = "([^/]+)"


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(FILE.read_text()))


@pytest.fixture(scope="module")
def roles(manifests: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rules by the name of their role."""
    return {each["metadata"]["name"]: each["rules"] for each in manifests if each["kind"] == "Role"}


def test_the_manifests_are_valid(manifests: list[dict[str, Any]]):
    for manifest in manifests:
        validate(manifest, "1.34", strict=True)


def test_all_is_in_one_namespace_that_can_be_replaced(manifests: list[dict[str, Any]]):
    assert {each["metadata"]["namespace"] for each in manifests} == {"kubeflow"}
    bound = [each for each in manifests if each["kind"] == "RoleBinding"]
    assert {subject["namespace"] for each in bound for subject in each["subjects"]} == {"kubeflow"}


def test_every_binding_gives_a_role_of_the_file_to_an_account_of_the_file(
    manifests: list[dict[str, Any]], roles: dict[str, Any]
):
    accounts = {each["metadata"]["name"] for each in manifests if each["kind"] == "ServiceAccount"}
    bound = [each for each in manifests if each["kind"] == "RoleBinding"]
    assert {each["roleRef"]["name"] for each in bound} == roles.keys() - {"pipeline-runner"}
    assert {subject["name"] for each in bound for subject in each["subjects"]} == accounts


def test_no_right_is_for_everything(roles: dict[str, list[dict[str, Any]]]):
    for rules in roles.values():
        for rule in rules:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            if {"secrets", "configmaps"} & {*rule["resources"]}:
                assert rule["resourceNames"]
                assert rule["verbs"] == ["get"]


def test_pods_change_nothing_but_the_results_of_their_tasks(roles: dict[str, list[dict[str, Any]]]):
    changing = [rule["resources"] for rule in roles["pipeline-runner"] if set(rule["verbs"]) - {"get", "list"}]
    assert changing == [["workflowtaskresults"]]


def test_what_the_commands_ask_the_server_for_is_allowed(roles: dict[str, list[dict[str, Any]]]):
    """The stand-in for the server answers nothing but what the commands ask for."""
    rules = roles["simpgan-submit"] + roles["simpgan-schedule"]
    allowed = {(each, verb) for rule in rules for each in rule["resources"] for verb in rule["verbs"]}
    asked = {right(method, path) for method, path in ROUTES if path != "/healthz"}
    assert asked <= allowed


def right(method: str, path: str) -> tuple[str, str]:
    """Return the resource and the verb that the server checks for a request. Versions count as pipelines."""
    collection, _, of_one = path.removeprefix("/").partition("/")
    resource = {"recurringruns": "jobs"}.get(collection, collection)
    if verb := re.search(r":(\w+)$", path):
        return resource, verb[1]
    item = of_one.endswith(ANY)
    return resource, {"GET": "get" if item else "list", "POST": "create", "DELETE": "delete"}[method]
