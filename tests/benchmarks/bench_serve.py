"""How long a search takes that comes together with others, over HTTP, and whether all are answered.

    python -m tests.benchmarks.bench_serve

Starts the service with a ResNet-50 at 128x64 that was never trained, and a gallery of random features. In each turn, 50
clients that are connected already send a JPEG of 128x64 at the same moment. Then each sends one after the other without
a pause. Clients and service share the cores that this process may use: give it two with `taskset --cpu-list 0,1`.
"""

import asyncio
import io
import json
import os
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from simpgan.components.core.data.manifest import Manifest
from simpgan.components.core.models.classifier import ClassifierConfig, SiameseClassifier
from simpgan.components.core.models.model_folder import save_model
from simpgan.components.core.process.provenance import hardware
from simpgan.components.core.registry.adaptation import load_adaptation, save_adaptation
from simpgan.components.ingest import stage as ingest
from simpgan.components.ingest.settings import IngestSettings
from simpgan.components.search.gallery import ManifestGallery
from simpgan.pipelines.demo_data import generate
from tests.benchmarks.bench_search import write
from tests.servers.search_service import SearchService

HEIGHT, WIDTH = 128, 64


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    for name, default in {"images": 100_000, "clients": 50, "turns": 20, "seconds": 15}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = str(cores)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIMPGAN_CACHE"] = f"{folder}/cache"
        settings = prepare(Path(folder), given.images)
        service = SearchService(Path(folder) / "log", **settings)
        service.wait_for("Ready")
        try:
            probes = [picture(seed) for seed in range(given.clients)]
            precision = service.search(probes[0]).json()["precision"]
            print(f"{hardware()}; {cores} core(s) for clients and service; {given.images:,} features; {precision}")
            asyncio.run(measure(service, probes, given.turns, given.seconds))
        finally:
            service.stop()


def prepare(folder: Path, images: int) -> dict[str, object]:
    """Make a model, and a gallery whose images are many times the same few, with features of their own.

    Returns:
        The settings of the service.
    """
    data_root = str(folder / "data")
    source, target = generate(folder / "networks", 0, source_identities=8, target_identities=8)
    ingest.run(str(source), IngestSettings(layout="market1501"), data_root, folder / "source")
    ingest.run(str(target), IngestSettings(layout="grid"), data_root, folder / "target")
    torch.manual_seed(0)
    known = Manifest.load(folder / "source")
    config = ClassifierConfig(identities=751, height=HEIGHT, width=WIDTH)
    save_model(
        folder / "classifier",
        {"classifier": SiameseClassifier(config)},
        {
            "classifier": config.model_dump(),
            "source": known.dataset,
            "protocol": known.source_protocol,
            "inputs": {"source": known.digest},
            "settings": {"seed": 0, "verification_weight": 1.0, "preset": ""},
        },
    )
    parts = {name: folder / name for name in ("classifier", "source", "target")}
    save_adaptation(folder / "model", "direct", data_root=data_root, **parts)
    target_images = Manifest.load(folder / "target").images
    repeated = target_images.iloc[np.arange(images) % len(target_images)]
    table = repeated.assign(name=[f"{row:08}.jpg" for row in range(images)])
    gallery = Manifest("made up", table, Manifest.load(folder / "target").roles[:0])
    gallery.save(folder / "gallery")
    path = ManifestGallery(gallery, load_adaptation(folder / "model"), data_root).cached
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, images)
    return {"model": folder / "model", "gallery": folder / "gallery", "data_root": data_root}


def picture(seed: int) -> bytes:
    """A JPEG of the size of a crop."""
    colours = np.random.default_rng(seed).integers(0, 255, (8, 4, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(colours).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


async def measure(service: SearchService, probes: list[bytes], turns: int, seconds: int) -> None:
    """Send bursts, then a steady load, and print what each took."""
    clients = [await Client.connected(service, probe) for probe in probes]
    await asyncio.gather(*(client.search() for client in clients))  # warms up
    before, bursts = figures(service), []
    for _ in range(turns):
        bursts += await asyncio.gather(*(client.search() for client in clients))
        await asyncio.sleep(0.2)
    after = figures(service)
    report(f"{len(clients)} at once, {turns} times", bursts)
    batches, work = (
        (after[name] - before[name]) / turns for name in ("simpgan_batch_images_count", "process_cpu_seconds_total")
    )
    print(f"  each time {batches:.1f} batches, and {work:.2f} s of the service's processor time")
    end = time.perf_counter() + seconds
    loads = await asyncio.gather(*(client.search_until(end) for client in clients))
    steady = [each for load in loads for each in load]
    report(f"{len(clients)} clients for {seconds} s, {len(steady) / seconds:.1f} searches/s", steady)
    await asyncio.sleep(0.2)
    report("one at a time", [await clients[0].search() for _ in range(turns)])


def report(what: str, taken: list[float | None]) -> None:
    """Print the times of searches; None is one that was not answered."""
    answered = np.array([each for each in taken if each is not None])
    middle, late = np.quantile(answered, [0.5, 0.95])
    lost = len(taken) - len(answered)
    print(
        f"{what}: median {middle:.3f} s, p95 {late:.3f} s, longest {answered.max():.3f} s; {lost} of {len(taken)} lost"
    )


class Client:
    """A connection that sends the same search again and again: a client that costs the service's cores little."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        self.reader, self.writer, self.request = reader, writer, request

    @classmethod
    async def connected(cls, service: SearchService, probe: bytes) -> "Client":
        host, port = service.url.removeprefix("http://").split(":")
        header = (
            f"POST /search?top=20 HTTP/1.1\r\nHost: {host}\r\nAuthorization: {service.headers['Authorization']}\r\n"
        )
        request = f"{header}Content-Length: {len(probe)}\r\n\r\n".encode() + probe
        return cls(*await asyncio.open_connection(host, int(port)), request)

    async def search(self) -> float | None:
        """Seconds until the answer has come; None if it is none."""
        started = time.perf_counter()
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = json.loads(await self.reader.readexactly(int(length.partition(b":")[2])))
        return time.perf_counter() - started if len(answer.get("found", ())) == 20 else None

    async def search_until(self, end: float) -> list[float | None]:
        """The seconds of one search after the other."""
        taken = []
        while time.perf_counter() < end:
            taken.append(await self.search())
        return taken


def figures(service: SearchService) -> dict[str, float]:
    """The numbers of the service for Prometheus."""
    lines = [line for line in service.get("metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


if __name__ == "__main__":
    main()
