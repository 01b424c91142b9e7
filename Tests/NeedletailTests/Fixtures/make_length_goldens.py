#!/usr/bin/env python3
"""Makes the reference cases whose rotary angles depend on a length: goldens/rope_dynamic, rope_longrope_short and
rope_longrope_long, and with --more some further shapes for a check by hand.

usage: make_length_goldens.py OUT [--more]      needs: pip install torch transformers safetensors numpy

`transformers` changes the angles with the length of each call; an engine with a cache must not, and chooses them once
for its maximum sequence length. The reference is therefore computed with the angles of that length, at every position.
Each case has config.json, model.safetensors (bfloat16) and golden.safetensors: prompt.i, logits.i (the last position
only for i = 2), greedy.i and gap.i (best minus second-best logit), computed in float32 on the CPU.
"""
import argparse, pathlib, numpy as np, torch, transformers as T
from safetensors.numpy import save_file
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


def cases(more):
    """Name -> (config, maximum sequence length for which rotary angles are chosen, or None)."""
    base = dict(vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                intermediate_size=72, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    factors = dict(short_factor=[1.0 + 0.05 * i for i in range(8)], long_factor=[1.5 + 0.4 * i for i in range(8)])
    longrope = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=48, **factors)
    result = {
        "rope_dynamic": (T.LlamaConfig(**base, max_position_embeddings=40, rope_parameters=dict(
            rope_type="dynamic", rope_theta=10000.0, factor=2.0)), 128),
        "rope_longrope_short": (T.LlamaConfig(**base, max_position_embeddings=192, rope_parameters=longrope), 48),
        "rope_longrope_long": (T.LlamaConfig(**base, max_position_embeddings=192, rope_parameters=longrope), 192),
    }
    if not more: return result
    small = dict(num_hidden_layers=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    shape = lambda v, h, n, kv, f: dict(small, vocab_size=v, hidden_size=h, num_attention_heads=n,
                                        num_key_value_heads=kv, intermediate_size=f)
    result |= {
        "head_dim_10": (T.LlamaConfig(**shape(97, 30, 3, 1, 50), head_dim=10), None),
        "head_dim_6_wide_q": (T.LlamaConfig(**shape(1001, 35, 7, 7, 33), head_dim=6, attention_bias=True), None),
        "head_dim_80": (T.LlamaConfig(**shape(130, 100, 4, 2, 60), head_dim=80, tie_word_embeddings=True), None),
        "head_dim_256": (T.LlamaConfig(**shape(513, 72, 2, 1, 200), head_dim=256, mlp_bias=True), None),
        "one_head": (T.LlamaConfig(**shape(33, 16, 1, 1, 17), attention_bias=True, mlp_bias=True), None),
        "many_queries": (T.LlamaConfig(**shape(129, 128, 16, 1, 95)), None),
        "window_1": (T.MistralConfig(**shape(97, 48, 4, 2, 64), sliding_window=1), None),
        "window_7": (T.MistralConfig(**shape(97, 48, 6, 3, 65), sliding_window=7), None),
        "window_33": (T.MistralConfig(**shape(97, 48, 6, 1, 66), head_dim=20, sliding_window=33), None),
        "theta_1e6": (T.LlamaConfig(**shape(64, 64, 4, 4, 64), rope_parameters=dict(
            rope_type="default", rope_theta=1e6)), None),
        "yarn_factors": (T.LlamaConfig(**shape(64, 64, 2, 1, 64), rope_parameters=dict(
            rope_type="yarn", rope_theta=5e5, factor=8.0, original_max_position_embeddings=32, beta_fast=16.0,
            beta_slow=2.0, mscale=0.7, mscale_all_dim=0.5, truncate=False)), None),
        "act_gelu_tanh": (T.LlamaConfig(**shape(64, 64, 2, 1, 64), hidden_act="gelu_pytorch_tanh"), None),
    }
    return result


def spread(model, tied):
    """Random weights that give logits far from uniform."""
    for name, p in model.named_parameters():
        if "embed" in name: p.copy_(torch.randn_like(p) * (0.04 if tied else 0.5))
        elif p.dim() >= 2: p.copy_(torch.randn_like(p) * (1.2 / p.shape[-1] ** 0.5))
        elif "norm" in name: p.copy_(1.0 + 0.1 * torch.randn_like(p))
        else: p.copy_(0.1 * torch.randn_like(p))


@torch.no_grad()
def make(name, config, length, out, seed=1):
    torch.manual_seed(seed); rng = np.random.default_rng(seed)
    model = T.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    spread(model, config.tie_word_embeddings)
    folder = out / name
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = T.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    if length is not None:
        rope = model.model.rotary_emb
        inverse, scale = ROPE_INIT_FUNCTIONS[rope.rope_type](model.config, torch.device("cpu"), seq_len=length)
        rope.inv_freq, rope.attention_scaling, rope.rope_type = inverse, scale, "default"  # no update from now on
    golden = {}
    room = length or config.max_position_embeddings
    for i, n in enumerate((5, 37, 70) if room >= 94 else (5, 11, 24)):
        ids = rng.integers(3, config.vocab_size, n).astype(np.int32)
        tokens, gaps = torch.tensor(ids[None].astype(np.int64)), []
        logits = model(tokens, use_cache=False).logits[0].numpy()
        for _ in range(24):
            row = model(tokens, use_cache=False).logits[0, -1]
            top = torch.topk(row, 2).values
            gaps.append(float(top[0] - top[1]))
            tokens = torch.cat([tokens, row.argmax()[None, None]], 1)
        golden |= {f"prompt.{i}": ids, f"logits.{i}": logits if i < 2 else logits[-1:],
                   f"greedy.{i}": tokens[0, n:].numpy().astype(np.int32), f"gap.{i}": np.array(gaps, np.float32)}
    save_file(golden, str(folder / "golden.safetensors"))
    print(name, sum(p.numel() for p in model.parameters()), "parameters")


arguments = argparse.ArgumentParser()
arguments.add_argument("out", type=pathlib.Path)
arguments.add_argument("--more", action="store_true")
arguments = arguments.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)
for name, (config, length) in cases(arguments.more).items():
    make(name, config, length, arguments.out)
