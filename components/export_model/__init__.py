"""Export a model for programs without this software: ONNX, TorchScript, or torch.export's file."""
