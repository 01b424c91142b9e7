#!/usr/bin/env python3
"""Makes reference cases of more architectures, and with --more variations of each for a check by hand.

usage: make_more_goldens.py OUT [--only NAME[,NAME]] [--more] [--seed 1]
needs: pip install torch transformers safetensors numpy

A case is a function that gives a config of `transformers`; `@more` functions give several, by name. Each OUT/NAME has
config.json, model.safetensors and golden.safetensors (prompt.i, logits.i, the last position only for i = 2, greedy.i and
gap.i, best minus second-best logit), computed in float32 on the CPU. Printed are the rows of GoldenRules+Errors.swift:
the errors of PyTorch itself in bfloat16 and float16.
"""
import argparse, pathlib, numpy as np, torch, transformers as T
from safetensors.numpy import save_file

CASES, MORE = {}, []
EAGER = dict(attn_implementation="eager", experts_implementation="eager")
TINY = dict(vocab_size=97, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=128,
            bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA = dict(TINY, num_key_value_heads=2, intermediate_size=72)
GPT2 = dict(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2)


def case(function):
    """The function's name is the case's."""
    CASES[function.__name__] = function
    return function


def more(function):
    """The function gives name -> config."""
    MORE.append(function)
    return function


# One function a model.

@case
def gpt_bigcode(): return T.GPTBigCodeConfig(**GPT2, multi_query=True, n_inner=72)

@case
def gpt_bigcode_heads(): return T.GPTBigCodeConfig(**GPT2, multi_query=False)

@case
def opt_350m_style():
    return T.OPTConfig(**TINY, ffn_dim=72, word_embed_proj_dim=24, do_layer_norm_before=False)

@case
def gptj_tied(): return T.GPTJConfig(**GPT2, rotary_dim=4, tie_word_embeddings=True)

@more
def gpt2():
    wide = dict(GPT2, n_embd=60, n_head=5, n_layer=3, vocab_size=131)
    return {
        "gpt2_layer_scale": T.GPT2Config(**wide, scale_attn_by_inverse_layer_idx=True, n_inner=52),
        "gpt2_unscaled": T.GPT2Config(**GPT2, scale_attn_weights=False, tie_word_embeddings=False),
        "gpt2_relu": T.GPT2Config(**wide, activation_function="relu", reorder_and_upcast_attn=True),
        "gpt2_quick_gelu": T.GPT2Config(**GPT2, activation_function="quick_gelu", layer_norm_epsilon=1e-3),
        "gpt2_one_head": T.GPT2Config(**dict(GPT2, n_head=1), activation_function="silu"),
        "gpt_bigcode_wide": T.GPTBigCodeConfig(**wide, multi_query=True, activation_function="gelu"),
        "gpt_bigcode_unscaled": T.GPTBigCodeConfig(**wide, multi_query=False, scale_attn_weights=False,
                                                   tie_word_embeddings=False),
    }

@more
def gptj():
    return {
        "gptj_whole_head": T.GPTJConfig(**dict(GPT2, n_head=2), rotary_dim=16, n_inner=56),
        "gptj_odd_width": T.GPTJConfig(**dict(GPT2, n_embd=60, n_head=3, n_layer=3), rotary_dim=6, n_inner=40),
        "gptj_relu": T.GPTJConfig(**GPT2, rotary_dim=8, activation_function="relu"),
    }

@more
def gpt_neox():
    wide = dict(TINY, hidden_size=96, num_attention_heads=6, num_hidden_layers=3, intermediate_size=100)
    rope = lambda kind, **fields: dict(rope_type=kind, rope_theta=10000.0, **fields)
    return {
        "neox_serial": T.GPTNeoXConfig(**wide, use_parallel_residual=False, tie_word_embeddings=True),
        "neox_no_bias": T.GPTNeoXConfig(**wide, attention_bias=False, hidden_act="gelu_fast"),
        "neox_whole_head": T.GPTNeoXConfig(**wide, rope_parameters=rope("default", partial_rotary_factor=1.0)),
        "neox_linear": T.GPTNeoXConfig(**wide, rope_parameters=rope("linear", factor=2.0, partial_rotary_factor=0.5)),
        "neox_yarn": T.GPTNeoXConfig(**wide, hidden_act="relu", rope_parameters=rope(
            "yarn", factor=4.0, original_max_position_embeddings=32, partial_rotary_factor=0.5)),
    }

@more
def opt():
    wide = dict(TINY, hidden_size=60, num_attention_heads=5, num_hidden_layers=3, ffn_dim=44)
    return {
        "opt_no_bias": T.OPTConfig(**wide, enable_bias=False, activation_function="gelu"),
        "opt_plain_norms": T.OPTConfig(**wide, layer_norm_elementwise_affine=False),
        "opt_untied_projected": T.OPTConfig(**wide, word_embed_proj_dim=20, tie_word_embeddings=False),
        "opt_no_final_norm": T.OPTConfig(**wide, _remove_final_layer_norm=True),
        "opt_post_norm": T.OPTConfig(**wide, do_layer_norm_before=False, tie_word_embeddings=False),
    }

@more
def falcon():
    wide = dict(TINY, hidden_size=96, num_attention_heads=6, num_hidden_layers=3)
    new = dict(wide, new_decoder_architecture=True, parallel_attn=True, alibi=False)
    return {
        "falcon_groups_of_3": T.FalconConfig(**new, num_kv_heads=2, bias=True, ffn_hidden_size=120),
        "falcon_one_norm": T.FalconConfig(**new, num_kv_heads=3, num_ln_in_parallel_attn=1, activation="relu"),
        "falcon_one_kv_head": T.FalconConfig(**new, num_kv_heads=1, tie_word_embeddings=False),
        "falcon_serial_rope": T.FalconConfig(**wide, multi_query=True, parallel_attn=False, bias=True),
        "falcon_parallel_heads": T.FalconConfig(**wide, multi_query=False, parallel_attn=True,
                                                rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.0)),
        "falcon_alibi_multi_query": T.FalconConfig(**wide, multi_query=True, parallel_attn=True, alibi=True),
        "falcon_alibi_16": T.FalconConfig(**dict(wide, num_attention_heads=16), multi_query=False, parallel_attn=False,
                                          alibi=True, bias=True),
        "falcon_alibi_groups": T.FalconConfig(**dict(new, alibi=True), num_kv_heads=3),
    }

