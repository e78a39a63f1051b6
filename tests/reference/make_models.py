"""Writes models.json: tiny models and what sentence-transformers makes of some token ids with them.

Each case holds the JSON files of a model directory, the tensors of its weight files by name, type,
shape, base and scale, token ids, and the vectors or scores expected. The values of a tensor follow
from its name alone (`values` here, `GoldenTensor` in tests/reference/golden_model.h), and are exact
in every type that a file may have. The reference computes with 64 bits, so that what differs from
it is the error of the encoder.

Usage: python3 make_models.py OUTPUT_DIRECTORY

Needs sentence-transformers (6.2.0 was used, with transformers 5.23.0 and torch 2.15.0 on a CPU).
"""

import json
import pathlib
import sys
import tempfile

import numpy
import torch
from safetensors.torch import save_file
from sentence_transformers import CrossEncoder, SentenceTransformer

VOCABULARY = 40
POSITIONS = 80
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
MASK = (1 << 64) - 1


def splitmix64(state):
    """Steele, Lea and Flood, 2014."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def seed_of(name):
    """FNV-1a."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    return seed


def values(name, shape, base, scale):
    """Multiples of scale / 128 from base - scale / 2 to base + scale / 2."""
    numbers = splitmix64(seed_of(name))
    count = int(numpy.prod(shape))
    units = numpy.array([next(numbers) >> 57 for _ in range(count)], numpy.float64) / 128 - 0.5
    return torch.from_numpy((base + scale * units).reshape(shape))


def token_ids(name, count):
    numbers = splitmix64(seed_of(name))
    return [5 + next(numbers) % (VOCABULARY - 5) for _ in range(count)]


def norm(name, width, old=False):
    return [[name + (".gamma" if old else ".weight"), [width], 1, 1],
            [name + (".beta" if old else ".bias"), [width], 0, 0.5]]


def linear(name, outputs, inputs, bias=True):
    tensors = [[name + ".weight", [outputs, inputs], 0, 0.5]]
    return tensors + ([[name + ".bias", [outputs], 0, 0.5]] if bias else [])


def bert_tensors(config, prefix="", old=False, labels=0):
    width, inner = config["hidden_size"], config["intermediate_size"]
    tensors = [[f"{prefix}embeddings.{name}_embeddings.weight", [rows, width], 0, 1]
               for name, rows in (("word", VOCABULARY), ("position", POSITIONS), ("token_type", 2))]
    tensors += norm(prefix + "embeddings.LayerNorm", width, old)
    for i in range(config["num_hidden_layers"]):
        layer = f"{prefix}encoder.layer.{i}."
        for part in ("query", "key", "value"):
            tensors += linear(f"{layer}attention.self.{part}", width, width)
        tensors += linear(layer + "attention.output.dense", width, width)
        tensors += norm(layer + "attention.output.LayerNorm", width, old)
        tensors += linear(layer + "intermediate.dense", inner, width)
        tensors += linear(layer + "output.dense", width, inner)
        tensors += norm(layer + "output.LayerNorm", width, old)
    if labels > 0:
        tensors += linear(prefix + "pooler.dense", width, width)
        tensors += linear("classifier", labels, width)
    return tensors


def nomic_tensors(width, inner, layers):
    tensors = [[f"embeddings.{name}_embeddings.weight", [rows, width], 0, 1]
               for name, rows in (("word", VOCABULARY), ("token_type", 2))]
    tensors += norm("emb_ln", width)
    for i in range(layers):
        layer = f"encoder.layers.{i}."
        tensors += linear(layer + "attn.Wqkv", 3 * width, width, bias=False)
        tensors += linear(layer + "attn.out_proj", width, width, bias=False)
        tensors += linear(layer + "mlp.fc11", inner, width, bias=False)
        tensors += linear(layer + "mlp.fc12", inner, width, bias=False)
        tensors += linear(layer + "mlp.fc2", width, inner, bias=False)
        tensors += norm(layer + "norm1", width) + norm(layer + "norm2", width)
    return tensors


