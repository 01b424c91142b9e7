"""Perplexities of the demo model in codes, by PyTorch doing the same arithmetic on float32 numbers.

    python3 quantized_perplexity.py ../../../Demo/needle-5m apache-2.0.txt

Windows of 1,024 tokens moved by 512, each token scored once; weights by rounding to the nearest, scales of groups in
float32, the head and the embedding as they are but for "int8+embedding".
"""

import math
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def e4m3(x):
    return x.clamp(-448, 448).to(torch.float8_e4m3fn).float()


def scaled(x, dims, largest):
    return x.abs().amax(dims, keepdim=True).clamp_min(1e-12) / largest


def fp8(x, dims=-1):
    scale = scaled(x, dims, 448)
    return e4m3(x / scale) * scale


def int8(x):
    scale = scaled(x, -1, 127)
    return (x / scale).round().clamp(-127, 127) * scale


def groups(w, size):
    return [w[:, start : start + size] for start in range(0, w.shape[1], size)]


def int4(w, size=64, symmetric=False, for_fp8=False):
    codes, scales = [], []
    for part in groups(w, size):
        low, high = part.amin(1, keepdim=True).clamp_max(0), part.amax(1, keepdim=True).clamp_min(0)
        span = 2 * part.abs().amax(1, keepdim=True) if symmetric else high - low
        scale = span.clamp_min(1e-5) / 15
        zero = torch.full_like(scale, 8) if symmetric else (-low / scale).round().clamp(0, 15)
        codes.append((part / scale).round().add(zero).clamp(0, 15) - zero)
        scales.append((scale, torch.maximum(zero, 15 - zero)))
    if not for_fp8:
        return torch.cat([code * scale for code, (scale, _) in zip(codes, scales)], 1)
    row = torch.cat([scale * steps for scale, steps in scales], 1).amax(1, keepdim=True) / 448
    return torch.cat([e4m3(code * (scale / row)) * row for code, (scale, _) in zip(codes, scales)], 1)


def mxfp4(w):
    numbers = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    result = []
    for part in groups(w, 32):
        scale = 2 ** (part.abs().amax(1, keepdim=True).clamp_min(1e-12).log2().floor() - 2)
        index = (part.abs() / scale).unsqueeze(-1).sub(numbers).abs().argmin(-1)
        result.append(numbers[index] * part.sign() * scale)
    return torch.cat(result, 1)


def fp8_blocks(w):
    return torch.cat([torch.cat([fp8(b, (0, 1)) for b in groups(rows, 128)], 1) for rows in w.split(128)], 0)


def fp8_groups(x):
    return torch.cat([fp8(part) for part in x.split(128, -1)], -1)


def same(x):
    return x


RECIPES = {
    "fp8": (fp8, fp8),
    "fp8-block": (fp8_blocks, fp8_groups),
    "fp8-weights": (fp8, same),
    "int8": (int8, same),
    "w8a8": (int8, int8),
    "int4": (int4, same),
    "int4:32": (lambda w: int4(w, 32), same),
    "int4-symmetric": (lambda w: int4(w, symmetric=True), same),
    "w4a8": (lambda w: int4(w, for_fp8=True), fp8),
    "mxfp4": (mxfp4, same),
    "int8+embedding": (int8, same),
}


def perplexity(path, ids, recipe):
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    weight, activation = RECIPES[recipe]
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            layer.weight.data = weight(layer.weight.data)
            layer.register_forward_pre_hook(lambda _, inputs: (activation(inputs[0]),))
    if recipe.endswith("+embedding"):
        model.model.embed_tokens.weight.data = int8(model.model.embed_tokens.weight.data)
        model.lm_head.weight = model.model.embed_tokens.weight
    total, start, reached = 0.0, 0, 1
    while reached < len(ids):
        window = ids[start : start + 1024]
        with torch.no_grad():
            logs = torch.log_softmax(model(window[None]).logits[0], -1)
        for position in range(reached, start + len(window)):
            total -= logs[position - start - 1, ids[position]].item()
        reached, start = start + len(window), start + 512
    return math.exp(total / (len(ids) - 1))


if __name__ == "__main__":
    path, text = sys.argv[1:]
    ids = AutoTokenizer.from_pretrained(path)(open(text).read(), return_tensors="pt").input_ids[0]
    for recipe in RECIPES:
        print(f'("{recipe}", {perplexity(path, ids, recipe):.6f}),', flush=True)
