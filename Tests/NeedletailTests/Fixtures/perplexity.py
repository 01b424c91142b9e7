#!/usr/bin/env python3
"""Computes what PerplexityTests.swift expects: the perplexity of apache-2.0.txt, float32, windows of 1024 tokens moved
by 512, each token but the first scored once with the longest context.

usage: perplexity.py MODEL_DIR [...]      needs: pip install torch transformers
"""
import math, pathlib, sys, torch, transformers as T

text = (pathlib.Path(__file__).parent / "apache-2.0.txt").read_text()
for folder in sys.argv[1:]:
    ids = T.AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    model = T.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    total, reached, start = 0.0, 1, 0
    while reached < len(ids):
        end = min(start + 1024, len(ids))
        with torch.no_grad():
            rows = torch.log_softmax(model(torch.tensor([ids[start:end]]), use_cache=False).logits[0].double(), -1)
        total -= sum(rows[p - 1 - start, ids[p]].item() for p in range(reached, end))
        reached, start = end, start + 512
    print(folder, len(ids), "tokens, perplexity", math.exp(total / (len(ids) - 1)))
