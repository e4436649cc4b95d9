"""Small models of `transformers`, built from a config and never downloaded."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM


def make(directory, tied):
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=tied,
    )
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(directory, max_shard_size="40KB")
    return {"files": sorted(os.listdir(directory)), "parameters": len(model.state_dict())}


def load(directory):
    model, report = AutoModelForCausalLM.from_pretrained(
        directory, output_loading_info=True, torch_dtype=torch.bfloat16
    )
    problems = {key: sorted(map(str, value)) for key, value in report.items() if value}
    return model.eval(), problems


def compare(a, b):
    first, problems_a = load(a)
    second, problems_b = load(b)
    tokens = torch.arange(1, 33).view(2, 16)
    with torch.no_grad():
        logits = [model(tokens).logits for model in (first, second)]
    states = [model.state_dict() for model in (first, second)]
    different = [
        name for name, value in states[0].items() if not torch.equal(value, states[1].get(name, value.new_empty(0)))
    ]
    return {
        "problems": [problems_a, problems_b],
        "different": different,
        "same_names": list(states[0]) == list(states[1]),
        "same_logits": bool(torch.equal(*logits)),
    }
