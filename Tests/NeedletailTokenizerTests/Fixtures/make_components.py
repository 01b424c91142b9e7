#!/usr/bin/env python3
"""Writes components.json: what the `tokenizers` package makes of texts with single components of a tokenizer.json.

usage: make_components.py OUTPUT [TEXTS.txt]      TEXTS.txt: one JSON string a line, instead of the texts below
needs: pip install tokenizers

The models are made to show what happened: without merges, every character is a token, and the last one of a piece
ends with "</w>".
"""
import json
import sys

from tokenizers import Tokenizer

TEXTS = [
    "Hello, World! It's 2024; I'LL pay $1234567.89 (don't).", "  two  spaces   three\t\ttabs \n\n lines\r\n end  ",
    "CamelCaseHTTPServer's snake_case x2y3 été ÉCOLE naïveté's", "你好,世界。今天是2024年5月!日本語テキスト、ひらがな。한국어",
    "e\u0301a\u030a ﬁ ½ Ⅷ ① ㎏ Ａｂｃ ｶﾞ \u212b ſt 'ſ 'S", "🙂👩‍👩‍👧 a🏳️‍🌈b \u00a0nbsp\u2003em\u200bzw \u3000id", "x = foo(bar[1:]) != {'k': 0x1F}; // y\n\t\treturn -1\n",
    "", " ", "\n", "a", "\u0301", "<x> a<x>b <sp>c <sp> d <y>e <y> f lift <z> <z>z", "русский язык ХОРОШО٣٤ العربية हिन्दी ไทย",
    "...!!!??? --- a,b.c ,, :-) \u2026\u3002\uff0c", "İstanbul ΑΣ ẞ ǅ \x00\x07\x85\u2028\ufeff\ufffd", "1 12 123 1234 12345678 ١٢٣ 1a22b333c4444",
    "\u2581a \u2581\u2581 b\u2581c", "'s't're 've'M 'D'll l'd", "http://a.b/c?d=e&f#g\r\n\r\n\r\n   x   \n", "   ", "Ünïcödé ﷺ ﬃ 가각 \u1100\u1161",
]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + TAIL + r"|[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER + "*" + TAIL
         + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = O200K.replace(TAIL, "").replace("{1,3}", "")
