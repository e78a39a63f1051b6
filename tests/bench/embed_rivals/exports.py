#!/usr/bin/env python3
"""Writes a BERT sentence encoder in the formats of the rivals, into the folder given.

f32.onnx, from torch; dynamic-int8.onnx, weights in 8 bits by ONNX Runtime; f32.xml, as OpenVINO
reads f32.onnx; int8.xml, by NNCF with the preset for transformers and calibration texts that are in
no benchmark.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import numpy as np  # pylint: disable=wrong-import-position
import texts  # pylint: disable=wrong-import-position

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export_onnx(model_directory, path):
    import torch
    from transformers import AutoModel
    model = AutoModel.from_pretrained(model_directory, attn_implementation="eager").eval()

    class HiddenState(torch.nn.Module):
        """The model without what transformers decides from one mask and traces for all."""

        def __init__(self):
            super().__init__()
            self.embeddings, self.encoder = model.embeddings, model.encoder

        def forward(self, ids, mask, types):
            hidden = self.embeddings(input_ids=ids, token_type_ids=types)
            lowest = torch.finfo(hidden.dtype).min
            bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * lowest
            return self.encoder(hidden, attention_mask=bias).last_hidden_state

    ids = torch.full((2, 16), 2000)
    example = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    sizes = {name: {0: "texts", 1: "tokens"} for name in (*INPUTS, "last_hidden_state")}
    with torch.inference_mode():
        torch.onnx.export(HiddenState(), example, path, input_names=INPUTS,
                          output_names=("last_hidden_state",), dynamic_axes=sizes,
                          opset_version=17, dynamo=False)


def export_onnx_int8(source, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(source, path, weight_type=QuantType.QInt8)


def export_openvino(source, path, int8_path, tokenizer, calibration):
    import nncf
    import openvino
    model = openvino.convert_model(source)
    openvino.save_model(model, path, compress_to_fp16=False)

    def feed(text):
        ids = np.array([tokenizer.encode(text).ids])
        return dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids))))

    quantized = nncf.quantize(model, nncf.Dataset(calibration, feed),
                              model_type=nncf.ModelType.TRANSFORMER,
                              preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibration))
    openvino.save_model(quantized, int8_path, compress_to_fp16=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="Hugging Face directory")
    parser.add_argument("--wordnet", required=True)
    parser.add_argument("folder")
    arguments = parser.parse_args()
    onnx, onnx_int8, openvino, openvino_int8 = (
        os.path.join(arguments.folder, name)
        for name in ("f32.onnx", "dynamic-int8.onnx", "f32.xml", "int8.xml"))
    export_onnx(arguments.model, onnx)
    export_onnx_int8(onnx, onnx_int8)
    export_openvino(onnx, openvino, openvino_int8, texts.load_tokenizer(arguments.model),
                    texts.make_calibration(arguments.wordnet,
                                           texts.load_tokenizer(arguments.model, None)))


if __name__ == "__main__":
    main()