def bert_config(**changes):
    return {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "type_vocab_size": 2,
            "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0} | changes


NOMIC_CONFIG = {"architectures": ["NomicBertModel"], "model_type": "nomic_bert", "hidden_size": 64,
                "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96,
                "vocab_size": VOCABULARY, "max_position_embeddings": 2048, "type_vocab_size": 2,
                "hidden_act": "silu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
                "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}}

# The same model as its authors describe it.
NOMIC_FIRST_CONFIG = {
    "architectures": ["NomicBertModel"], "model_type": "nomic_bert", "n_embd": 64, "n_layer": 2,
    "n_head": 2, "n_inner": 96, "vocab_size": VOCABULARY, "n_positions": 8192, "type_vocab_size": 2,
    "activation_function": "swiglu", "layer_norm_epsilon": 1e-12, "prenorm": False,
    "parallel_block": False, "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False,
    "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False,
    "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "causal": False,
    "use_rms_norm": False, "scale_attn_weights": True, "pad_vocab_size_multiple": 8,
    "max_trained_positions": 2048}


def old_modules(*names, first=""):
    paths = [first] + [f"{i}_{name}" for i, name in enumerate(names, 1)]
    return [{"idx": i, "name": str(i), "path": path, "type": "sentence_transformers.models." + name}
            for i, (name, path) in enumerate(zip(("Transformer",) + names, paths))]


def new_modules(*names):
    homes = {"Transformer": "base.modules.transformer", "Dense": "base.modules.dense",
             "Normalize": "base.modules.normalize",
             "Pooling": "sentence_transformer.modules.pooling"}
    modules = old_modules(*names)
    for module, name in zip(modules, ("Transformer",) + names):
        module["type"] = f"sentence_transformers.{homes[name]}.{name}"
    return modules


def old_pooling(width, mode):
    flags = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens",
             "weightedmean_tokens", "lasttoken")
    return {"word_embedding_dimension": width} | {
        "pooling_mode_" + flag: flag == mode for flag in flags}


def new_pooling(width, mode):
    return {"embedding_dimension": width, "pooling_mode": mode, "include_prompt": True}


def dense(inputs, outputs, bias, activation):
    return {"in_features": inputs, "out_features": outputs, "bias": bias,
            "activation_function": "torch.nn.modules." + activation}


def one_file(tensors, dtype="F32"):
    return {"model.safetensors": {"dtype": dtype, "tensors": tensors}}


def two_files(tensors, dtype):
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    parts = (tensors[:7], tensors[7:])
    index = {"metadata": {}, "weight_map": {
        tensor[0]: name for name, part in zip(names, parts) for tensor in part}}
    weights = {name: {"dtype": dtype, "tensors": part} for name, part in zip(names, parts)}
    return weights, {"model.safetensors.index.json": index}


def encoders():
    """Yields a name, the files, the weights, and files that only the reference needs."""
    config = bert_config()
    yield ("bert_mean", {"config.json": config, "modules.json": old_modules("Pooling", "Normalize"),
                         "1_Pooling/config.json": old_pooling(32, "mean_tokens")},
           one_file(bert_tensors(config)), {})
    config = bert_config(hidden_act="gelu_new", hidden_size=96, intermediate_size=128,
                         layer_norm_eps=1e-5)
    yield ("bert_cls_tanh_gelu_old_names",
           {"config.json": config, "modules.json": new_modules("Pooling"),
            "1_Pooling/config.json": new_pooling(96, "cls")},
           one_file(bert_tensors(config, "bert.", old=True)), {})
    config = bert_config(hidden_size=64, num_attention_heads=1)
    yield ("bert_max_bf16", {"config.json": config, "modules.json": old_modules("Pooling"),
                             "1_Pooling/config.json": old_pooling(64, "max_tokens")},
           one_file(bert_tensors(config), "BF16"), {})
    config = bert_config()
    weights, index = two_files(bert_tensors(config), "F16")
    yield ("bert_lasttoken_f16_shards",
           {"config.json": config, "modules.json": new_modules("Pooling", "Normalize"),
            "1_Pooling/config.json": new_pooling(32, "lasttoken")} | index, weights, {})
    transformer = one_file(bert_tensors(config))["model.safetensors"]
    yield ("bert_dense_tanh_in_folders",
           {"0_Transformer/config.json": config,
            "modules.json": old_modules("Pooling", "Dense", "Normalize", first="0_Transformer"),
            "1_Pooling/config.json": old_pooling(32, "mean_tokens"),
            "2_Dense/config.json": dense(32, 16, True, "activation.Tanh")},
           {"0_Transformer/model.safetensors": transformer,
            "2_Dense/model.safetensors": {"dtype": "F16", "tensors": linear("linear", 16, 32)}}, {})
    yield ("bert_normalize_before_two_denses",
           {"config.json": config,
            "modules.json": new_modules("Pooling", "Normalize", "Dense", "Dense"),
            "1_Pooling/config.json": new_pooling(32, "mean"),
            "3_Dense/config.json": dense(32, 48, False, "linear.Identity"),
            "4_Dense/config.json": dense(48, 24, True, "activation.Tanh")},
           one_file(bert_tensors(config)) | {
               "3_Dense/model.safetensors": {
                   "dtype": "F32", "tensors": linear("linear", 48, 32, bias=False)},
               "4_Dense/model.safetensors": {"dtype": "F32", "tensors": linear("linear", 24, 48)}},
           {})
    nomic = {"modules.json": old_modules("Pooling", "Normalize"),
             "1_Pooling/config.json": old_pooling(64, "mean_tokens")}
    yield ("nomic_mean", nomic | {"config.json": NOMIC_CONFIG},
           one_file(nomic_tensors(64, 96, 2)), {})
    yield ("nomic_first_form", nomic | {"config.json": NOMIC_FIRST_CONFIG},
           one_file(nomic_tensors(64, 96, 2)), {"config.json": NOMIC_CONFIG})


def cross_encoders():
    tanh = {"hidden_act": "gelu_pytorch_tanh"}
    for name, labels, files, changes in (
            ("cross_encoder", 1, {}, {}),
            ("cross_encoder_identity", 1, {}, {
                "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"} | tanh),
            ("cross_encoder_new_identity", 1, {
                "modules.json": new_modules(),
                "sentence_bert_config.json": {
                    "transformer_task": "sequence-classification", "module_output_name": "scores",
                    "modality_config": {"text": {"method": "forward",
                                                 "method_output_name": "logits"}}},
                "config_sentence_transformers.json": {
                    "model_type": "CrossEncoder", "prompts": {},
                    "activation_fn": "torch.nn.modules.linear.Identity"}}, {
                "sentence_transformers": {
                    "activation_fn": "torch.nn.modules.activation.Sigmoid"}}),
            ("cross_encoder_three_labels", 3, {}, {})):
        config = bert_config(architectures=["BertForSequenceClassification"],
                             id2label={str(i): f"LABEL_{i}" for i in range(labels)}, **changes)
        yield (name, {"config.json": config} | files,
               one_file(bert_tensors(config, "bert.", labels=labels)), {})


def write_model(directory, files, weights, transformer):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    for name, file in weights.items():
        dtype = TYPES[file["dtype"]]
        save_file({tensor[0]: values(*tensor).to(dtype) for tensor in file["tensors"]},
                  directory / name, metadata={"format": "pt"})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{i}" for i in range(VOCABULARY - len(words))]
    (directory / transformer / "vocab.txt").write_text("\n".join(words) + "\n")
    (directory / transformer / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True}))
    for i in range(1, 6):  # Modules without a configuration of their own still need a folder.
        (directory / f"{i}_Normalize").mkdir(exist_ok=True)


