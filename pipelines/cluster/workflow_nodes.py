"""The nodes of a run's workflow, as far as a server tells them.

Argo names a node by its way from the workflow, such as `W(0).root(0).ingest(0).executor(0)`, where `(0)` is the first
attempt at what may be retried. The server lists every node as a task, with the last part of its name and the ids of its
children, but without an id of its own. A node's id ends with a hash of its name. So it can be computed whether a node
of a known name exists, and which tasks are its parents.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, takewhile

from kfp_server_api import V2beta1PipelineTaskDetail

OFFSET, PRIME = 0x811C9DC5, 0x01000193


class Nodes:
    """The nodes of one workflow.

    Attributes:
        workflow: name of the workflow; empty while it has no nodes.
    """

    def __init__(self, tasks: Sequence[V2beta1PipelineTaskDetail]) -> None:
        self.parents: dict[str, list[V2beta1PipelineTaskDetail]] = defaultdict(list)
        for task in tasks:
            for child in task.child_tasks or []:
                self.parents[child.pod_name].append(task)
        self.workflow = next(iter(self.parents), "").rpartition("-")[0]

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a node of that full name. The workflow's own node is no node's child."""
        return self.id(name) in self.parents

    def id(self, name: str) -> str:
        """Return the id of the node of that full name."""
        return f"{self.workflow}-{fnv_1a(name)}"

    def last_attempt(self, name: str) -> str:
        """Return the full name of a node's last attempt; the name itself if it has no attempts."""
        attempts = takewhile(self.__contains__, (f"{name}({attempt})" for attempt in count()))
        return [name, *attempts][-1]

    @property
    def root(self) -> str:
        """Return the full name of the node that holds the pipeline's tasks."""
        return self.last_attempt(f"{self.last_attempt(self.workflow)}.root")

    def iterations(self, loop: str) -> Iterator[str]:
        """Yield the full name of each iteration of a loop that has begun, in order."""
        group = f"{self.last_attempt(loop)}.iteration-iterations"
        for index in count():
            iteration = f"{group}({index}:{index})"
            if iteration not in self:
                return
            yield self.last_attempt(f"{self.last_attempt(iteration)}.iteration-item")


def fnv_1a(text: str) -> int:
    """Return the 32-bit FNV-1a hash of a text."""
    value = OFFSET
    for byte in text.encode():
        value = (value ^ byte) * PRIME & 0xFFFFFFFF
    return value
