#!/usr/bin/env python3
"""Makes reference cases of architectures that `transformers` does not have (or not all of), from what their authors
published: Baichuan, InternLM2, ChatGLM, Exaone 3, Grok-1, Llama-Nemotron, and MPT with all that llm-foundry can do. Written here in
plain PyTorch.

usage: make_published_goldens.py OUT [--only NAME[,NAME]] [--more] [--seed 1]
needs: pip install torch transformers safetensors numpy

The format is that of make_more_goldens.py. A case is a function that gives a config, the shapes of the tensors by name,
and the model: (weights, token ids) -> logits.
"""
import argparse, json, math, pathlib, numpy as np, torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file as save
from make_more_goldens import golden

CASES, MORE = {}, {}


def case(function): CASES[function.__name__] = function; return function
def more(name, function, **fields): MORE[name] = lambda: function(**fields)


def rms_norm(x, weight, eps):
    y = x.float()
    return weight * (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


def slopes(heads):
    """Press et al. 2022, as their code has it."""
    def of_power(n): return [2 ** (-(2 ** -(math.log2(n) - 3)) * (i + 1)) for i in range(n)]
    closest = 2 ** math.floor(math.log2(heads))
    if closest == heads: return of_power(heads)
    return of_power(closest) + of_power(2 * closest)[0::2][:heads - closest]


def rotated(x, theta, dims=None, neighbours=False):
    """Rotates the first `dims` dimensions of x [tokens, heads, d]."""
    dims = dims or x.shape[-1]
    frequencies = 1.0 / theta ** (torch.arange(0, dims, 2).float() / dims)
    angles = torch.arange(x.shape[0]).float()[:, None] * frequencies
    cos, sin = angles.cos()[:, None].to(x.dtype), angles.sin()[:, None].to(x.dtype)
    y, rest = x[..., :dims], x[..., dims:]
    a, b = (y[..., 0::2], y[..., 1::2]) if neighbours else y.chunk(2, -1)
    pair = (a * cos - b * sin, b * cos + a * sin)
    y = torch.stack(pair, -1).flatten(-2) if neighbours else torch.cat(pair, -1)
    return torch.cat((y, rest), -1)


def attend(q, k, v, scale=None, penalties=None, softcap=None):
    """q [tokens, heads, d], k and v [tokens, kv heads, d] -> [tokens, heads * d]."""
    groups = q.shape[1] // k.shape[1]
    k, v = (t.repeat_interleave(groups, 1).transpose(0, 1) for t in (k, v))
    scores = q.transpose(0, 1) @ k.transpose(1, 2) * (scale or q.shape[-1] ** -0.5)
    place = torch.arange(q.shape[0])
    if softcap: scores = softcap * torch.tanh(scores.float() / softcap)
    if penalties is not None:
        scores = scores + torch.tensor(penalties)[:, None, None] * (place[None, :] - place[:, None])
    scores = scores.float().masked_fill(place[None, :] > place[:, None], float("-inf"))
    return (scores.softmax(-1).to(v.dtype) @ v).transpose(0, 1).flatten(1)


@case
def baichuan_7b_style(heads=4, width=32, inner=72, layers=2, vocabulary=97, positions=128, second=False):
    config = dict(model_type="baichuan", hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                  num_attention_heads=heads, vocab_size=vocabulary, rms_norm_eps=1e-6, hidden_act="silu",
                  tie_word_embeddings=False, model_max_length=128, **({"z_loss_weight": 0} if second else {}),
                  **({"max_position_embeddings": positions} if positions else {}))
    shapes = {"model.embed_tokens.weight": [vocabulary, width], "model.norm.weight": [width],
              "lm_head.weight": [vocabulary, width]}
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + "self_attn.W_pack.weight": [3 * width, width], p + "self_attn.o_proj.weight": [width, width],
                   p + "mlp.gate_proj.weight": [inner, width], p + "mlp.up_proj.weight": [inner, width],
                   p + "mlp.down_proj.weight": [width, inner], p + "input_layernorm.weight": [width],
                   p + "post_attention_layernorm.weight": [width]}

    def model(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        for i in range(layers):
            g = lambda name: w[f"model.layers.{i}.{name}.weight"]
            q, k, v = (F.linear(rms_norm(x, g("input_layernorm"), 1e-6), g("self_attn.W_pack"))
                       .unflatten(-1, (3, heads, -1)).unbind(1))
            mixed = attend(rotated(q, 1e4), rotated(k, 1e4), v) if positions else attend(
                q, k, v, penalties=slopes(heads))
            x = x + F.linear(mixed, g("self_attn.o_proj"))
            h = rms_norm(x, g("post_attention_layernorm"), 1e-6)
            h = F.silu(F.linear(h, g("mlp.gate_proj"))) * F.linear(h, g("mlp.up_proj"))
            x = x + F.linear(h, g("mlp.down_proj"))
        x = rms_norm(x, w["model.norm.weight"], 1e-6)
        return F.linear(x, F.normalize(w["lm_head.weight"]) if second else w["lm_head.weight"])
    return config, shapes, model

@case
def baichuan2_13b_style(): return baichuan_7b_style(heads=5, width=40, positions=None, second=True)

more("baichuan2_7b", baichuan_7b_style, heads=2, second=True)
more("baichuan_13b", baichuan_7b_style, heads=6, width=48, positions=None, layers=3)


@case
def internlm2(heads=4, groups=2, width=32, inner=72, layers=2, vocabulary=97, bias=False, theta=1e6):
    d = width // heads
    config = dict(model_type="internlm2", hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                  num_attention_heads=heads, num_key_value_heads=groups, vocab_size=vocabulary, bias=bias,
                  rms_norm_eps=1e-5, hidden_act="silu", max_position_embeddings=128, rope_theta=theta,
                  tie_word_embeddings=False)
    shapes = {"model.tok_embeddings.weight": [vocabulary, width], "model.norm.weight": [width],
              "output.weight": [vocabulary, width]}
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + "attention.wqkv.weight": [(heads + 2 * groups) * d, width],
                   p + "attention.wo.weight": [width, width], p + "feed_forward.w1.weight": [inner, width],
                   p + "feed_forward.w3.weight": [inner, width], p + "feed_forward.w2.weight": [width, inner],
                   p + "attention_norm.weight": [width], p + "ffn_norm.weight": [width]}
        if bias: shapes |= {p + "attention.wqkv.bias": [(heads + 2 * groups) * d], p + "attention.wo.bias": [width]}

    def model(w, ids):
        x = w["model.tok_embeddings.weight"][ids]
        for i in range(layers):
            g = lambda name, kind="weight": w.get(f"model.layers.{i}.{name}.{kind}")
            h = F.linear(rms_norm(x, g("attention_norm"), 1e-5), g("attention.wqkv"), g("attention.wqkv", "bias"))
            h = h.unflatten(-1, (groups, heads // groups + 2, d))
            q, k, v = h[:, :, :-2].flatten(1, 2), h[:, :, -2], h[:, :, -1]
            x = x + F.linear(attend(rotated(q, theta), rotated(k, theta), v), g("attention.wo"), g("attention.wo", "bias"))
            h = rms_norm(x, g("ffn_norm"), 1e-5)
            x = x + F.linear(F.silu(F.linear(h, g("feed_forward.w1"))) * F.linear(h, g("feed_forward.w3")), g("feed_forward.w2"))
        return F.linear(rms_norm(x, w["model.norm.weight"], 1e-5), w["output.weight"])
    return config, shapes, model

more("internlm2_bias", internlm2, heads=6, groups=3, width=48, layers=3, bias=True, theta=1e4)
more("internlm2_heads", internlm2, heads=3, groups=3, width=48)


@case
def chatglm3(heads=4, groups=2, width=32, d=16, inner=40, layers=2, vocabulary=97, qkv_bias=True, bias=False, ratio=1.0,
             rms=True, after=False, final=True):
    multi = groups != heads
    config = dict(model_type="chatglm", hidden_size=width, ffn_hidden_size=inner, num_layers=layers, kv_channels=d,
                  num_attention_heads=heads, multi_query_attention=multi, multi_query_group_num=groups,
                  padded_vocab_size=vocabulary, layernorm_epsilon=1e-5, rmsnorm=rms, seq_length=128, rope_ratio=ratio,
                  add_bias_linear=bias, add_qkv_bias=qkv_bias, post_layer_norm=final, original_rope=True,
                  apply_residual_connection_post_layernorm=after, tie_word_embeddings=False)
    t = "transformer."
    fused = (heads + 2 * groups) * d
    linears = {"self_attention.query_key_value": [fused, width], "self_attention.dense": [width, heads * d],
               "mlp.dense_h_to_4h": [2 * inner, width], "mlp.dense_4h_to_h": [width, inner]}
    norms = ["input_layernorm", "post_attention_layernorm"]
    shapes = {t + "embedding.word_embeddings.weight": [vocabulary, width], t + "output_layer.weight": [vocabulary, width]}
    for name in [f"encoder.layers.{i}.{norm}" for i in range(layers) for norm in norms] + ["encoder.final_layernorm"] * final:
        shapes |= {t + name + ".weight": [width]} | ({} if rms else {t + name + ".bias": [width]})
    for i in range(layers):
        for name, shape in linears.items():
            shapes[f"{t}encoder.layers.{i}.{name}.weight"] = shape
            if bias or (qkv_bias and "query" in name): shapes[f"{t}encoder.layers.{i}.{name}.bias"] = shape[:1]

    def model(w, ids):
        x = w[t + "embedding.word_embeddings.weight"][ids]
        def norm(x, name):
            weight, offset = w[f"{t}encoder.{name}.weight"], w.get(f"{t}encoder.{name}.bias")
            return rms_norm(x, weight, 1e-5) if rms else F.layer_norm(x, [width], weight, offset, 1e-5)
        for i in range(layers):
            name = f"{t}encoder.layers.{i}."
            def linear(x, of): return F.linear(x, w[name + of + ".weight"], w.get(name + of + ".bias"))
            normed = norm(x, f"layers.{i}.input_layernorm")
            h = linear(normed, "self_attention.query_key_value")
            if multi: q, k, v = h.split([heads * d, groups * d, groups * d], -1)
            else: q, k, v = h.unflatten(-1, (heads, 3 * d)).split(d, -1)
            q, k, v = (y.reshape(len(ids), -1, d) for y in (q, k, v))
            rope = lambda y: rotated(y, 1e4 * ratio, d // 2, True)
            x = (normed if after else x) + linear(attend(rope(q), rope(k), v), "self_attention.dense")
            normed = norm(x, f"layers.{i}.post_attention_layernorm")
            gate, up = linear(normed, "mlp.dense_h_to_4h").chunk(2, -1)
            x = (normed if after else x) + linear(F.silu(gate) * up, "mlp.dense_4h_to_h")
        return F.linear(norm(x, "final_layernorm") if final else x, w[t + "output_layer.weight"])
    return config, shapes, model

more("chatglm_heads", chatglm3, groups=4, ratio=500.0, bias=True, layers=3)
more("chatglm_layer_norm", chatglm3, heads=6, groups=3, width=48, rms=False, after=True)
more("chatglm_no_final_norm", chatglm3, groups=1, d=8, qkv_bias=False, final=False)


@case
def mpt_learned_positions(heads=4, width=32, layers=2, vocabulary=97, expansion=2, alibi=False, kv_heads=None, clip=0.7,
                          qk_ln=True, bias=True, logit_scale="inv_sqrt_d_model", steepest=8, scale=None):
    kv_heads, d, inner = kv_heads or heads, width // heads, expansion * width
    config = dict(model_type="mpt", d_model=width, n_heads=heads, n_layers=layers, expansion_ratio=expansion,
                  max_seq_len=128, vocab_size=vocabulary, no_bias=not bias, norm_type="low_precision_layernorm",
                  learned_pos_emb=True, logit_scale=logit_scale, tie_word_embeddings=True,
                  attn_config=dict(alibi=alibi, alibi_bias_max=steepest, clip_qkv=clip, qk_ln=qk_ln, prefix_lm=False,
                                   softmax_scale=scale, attn_type="multihead_attention" if kv_heads == heads
                                   else "multiquery_attention"))
    t = "transformer."
    shapes = {t + "wte.weight": [vocabulary, width], t + "norm_f.weight": [width]}
    if not alibi: shapes[t + "wpe.weight"] = [128, width]
    for i in range(layers):
        p = f"{t}blocks.{i}."
        shapes |= {p + "attn.Wqkv.weight": [width + 2 * kv_heads * d, width], p + "attn.out_proj.weight": [width, width],
                   p + "ffn.up_proj.weight": [inner, width], p + "ffn.down_proj.weight": [width, inner],
                   p + "norm_1.weight": [width], p + "norm_2.weight": [width]}
        if qk_ln: shapes |= {p + "attn.q_ln.weight": [width], p + "attn.k_ln.weight": [kv_heads * d]}
    if bias: shapes |= {name.replace(".weight", ".bias"): shape[:1] for name, shape in shapes.items()
                        if "wte" not in name and "wpe" not in name}

    def model(w, ids):
        def norm(x, name):
            return F.layer_norm(x, x.shape[-1:], w[t + name + ".weight"], w.get(t + name + ".bias"), 1e-5)
        def linear(x, name): return F.linear(x, w[t + name + ".weight"], w.get(t + name + ".bias"))
        x = w[t + "wte.weight"][ids]
        if not alibi: x = x + w[t + "wpe.weight"][:len(ids)]
        for i in range(layers):
            p = f"blocks.{i}."
            h = linear(norm(x, p + "norm_1"), p + "attn.Wqkv")
            if clip: h = h.clamp(-clip, clip)
            q, k, v = h.split([width, kv_heads * d, kv_heads * d], -1)
            if qk_ln: q, k = norm(q, p + "attn.q_ln"), norm(k, p + "attn.k_ln")
            q, k, v = (y.unflatten(-1, (-1, d)) for y in (q, k, v))
            power = 2 ** math.ceil(math.log2(heads))
            steps = [2.0 ** -(steepest * n / power) for n in range(1, power + 1)]
            steps = steps if power == heads else (steps[1::2] + steps[::2])[:heads]
            x = x + linear(attend(q, k, v, scale, steps if alibi else None), p + "attn.out_proj")
            x = x + linear(F.gelu(linear(norm(x, p + "norm_2"), p + "ffn.up_proj")), p + "ffn.down_proj")
        logits = F.linear(norm(x, "norm_f"), w[t + "wte.weight"])
        factor = 1 / math.sqrt(width) if logit_scale == "inv_sqrt_d_model" else logit_scale
        return logits * factor if factor else logits
    return config, shapes, model

more("mpt_multi_query", mpt_learned_positions, heads=6, width=48, alibi=True, kv_heads=1, bias=False, logit_scale=0.5)
more("mpt_steep", mpt_learned_positions, heads=12, width=48, alibi=True, clip=None, qk_ln=False, steepest=16,
     logit_scale=None, scale=0.3)
more("mpt_plain", mpt_learned_positions, qk_ln=False, bias=False, clip=None, logit_scale=None, layers=3)


@case
def exaone(heads=4, groups=2, width=32, inner=72, layers=2, vocabulary=97, tied=True, act="silu"):
    d = width // heads
    config = dict(model_type="exaone", hidden_size=width, intermediate_size=inner, num_layers=layers,
                  num_attention_heads=heads, num_key_value_heads=groups, vocab_size=vocabulary, layer_norm_epsilon=1e-5,
                  activation_function=act, max_position_embeddings=128, rope_theta=5e5, tie_word_embeddings=tied)
    t = "transformer."
    shapes = {t + "wte.weight": [vocabulary, width], t + "ln_f.weight": [width]}
    if not tied: shapes["lm_head.weight"] = [vocabulary, width]
    for i in range(layers):
        p = f"{t}h.{i}."
        shapes |= {f"{p}attn.attention.{n}_proj.weight": [groups * d if n in "kv" else width, width] for n in ("q", "k", "v", "out")}
        shapes |= {p + "ln_1.weight": [width], p + "ln_2.weight": [width], p + "mlp.c_fc_0.weight": [inner, width],
                   p + "mlp.c_fc_1.weight": [inner, width], p + "mlp.c_proj.weight": [width, inner]}

    def model(w, ids):
        x = w[t + "wte.weight"][ids]
        for i in range(layers):
            g = lambda name: w[f"{t}h.{i}.{name}.weight"]
            h = rms_norm(x, g("ln_1"), 1e-5)
            q, k, v = (F.linear(h, g(f"attn.attention.{n}_proj")).unflatten(-1, (-1, d)) for n in "qkv")
            x = x + F.linear(attend(rotated(q, 5e5), rotated(k, 5e5), v), g("attn.attention.out_proj"))
            h = rms_norm(x, g("ln_2"), 1e-5)
            gate = F.silu if act == "silu" else F.gelu
            x = x + F.linear(gate(F.linear(h, g("mlp.c_fc_0"))) * F.linear(h, g("mlp.c_fc_1")), g("mlp.c_proj"))
        return F.linear(rms_norm(x, w[t + "ln_f.weight"], 1e-5), w[t + "wte.weight"] if tied else w["lm_head.weight"])
    return config, shapes, model

more("exaone_untied", exaone, heads=6, groups=3, width=60, layers=3, tied=False, act="gelu")


@case
def grok1(heads=4, groups=2, width=32, inner=40, layers=2, vocabulary=97, experts=5, chosen=2, scale=0.3, softcap=2.0,
          embedding=6.0, output=0.6, tied=True):
    """As xAI's program has it (model.py of xai-org/grok-1), with names as in checkpoints converted for PyTorch."""
    d = width // heads
    config = dict(model_type="grok-1", hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                  num_attention_heads=heads, num_key_value_heads=groups, vocab_size=vocabulary, rms_norm_eps=1e-5,
                  attn_output_multiplier=scale, max_attn_value=softcap, embedding_multiplier_scale=embedding,
                  output_multiplier_scale=output, max_position_embeddings=128, num_experts=experts,
                  num_experts_per_tok=chosen, tie_word_embeddings=tied)
    norms = ["pre_attn_norm", "post_attn_norm", "pre_moe_norm", "post_moe_norm"]
    shapes = {"model.embed_tokens.weight": [vocabulary, width], "model.norm.scale": [width]}
    if not tied: shapes["lm_head.weight"] = [vocabulary, width]
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + f"{norm}.scale": [width] for norm in norms}
        shapes |= {p + "attn.q_proj.weight": [width, width], p + "attn.k_proj.weight": [groups * d, width],
                   p + "attn.v_proj.weight": [groups * d, width], p + "attn.o_proj.weight": [width, width],
                   p + "moe_block.gate.weight": [experts, width]}
        for e in range(experts):
            q = f"{p}moe_block.experts.{e}."
            shapes |= {q + "linear.weight": [inner, width], q + "linear_v.weight": [inner, width],
                       q + "linear_1.weight": [width, inner]}

    def model(w, ids):
        x = w["model.embed_tokens.weight"][ids] * embedding
        for i in range(layers):
            g = lambda name, kind="weight": w[f"model.layers.{i}.{name}.{kind}"]
            norm = lambda x, name: rms_norm(x, g(name, "scale"), 1e-5)
            h = norm(x, "pre_attn_norm")
            q, k, v = (F.linear(h, g(f"attn.{n}_proj")).unflatten(-1, (-1, d)) for n in "qkv")
            mixed = attend(rotated(q, 1e4), rotated(k, 1e4), v, scale, softcap=softcap)
            x = x + norm(F.linear(mixed, g("attn.o_proj")), "post_attn_norm")
            h = norm(x, "pre_moe_norm")
            weights, numbers = F.linear(h, g("moe_block.gate")).float().softmax(-1).topk(chosen, -1)
            rows = []
            for token, weight, number in zip(h, weights.to(h.dtype), numbers.tolist()):
                def expert(e):
                    part = lambda name, y: F.linear(y, g(f"moe_block.experts.{e}.{name}"))
                    return part("linear_1", F.gelu(part("linear", token), approximate="tanh") * part("linear_v", token))
                rows.append(sum(a * expert(e) for a, e in zip(weight, number)))
            x = x + norm(torch.stack(rows), "post_moe_norm")
        head = w["model.embed_tokens.weight"] if tied else w["lm_head.weight"]
        return F.linear(rms_norm(x, w["model.norm.scale"], 1e-5), head) * output
    return config, shapes, model

more("grok1_wide", grok1, heads=6, groups=2, width=60, experts=8, chosen=3, softcap=30.0, tied=False, layers=3)


@case
def nemotron_nas(heads=4, width=32, vocabulary=97, blocks=((2, 0.3), (None, 20.0), (4, None), ("matrix", "matrix"),
                                                         (1, 9.0)), theta=1e4):
    """Llama-Nemotron: for each layer heads in a group and factor of the inner width; None: there is none."""
    d = width // heads
    def attention(kind):
        return dict(n_heads_in_group=kind if isinstance(kind, int) else None, no_op=kind is None,
                    replace_with_linear=kind == "matrix", num_sink_tokens=None, window_length=None, sparsify=None,
                    unshifted_sink=False, use_prefill_window_in_sink_attention=False)
    def ffn(kind):
        return dict(ffn_mult=kind if isinstance(kind, float) else None, no_op=kind is None,
                    replace_with_linear=kind == "matrix", sparsify=None)
    config = dict(model_type="nemotron-nas", hidden_size=width, num_hidden_layers=len(blocks), num_attention_heads=heads,
                  num_key_value_heads=None, intermediate_size=None, vocab_size=vocabulary, rms_norm_eps=1e-5,
                  hidden_act="silu", max_position_embeddings=128, rope_theta=theta, attention_bias=False, mlp_bias=False,
                  tie_word_embeddings=False, block_configs=[dict(attention=attention(a), ffn=ffn(f)) for a, f in blocks])
    shapes = {"model.embed_tokens.weight": [vocabulary, width], "model.norm.weight": [width],
              "lm_head.weight": [vocabulary, width]}
    for i, (a, f) in enumerate(blocks):
        p = f"model.layers.{i}."
        if a is not None: shapes[p + "input_layernorm.weight"] = [width]
        if f is not None: shapes[p + "post_attention_layernorm.weight"] = [width]
        if a == "matrix": shapes[p + "self_attn.linear_attn.weight"] = [width, width]
        elif a: shapes |= {p + f"self_attn.{n}_proj.weight": [width // a if n in "kv" else width, width] for n in "qkvo"}
        if f == "matrix": shapes[p + "mlp.linear_mlp.weight"] = [width, width]
        elif f:
            inner = -(-int(2 * f * width / 3) // 256) * 256
            shapes |= {p + "mlp.gate_proj.weight": [inner, width], p + "mlp.up_proj.weight": [inner, width],
                       p + "mlp.down_proj.weight": [width, inner]}

    def model(w, ids):
        x = w["model.embed_tokens.weight"][ids]
        for i, (a, f) in enumerate(blocks):
            g = lambda name: w[f"model.layers.{i}.{name}.weight"]
            if a is not None:
                h = rms_norm(x, g("input_layernorm"), 1e-5)
                if a == "matrix": x = x + F.linear(h, g("self_attn.linear_attn"))
                else:
                    q, k, v = (F.linear(h, g(f"self_attn.{n}_proj")).unflatten(-1, (-1, d)) for n in "qkv")
                    x = x + F.linear(attend(rotated(q, theta), rotated(k, theta), v), g("self_attn.o_proj"))
            if f is not None:
                h = rms_norm(x, g("post_attention_layernorm"), 1e-5)
                if f == "matrix": x = x + F.linear(h, g("mlp.linear_mlp"))
                else: x = x + F.linear(F.silu(F.linear(h, g("mlp.gate_proj"))) * F.linear(h, g("mlp.up_proj")), g("mlp.down_proj"))
        return F.linear(rms_norm(x, w["model.norm.weight"], 1e-5), w["lm_head.weight"])
    return config, shapes, model

more("nemotron_nas_wide", nemotron_nas, heads=6, width=72, blocks=((3, 2.625), (6, 5.25), (None, None), (2, "matrix")),
     theta=5e5)


def make(name, parts, out, seed):
    config, shapes, model = parts
    torch.manual_seed(seed)
    directory = out / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {}
    for path, shape in shapes.items():
        x = torch.randn(shape)
        if any(part in path for part in ("embed", "wte")): x = x * 0.5
        elif "wpe" in path: x = x * 0.1
        elif len(shape) == 2: x = x * 1.2 / shape[1] ** 0.5
        else: x = 0.1 * x + (0 if path.endswith("bias") else 1)
        weights[path] = x.to(torch.bfloat16)
    save(weights, str(directory / "model.safetensors"), metadata={"format": "pt"})

    def load(dtype):
        typed = {path: x.to(dtype) for path, x in load_file(str(directory / "model.safetensors")).items()}
        return lambda tokens: model(typed, torch.tensor(tokens.astype(np.int64)))
    golden(name, directory, load, shapes_vocabulary(config), np.random.default_rng(seed))


def shapes_vocabulary(config): return config.get("padded_vocab_size") or config["vocab_size"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    for name, function in (MORE if arguments.more else CASES).items():
        if only and name not in only: continue
        with torch.no_grad(): make(name, function(), arguments.out, arguments.seed)
