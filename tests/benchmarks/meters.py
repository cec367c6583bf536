"""What an operation does to memory, read off the tensors that go into it and come out of it, on any device.

With fake tensors (`as_fakes`) nothing is computed, so a step of any size can be metered on any machine.
"""

import weakref
from typing import Any

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

ALLOCATING = ("aten::empty", "aten::new_empty")


class MemoryMeter(TorchDispatchMode):
    """Counts bytes while it is active.

    Attributes:
        moved: read and written by all operations together, each tensor once for each operation that has it as an input
            or output: what would cross the memory bus if no operation found its input in a cache.
        calls: operations that read or write: about the kernels that a GPU has to start.
        live, peak: of tensors that exist now, and at most. Workspace of libraries and fragmentation are not in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.moved = self.calls = self.live = self.peak = 0
        self.storages = WeakIdKeyDictionary()

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: tuple = (), named: dict | None = None) -> Any:
        result = operation(*arguments, **(named or {}))
        inputs, outputs = tensors(arguments) + tensors(named), tensors(result)
        if not operation.is_view:
            self.calls += operation.namespace == "aten" and not operation.name().startswith(ALLOCATING)
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in inputs + outputs)
        for tensor in outputs:
            self.hold(tensor)
        return result

    def hold(self, tensor: Tensor) -> None:
        """Count a tensor as live until its storage is gone."""
        storage = tensor.untyped_storage()
        if storage not in self.storages:
            self.storages[storage] = None
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self.release, storage.nbytes())

    def release(self, size: int) -> None:
        self.live -= size


def tensors(tree: Any) -> list[Tensor]:
    """Every tensor in nested containers."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def as_fakes(network: nn.Module, fakes: FakeTensorMode) -> None:
    """Replace weights and buffers of a network by fakes of the same shape."""
    for layer in network.modules():
        for name, weight in layer._parameters.items():
            if weight is not None:
                layer._parameters[name] = nn.Parameter(fakes.from_tensor(weight.data), weight.requires_grad)
        for name, buffer in layer._buffers.items():
            if buffer is not None:
                layer._buffers[name] = fakes.from_tensor(buffer)