KIMI = (r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+" + TAIL
        + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(use_regex=False, add_prefix_space=False):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def metaspace(scheme, split=True, replacement="\u2581"):
    return {"type": "Metaspace", "replacement": replacement, "prepend_scheme": scheme, "split": split}


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
PRE_TOKENIZERS = [
    byte_level(True), byte_level(True, True), sequence(split(LLAMA3), byte_level()), sequence(split(QWEN2), byte_level()),
    sequence(split(O200K), byte_level()), split(TEKKEN), split(KIMI), split(CL100K), split(CLIP, "Removed", True), split(BLOOM),
    sequence(split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK3), byte_level()),
    sequence(split("[\r\n]"), split(r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯ]+"),
             split("\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+"), split(r"\s+$"), split("[一-龥ࠀ-一가-\ud7ff]+"),
             {"type": "Digits", "individual_digits": True}, byte_level()),
    sequence({"type": "Digits", "individual_digits": True}, byte_level(True)),
    sequence({"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True), {"type": "Digits", "individual_digits": False},
             split("[0-9][0-9][0-9]")),
    {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "Digits", "individual_digits": False},
    {"type": "CharDelimiterSplit", "delimiter": ","}, metaspace("always"), metaspace("first"), metaspace("never"),
    metaspace("always", False), sequence({"type": "WhitespaceSplit"}, metaspace("first")), metaspace("always", True, "_"),
] + [split(" ", b, kind="String") for b in BEHAVIORS] + [split(r"\d+|,", b) for b in BEHAVIORS] + [
    split(r"\w+", b, True) for b in BEHAVIORS] + [{"type": "Punctuation", "behavior": b} for b in BEHAVIORS] + [
    split(p) for p in [
        r"x*", r"\b", r"(?<=\d)[a-z]|(?<!\s)\s", r"(?>a|ab)c|\h{2}", r"[[:alpha:]&&[^aeiou]]+", r"(?i)straße|ÉCOLE|k", r"a.??b|.{2,4}?\s",
        r"^.|.$|\A.|.\z", r"(?:a|b|cd?)+?(?=[\s,])|\R", r"[^\W_]+|\p{^L}\P{L}", r"[\x41-\x{5A}\u00e9]|\p{Hiragana}+|\p{Letter_Number}",
        r"(?:\d{2}){1,2}|[]x-]|[a\-z]+", r"\p{N}{1,2}+|\p{Lu}{2}?", r"\.{3}|\p{Punct}{2,}|\p{Sc}", r"(?m:x.y)|(?i:e(?-i:T)?)"]]

NORMALIZERS = [{"type": t} for t in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"]] + [
    {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
    {"type": "Replace", "pattern": {"Regex": " {2,}|\\p{Nd}"}, "content": "#"}, {"type": "Replace", "pattern": {"String": "ab"}, "content": ""},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": False, "strip_accents": True, "lowercase": False},
    {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]},
]

REPLACE = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
FALLBACK, FUSE = {"type": "ByteFallback"}, {"type": "Fuse"}


def strip(start, stop, content=" "):
    return {"type": "Strip", "content": content, "start": start, "stop": stop}


DECODERS = [
    None, byte_level(), FALLBACK, FUSE, {"type": "BPEDecoder", "suffix": "</w>"},
    {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
    {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": True}, strip(1, 1), strip(2, 0, "a"),
    *({"type": "Sequence", "decoders": d} for d in [
        [REPLACE, FALLBACK, FUSE, strip(1, 0)], [REPLACE, FALLBACK, FUSE], [FALLBACK, FUSE, REPLACE, strip(2, 1)],
        [REPLACE, strip(1, 0), FALLBACK, FUSE], [FUSE, {"type": "Replace", "pattern": {"String": "a "}, "content": "+"}],
        [byte_level(), strip(1, 1)], [FUSE, strip(2, 0)]])]
DECODED = ["a", "\u2581", "\u2581a", "<0xE2>", "<0x82>", "<0xAC>", "<0xFF>", "<0x41>", "Ġa", "Ã", "©", "a</w>", "<special>", " ", " a ", "😀",
           "ð", "Ł", "ĺ", "Ģ", "à", "\u2581\u2581b", "Ċ", "<0xe2>", "â", "ı", "¬", "日"]

ADDED = [
    {"content": "<x>"}, {"content": "<sp>", "lstrip": True, "special": True}, {"content": "<y>", "rstrip": True},
    {"content": "<z>", "single_word": True}, {"content": "lift", "normalized": True}, {"content": "IT", "normalized": True},
    {"content": "世界", "special": True}, {"content": "<x> a"}, {"content": "  ", "normalized": True}, {"content": "...", "single_word": True},
]
TEMPLATE = {
    "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                             {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2, 0], "tokens": ["</s>", "<unk>"]}}}
POST_PROCESSORS = [
    None, byte_level(), TEMPLATE, {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": False},
    {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}, {"type": "Sequence", "processors": [byte_level(), TEMPLATE]}]


def tokenizer(vocab, **parts):
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": "</w>",
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": []}
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
             "post_processor": None, "decoder": None, "model": model}
    whole.update(parts)
    return whole


def pieces(encoding):
    out = [""]
    for token in encoding.tokens:
        if token.endswith("</w>"):
            out[-1] += token[:-4]
            out.append("")
        else:
            out[-1] += token
    return out[:-1] if out[-1] == "" else out


def compact(text, parts):
    """The sizes of the pieces where they are the text itself, cut."""
    return [len(p.encode()) for p in parts] if "".join(parts) == text else parts


def decode(t, ids, skip):
    try:
        return t.decode(ids, skip_special_tokens=skip)
    except BaseException as error:  # Strip panics where its two ends overlap
        print("left out:", error)
        return None


def main():
    texts = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")] if len(sys.argv) > 2 else TEXTS
    characters = set("".join(texts)) | {"\u2581", "_", "#"}
    for byte in range(256):
        printable = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        characters.add(chr(byte) if printable else chr(256 + sum(
            1 for b in range(byte) if not (0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE))))
    for normalizer in NORMALIZERS:
        t = Tokenizer.from_str(json.dumps(tokenizer({"<unk>": 0}, normalizer=normalizer)))
        for text in texts:
            characters |= set(t.normalizer.normalize_str(text))
    alphabet = "".join(sorted(characters))
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for c in alphabet:
        vocab[c] = len(vocab)
        vocab[c + "</w>"] = len(vocab)

    def made(**parts):
        return Tokenizer.from_str(json.dumps(tokenizer(vocab, **parts)))

    out = {"texts": texts, "alphabet": alphabet, "pre_tokenizers": [], "normalizers": [], "decoders": [], "added": [], "post_processors": []}
    for part in PRE_TOKENIZERS:
        t = made(pre_tokenizer=part)
        out["pre_tokenizers"].append({"json": part, "pieces": [compact(x, pieces(t.encode(x))) for x in texts]})
    for part in NORMALIZERS:
        t = made(normalizer=part)
        out["normalizers"].append({"json": part, "pieces": [compact(x, pieces(t.encode(x))) for x in texts]})
    for part in POST_PROCESSORS:
        t = made(post_processor=part)
        out["post_processors"].append({"json": part, "ids": [t.encode(x).ids for x in texts if len(x) < 4]})
    base = dict(lstrip=False, rstrip=False, single_word=False, normalized=False, special=False)
    added = [dict(base, id=len(vocab) + i, **a) if not set(a) & set(base) else {**base, "id": len(vocab) + i, **a} for i, a in enumerate(ADDED)]
    for normalizer, pre_tokenizer in [(None, None), ({"type": "Lowercase"}, None), (NORMALIZERS[10], None), (None, metaspace("first")),
                                      ({"type": "NFKC"}, byte_level(True, True))]:
        t = made(normalizer=normalizer, pre_tokenizer=pre_tokenizer, added_tokens=added)
        case = {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "added_tokens": added}
        case["ids"] = [t.encode(x).ids for x in texts]
        t.encode_special_tokens = True
        case["unparsed"] = [t.encode(x).ids for x in texts]
        out["added"].append(case)
    decoded = {token: i for i, token in enumerate(DECODED)}
    special = [dict(base, id=decoded["<special>"], content="<special>", special=True)]
    sequences, state = [[], [0], [1], [3, 4, 5], [12]], 1
    for length in [2, 3, 4, 5, 6, 8, 12, 20] * 3:
        sequence_ = []
        for _ in range(length):
            state = state * 1103515245 + 12345 & 0x7FFFFFFF
            sequence_.append((state >> 16) % len(DECODED))
        sequences.append(sequence_)
    out["decoded_tokens"], out["decoded_ids"] = DECODED, sequences
    for part in DECODERS:
        whole = tokenizer(decoded, decoder=part, added_tokens=special)
        whole["model"].update(unk_token=None)
        t = Tokenizer.from_str(json.dumps(whole))
        out["decoders"].append({"json": part, "whole": [decode(t, s, False) for s in sequences],
                                "skipped": [decode(t, s, True) for s in sequences]})
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