@more
def mpt():
    tiny = dict(vocab_size=97, d_model=60, n_layers=3, max_seq_len=128)
    return {
        "mpt_6_heads": T.MptConfig(**tiny, n_heads=6, attn_config=dict(clip_qkv=0.5)),
        "mpt_12_heads": T.MptConfig(**tiny, n_heads=12, attn_config=dict(softmax_scale=0.3)),
        "mpt_untied": T.MptConfig(**tiny, n_heads=5, tie_word_embeddings=False, layer_norm_epsilon=1e-3),
    }

@more
def bloom():
    tiny = dict(vocab_size=97, hidden_size=60, n_layer=3, bos_token_id=1, eos_token_id=2)
    return {
        "bloom_residual_after_norm": T.BloomConfig(**tiny, n_head=6, apply_residual_connection_post_layernorm=True),
        "bloom_12_heads": T.BloomConfig(**tiny, n_head=12, layer_norm_epsilon=1e-3),
        "bloom_untied": T.BloomConfig(**tiny, n_head=5, tie_word_embeddings=False, pretraining_tp=2),
    }

@case
def qwen2_windows():
    return T.Qwen2Config(**dict(LLAMA, num_hidden_layers=3), use_sliding_window=True, sliding_window=9, max_window_layers=1)

@case
def gemma3_nested_rope():
    return T.Gemma3TextConfig(**dict(LLAMA, num_hidden_layers=4), head_dim=12, query_pre_attn_scalar=24, sliding_window=8,
        sliding_window_pattern=3, rope_parameters=dict(
            full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
            sliding_attention=dict(rope_type="default", rope_theta=1e4)))

