"""Small random models, and what the projects' own converters make of them: the arithmetic is written down here from
their definitions, with plain torch operations, and shares nothing with the maps that are tested.

torchtitan: torchtitan/models/llama3/model/state_dict_adapter.py (Llama3StateDictAdapter).
Megatron: linear_qkv and linear_fc1 as megatron/core/transformer/attention.py and mlp.py take them apart
(`get_query_key_value_tensors`: per query group its heads, key, value; SwiGLU: gate, then up), names of the layers
with Transformer Engine.
"""

import json
import os

import torch

LAYERS = 3


def config_of(heads, kv_heads, head_dim, hidden, vocab=37):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": 3 * hidden + 2,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": vocab,
    }


def random_hf(config, generator, dtype, bias=False, tied=False):
    """A state dict as LlamaForCausalLM names and shapes it."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    q = config["num_attention_heads"] * config["head_dim"]
    kv = config["num_key_value_heads"] * config["head_dim"]

    def make(*shape):
        return torch.randn(*shape, generator=generator).to(dtype)

    state = {"model.embed_tokens.weight": make(config["vocab_size"], hidden)}
    for i in range(config["num_hidden_layers"]):
        name = f"model.layers.{i}."
        state[name + "self_attn.q_proj.weight"] = make(q, hidden)
        state[name + "self_attn.k_proj.weight"] = make(kv, hidden)
        state[name + "self_attn.v_proj.weight"] = make(kv, hidden)
        if bias:
            state[name + "self_attn.q_proj.bias"] = make(q)
            state[name + "self_attn.k_proj.bias"] = make(kv)
            state[name + "self_attn.v_proj.bias"] = make(kv)
        state[name + "self_attn.o_proj.weight"] = make(hidden, q)
        state[name + "mlp.gate_proj.weight"] = make(inner, hidden)
        state[name + "mlp.up_proj.weight"] = make(inner, hidden)
        state[name + "mlp.down_proj.weight"] = make(hidden, inner)
        state[name + "input_layernorm.weight"] = make(hidden)
        state[name + "post_attention_layernorm.weight"] = make(hidden)
    state["model.norm.weight"] = make(hidden)
    if not tied:
        state["lm_head.weight"] = make(config["vocab_size"], hidden)
    return state


def halves_to_pairs(weight, heads):
    """Rows of each head: the first half and the second one by turns."""
    out = torch.empty_like(weight)
    size = weight.shape[0] // heads
    for head in range(heads):
        for row in range(size // 2):
            out[head * size + 2 * row] = weight[head * size + row]
            out[head * size + 2 * row + 1] = weight[head * size + size // 2 + row]
    return out


def titan_of_hf(hf, config):
    out = {}
    for name, weight in hf.items():
        if ".self_attn.q_proj." in name:
            weight = halves_to_pairs(weight, config["num_attention_heads"])
        elif ".self_attn.k_proj." in name:
            weight = halves_to_pairs(weight, config["num_key_value_heads"])
        for old, new in (
            ("model.embed_tokens", "tok_embeddings"),
            ("lm_head", "output"),
            ("model.norm", "norm"),
            ("model.layers", "layers"),
            ("self_attn.q_proj", "attention.wq"),
            ("self_attn.k_proj", "attention.wk"),
            ("self_attn.v_proj", "attention.wv"),
            ("self_attn.o_proj", "attention.wo"),
            ("mlp.gate_proj", "feed_forward.w1"),
            ("mlp.down_proj", "feed_forward.w2"),
            ("mlp.up_proj", "feed_forward.w3"),
            ("input_layernorm", "attention_norm"),
            ("post_attention_layernorm", "ffn_norm"),
        ):
            name = name.replace(old, new)
        out[name] = weight
    return out


def grouped_qkv(q, k, v, config):
    groups = config["num_key_value_heads"]
    size = config["head_dim"]
    per_group = config["num_attention_heads"] // groups
    rows = []
    for group in range(groups):
        rows.append(q[group * per_group * size : (group + 1) * per_group * size])
        rows.append(k[group * size : (group + 1) * size])
        rows.append(v[group * size : (group + 1) * size])
    return torch.cat(rows)


def megatron_of_hf(hf, config, padded_vocab):
    def padded(weight):
        out = torch.zeros(padded_vocab, weight.shape[1], dtype=weight.dtype)
        out[: weight.shape[0]] = weight
        return out

    out = {"embedding.word_embeddings.weight": padded(hf["model.embed_tokens.weight"])}
    for i in range(config["num_hidden_layers"]):
        old, new = f"model.layers.{i}.", f"decoder.layers.{i}."
        for kind in ("weight", "bias"):
            parts = [hf.get(f"{old}self_attn.{part}_proj.{kind}") for part in "qkv"]
            if parts[0] is not None:
                out[f"{new}self_attention.linear_qkv.{kind}"] = grouped_qkv(*parts, config)
        out[new + "self_attention.linear_qkv.layer_norm_weight"] = hf[old + "input_layernorm.weight"]
        out[new + "self_attention.linear_proj.weight"] = hf[old + "self_attn.o_proj.weight"]
        out[new + "mlp.linear_fc1.layer_norm_weight"] = hf[old + "post_attention_layernorm.weight"]
        out[new + "mlp.linear_fc1.weight"] = torch.cat(
            (hf[old + "mlp.gate_proj.weight"], hf[old + "mlp.up_proj.weight"])
        )
        out[new + "mlp.linear_fc2.weight"] = hf[old + "mlp.down_proj.weight"]
    out["decoder.final_layernorm.weight"] = hf["model.norm.weight"]
    if "lm_head.weight" in hf:
        out["output_layer.weight"] = padded(hf["lm_head.weight"])
    return out


MODELS = {
    "many_heads": dict(heads=8, kv_heads=8, head_dim=4, hidden=32),
    "grouped": dict(heads=6, kv_heads=2, head_dim=8, hidden=48),
    "one_group": dict(heads=5, kv_heads=1, head_dim=6, hidden=30),
    "wide_heads": dict(heads=4, kv_heads=2, head_dim=16, hidden=24),
}
PADDED_VOCAB = 48


def make(project, model, directory, dtype="bfloat16", bias=False, tied=False):
    """Writes `hf.pth`, `project.pth` and `config.json` of one random model."""
    config = config_of(**MODELS[model])
    generator = torch.Generator().manual_seed(7)
    hf = random_hf(config, generator, getattr(torch, dtype), bias, tied)
    if project == "torchtitan":
        other = titan_of_hf(hf, config)
    else:
        other = megatron_of_hf(hf, config, PADDED_VOCAB)
    os.makedirs(directory, exist_ok=True)
    torch.save(hf, os.path.join(directory, "hf.pth"))
    torch.save(other, os.path.join(directory, "project.pth"))
    with open(os.path.join(directory, "config.json"), "w") as file:
        json.dump(config, file)
    return {"tensors": len(other), "padded_vocab": PADDED_VOCAB}
