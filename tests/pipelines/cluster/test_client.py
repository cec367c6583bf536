"""Talking to a server: versions by content, and what it refuses."""

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simpgan.components.core.errors import UserError
from simpgan.pipelines.cluster.client import Server, Version
from tests.pipelines.cluster.compiling import compiled
from tests.servers.foreign import ANSWERS, answering


def start(server, pipeline):
    arguments = {"first": "a", "others": [{"word": "b"}]}
    return server.start(server.upload(pipeline), arguments, "words, 12:00", "trials")


def test_a_pipeline_is_uploaded_once_for_each_content(kubeflow, server, pipeline):
    first = server.upload(pipeline)
    assert first.new
    assert first.name == pipeline.digest[:16]
    assert server.upload(pipeline) == Version(first.pipeline_id, first.version_id, first.name, new=False)
    other = server.upload(pipeline.without_cache())
    assert other.new
    assert other.pipeline_id == first.pipeline_id
    assert len(kubeflow.pipelines) == 1
    assert [each.display_name for each in kubeflow.pipelines.values()] == ["words"]
    assert len(kubeflow.versions) == 2


def test_a_version_that_somebody_uploads_in_the_same_moment_is_used(kubeflow, server, pipeline):
    kubeflow.race = True
    version = server.upload(pipeline)
    assert list(kubeflow.versions) == [version.version_id]


def test_a_pipeline_with_settings_for_kubernetes_keeps_them(kubeflow, server):
    from kfp import dsl, kubernetes

    from tests.pipelines.words import write

    @dsl.pipeline(name="with-secret")
    def with_secret(first: str):
        kubernetes.use_secret_as_env(write(word=first), "keys", {"key": "AWS_ACCESS_KEY_ID"})

    server.upload(compiled(with_secret).without_cache())
    (version,) = kubeflow.versions.values()
    (executor,) = version.pipeline_spec["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"][
        "executors"
    ].values()
    assert executor["secretAsEnv"][0]["keyToEnv"] == [{"envVar": "AWS_ACCESS_KEY_ID", "secretKey": "key"}]
    assert "enableCache" not in str(version.pipeline_spec)


def test_runs_share_their_experiment(kubeflow, server, pipeline):
    runs = {start(server, pipeline), start(server, pipeline)}
    assert set(kubeflow.runs) == runs
    assert [each.display_name for each in kubeflow.experiments.values()] == ["trials"]
    run = kubeflow.runs[runs.pop()]
    assert run.display_name == "words, 12:00"
    assert run.runtime_config.parameters == {"first": "a", "others": [{"word": "b"}]}


def test_a_users_experiments_and_pipelines_are_in_the_users_namespace(kubeflow, pipeline):
    kubeflow.several_users = True
    with pytest.raises(UserError, match="has several users: add --namespace with yours"):
        Server(kubeflow.address)
    start(Server(kubeflow.address, namespace="team"), pipeline)
    owned = [*kubeflow.experiments.values(), *kubeflow.pipelines.values()]
    assert [each.namespace for each in owned] == ["team", "team"]


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_server_of_another_kind_is_named(kind, monkeypatch):
    monkeypatch.delenv("SIMPGAN_KFP_TOKEN", raising=False)
    with answering(*ANSWERS[kind]) as address, pytest.raises(UserError) as refused:
        Server(address)
    said = str(refused.value)
    assert said.startswith(address)
    assert "not as Kubeflow Pipelines" in said or "is no Kubeflow Pipelines server" in said
    assert "--host" in said
    assert "\n" not in said


# Tokens


def test_a_token_comes_from_the_environment_or_a_file_that_is_read_again(kubeflow, tmp_path, monkeypatch):
    kubeflow.token = "one"
    monkeypatch.setenv("SIMPGAN_KFP_TOKEN", "one\n")
    Server(kubeflow.address).experiment_id("trials")
    file = tmp_path / "token"
    file.write_text("one\n")
    monkeypatch.setenv("SIMPGAN_KFP_TOKEN", "old")
    server = Server(kubeflow.address, file)
    file.write_text("two")
    kubeflow.token = "two"
    server.experiment_id("trials")
    assert set(kubeflow.tokens) == {"one", "two"}


def test_without_a_token_none_is_sent(kubeflow):
    Server(kubeflow.address).experiment_id("trials")
    assert set(kubeflow.tokens) == {""}


def test_an_expired_a_missing_and_a_weak_token_are_told_apart(kubeflow, monkeypatch, pipeline):
    kubeflow.token = "new"
    refused(lambda: Server(kubeflow.address), f"{kubeflow.address} asks for a token: set SIMPGAN_KFP_TOKEN or give")
    monkeypatch.setenv("SIMPGAN_KFP_TOKEN", "old")
    refused(
        lambda: Server(kubeflow.address),
        f"{kubeflow.address} does not take the token, it may have expired: get a new one (the token is not valid: it",
    )
    monkeypatch.setenv("SIMPGAN_KFP_TOKEN", "new")
    server = Server(kubeflow.address, namespace="team")
    kubeflow.forbidden = True
    refused(lambda: server.upload(pipeline), f"{kubeflow.address} does not let this account do that in namespace team")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "No such file or directory: give"), (" \n", "is empty: write")]
)
def test_a_token_file_without_a_token_is_refused(kubeflow, tmp_path, content, message):
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    assert message in refused(lambda: Server(kubeflow.address, file), f"--token-file {file}")


# Servers that are none


def refused(act, message):
    """What is said, in one line that starts with `message`."""
    with pytest.raises(UserError) as error:
        act()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_host_that_cannot_be_reached_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    message = refused(lambda: Server(host), f"cannot reach Kubeflow Pipelines at {host} (")
    assert "Connection refused" in message
    refused(lambda: Server("http://kubeflow.invalid"), "cannot reach Kubeflow Pipelines at http://kubeflow.invalid (")


@pytest.mark.parametrize(
    "host", ["localhost:8888", "kubeflow.example.org", "http://", "http://host:port", "ftp://host"]
)
def test_what_is_no_address_is_refused(host):
    refused(lambda: Server(host), f"--host '{host}' is no address: write https://")


@pytest.fixture
def certificate(tmp_path):
    """A file with a certificate for 127.0.0.1 that nobody else has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubeflow")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_of_an_own_authority_is_taken_when_it_is_named(kubeflow, certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    host = kubeflow.encrypt(certificate)
    said = refused(lambda: Server(host), f"cannot reach Kubeflow Pipelines at {host} (")
    assert said.endswith("set SSL_CERT_FILE to a file with the certificates that it goes back to")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    Server(host).experiment_id("trials")


def test_a_page_to_log_in_is_no_server(kubeflow):
    kubeflow.page = "<html>Log in</html>"
    refused(
        lambda: Server(kubeflow.address), f"{kubeflow.address} answers with a page, not as Kubeflow Pipelines: log in"
    )


def test_another_server_is_none(kubeflow):
    refused(
        lambda: Server(f"{kubeflow.address}/elsewhere"), f"{kubeflow.address}/elsewhere has no such thing, or is no"
    )


def test_what_else_a_server_refuses_is_in_its_words(kubeflow, server):
    kubeflow.failing = 1
    refused(lambda: server.experiment_id("trials"), f"{kubeflow.address} answers 503: upstream connect error")