@case
def olmo_clip(): return T.OlmoConfig(**LLAMA, clip_qkv=0.4)

@case
def olmo3():
    return T.Olmo3Config(**dict(LLAMA, num_hidden_layers=4), sliding_window=8, rope_parameters=dict(
        full_attention=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32, rope_theta=5e5),
        sliding_attention=dict(rope_type="default", rope_theta=5e5)))

@case
def cohere2():
    return T.Cohere2Config(**dict(LLAMA, num_hidden_layers=4), sliding_window=8, logit_scale=0.25)

@case
def cohere_qk_norm(): return T.CohereConfig(**LLAMA, use_qk_norm=True, logit_scale=0.5, attention_bias=True)

@case
def stablelm_parallel():
    return T.StableLmConfig(**LLAMA, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=True,
                            partial_rotary_factor=0.25)

@case
def phi_qk_norm(): return T.PhiConfig(**LLAMA, qk_layernorm=True, partial_rotary_factor=0.5, tie_word_embeddings=True)

@case
def phi3_partial_window():
    return T.Phi3Config(**LLAMA, partial_rotary_factor=0.75, sliding_window=9, tie_word_embeddings=True,
                        original_max_position_embeddings=128)

@case
def glm(): return T.GlmConfig(**LLAMA, head_dim=12, partial_rotary_factor=0.5)

@case
def glm4(): return T.Glm4Config(**LLAMA, head_dim=12, partial_rotary_factor=0.5, attention_bias=True)

@case
def nemotron(): return T.NemotronConfig(**LLAMA, partial_rotary_factor=0.5)

@case
def arcee(): return T.ArceeConfig(**LLAMA)

@case
def smollm3(): return T.SmolLM3Config(**dict(LLAMA, num_hidden_layers=4))

@case
def exaone4(): return T.Exaone4Config(**dict(LLAMA, num_hidden_layers=4), sliding_window=8, sliding_window_pattern=4)

@case
def helium(): return T.HeliumConfig(**LLAMA, head_dim=8)

@case
def ernie4_5(): return T.Ernie4_5Config(**LLAMA, head_dim=12, use_bias=True)

@case
def seed_oss(): return T.SeedOssConfig(**LLAMA, head_dim=12, attention_out_bias=True)

@case
def ministral():
    return T.MinistralConfig(**LLAMA, head_dim=12, sliding_window=8, layer_types=["full_attention", "sliding_attention"])

@more
def qwen():
    wide = dict(LLAMA, hidden_size=60, num_attention_heads=5, num_key_value_heads=1, num_hidden_layers=3, vocab_size=131)
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    rope = lambda kind, **fields: dict(rope_type=kind, rope_theta=1e6, **fields)
    return {
        "qwen2_wide": T.Qwen2Config(**wide, tie_word_embeddings=True, hidden_act="gelu"),
        "qwen2_layer_types": T.Qwen2Config(**wide, use_sliding_window=True, sliding_window=5, layer_types=types),
        "qwen2_yarn": T.Qwen2Config(**wide, rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=32)),
        "qwen3_bias": T.Qwen3Config(**wide, head_dim=20, attention_bias=True, tie_word_embeddings=True),
        "qwen3_windows": T.Qwen3Config(**wide, head_dim=8, use_sliding_window=True, sliding_window=11, max_window_layers=2),
        "qwen3_linear": T.Qwen3Config(**wide, head_dim=12, rope_parameters=rope("linear", factor=3.0)),
    }

