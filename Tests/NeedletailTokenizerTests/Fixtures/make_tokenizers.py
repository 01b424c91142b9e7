#!/usr/bin/env python3
"""Writes small trained tokenizers of every kind and tokenizer_cases.json: what their own libraries make of texts.

usage: make_tokenizers.py FOLDER
needs: pip install tokenizers sentencepiece
"""
import io
import json
import pathlib
import sys

import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers, Regex

from make_components import QWEN2, TEXTS, CLIP

CORPUS = """The needletail is the fastest of the swifts. It flies above the rivers and the rice fields, and it hardly ever lands.
When the wind rises in the evening the birds come down from the hills, hundreds of them, and drink as they fly over the water.
A flock was counted in 1931: 240 birds in 10 minutes. In 2024 nobody counted; the valley has changed, and so have the people.
"Where do they sleep?" asked the child. "They don't," said her grandfather, "or if they do, they sleep while they fly."
Le martinet épineux est l'oiseau le plus rapide. Der Stachelschwanzsegler fliegt über die Täler. Игла быстро летит над рекой.
def flock(birds): return [bird.speed for bird in birds if bird.speed > 100]  # km/h
針尾雨燕は速い鳥です。川の上を飛びます。""".split("\n") * 3
UNSEEN = ["The swifts' needle flew 1000 km in 2 hours.", "rivers  rivers\nriver", "Œuvre 鳥が飛ぶ 🐦🐦 ∑x≥0", "<sep>the<sep> river<cls>", "▁the▁river ▁"]
ALL = TEXTS + UNSEEN + CORPUS[:7]
state = 7


def random(below):
    global state
    state = state * 1103515245 + 12345 & 0x7FFFFFFF
    return (state >> 16) % below


def entry(text, ids, decoded):
    """The decoded text is left out where it is the text itself."""
    return [ids] if decoded == text else [ids, decoded]


def save(folder, cases, name, tokenizer, change=None):
    whole = json.loads(tokenizer.to_str())
    if change:
        change(whole)
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    (folder / (name + ".json")).write_text(text, encoding="utf-8")
    t = Tokenizer.from_str(text)
    encoded = [t.encode(x, add_special_tokens=False).ids for x in ALL]
    drawn = [[random(t.get_vocab_size()) for _ in range(12)] for _ in range(12)]
    cases[name] = {"encoded": [entry(x, ids, t.decode(ids, skip_special_tokens=False)) for x, ids in zip(ALL, encoded)],
                   "special": [t.encode(x).ids for x in ["", "a"]],
                   "drawn": [[ids, t.decode(ids, skip_special_tokens=True)] for ids in drawn]}


def make_json(folder, cases):
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<|end|>", "<sep>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    save(folder, cases, "bytes_qwen", t)

    def as_strings(whole):
        whole["model"]["merges"] = [" ".join(m) for m in whole["model"]["merges"]]
        whole["model"]["ignore_merges"] = True
        # A word whose merges do not lead to it.
        for word in ["Ġriver", "hours", "Ġ1931"]:
            whole["model"]["vocab"].setdefault(word, len(whole["model"]["vocab"]) + 10)
    save(folder, cases, "bytes_ignoring_merges", t, as_strings)

    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 2), trim_offsets=False, add_prefix_space=False)
    t.decoder = decoders.BPEDecoder()
    t.train_from_iterator(CORPUS[:5], trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<unk>", "</s>", "<s>"], end_of_word_suffix="</w>", show_progress=False))
    save(folder, cases, "suffixed_words", t)

    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=False))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(CORPUS[:4], trainers.BpeTrainer(
        vocab_size=220, special_tokens=["<unk>"], continuing_subword_prefix="##", show_progress=False))
    save(folder, cases, "prefixed_parts", t)

    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<sep>"] + ["<0x%02X>" % b for b in range(256)]
    t.train_from_iterator([" ".join(c.split()) for c in CORPUS[:5]], trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, show_progress=False))

    def fallback(whole):
        whole["added_tokens"] = whole["added_tokens"][:5]
        whole["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}},
                                   {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                                   "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}}}
    save(folder, cases, "gemma_fallback", t, fallback)

    def unknowns(whole):
        fallback(whole)
        whole["model"]["byte_fallback"] = False
        whole["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, whole["normalizer"]]}
        whole["pre_tokenizer"] = None
    save(folder, cases, "fused_unknown", t, unknowns)

    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.NFKC()
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(
        vocab_size=300, special_tokens=["<unk>", "<sep>"], unk_token="<unk>", show_progress=False))
    save(folder, cases, "unigram", t)

    def unigram_fallback(whole):
        whole["model"]["byte_fallback"] = True
        whole["model"]["vocab"] += [["<0x%02X>" % b, -20.0] for b in range(256)]
        whole["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, whole["decoder"]]}
    save(folder, cases, "unigram_fallback", t, unigram_fallback)


def make_models(folder, cases):
    rules = folder / "rules.tsv"
    # a, ab and abc have replacements of their own; ligatures and full-width letters fold.
    rows = {"ﬁ": "fi", "Ａ": "A", "½": "1/2", "\t": " ", "\u00a0": " ", "aq": "Q", "aqz": "ZQ", "…": "...", "\u00ad": ""}
    rules.write_text("".join("%s\t%s\n" % (" ".join("%X" % ord(c) for c in a), " ".join("%X" % ord(c) for c in b))
                             for a, b in sorted(rows.items())))
    for name, options in {
        "piece_bpe": dict(model_type="bpe", vocab_size=540, byte_fallback=True, user_defined_symbols=["<sep>", "river", "  "],
                          remove_extra_whitespaces=False, normalization_rule_name="identity"),
        "piece_bpe_unknown": dict(model_type="bpe", vocab_size=220, normalization_rule_tsv=str(rules)),
        "piece_bpe_suffix": dict(model_type="bpe", vocab_size=200, treat_whitespace_as_suffix=True, normalization_rule_name="identity"),
        "piece_unigram": dict(model_type="unigram", vocab_size=180, user_defined_symbols=["<sep>", "river"],
                              normalization_rule_tsv=str(rules)),
        "piece_unigram_bytes": dict(model_type="unigram", vocab_size=440, byte_fallback=True, add_dummy_prefix=False,
                                    normalization_rule_name="identity"),
    }.items():
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, character_coverage=0.985,
                                                 minloglevel=2, hard_vocab_limit=options["model_type"] == "bpe", **options)
        (folder / (name + ".model")).write_bytes(model.getvalue())
        p = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        encoded = [p.encode(x) for x in ALL]
        drawn = [[random(p.get_piece_size()) for _ in range(12)] for _ in range(12)]
        cases[name] = {"encoded": [entry(x, ids, p.decode(ids)) for x, ids in zip(ALL, encoded)],
                       "special": [[1] + p.encode(x) for x in ["", "a"]],
                       "drawn": [[ids, p.decode(ids)] for ids in drawn]}
    rules.unlink()


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = {}
    make_json(folder, cases)
    make_models(folder, cases)
    with open(folder / "tokenizer_cases.json", "w", encoding="utf-8") as out:
        json.dump({"texts": ALL, "cases": cases}, out, ensure_ascii=False, separators=(",", ":"))


main()
