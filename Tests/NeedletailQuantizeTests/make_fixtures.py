#!/usr/bin/env python3
"""Makes Fixtures/: small quantized checkpoints packed by the tools that publish such files, and what they decode to.

    python make_fixtures.py          with compressed-tensors 0.20, autoawq 0.2.9, gptqmodel 7.7, nvidia-modelopt 0.47, torch

Each NAME.safetensors holds the tensors of module "m" (or parameter "m") as the tool writes them, and "expected": what the
tool itself decodes. NAME.json is the config as it stands in config.json, or hf_quant_config.json for ModelOpt.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "Fixtures"
torch.manual_seed(7)


def weight(n, k, scale=0.05):
    w = torch.randn(n, k) * scale
    w[:, ::17] *= 6
    w[1] = w[1].abs()
    return w


def write(name, tensors, expected, config):
    HERE.mkdir(exist_ok=True)
    tensors = {key: value.contiguous() for key, value in tensors.items()}
    tensors["expected"] = expected.float().contiguous()
    save_file(tensors, HERE / f"{name}.safetensors")
    (HERE / f"{name}.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def group_scales(w, size, symmetric, bits=4):
    groups = w.view(w.shape[0], -1, size)
    if symmetric:
        scale = groups.abs().amax(-1) / (2 ** (bits - 1) - 1)
        return scale, torch.zeros_like(scale)
    low, high = groups.amin(-1).clamp(max=0), groups.amax(-1).clamp(min=0)
    scale = (high - low) / (2**bits - 1)
    return scale, torch.round(-low / scale).clamp(0, 2**bits - 1)


def compressed_tensors():
    from compressed_tensors.compressors.base import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    cases = {
        "ct-float": ("float-quantized", dict(num_bits=8, type="float", strategy="channel"), torch.bfloat16,
                     dict(num_bits=8, type="float", strategy="token", dynamic=True)),
        "ct-float-block": ("float-quantized", dict(num_bits=8, type="float", strategy="block", block_structure=[16, 32]),
                           torch.float32, dict(num_bits=8, type="float", strategy="group", group_size=32, dynamic=True)),
        "ct-int": ("int-quantized", dict(num_bits=8, type="int", strategy="channel"), torch.float32,
                   dict(num_bits=8, type="int", strategy="token", dynamic=True)),
        "ct-pack": ("pack-quantized", dict(num_bits=4, type="int", strategy="group", group_size=32), torch.bfloat16, None),
        "ct-pack-asymmetric": ("pack-quantized",
                               dict(num_bits=4, type="int", strategy="group", group_size=16, symmetric=False),
                               torch.float16, None),
    }
    for name, (fmt, args, dtype, activations) in cases.items():
        w = weight(40, 96).to(dtype)
        n, k = w.shape
        zero = None
        if args["strategy"] == "group":
            scale, zero = group_scales(w.float(), args["group_size"], args.get("symmetric", True))
            # Stored zero points are signed.
            zero = None if args.get("symmetric", True) else (zero - 8).to(torch.int8)
        elif args["strategy"] == "block":
            rows, columns = args["block_structure"]
            padded = torch.nn.functional.pad(w.float(), (0, -k % columns, 0, -n % rows))
            blocks = padded.view(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns)
            scale = blocks.abs().amax((1, 3)) / 448
        else:
            scale = w.float().abs().amax(-1, keepdim=True) / (448 if args["type"] == "float" else 127)
        scale = scale.to(dtype)
        scheme = QuantizationScheme(
            targets=["Linear"], weights=QuantizationArgs(**args),
            input_activations=QuantizationArgs(**activations) if activations else None)
        state = {"weight": w, "weight_scale": scale}
        if zero is not None:
            state["weight_zero_point"] = zero
        compressor = BaseCompressor.get_value_from_registry(fmt)
        packed = compressor.compress(dict(state), scheme)
        expected = compressor.decompress(dict(packed), scheme)["weight"]
        config = {
            "quant_method": "compressed-tensors", "format": fmt, "ignore": ["lm_head"], "kv_cache_scheme": None,
            "quantization_status": "compressed",
            "config_groups": {"group_0": json.loads(scheme.model_dump_json())},
        }
        write(name, {f"m.{key}": value for key, value in packed.items()}, expected, config)


def auto_awq():
    try:
        import awq  # noqa: F401  its package wants more than packing needs
    except Exception:
        pass
    from awq.modules.linear.gemm import WQLinear_GEMM
    from awq.utils.packing_utils import dequantize_gemm

    w = weight(64, 64).half()
    scale, zero = group_scales(w.float(), 32, False)
    linear = torch.nn.Linear(64, 64, bias=True)
    scale = scale.half()
    linear.weight.data = w.float()
    packed = WQLinear_GEMM.from_linear(linear, 4, 32, scales=scale.t().contiguous().float(), zeros=zero.t().contiguous())
    expected = dequantize_gemm(packed.qweight, packed.qzeros, packed.scales, 4, 32).t()
    tensors = {f"m.{key}": getattr(packed, key) for key in ("qweight", "qzeros", "scales", "bias")}
    write("awq", tensors, expected, {
        "quant_method": "awq", "bits": 4, "group_size": 32, "version": "gemm", "zero_point": True,
        "modules_to_not_convert": None})


def gptq():
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    for name, symmetric in (("gptq", True), ("gptq-asymmetric", False)):
        w = weight(64, 96)
        scale, zero = group_scales(w, 32, symmetric)
        scale = scale.half().float()
        if symmetric:
            zero = torch.full_like(scale, 8)
        groups = (torch.arange(96) // 32).int()
        layer = TorchLinear(bits=4, group_size=32, sym=symmetric, desc_act=False, in_features=96, out_features=64,
                            bias=False, register_buffers=True)
        linear = torch.nn.Linear(96, 64, bias=False)
        codes = (torch.round(w.view(64, 3, 32) / scale[..., None]) + zero[..., None]).clamp(0, 15)
        linear.weight.data = ((codes - zero[..., None]) * scale[..., None]).view(64, 96)
        layer.pack(linear, scale, zero, groups)
        expected = layer.dequantize_weight().t()
        tensors = {f"m.{key}": getattr(layer, key).clone() for key in ("qweight", "qzeros", "scales", "g_idx")}
        write(name, tensors, expected, {
            "quant_method": "gptq", "bits": 4, "group_size": 32, "sym": symmetric, "desc_act": False,
            "checkpoint_format": "gptq_v2"})
        # The first version of the format: each zero point less one.
        packed = tensors["m.qzeros"].to(torch.int64) & 0xFFFFFFFF
        packed = packed - 0x11111111
        tensors["m.qzeros"] = torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32)
        if symmetric:
            write("gptq-v1", tensors, expected, {
                "quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True, "desc_act": False})


def model_opt():
    from modelopt.torch.export.quant_utils import to_quantized_weight
    from modelopt.torch.quantization.qtensor import FP8QTensor

    w = weight(32, 128).bfloat16()
    scale = (w.float().view(32, 4, 32).abs().amax(-1) / 7).bfloat16()
    packed = to_quantized_weight(w, scale, "int4_awq", block_size=32)
    # The layout of exported files: two outputs a byte, two's complement.
    low, high = (packed & 15).to(torch.int8), (packed >> 4).to(torch.int8)
    codes = torch.stack([low, high], 1).view(32, 128)
    codes = torch.where(codes > 7, codes - 16, codes)
    expected = codes.to(scale.dtype) * scale.repeat_interleave(32, 1)
    assert torch.equal(codes.float(), (w / scale.repeat_interleave(32, 1)).round().clamp(-8, 7).float())
    write("modelopt-awq", {
        "m.weight": packed, "m.weight_scale": scale, "m.pre_quant_scale": torch.linspace(0.5, 2, 128).bfloat16(),
    }, expected, {"producer": {"name": "modelopt"}, "quantization": {
        "quant_algo": "W4A16_AWQ", "group_size": 32, "has_zero_point": False, "pre_quant_scale": True,
        "kv_cache_quant_algo": None, "exclude_modules": ["lm_head"]}})

    w = weight(24, 40)
    scale = w.abs().amax() / 448
    packed = to_quantized_weight(w, scale, "fp8")
    expected = FP8QTensor(w.shape, torch.float32, packed).dequantize(torch.float32, scale=scale)
    write("modelopt-fp8", {
        "m.weight": packed, "m.weight_scale": scale, "m.input_scale": torch.tensor(0.03),
        "layers.3.k_proj.k_scale": torch.tensor(0.5), "layers.3.v_proj.v_scale": torch.tensor(0.25),
    }, expected, {"producer": {"name": "modelopt"}, "quantization": {
        "quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}})


def deep_seek():
    """The arithmetic of DeepSeek-V3's own weight_dequant (inference/kernel.py): x * s of the 128 x 128 block."""
    w = weight(160, 200)
    blocks = torch.nn.functional.pad(w, (0, 56, 0, 96)).view(2, 128, 2, 128)
    scale = blocks.abs().amax((1, 3)) / 448
    full = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)[:160, :200]
    codes = (w / full).to(torch.float8_e4m3fn)
    write("fp8-block", {"m.weight": codes, "m.weight_scale_inv": scale}, codes.float() * full, {
        "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]})


def gpt_oss():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    blocks = torch.randint(0, 256, (2, 24, 3, 16), dtype=torch.uint8)
    scales = torch.randint(118, 130, (2, 24, 3), dtype=torch.uint8)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.bfloat16)  # [experts, inputs, outputs]
    write("mxfp4", {"m_blocks": blocks, "m_scales": scales}, expected.transpose(1, 2), {
        "quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]})


for make in (compressed_tensors, auto_awq, gptq, model_opt, deep_seek, gpt_oss):
    make()