@more
def gemmas():
    wide = dict(LLAMA, hidden_size=60, num_attention_heads=6, num_key_value_heads=1, num_hidden_layers=3, vocab_size=131)
    types = ["full_attention", "sliding_attention", "full_attention"]
    return {
        "gemma_untied_bias": T.GemmaConfig(**wide, head_dim=20, attention_bias=True, tie_word_embeddings=False),
        "gemma_old_gelu": T.GemmaConfig(**wide, head_dim=10, hidden_act="gelu"),
        "gemma2_no_caps": T.Gemma2Config(**wide, head_dim=20, query_pre_attn_scalar=30, sliding_window=7,
            attn_logit_softcapping=None, final_logit_softcapping=None, tie_word_embeddings=False),
        "gemma2_small_caps": T.Gemma2Config(**wide, head_dim=8, query_pre_attn_scalar=5, sliding_window=7,
            attn_logit_softcapping=1.5, final_logit_softcapping=4.0, layer_types=types, attention_bias=True),
        "gemma3_caps": T.Gemma3TextConfig(**wide, head_dim=20, sliding_window=5, sliding_window_pattern=2,
            attn_logit_softcapping=2.0, final_logit_softcapping=5.0, tie_word_embeddings=False),
        "gemma3_types": T.Gemma3TextConfig(**wide, head_dim=8, sliding_window=12, layer_types=types, attention_bias=True),
    }

@more
def olmos():
    wide = dict(LLAMA, hidden_size=60, num_attention_heads=6, num_key_value_heads=3, num_hidden_layers=5, vocab_size=131)
    return {
        "olmo_bias_tied": T.OlmoConfig(**wide, attention_bias=True, tie_word_embeddings=True),
        "olmo2_bias_tied": T.Olmo2Config(**wide, attention_bias=True, tie_word_embeddings=True, rms_norm_eps=1e-3),
        "olmo3_wide": T.Olmo3Config(**wide, sliding_window=3),
        "granite_bias": T.GraniteConfig(**wide, attention_bias=True, mlp_bias=True, embedding_multiplier=12.0,
            attention_multiplier=0.015625, residual_multiplier=0.22, logits_scaling=8.0, tie_word_embeddings=True),
        "starcoder2_window": T.Starcoder2Config(**wide, sliding_window=10, use_bias=False, tie_word_embeddings=False),
        "starcoder2_tied": T.Starcoder2Config(**wide, norm_epsilon=1e-3, hidden_act="gelu"),
    }

@more
def parallel():
    wide = dict(LLAMA, hidden_size=72, num_attention_heads=6, num_key_value_heads=2, num_hidden_layers=3, vocab_size=131)
    types = ["full_attention", "sliding_attention", "sliding_attention"]
    return {
        "cohere_untied": T.CohereConfig(**wide, tie_word_embeddings=False, use_qk_norm=True, layer_norm_eps=1e-3),
        "cohere2_types": T.Cohere2Config(**wide, sliding_window=6, layer_types=types, attention_bias=True),
        "stablelm_norms": T.StableLmConfig(**wide, qk_layernorm=True, partial_rotary_factor=0.5, tie_word_embeddings=True),
        "stablelm_parallel_bias": T.StableLmConfig(**wide, use_parallel_residual=True, use_qkv_bias=True,
                                                   partial_rotary_factor=1.0, hidden_act="gelu"),
        "phi_groups": T.PhiConfig(**wide, partial_rotary_factor=0.35, hidden_act="relu"),
        "phi_linear": T.PhiConfig(**wide, tie_word_embeddings=True, rope_parameters=dict(
            rope_type="linear", rope_theta=1e4, factor=2.0, partial_rotary_factor=0.5)),
    }

