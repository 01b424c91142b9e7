"""Writes renders.json and features.json: what Jinja makes of chat templates, with the settings of transformers.

    python3 make_cases.py        # needs jinja2 3.1

renders.json holds every template of this folder over the conversations below; features.json the small templates of
features.py. A case whose rendering fails has "error", the class of Python's exception, instead of "expected".
"""

import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.sandbox

import features

FOLDER = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 9, 5, 3)


class Generation(jinja2.ext.Extension):
    """The tag that marks an assistant's text for training; rendered as it is."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


def call(name, arguments, id="call00001", **more):
    function = {"name": name, "arguments": arguments}
    return {"type": "function", "id": id, "function": function, **more}


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "A city, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "The unit"},
            },
            "required": ["place"],
        },
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Searches <documents> & 'pages'.",
        "parameters": {
            "type": "object",
            "properties": {
                "words": {"type": "array", "items": {"type": "string"}, "description": "What to look for"},
                "filter": {
                    "type": "object",
                    "description": "Conditions",
                    "additionalProperties": {"type": ["string", "integer"]},
                },
                "limit": {"type": "integer", "default": 10, "minimum": 1, "description": "How many"},
                "threshold": {"type": "number", "default": 0.00001, "description": "How close"},
            },
            "required": [],
        },
        "return": {"type": "string", "description": "What was found"},
    },
}
EMPTY_TOOL = {
    "type": "function",
    "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}},
}
SYSTEM = {"role": "system", "content": "  You are brief.\n"}
USER = {"role": "user", "content": " Hello, who are you? "}
ASSISTANT = {"role": "assistant", "content": "I am a <b>model</b> & \"helper\"."}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"degrees\": -3.5}"}

CONVERSATIONS = {
    "user": {"messages": [USER]},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [SYSTEM, USER, ASSISTANT, {"role": "user", "content": "Why?"}]},
    "turns without system": {"messages": [USER, ASSISTANT, {"role": "user", "content": "\n\tWhy?\n"}]},
    "unicode": {
        "messages": [
            {"role": "system", "content": "\u2003Grüße, 世界 🙂\u0085"},
            {"role": "user", "content": "e\u0301 vs é \u200b\u00a0\r\nline"},
            {"role": "assistant", "content": "<think>hm</think>Σίσυφος 👩‍👩‍👧"},
            {"role": "user", "content": "\ud55c\uad6d\uc5b4\u3000"},
        ]
    },
    "tools": {"messages": [SYSTEM, USER], "tools": [WEATHER, SEARCH]},
    "tools without system": {"messages": [USER], "tools": [EMPTY_TOOL]},
    "tool call": {
        "messages": [
            SYSTEM, USER,
            {"role": "assistant", "content": "", "tool_calls": [call("get_weather", {"place": "Zürich", "days": 2})]},
            RESULT,
        ],
        "tools": [WEATHER],
    },
    "tool call as text": {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [call("get_weather", "{\"place\": \"Bern\"}")]},
            RESULT,
            {"role": "assistant", "content": "It is cold."},
            {"role": "user", "content": "Thanks."},
        ],
        "tools": [WEATHER, EMPTY_TOOL],
    },
    "two tool calls": {
        "messages": [
            SYSTEM, USER,
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_plan": "Two calls.",
                "tool_calls": [
                    call("get_weather", {"place": "Genève"}),
                    call("search", {"words": ["a", "b"], "limit": 3, "filter": {}, "deep": None, "x": 1e-7}, "call00002"),
                ],
            },
            RESULT,
            {**RESULT, "name": "search", "tool_call_id": "call00002", "content": "[1, 2]"},
        ],
        "tools": [WEATHER, SEARCH],
    },
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "text", "text": " It."}]}
        ]
    },
    "system in the middle": {"messages": [USER, SYSTEM, USER]},
    "same role twice": {"messages": [USER, USER]},
    "unknown role": {"messages": [{"role": "wizard", "content": "Abracadabra"}]},
    "no content": {"messages": [{"role": "user"}]},
    "nothing": {"messages": []},
    "documents": {"messages": [USER], "documents": [{"title": "A", "text": "One."}, {"title": "B", "text": "Two."}]},
    "empty tools": {
        "messages": [SYSTEM, USER, ASSISTANT, USER], "tools": [], "functions": "[{}]", "datetime": "Friday",
    },
    "variables": {
        "messages": [SYSTEM, USER],
        "tools": [WEATHER],
        "date_string": "1 Jan 2025",
        "tools_in_user_message": False,
        "builtin_tools": ["code_interpreter", "brave_search"],
        "enable_citations": True,
        "functions": "[]",
        "datetime": "today",
        "enable_thinking": False,
    },
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def run(env, source, context):
    try:
        return {"expected": env.from_string(source).render(**context)}
    except Exception as error:
        return {"error": type(error).__name__}


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n")


def main():
    env = environment()
    renders = []
    for path in sorted(FOLDER.glob("*.jinja")):
        for name, conversation in CONVERSATIONS.items():
            # Few conversations suffice to see what the prompt's end adds.
            for prompt in (False, True) if name in ("user", "turns", "tool call", "nothing") else (True,):
                context = {"tools": None, "documents": None, **TOKENS, **conversation, "add_generation_prompt": prompt}
                case = {"template": path.name, "conversation": name, "add_generation_prompt": prompt}
                renders.append({**case, **run(env, path.read_text(), context)})
    write("renders.json", {"tokens": TOKENS, "conversations": CONVERSATIONS, "cases": renders})
    cases = []
    for source, *context in features.CASES:
        context = context[0] if context else {}
        cases.append({"source": source, "context": context, **run(env, source, {**features.CONTEXT, **context})})
    write("features.json", {"context": features.CONTEXT, "cases": cases})
    failures = sum("error" in case for case in renders), sum("error" in case for case in cases)
    print(f"{len(renders)} renders and {len(cases)} features, of which {failures} fail as they should")


if __name__ == "__main__":
    main()