def features_of(text):
    count = len(text["ids"])
    second = text.get("second_begin", count)
    return {"input_ids": torch.tensor([text["ids"]]),
            "attention_mask": torch.ones(1, count, dtype=torch.int64),
            "token_type_ids": torch.tensor([[0] * second + [1] * (count - second)])}


def embed(directory, texts):
    model = SentenceTransformer(str(directory), device="cpu", local_files_only=True).double()
    with torch.no_grad():
        return [model(features_of(text))["sentence_embedding"][0] for text in texts]


def score(directory, texts):
    model = CrossEncoder(str(directory), device="cpu", local_files_only=True)
    network = model.model.double()
    with torch.no_grad():
        return [model.activation_fn(network(**features_of(text)).logits[0]) for text in texts]


def shorten(vectors, dimensions):
    """As the model card of nomic-embed-text-v1.5 does it."""
    functional = torch.nn.functional
    return [functional.normalize(functional.layer_norm(vector, vector.shape)[:dimensions], dim=0)
            for vector in vectors]


def main():
    torch.set_num_threads(1)
    cases = []
    texts = [{"ids": token_ids(f"text {count}", count)} for count in (1, 2, 17, POSITIONS)]
    pairs = [{"ids": token_ids(f"pair {count}", count), "second_begin": second}
             for count, second in ((5, 3), (40, 7), (POSITIONS, 79))]
    for makers, inputs, run in ((encoders(), texts, embed), (cross_encoders(), pairs, score)):
        for name, files, weights, reference_files in makers:
            with tempfile.TemporaryDirectory() as temporary:
                directory = pathlib.Path(temporary)
                transformer = "0_Transformer" if "0_Transformer/config.json" in files else ""
                write_model(directory, files | reference_files, weights, transformer)
                vectors = run(directory, inputs)
            case = {"name": name, "files": files, "weights": weights, "texts": inputs}
            cases.append(case | {"vectors": vectors})
            if name == "nomic_first_form":
                cases.append(case | {"name": "nomic_shortened", "dimensions": 24,
                                     "model": "nomic-embed-text-v1.5",
                                     "vectors": shorten(vectors, 24)})
    for case in cases:
        case["vectors"] = [[float(f"{x:.8g}") for x in vector] for vector in case["vectors"]]
    with open(pathlib.Path(sys.argv[1]) / "models.json", "w", encoding="utf-8") as file:
        file.write("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
                   + "]\n")


if __name__ == "__main__":
    main()