@more
def fused():
    wide = dict(LLAMA, hidden_size=60, num_attention_heads=5, num_key_value_heads=1, num_hidden_layers=3, vocab_size=131)
    return {
        "phi3_wide": T.Phi3Config(**wide, hidden_act="gelu_pytorch_tanh", partial_rotary_factor=0.5),
        "glm_no_bias": T.GlmConfig(**wide, head_dim=20, attention_bias=False, partial_rotary_factor=1.0),
        "glm_tied": T.GlmConfig(**wide, head_dim=16, tie_word_embeddings=True, partial_rotary_factor=0.25),
        "glm4_wide": T.Glm4Config(**wide, head_dim=16, tie_word_embeddings=True, attention_bias=False),
        "glm4_whole": T.Glm4Config(**wide, head_dim=8, partial_rotary_factor=1.0),
        "nemotron_bias": T.NemotronConfig(**wide, attention_bias=True, mlp_bias=True, partial_rotary_factor=1.0),
        "nemotron_head_dim": T.NemotronConfig(**wide, head_dim=16, tie_word_embeddings=True, norm_eps=1e-3),
        "arcee_bias": T.ArceeConfig(**wide, attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
        "smollm3_windows": T.SmolLM3Config(**wide, use_sliding_window=True, sliding_window=7, no_rope_layers=[1, 0, 1]),
        "smollm3_interval": T.SmolLM3Config(**wide, no_rope_layer_interval=2, attention_bias=True, mlp_bias=True,
                                            tie_word_embeddings=False),
        "exaone4_all": T.Exaone4Config(**wide, sliding_window=None, tie_word_embeddings=True,
                                       layer_types=["full_attention"] * 3),
        "exaone4_types": T.Exaone4Config(**wide, head_dim=20, sliding_window=7, layer_types=[
            "full_attention", "sliding_attention", "full_attention"]),
        "helium_bias": T.HeliumConfig(**wide, head_dim=12, attention_bias=True, mlp_bias=True),
        "ernie_no_bias": T.Ernie4_5Config(**wide, head_dim=20, tie_word_embeddings=False),
        "seed_oss_plain": T.SeedOssConfig(**wide, head_dim=20, attention_bias=False, mlp_bias=True),
    }


MIXTURE = dict(LLAMA, num_local_experts=6, num_experts_per_tok=2)
QWEN_MIXTURE = dict(LLAMA, moe_intermediate_size=20, num_experts=6, num_experts_per_tok=3)
LLAMA4 = dict(LLAMA, num_hidden_layers=4, head_dim=8, intermediate_size_mlp=56, num_local_experts=4, num_experts_per_tok=1,
              intermediate_size=24, attention_chunk_size=16, floor_scale=16, attn_scale=0.5,
              rope_parameters=dict(rope_type="default", rope_theta=1e4))
PHIMOE = dict(MIXTURE, attention_bias=True, lm_head_bias=True)

def longrope(dimensions):
    return dict(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=128, short_mscale=1.1, long_mscale=1.3,
                short_factor=[1.0 + 0.1 * i for i in range(dimensions // 2)], long_factor=[2.0 + i for i in range(dimensions // 2)])

@case
def qwen2_moe():
    return T.Qwen2MoeConfig(**QWEN_MIXTURE, shared_expert_intermediate_size=40, decoder_sparse_step=1)

@case
def phimoe(): return T.PhimoeConfig(**PHIMOE, rope_parameters=longrope(8))

@case
def llama4_text(): return T.Llama4TextConfig(**LLAMA4, interleave_moe_layer_step=2)

@case
def olmoe(): return T.OlmoeConfig(**QWEN_MIXTURE)

@case
def granitemoe():
    return T.GraniteMoeConfig(**MIXTURE, embedding_multiplier=2.0, attention_multiplier=0.3, residual_multiplier=0.5,
                              logits_scaling=1.5)

@case
def glm4_moe():
    return T.Glm4MoeConfig(**dict(LLAMA, num_hidden_layers=3), head_dim=12, moe_intermediate_size=20, n_routed_experts=8,
        num_experts_per_tok=3, n_shared_experts=2, n_group=4, topk_group=2, routed_scaling_factor=1.7, use_qk_norm=True,
        attention_bias=True)

@case
def mimo_v2_flash():
    rope = lambda theta: dict(rope_type="default", rope_theta=theta, partial_rotary_factor=0.334)
    return T.MiMoV2FlashConfig(**LLAMA | dict(num_hidden_layers=3, num_key_value_heads=1), head_dim=12, v_head_dim=8,
        sliding_window=9, layer_types=["full_attention", "sliding_attention", "sliding_attention"], n_routed_experts=6,
        moe_intermediate_size=20, num_experts_per_tok=2, mlp_layer_types=["dense", "sparse", "sparse"],
        rope_parameters=dict(full_attention=rope(5e6), sliding_attention=rope(1e4)))

@case
def minimax_m2():
    return T.MiniMaxM2Config(**LLAMA | dict(intermediate_size=24), head_dim=12, num_local_experts=6, num_experts_per_tok=3,
                             rotary_dim=6)

@case
def dbrx():
    return T.DbrxConfig(d_model=32, n_heads=4, n_layers=2, max_seq_len=128, vocab_size=97,
        attn_config=dict(kv_n_heads=2, clip_qkv=1.0, rope_theta=5e4), ffn_config=dict(hidden_size=32, ffn_hidden_size=20, moe_num_experts=6, moe_top_k=3))

@more
def mixtures():
    wide = dict(LLAMA, hidden_size=60, num_attention_heads=5, num_key_value_heads=1, num_hidden_layers=3, vocab_size=131)
    qwen = dict(QWEN_MIXTURE, **{k: wide[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads",
                                                      "num_hidden_layers", "vocab_size")})
    types = ["full_attention", "sliding_attention", "sliding_attention"]
    oss = dict(wide, head_dim=16, num_local_experts=5, num_experts_per_tok=3)
    return {
        "mixtral_window": T.MixtralConfig(**wide, num_local_experts=5, num_experts_per_tok=3, sliding_window=7, hidden_act="gelu"),
        "mixtral_tied": T.MixtralConfig(**dict(wide, intermediate_size=41), num_local_experts=3, num_experts_per_tok=1, head_dim=20, tie_word_embeddings=True),
        "mixtral_all": T.MixtralConfig(**wide, num_local_experts=4, num_experts_per_tok=4),
        "qwen3_moe_steps": T.Qwen3MoeConfig(**dict(qwen, num_hidden_layers=4), head_dim=12, decoder_sparse_step=2, norm_topk_prob=True, attention_bias=True),
        "qwen3_moe_dense": T.Qwen3MoeConfig(**qwen, head_dim=8, mlp_only_layers=[1], use_sliding_window=True, sliding_window=9),
        "qwen2_moe_window": T.Qwen2MoeConfig(**qwen, shared_expert_intermediate_size=37, norm_topk_prob=True,
            use_sliding_window=True, sliding_window=6, max_window_layers=2, mlp_only_layers=[0], qkv_bias=False),
        "qwen2_moe_steps": T.Qwen2MoeConfig(**qwen, shared_expert_intermediate_size=64, decoder_sparse_step=2, tie_word_embeddings=True),
        "gpt_oss_types": T.GptOssConfig(**oss, sliding_window=5, layer_types=types),
        "gpt_oss_small_limit": T.GptOssConfig(**dict(oss, intermediate_size=33), sliding_window=12, swiglu_limit=0.4, tie_word_embeddings=True),
        "gpt_oss_plain_rope": T.GptOssConfig(**oss, attention_bias=False, rope_parameters=dict(rope_type="default", rope_theta=500.0)),
        "phimoe_plain": T.PhimoeConfig(**wide, num_local_experts=5, router_jitter_noise=0.2, sliding_window=9, rope_parameters=dict(rope_type="default", rope_theta=1e4)),
        "phimoe_tied": T.PhimoeConfig(**dict(wide, intermediate_size=20), num_local_experts=16, router_jitter_noise=0.0, lm_head_bias=True, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e4)),
        "llama4_all_sparse": T.Llama4TextConfig(**dict(LLAMA4, num_experts_per_tok=2, attention_bias=True, tie_word_embeddings=True), no_rope_layer_interval=2),
        "llama4_layers": T.Llama4TextConfig(**dict(LLAMA4, attention_chunk_size=11), moe_layers=[1, 2], no_rope_layers=[0, 1, 1, 0], use_qk_norm=False),
        "llama4_untuned": T.Llama4TextConfig(**dict(LLAMA4, rope_parameters=dict(rope_type="llama3", rope_theta=5e5, factor=16.0, low_freq_factor=1.0, high_freq_factor=1.0, original_max_position_embeddings=32)), attn_temperature_tuning=False),
        "olmoe_bias": T.OlmoeConfig(**dict(qwen, num_experts_per_tok=2), norm_topk_prob=True, attention_bias=True, rms_norm_eps=1e-3),
        "granitemoe_bias": T.GraniteMoeConfig(**wide, num_local_experts=5, num_experts_per_tok=3, attention_bias=True, tie_word_embeddings=True),
        "glm4_moe_one_group": T.Glm4MoeConfig(**wide, head_dim=20, moe_intermediate_size=24, n_routed_experts=6, num_experts_per_tok=2,
            first_k_dense_replace=0, norm_topk_prob=False, rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=1.0)),
        "dbrx_wide": T.DbrxConfig(d_model=60, n_heads=6, n_layers=3, max_seq_len=128, vocab_size=131, attn_config=dict(kv_n_heads=3, clip_qkv=0.8, rope_theta=1e4),
            ffn_config=dict(hidden_size=60, ffn_hidden_size=41, moe_num_experts=4, moe_top_k=2, moe_normalize_expert_weights=None, ffn_act_fn=dict(name="gelu"))),
    }

LATENT = dict(TINY, intermediate_size=48, moe_intermediate_size=24, n_routed_experts=8, num_experts_per_tok=2,
              kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=16, v_head_dim=12, first_k_dense_replace=1)
def yarn(**fields): return dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, beta_fast=32, beta_slow=1, mscale=1.0,
                                original_max_position_embeddings=32) | fields

@case
def deepseek_v2():
    return T.DeepseekV2Config(**LATENT, num_key_value_heads=4, q_lora_rank=20, n_shared_experts=1, n_group=4, topk_group=2,
                              topk_method="group_limited_greedy", routed_scaling_factor=4.0,
                              rope_parameters=yarn(mscale_all_dim=0.707))

@case
def deepseek_v2_lite():
    return T.DeepseekV2Config(**LATENT, num_key_value_heads=4, q_lora_rank=None, n_shared_experts=2)

@case
def deepseek_v3_biased():
    return T.DeepseekV3Config(**LATENT, num_key_value_heads=4, q_lora_rank=20, n_group=2, topk_group=1,
                              rope_parameters=yarn(mscale_all_dim=1.0))

@case
def deepseek_v3_dense():
    return T.DeepseekV3Config(**LATENT | dict(first_k_dense_replace=2), num_key_value_heads=4, q_lora_rank=20)

@more
def deepseek():
    v2 = lambda **fields: T.DeepseekV2Config(**(LATENT | dict(num_key_value_heads=4, q_lora_rank=20) | fields))
    v3 = lambda **fields: T.DeepseekV3Config(**(LATENT | dict(num_key_value_heads=4, q_lora_rank=20, n_group=2,
                                                              topk_group=1) | fields))
    wide = dict(hidden_size=128, num_attention_heads=16, num_key_value_heads=16, kv_lora_rank=512, qk_nope_head_dim=128,
                qk_rope_head_dim=64, v_head_dim=128, q_lora_rank=None)
    return {
        "deepseek_v3_odd": v3(first_k_dense_replace=3, num_hidden_layers=3, num_attention_heads=5, num_key_value_heads=5,
                              hidden_size=80, kv_lora_rank=37, v_head_dim=12, qk_nope_head_dim=20, qk_rope_head_dim=4,
                              q_lora_rank=31, rms_norm_eps=1e-3),
        "deepseek_v3_half": v3(rope_interleave=False, attention_bias=True, tie_word_embeddings=True, q_lora_rank=None,
                               rope_parameters=yarn(mscale=0.707, mscale_all_dim=0.5)),
        "deepseek_v3_groups": v3(n_routed_experts=12, n_group=4, topk_group=2, num_experts_per_tok=4, n_shared_experts=2,
                                 norm_topk_prob=False, routed_scaling_factor=1.3, num_hidden_layers=3),
        "deepseek_v3_one_group": v3(n_group=1, num_experts_per_tok=3, first_k_dense_replace=0),
        "deepseek_v2_dense": v2(first_k_dense_replace=2, mlp_bias=True),
        "deepseek_v2_grouped": v2(topk_method="group_limited_greedy", n_group=4, topk_group=2, num_experts_per_tok=3,
                                  routed_scaling_factor=16.0, attention_bias=True, mlp_bias=True, n_shared_experts=3),
        "deepseek_v2_wide": v2(**wide, first_k_dense_replace=0),
        "deepseek_v2_wide_dense": v2(**wide, first_k_dense_replace=2),
    }


def spread(model, name, tied):
    """Random weights that give logits far from uniform."""
    for path, p in model.named_parameters():
        if any(part in path for part in ("embed_tokens", "wte", "wpe", "embeddings", "embed_in", "embed_positions")) and p.dim() == 2:
            p.copy_(torch.randn_like(p) * ((0.04 if tied else 0.5) if p.shape[0] == model.config.vocab_size else 0.1))
        elif p.dim() >= 2: p.copy_(torch.randn_like(p) * (1.2 / p.shape[-1] ** 0.5))
        elif path.endswith("weight"): p.copy_((0.0 if p.abs().sum() == 0 else 1.0) + 0.1 * torch.randn_like(p))
        else: p.copy_(0.1 * torch.randn_like(p))
    for path, b in model.named_buffers():
        if path.endswith("e_score_correction_bias"): b.copy_(0.1 * torch.randn_like(b))


@torch.no_grad()
def make(name, config, out, seed):
    torch.manual_seed(seed)
    model = T.AutoModelForCausalLM.from_config(config, **EAGER).float().eval()
    spread(model, name, getattr(config, "tie_word_embeddings", False))
    directory = out / name
    model.to(torch.bfloat16).save_pretrained(directory, safe_serialization=True)
    (directory / "generation_config.json").unlink(missing_ok=True)

    def load(dtype):
        model = T.AutoModelForCausalLM.from_pretrained(directory, **EAGER, dtype=dtype).eval()
        return lambda tokens: model(torch.tensor(tokens[None].astype(np.int64)), use_cache=False).logits[0]
    golden(name, directory, load, config.vocab_size, np.random.default_rng(seed))


def golden(name, directory, load, vocabulary, rng):
    """Writes golden.safetensors and prints the errors in other types; load(dtype) gives token ids -> logits."""
    model, golden = load(torch.float32), {}
    for i, count in enumerate((5, 37, 70)):
        prompt = rng.integers(3, vocabulary, count).astype(np.int32)
        rows, tokens, gaps = model(prompt).numpy(), prompt, []
        for _ in range(24):
            last = model(tokens)[-1]
            best = torch.topk(last, 2).values
            gaps.append(float(best[0] - best[1]))
            tokens = np.append(tokens, np.int32(last.argmax()))
        golden |= {f"prompt.{i}": prompt, f"logits.{i}": (rows if i < 2 else rows[-1:]).astype(np.float32),
                   f"greedy.{i}": tokens[count:].astype(np.int32), f"gap.{i}": np.array(gaps, np.float32)}
    save_file(golden, str(directory / "golden.safetensors"))
    rows = []
    for dtype in (torch.bfloat16, torch.float16):
        other, errors = load(dtype), []
        for i in range(3):
            expected = golden[f"logits.{i}"]
            found = other(golden[f"prompt.{i}"]).float().numpy()[-len(expected):]
            errors.append(float(np.linalg.norm(found - expected) / np.linalg.norm(expected)))
        rows.append("[" + ", ".join(f"{error:.6g}" for error in errors) + "]")
    print(f'    "{name}": ({rows[0]}, {rows[1]}),', flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    T.logging.set_verbosity_error()
    arguments.out.mkdir(parents=True, exist_ok=True)
    only = set(filter(None, arguments.only.split(",")))
    wanted = {name: function for name, function in CASES.items() if not only or name in only}
    configs = {name: function() for name, function in wanted.items()} if not arguments.more else {}
    for function in MORE if arguments.more else []:
        found = function()
        configs |= {name: c for name, c in found.items() if not only or name in only or function.__name__ in only}
    for name, config in configs.items(): make(name, config, arguments.out, arguments.seed)
