"""Writes a tiny language model of random weights as a GGUF file: real servers load and run it.

The format is that of ggml's docs/gguf.md, version 3. The model is a llama of two layers whose
vocabulary is a few words, so that what it generates is text, if senseless.
"""

import array
import math
import random
import struct

WORDS = ("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
         "sigma tau upsilon phi chi psi omega naïve größer café 한국어").split()
CONTEXT_TOKENS = 512
WIDTH = 64
LAYERS = 2
HEADS = 4
FEED_FORWARD = 128
LOGIT_SPREAD = 6.0  # Enough for words to be said, not bytes.
_ALIGNMENT = 32
# The types of ggml's metadata, and of a token: normal, unknown, control, byte.
_UINT32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9
_INT32 = 5
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_F32_TENSOR = 0


def vocabulary():
    """Returns (text, kind) of every token; those of bytes let any prompt be tokenized."""
    return [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL),
            *((f"<0x{byte:02X}>", _BYTE) for byte in range(256)),
            ("▁", _NORMAL), *((f"▁{word}", _NORMAL) for word in WORDS)]


def tensors(generator, tokens):
    """Yields (name, shape with the fastest dimension first, values)."""
    def normal(count, deviation):
        return array.array("f", (generator.gauss(0.0, deviation) for _ in range(count)))

    def matrix(name, columns, rows):
        return name, (columns, rows), normal(columns * rows, 1 / math.sqrt(columns))

    def ones(name):
        return name, (WIDTH,), array.array("f", [1.0] * WIDTH)

    yield "token_embd.weight", (WIDTH, len(tokens)), normal(WIDTH * len(tokens), 1.0)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield ones(block + "attn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield matrix(f"{block}{name}.weight", WIDTH, WIDTH)
        yield ones(block + "ffn_norm.weight")
        yield matrix(block + "ffn_gate.weight", WIDTH, FEED_FORWARD)
        yield matrix(block + "ffn_up.weight", WIDTH, FEED_FORWARD)
        yield matrix(block + "ffn_down.weight", FEED_FORWARD, WIDTH)
    yield ones("output_norm.weight")
    output = array.array("f")
    for text, kind in tokens:  # Only words are ever likely to be said.
        is_word = kind == _NORMAL and text != "▁"
        output.extend(normal(WIDTH, LOGIT_SPREAD / math.sqrt(WIDTH)) if is_word else
                      array.array("f", [0.0] * WIDTH))
    yield "output.weight", (WIDTH, len(tokens)), output


def _text(value):
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _list(kind, items):
    return _ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items)


def _uint32(value):
    return _UINT32, struct.pack("<I", value)


def _float32(value):
    return _FLOAT32, struct.pack("<f", value)


def metadata(tokens):
    """Yields (key, (type, encoded value))."""
    yield "general.architecture", (_STRING, _text("llama"))
    yield "general.name", (_STRING, _text("tiny"))
    yield "general.file_type", _uint32(0)
    yield "general.alignment", _uint32(_ALIGNMENT)
    yield "llama.context_length", _uint32(CONTEXT_TOKENS)
    yield "llama.embedding_length", _uint32(WIDTH)
    yield "llama.block_count", _uint32(LAYERS)
    yield "llama.feed_forward_length", _uint32(FEED_FORWARD)
    yield "llama.attention.head_count", _uint32(HEADS)
    yield "llama.attention.head_count_kv", _uint32(HEADS)
    yield "llama.attention.layer_norm_rms_epsilon", _float32(1e-5)
    yield "llama.rope.dimension_count", _uint32(WIDTH // HEADS)
    yield "llama.vocab_size", _uint32(len(tokens))
    yield "tokenizer.ggml.model", (_STRING, _text("llama"))
    yield "tokenizer.ggml.tokens", _list(_STRING, [_text(text) for text, _ in tokens])
    yield "tokenizer.ggml.scores", _list(_FLOAT32, [
        struct.pack("<f", 0.0 if kind == _NORMAL else -1000.0) for _, kind in tokens])
    yield "tokenizer.ggml.token_type", _list(_INT32, [
        struct.pack("<i", kind) for _, kind in tokens])
    yield "tokenizer.ggml.unknown_token_id", _uint32(0)
    yield "tokenizer.ggml.bos_token_id", _uint32(1)
    yield "tokenizer.ggml.eos_token_id", _uint32(2)


def _padding(size):
    return b"\0" * (-size % _ALIGNMENT)


def tiny_generator(seed=1):
    """Returns the bytes of the file; another seed gives another model."""
    tokens = vocabulary()
    values = list(metadata(tokens))
    weights = list(tensors(random.Random(seed), tokens))
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(weights), len(values))
    head += b"".join(_text(key) + struct.pack("<I", kind) + value for key, (kind, value) in values)
    data = b""
    for name, shape, numbers in weights:
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, _F32_TENSOR,
                                          len(data))
        data += numbers.tobytes()
        data += _padding(len(data))
    return head + _padding(len(head)) + data
