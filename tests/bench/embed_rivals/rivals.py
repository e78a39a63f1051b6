"""The rivals of the embedded encoder, each behind the same few calls.

An engine takes token ids: open(streams) answers a function that answers a request, and a request
maps (ids, mask) to the last hidden state. Or, where takes_texts is set, embed(texts) answers vectors.
Libraries are imported where they are used: a worker loads only its own.
"""

import importlib.metadata
import os

from texts import MAX_TOKENS

DIMENSIONS = 384


def version_of(package):
    return f"{package} {importlib.metadata.version(package)}"


class SentenceTransformers:
    """sentence-transformers as its users call it, on torch in f32."""

    takes_texts = True

    def __init__(self, arguments):
        import torch
        from sentence_transformers import SentenceTransformer
        torch.set_num_threads(arguments.threads)
        self.model = SentenceTransformer(arguments.model, device="cpu")
        self.model.max_seq_length = MAX_TOKENS
        self.version = f"{version_of('sentence-transformers')}, {version_of('torch')}"

    def embed(self, texts):
        return self.model.encode(texts, batch_size=32, show_progress_bar=False)


class Torch:
    """The same model without what sentence-transformers puts around it."""

    takes_texts = False
    streams = (1, 2)
    bfloat16 = False

    def __init__(self, arguments):
        import torch
        from transformers import AutoModel
        self.torch, self.threads = torch, arguments.threads
        self.model = AutoModel.from_pretrained(arguments.model).eval()
        self.version = version_of("torch")

    def open(self, streams):
        self.torch.set_num_threads(self.threads // streams)
        return lambda: self.infer

    def infer(self, ids, mask):
        torch = self.torch
        # Autocast is a setting of the thread.
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, self.bfloat16):
            hidden = self.model(input_ids=torch.from_numpy(ids),
                                attention_mask=torch.from_numpy(mask)).last_hidden_state
        return hidden.float().numpy()


class TorchBfloat16(Torch):
    bfloat16 = True


class OnnxRuntime:
    takes_texts = False
    streams = (1, 2)
    file = "f32.onnx"

    def __init__(self, arguments):
        self.path, self.threads = os.path.join(arguments.exports, self.file), arguments.threads
        self.sessions = {}
        self.version = version_of("onnxruntime")

    def open(self, streams):
        import onnxruntime
        if streams not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self.threads // streams
            options.inter_op_num_threads = 1
            self.sessions[streams] = onnxruntime.InferenceSession(
                self.path, options, providers=["CPUExecutionProvider"])
        session = self.sessions[streams]

        def infer(ids, mask):
            return session.run(None, {"input_ids": ids, "attention_mask": mask,
                                      "token_type_ids": ids * 0})[0]
        return lambda: infer


class OnnxRuntimeInt8(OnnxRuntime):
    file = "dynamic-int8.onnx"


class OpenVino:
    takes_texts = False
    streams = (1, 2)
    file = "f32.xml"
    precision = "f32"

    def __init__(self, arguments):
        self.path, self.threads = os.path.join(arguments.exports, self.file), arguments.threads
        self.compiled = {}
        self.version = version_of("openvino")

    def open(self, streams):
        import openvino
        if streams not in self.compiled:
            self.compiled[streams] = openvino.Core().compile_model(self.path, "CPU", {
                "INFERENCE_PRECISION_HINT": self.precision, "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": self.threads})
        compiled = self.compiled[streams]

        def new_request():
            request = compiled.create_infer_request()
            return lambda ids, mask: request.infer([ids, mask, ids * 0])[0]
        return new_request


class OpenVinoBfloat16(OpenVino):
    precision = "bf16"


class OpenVinoInt8(OpenVino):
    file = "int8.xml"


ENGINES = {
    "sentence-transformers f32": SentenceTransformers,
    "torch f32": Torch,
    "torch bf16": TorchBfloat16,
    "onnxruntime f32": OnnxRuntime,
    "onnxruntime int8": OnnxRuntimeInt8,
    "openvino f32": OpenVino,
    "openvino bf16": OpenVinoBfloat16,
    "openvino int8": OpenVinoInt8,
}
