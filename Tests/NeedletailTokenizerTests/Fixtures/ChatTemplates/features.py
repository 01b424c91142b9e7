"""Small templates, one or a few features each: (source,) or (source, more variables)."""

MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello <b>", "reasoning_content": "think"},
    {"role": "user", "content": "Bye"},
]
CONTEXT = {
    "messages": MESSAGES,
    "numbers": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple"],
    "person": {"name": "Ann", "age": 41, "items": [1, 2], "address": {"city": "Bern"}},
    "people": [
        {"name": "Ann", "age": 41, "tags": ["x"]},
        {"name": "bob", "age": 7, "tags": []},
        {"name": "Cid", "age": 41},
    ],
    "text": "The quick brown fox",
    "umlaut": "Grüße, 世界 🙂 e\u0301",
    "nothing": None,
    "yes": True,
    "half": 0.5,
    "bos_token": "<s>",
}

# Python's texts of values.
VALUES = [
    "{{ 1 }} {{ 1.0 }} {{ 1e-5 }} {{ 1e16 }} {{ 123456789.125 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }}",
    "{{ true }} {{ True }} {{ false }} {{ none }} {{ None }} {{ nothing }} {{ missing }}|",
    "{{ [1, 'a', none, true, 1.5, [], {}, ()] }} {{ (1,) }} {{ (1, 2) }} {{ {'a': 1, 2: 'b', none: [1]} }}",
    "{{ ['it\\'s', \"say \\\"x\\\"\", 'both \\' \\\"', 'a\\nb\\t\\\\', '\\x01\\x7f\\u00a0é\\u200b'] }}",
    "{{ person }} {{ umlaut }} {{ [umlaut] }}",
    "{{ range(3) }} {{ range(1, 10, 3) | list }} {{ range(5, 0, -2) | list }} {{ range(3)[1] }} {{ range(10)[2:5] }}",
    "{{ person.keys() }} {{ person.values() | list }} {{ {'a': 1}.items() }}",
    "{{ 'a\\u00e9\\x41\\101\\n\\q' }} {{ 'con' 'cat' }} {{ \"\\U0001f600\" }}",
    "{{ namespace(a=1, b='x') }} {{ missing is defined }} {{ [missing] }}",
    "{{ -0.0 }} {{ 1e300 * 1e10 }} {{ 10 ** 20 | float }}",
    "{{ 0.1 + 0.2 }} {{ 1 / 3 }} {{ 2 / 1 }} {{ 1e22 }} {{ 1.0e-4 }} {{ 100000000000000000.0 }}",
]

# Operators and precedence.
OPERATORS = [
    "{{ 1 + 2 * 3 - 4 / 2 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}",
    "{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1.5 * 2 }}",
    "{{ 'a' ~ 1 + 2 }}", "{{ 'a' ~ 1 ~ none ~ 1.5 }} {{ 'a' + 1 ~ 2 }} {{ 'ab' * 3 }} {{ [1] * 2 + [3] }} {{ (1,) + (2,) }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 2 >= 2 != 3 }}",
    "{{ 1 in [1, 2] }} {{ 3 not in [1] }} {{ 'ell' in 'hello' }} {{ 'name' in person }} {{ 2 in range(3) }} {{ 1 in missing }}",
    "{{ not 1 == 2 }} {{ not true or true }} {{ true and '' or 'x' }} {{ 0 or none }} {{ 1 and 2 }} {{ not not 1 }}",
    "{{ 'a' if false }}|{{ 'a' if yes else 'b' }} {{ 1 if false else 2 if false else 3 }}",
    "{{ -1 | abs }} {{ - 1 + 2 }} {{ +3 }} {{ -numbers[0] }} {{ -half | round }}",
    "{{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == missing }} {{ missing == gone }}",
    "{{ true + 1 }} {{ true * 'ab' }} {{ 'x' ~ true }}",
    "{{ '%s is %d years, %.2f, %5s|%-5s|%05d|%x|%%' % ('Ann', 41, 1.5, 'a', 'b', 42, 255) }} {{ '%s' % 'x' }}",
    "{{ '%(a)s-%(b)r' % {'a': 1, 'b': 'q'} }} {{ '%e %g' % (12345.678, 0.0001) }} {{ '%+d % d' % (1, 2) }}",
    "{{ 'x' 'y' ~ 'z' }} {{ ('a', 'b')[1] }} {{ [[1, 2], [3]][0][1] }}",
    "{{ 1 + 'a' }}", "{{ 'a' + 1 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ none + 1 }}", "{{ missing + 1 }}",
    "{{ 1 in 5 }}", "{{ none in 'abc' }}", "{{ 1 < 'a' }}", "{{ missing < 1 }}", "{{ [] < {} }}", "{{ {[]: 1} }}",
    "{{ '%d' % 'x' }}", "{{ '%s %s' % ('a',) }}",
]

# Attributes, items, slices, calls.
ACCESS = [
    "{{ person.name }} {{ person['name'] }} {{ person.address.city }} {{ person['address']['city'] }} {{ person.gone }}|",
    "{{ person.items is callable }} {{ person['items'] }} {{ person.get('items') }} {{ person.get('x') }} {{ person.get('x', 1) }}",
    "{{ numbers[0] }} {{ numbers[-1] }} {{ numbers[5] }}|{{ numbers.0 }} {{ text[0] }}{{ text[-1] }} {{ umlaut[3] }}{{ umlaut[7] }}",
    "{{ numbers[1:] }} {{ numbers[:-1] }} {{ numbers[::-1] }} {{ numbers[::2] }} {{ numbers[-2:] }} {{ numbers[5:] }} {{ numbers[:] }}",
    "{{ text[4:9] }} {{ text[::-1] }} {{ umlaut[2:9] }} {{ umlaut[-1:] }} {{ text[-3:-1] }} {{ text[10:2:-2] }} {{ text[:100] }}",
    "{{ (1, 2, 3)[1:] }} {{ range(10)[::-3] | list }} {{ ''[:1] }}|{{ [][::-1] }} {{ text[none:3] }}",
    "{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.role }} {% endfor %}",
    "{{ messages[-1]['content'] }} {{ messages | length }} {{ messages[1:][0].role }}",
    "{{ {'a': {'b': [1, {'c': 'd'}]}}.a.b[1].c }} {{ {1: 'x'}[1] }} {{ {1: 'x'}[true] }} {{ {'1': 'x'}[1] }}|",
    "{{ 'abc'['upper']() }} {{ 'abc'.upper().lower().title() }} {{ person.address.items() | list }}",
    "{{ missing.attribute }}", "{{ person.gone.further }}", "{{ none.x }}|", "{{ missing() }}", "{{ person.name() }}", "{{ nothing[1:] }}",
    "{{ numbers.append(4) }}", "{{ person.update({'a': 1}) }}", "{{ numbers.append is defined }} {{ person.pop is defined }}",
    "{{ person.pop('name') }}", "{{ numbers['x'] }}|{{ 5[0] }}|{{ 5.x }}|", "{{ numbers[missing:] }}", "{{ text.nope() }}",
    "{{ dict(a=1, b=2) }} {{ dict([('x', 1)]) }} {{ dict({'a': 0}, a=5) }}",
    "{{ numbers.index(1) }} {{ numbers.count(3) }} {{ (1, 1).count(1) }}", "{{ numbers.index(9) }}",
    "{% set args = [1, 5] %}{{ range(*args) | list }} {{ dict(**{'k': 'v'}) }}",
    "{{ numbers[0, 1] }}|{{ person[numbers] }}|{{ text['0'] }}|",
    "{{ [1, 2, 3,] }} {{ {'a': 1,} }} {{ (1,) }} {{ dict(a=1,) }}",
    "{{ numbers[::0] }}",
]

# Methods of strings.
METHODS = [
    "{{ '  a b '.strip() }}|{{ '  a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abc'.lstrip('ba') }}",
    "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b c'.rsplit(' ', 1) }} {{ 'a b c'.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}",
    "{{ 'a</think>b</think>c'.split('</think>')[-1] }} {{ 'x=1'.partition('=') }} {{ 'a.b.c'.rpartition('.') }} {{ 'abc'.partition('-') }}",
    "{{ 'hello'.startswith('he') }} {{ 'hello'.endswith(('x', 'lo')) }} {{ 'hello'.startswith('l', 2) }} {{ ''.startswith('') }}",
    "{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '', 1) }} {{ 'ab'.replace('', '.') }} {{ 'e\u0301'.replace('e', 'a') }}",
    "{{ 'straße'.upper() }} {{ 'ÀÉ'.lower() }} {{ 'ΣΑΣ'.lower() }} {{ 'hello wORLD'.title() }} {{ \"they're\".title() }} {{ 'hELLO'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'ß'.casefold() }}",
    "{{ '-'.join(['a', 'b']) }} {{ ''.join([]) }} {{ ', '.join(words) }}", "{{ '-'.join([1]) }}",
    "{{ 'hello'.find('l') }} {{ 'hello'.rfind('l') }} {{ 'hello'.find('z') }} {{ 'hello'.count('l') }} {{ umlaut.find('界') }} {{ umlaut.index('e') }}",
    "{{ 'hello'.index('z') }}",
    "{{ 'a1'.isalnum() }} {{ 'ab'.isalpha() }} {{ '12'.isdigit() }} {{ ' '.isspace() }} {{ 'ab'.islower() }} {{ 'AB'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ ''.isalpha() }} {{ '٣'.isdecimal() }} {{ 'é'.isascii() }}",
    "{{ 'a'.center(5, '*') }} {{ 'ab'.center(5) }}| {{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }} {{ '-5'.zfill(4) }} {{ 'a\tb'.expandtabs(4) }}",
    "{{ 'a\\nb\\r\\nc\\u2028d'.splitlines() }} {{ 'a\\n'.splitlines(true) }} {{ ''.splitlines() }}",
    "{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }} {{ 'x'.removesuffix('') }}",
    "{{ '{} and {}'.format(1, 'b') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=2) }} {{ '{0.name} {0[age]}'.format(person) }}",
    "{{ '{:>6}|{:<4}|{:^5}|{:05d}|{:.2f}|{:,}|{:x}|{!r}|{{}}'.format('ab', 'c', 'd', 42, 1.239, 1234567, 255, 'q') }}",
    "{{ '{}'.format() }}", "{{ 'a'.split('') }}", "{{ 'a'.strip(1) }}",
    "{{ '\\u2003x\\x1c\\x85'.strip() }}|{{ umlaut | length }} {{ umlaut | reverse }}",
    "{{ 'ABC'.lower().upper().strip('A')[0] ~ 'x'.upper() }}",
]

# Filters.
FILTERS = [
    "{{ '  x ' | trim }}|{{ 'xyx' | trim('x') }}|{{ none | trim }}|{{ missing | trim }}|{{ 5 | trim }}",
    "{{ person | tojson }} {{ umlaut | tojson }} {{ '<a href=\"x\">&\\'' | tojson }} {{ [1.0, 1e-7, true, none] | tojson }}",
    "{{ person | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=4) }}",
    "{{ umlaut | tojson(ensure_ascii=true) }} {{ {'b': 1, 'a': [1, 2]} | tojson(sort_keys=true) }} {{ {'b': 1, 'a': [1, 2]} | tojson(separators=(',', ':')) }} {{ {'a': [1]} | tojson(indent='\\t') }}",
    "{{ {1: 'a', none: 2, true: 3, 1.5: 4} | tojson }} {{ (1, 2) | tojson }} {{ '\\x00\\x1f\\x7f\\u2028' | tojson }}",
    "{{ missing | tojson }}", "{{ numbers | map('string') | tojson }}", "{{ range(3) | tojson }}", "{{ {(1, 2): 1} | tojson }}",
    "{{ numbers | length }} {{ text | count }} {{ person | length }} {{ missing | length }} {{ '' | length }}", "{{ 5 | length }}", "{{ none | length }}",
    "{{ words | join }} {{ words | join(', ') }} {{ people | join('-', attribute='name') }} {{ 'abc' | join('.') }} {{ [1, none, 2.0] | join('/') }}",
    "{{ people | map(attribute='name') | list }} {{ words | map('upper') | join(' ') }} {{ people | map(attribute='tags', default='-') | list }} {{ [' a ', 'b '] | map('trim') | list }} {{ words | map('replace', 'p', 'b') | list }}", "{{ people[:2] | map(attribute='tags.0') | list }}", "{{ people | map(attribute='tags.0') | list }}",
    "{{ numbers | select('odd') | list }} {{ numbers | reject('odd') | list }} {{ [0, 1, '', 'a', none] | select | list }} {{ [0, 1, none] | reject | list }} {{ numbers | select('>', 1) | list }} {{ numbers | select('in', [1, 2]) | list }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }} {{ messages | rejectattr('role', '==', 'user') | list | length }} {{ people | selectattr('tags', 'defined') | list | length }} {{ people | selectattr('tags') | map(attribute='name') | join }}",
    "{{ (messages | selectattr('role', 'eq', 'user') | list)[-1].content }} {{ messages | selectattr('role', 'in', ['user', 'system']) | list | count }}",
    "{{ numbers | first }} {{ numbers | last }} {{ [] | first }}|{{ text | first }}{{ text | last }} {{ person | first }} {{ numbers | map('string') | first }}",
    "{{ numbers | map('string') | last }}", "{{ none | first }}", "{{ numbers | select('nope') | list }}",
    "{{ 'abc' | list }} {{ person | list }} {{ missing | list }} {{ (1, 2) | list }} {{ range(3) | list }}",
    "{{ {'b': 1, 'A': 3, 'c': 2} | dictsort }} {{ {'b': 1, 'A': 3} | dictsort(true) }} {{ {'b': 1, 'A': 3} | dictsort(by='value', reverse=true) }}",
    "{% for k, v in person.address | items %}{{ k }}={{ v }}{% endfor %} {{ missing | items | list }}", "{{ [1] | items | list }}",
    "{{ 5 | string ~ 'x' }} {{ none | string }} {{ [1] | string | length }}",
    "{{ '42' | int }} {{ '4.7' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 4.7 | int }} {{ -4.7 | int }} {{ 'ff' | int(0, 16) }} {{ '0x1f' | int(base=16) }} {{ true | int }} {{ none | int(3) }} {{ ' 12 ' | int }} {{ '1_0' | int }}",
    "{{ '4.5' | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ 3 | float }} {{ '1e3' | float }} {{ ' .5 ' | float }} {{ 'inf' | float }}",
    "{{ missing | default('d') }} {{ '' | default('d') }}|{{ '' | default('d', true) }} {{ none | d('x') }} {{ none | d('x', boolean=true) }} {{ missing | d }}|",
    "{{ 'aB' | upper }} {{ 'aB' | lower }} {{ \"hello big-wORLD they're (x)\" | title }} {{ 'hELLO' | capitalize }} {{ none | upper }}",
    "{{ 'aXbX' | replace('X', '-') }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 123 | replace(2, 'x') }} {{ 'abc' | replace('', '-') }}",
    "{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(1, blank=true) }}|{{ 'a\\nb' | indent('> ', first=true) }}|{{ 'a\\n' | indent }}|",
    "{{ none | indent }}",
    "{{ '<a> & \"b\" \\'c\\'' | e }} {{ '<b>' | escape }} {{ '<b>' | safe }}",
    "{{ words | unique | list }} {{ words | unique(case_sensitive=true) | list }} {{ people | unique(attribute='age') | map(attribute='name') | list }} {{ [1, 1.0, true, 2] | unique | list }}",
    "{{ numbers | sort }} {{ numbers | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name', reverse=true) | map(attribute='name') | list }}",
    "{{ [1, 'a'] | sort }}", "{{ numbers | reverse | list }} {{ 'abc' | reverse }} {{ (1, 2) | reverse | list }} {{ numbers | map('string') | reverse | list }}",
    "{{ numbers | sum }} {{ people | sum(attribute='age') }} {{ [1, 2] | sum(start=10) }} {{ [] | sum }} {{ [0.5, 1] | sum }}",
    "{{ numbers | min }} {{ numbers | max }} {{ words | min }} {{ words | max }} {{ [] | min }}|{{ (people | max(attribute='age')).name }}",
    "{{ -5 | abs }} {{ -1.5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 2.1 | round(0, 'ceil') }} {{ 2.19 | round(1, 'floor') }} {{ 5 | round }} {{ 1234 | round(-2) }} {{ 42.55 | round(1) }}",
    "{{ [1, 2, 3, 4, 5] | batch(2) | list }} {{ [1, 2, 3] | batch(2, '-') | list }} {{ [1, 2, 3, 4, 5] | slice(2) | list }} {{ [1, 2, 3] | slice(2, 'x') | list }}",
    "{% for g in people | groupby('age') %}{{ g.grouper }}:{{ g.list | map(attribute='name') | join(',') }};{% endfor %} {% for age, group in people | groupby('age') %}{{ age }}{{ group | length }} {% endfor %} {{ [{'a': 1}] | groupby('a') }}",
    "{{ text | wordcount }} {{ 'a-b c_d é' | wordcount }} {{ '%s-%s' | format(1, 'b') }} {{ '%(x)s' | format(x=3) }}",
    "{{ text | truncate(9) }} {{ text | truncate(9, true) }} {{ text | truncate(9, true, '…', 0) }} {{ text | truncate }}",
    "{{ 'a b/ü?' | urlencode }} {{ 'x' | center(5) }}| {{ person | attr('name') }}|{{ 'abc' | attr('upper') is callable }}",
    "{{ numbers | map('nope') | list }}", "{{ 'a' | nope }}", "{% if false %}{{ 'a' | nope }}{% endif %}ok", "{{ ('a' | nope) if false else 'b' }}",
    "{{ 'a' is nope }}", "{{ 'x' if true else ('a' is nope) }}", "{% if true %}{{ 'a' | nope }}{% endif %}",
    "{{ numbers | map('string') | length }}", "{{ 'a' | upper('x') }}", "{{ 'a' | replace }}",
    "{{ ['b', 'a'] | sort | first | upper ~ '!' }} {{ [3, 4] | map('float') | sum | int }}",
    "{{ [[1, 2], [3]] | map('length') | list }} {{ [[1, 2], [3]] | map('first') | sum }} {{ [[1, 2], [3]] | sum(start=[]) }}",
    "{% set g = numbers | map('string') %}{{ g | join }}{{ g | join }}|",
    "{{ numbers | map('string') | list is sequence }} {{ (numbers | map('string')) is iterable }} {{ (numbers | map('string')) is sequence }}",
]

# Texts marked as safe, to which others are escaped even where Jinja does not escape on its own.
MARKUP = [
    "{{ '<a>' | safe + '<b>' + 'x' }} {{ '<b>' + '<a>' | safe }} {{ ('<a>' | e) + '&' }} {{ '<' | safe ~ '<' }} {{ '<a>' | e | e }}",
    "{{ ['<a>' | safe] }} {{ ('<' | safe).upper() + '<' }} {{ ('<x' | safe)[0] + '<' }} {{ ('<' | safe) * 2 }} {{ '<' | safe == '<' }}",
    "{{ '<a>' | safe | upper + '<' }} {{ '<a>' | safe | replace('a', '<') + '<' }} {{ ['<', '>'] | map('e') | join('&') }} {{ {'<': 1}['<' | safe] }}",
    "{{ '<' | safe | tojson }} {{ '<' | safe is string }} {{ '<' | safe in '<<' }} {% if '' | safe %}x{% endif %} {{ ('<a b' | safe).split() }}",
    "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('<' | safe) + '<' }} {{ '<' | safe + 1 }}",
]

# Tests.
TESTS = [
    "{{ missing is defined }} {{ text is defined }} {{ missing is undefined }} {{ nothing is none }} {{ nothing is not none }} {{ missing is none }} {{ person.gone is defined }}",
    "{{ 'a' is string }} {{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ true is boolean }} {{ 1 is boolean }}",
    "{{ {} is mapping }} {{ [] is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ 1 is sequence }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ none is iterable }} {{ missing is iterable }} {{ missing is sequence }}",
    "{{ true is true }} {{ 1 is true }} {{ false is false }} {{ none is false }} {{ 2 is even }} {{ 3 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}",
    "{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1] }} {{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 2 is gt 1 }} {{ 2 is ge(2) }} {{ 1 is lt 2 }} {{ 2 is le 1 }} {{ 'x' is equalto 'x' }} {{ 2 is greaterthan 1 }} {{ 1 is sameas 1 }} {{ 1 is sameas true }}",
    "{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'Abc' is lower }} {{ range is callable }} {{ text is callable }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ 'zzz' is filter }}",
    "{{ 1 is odd and 2 is even }} {{ 1 is number == true }} {{ not 1 is string }} {{ 'yes' if nothing is none else 'no' }} {{ 3 is odd | string ~ '!' }}",
    "{{ 'a' is odd }}", "{{ missing is odd }}", "{{ 1 is odd is even }}",
]

# Statements.
STATEMENTS = [
    "{% if numbers %}a{% elif text %}b{% else %}c{% endif %}{% if not numbers %}a{% elif '' %}b{% else %}c{% endif %}{% if missing %}x{% endif %}",
    "{% for n in numbers %}{{ n }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %} {% for n in [] %}x{% else %}empty{% endfor %}",
    "{% for n in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}-{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }} {% endfor %}",
    "{% for n in numbers if n > 1 %}{{ loop.index }}/{{ loop.length }}:{{ n }} {% endfor %}{% for n in numbers if n > 5 %}x{% else %}none{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }} {% endfor %}{% for k, v in person.items() %}{{ k }} {% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a + b + c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for a in 5 %}{% endfor %}", "{% for a in none %}{% endfor %}", "{% for a in missing %}x{% else %}none{% endfor %}",
    "{% for c in 'aé🙂' %}{{ c }}.{% endfor %}{% for k in person %}{{ k }} {% endfor %}",
    "{% for n in range(10) %}{% if n == 2 %}{% continue %}{% endif %}{% if n == 5 %}{% break %}{% endif %}{{ n }}{% endfor %}",
    "{% for n in [1] %}{% break %}{% else %}else after break{% endfor %} {% for n in [1] %}{% continue %}{% else %}else after continue{% endfor %}",
    "{% for a in [1, 2] %}{% for b in [3, 4] %}{{ loop.index }}{% if b == 3 %}{% continue %}{% endif %}{{ a }}{{ b }} {% endfor %}{{ loop.index }}{% endfor %}",
    "{% for item in [{'n': 1, 'c': [{'n': 2, 'c': []}, {'n': 3, 'c': [{'n': 4, 'c': []}]}]}] recursive %}{{ item.n }}{{ loop.depth }}[{{ loop(item.c) }}]{% endfor %}",
    "{% for n in [1, 1, 2] %}{{ loop.changed(n) }} {% endfor %}",
    "{% set x = 1 %}{% for n in numbers %}{% set x = x + n %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(total=0, seen=[]) %}{% for n in numbers %}{% set ns.total = ns.total + n %}{% set ns.seen = ns.seen + [n] %}{% endfor %}{{ ns.total }} {{ ns.seen }} {{ ns['total'] }} {{ ns.nope is defined }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}{% with x = 3, y = x %}{{ x }}{{ y }}{% set x = 4 %}{% endwith %}{{ x }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set t = 1, 2 %}{{ t }}{% set u = (1,) %}{{ u }}",
    "{% set text %}\n  block {{ numbers[0] }}\n{% endset %}[{{ text }}]{% set up | upper | trim %} abc {% endset %}[{{ up }}]",
    "{% set x %}a{% set y = 1 %}{% endset %}{{ y is defined }}{{ x }}",
    "{% set messages = messages[1:] %}{{ messages[0].content }}",
    "{% set person.name = 1 %}", "{% set missing.name = 1 %}", "{% set a, b = 1 %}", "{% set a, b = [1] %}",
    "{% macro hi(name, greeting='Hello') %}{{ greeting }}, {{ name }}!{% endmacro %}{{ hi('Ann') }} {{ hi('Bob', 'Hey') }} {{ hi(name='Cid', greeting='Yo') }} {{ hi() }} {{ hi.name }} {{ hi }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }} {{ m(1, 2, 3, 4, x=5) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}", "{% macro m(a) %}{{ a.b }}{% endmacro %}{{ m() }}",
    "{% macro wrap(tag) %}<{{ tag }}>{{ caller() }}</{{ tag }}>{% endmacro %}{% call wrap('b') %}bold {{ text[:3] }}{% endcall %}",
    "{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(x, i=0) each(numbers) %}{{ i }}={{ x }};{% endcall %}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro outer() %}{{ x }}{% set x = 5 %}{% endmacro %}{% set x = 1 %}{{ outer() }}{{ x }}{% for x in [7] %}{{ outer() }}{% endfor %}",
    "{% for i in [1, 2] %}{% macro inner() %}{{ i }}{% endmacro %}{{ inner() }}{% endfor %}{{ inner is defined }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m(x) %}[{{ x | trim }}]{% endmacro %}{{ m('  a ') ~ m(1) | upper }}",
    "{% filter upper %}abc {{ text }}{% endfilter %}{% filter replace('a', 'b') | trim %} aaa {% endfilter %}",
    "{% raw %}{{ not }} {% evaluated %}{% endraw %} {%- raw -%}  x  {%- endraw -%}  y",
    "a{# comment #}b{#- trimmed -#}  c {# multi\nline {{ x }} #}\nd",
    "{% generation %}text {{ numbers[0] }}{% endgeneration %}!",
    "{% block title %}in block {{ text }}{% endblock %}{% block a %}x{% endblock a %}",
    "{% print 1, 'a' %}",
    "{{ raise_exception('no') }}", "{% if false %}{{ raise_exception('no') }}{% endif %}fine",
    "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %%') }}",
    "{% set j = joiner('; ') %}{% for n in numbers %}{{ j() }}{{ n }}{% endfor %} {% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{% nope %}", "{% if %}{% endif %}", "{% if true %}", "{% endif %}", "{{ }}", "{{ 1", "{% for x in y %}",
    "{{ 'abc }}", "{{ (1 }}", "{{ 1) }}", "{{ a b }}", "{% set 1 = 2 %}", "{% break %}", "{% for x %}{% endfor %}", "{{ a. }}", "{{ a | }}", "{# open", "{% raw %}", "{{ [1, }}", "{{ {'a' 1} }}",
    "{{ f(a=1, 2) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{{ ? }}", "{% set x = %}", "{% else %}", "{{ '\\x4' }}", "{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{{ range(100001) }}", "{{ range(0, 5, 0) }}", "{{ range() }}", "{{ namespace(1) }}",
    "{{ messages[0]['role'] }}{{ messages[9].role }}",
]

# Blank space around tags.
SPACE = [
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  {%+ if true %}\n  b\n  {%+ endif +%}\nc", "a  {%- if true -%}  b  {%- endif -%}  c",
    "  {{ 1 }}  \n  {{- 2 -}}  \n 3", "x {% if true %} y {% endif %} z", "{% if true %}\n\n\nx{% endif %}\n\ny", "\n\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "a\r\nb\r{% if true %}\r\nc{% endif %}\r\n", "a {#- x #} b\n  {# y #}\n c {# z -#}\n\n d", "\t{% for n in numbers %}\n\t{{ n }}\n\t{% endfor %}\nend",
    "  {% raw %}\n  x\n  {% endraw %}\n  y", "{%- set x = 1 -%}\n\n  a", "a{{ ' b ' }}\n", "a\n\n", "{{ '{{' }} {{ '}}' }} {{ '%}' }}", "{{{'a': 1}['a']}} {{ {'a': {'b': 1}} }}",
    "a\u00a0\n\u2003{% if true %}x{% endif %}\u3000{%- if true %}y{% endif %}", "{% if true %}a{% endif %}  {% if true %}b{% endif %}", "é\n   {%- if true %}\n x{% endif %}",
    "{%if true%}x{%endif%}{{1}}{%-if true-%} y {%-endif-%}", "{% if true -%}\n  a\n{%- endif +%}\n b", "  a\n {%- raw %}  b {% endraw -%}\n c",
]

# In the manner of well-known models' templates, in few words.
MODELS = [
    # Reasoning models: the last question is found from the end, and thoughts before it are dropped.
    """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or reasoning) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}""",
    # Turns named user and model, alternation enforced, content of parts.
    """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- set first = messages[0]['content'] + '\\n\\n' -%}{%- set rest = messages[1:] -%}
{%- else -%}{%- set first = "" -%}{%- set rest = messages -%}{%- endif -%}
{%- for message in rest -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception("Roles must alternate") }}{%- endif -%}
    {%- set role = "model" if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (first if loop.first else "") }}
    {%- if message['content'] is string -%}{{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}{{ raise_exception("Invalid content type") }}{%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}""",
    # Function types written as TypeScript by macros that call each other.
    """{%- macro render_type(spec, required, is_nullable=false) -%}
    {%- if spec.type == "array" -%}
        {%- if spec['items'] -%}{{- render_type(spec['items'], required) + "[]" }}{%- else -%}any[]{%- endif -%}
        {%- if spec.nullable %}{{- " | null" }}{% endif -%}
    {%- elif spec.type is defined and spec.type is iterable and spec.type is not string and spec.type[0] is defined -%}
        {{- spec.type | join(" | ") }}
    {%- elif spec.type == "string" -%}
        {%- if spec.enum -%}{{- '"' + spec.enum|join('" | "') + '"' -}}{%- else -%}string{%- endif %}
    {%- elif spec.type in ["number", "integer"] -%}number
    {%- elif spec.type == "object" -%}
        {%- if spec.properties -%}
            {{- "{\\n" }}
            {%- for name, inner in spec.properties.items() -%}
                {{- name -}}{%- if name not in (spec.required or []) -%}{{- "?" }}{%- endif -%}
                {{- ": " }}{{ render_type(inner, spec.required or []) }}{%- if not loop.last -%}{{-", " }}{%- endif -%}
            {%- endfor -%}
            {{- "}" }}
        {%- else -%}object{%- endif -%}
    {%- else -%}any{%- endif -%}
{%- endmacro -%}
{%- macro render_namespace(name, tools) -%}
    {{- "## " + name + "\\n\\nnamespace " + name + " {\\n\\n" }}
    {%- for tool in tools %}
        {%- set tool = tool.function %}
        {{- "// " + tool.description + "\\ntype "+ tool.name + " = " }}
        {%- if tool.parameters and tool.parameters.properties %}
            {{- "(_: {\\n" }}
            {%- for param_name, spec in tool.parameters.properties.items() %}
                {%- if spec.description %}{{- "// " + spec.description + "\\n" }}{%- endif %}
                {{- param_name }}{%- if param_name not in (tool.parameters.required or []) -%}{{- "?" }}{%- endif -%}{{- ": " }}
                {{- render_type(spec, tool.parameters.required or []) }}
                {%- if spec.default is defined -%}
                    {%- if spec.enum %}{{- ", // default: " + spec.default }}{%- else %}{{- ", // default: " + spec.default|tojson }}{%- endif %}
                {%- endif -%}
                {{- ",\\n" if not loop.last else ",\\n" }}
            {%- endfor %}
            {{- "}) => any;\\n\\n" }}
        {%- else -%}{{- "() => any;\\n\\n" }}{%- endif -%}
    {%- endfor %}
    {{- "} // namespace " + name }}
{%- endmacro -%}
{{- "<|start|>system<|message|>Current date: " + strftime_now("%Y-%m-%d") + "\\n\\nReasoning: " + (reasoning_effort | default("medium")) }}
{{- render_namespace("functions", tools) }}""",
    # System text before the last question; argument of tools as JSON without spaces.
    """{%- if messages[0]["role"] == "system" %}{%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set ns = namespace(index=0) %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message.role == "user" %}
        {%- if loop.last and system_message is defined %}{{- "[INST] " + system_message + "\\n\\n" + message.content + "[/INST]" }}{%- else %}{{- "[INST] " + message.content + "[/INST]" }}{%- endif %}
    {%- elif message.role == "assistant" %}{{- " " + message.content|trim + (eos_token | default('</s>')) }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}{{ ns.index }}""",
    # One line per message.
    "{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}",
    # Flags in a namespace, thoughts cut off.
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{ '<|User|>' + message['content'] }}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<|Assistant|>' + content + '<|end|>' }}{%- endif %}{%- endfor %}",
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "book",
            "description": "Books a room.",
            "parameters": {
                "type": "object",
                "properties": {
                    "guests": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]}},
                    "kind": {"type": "string", "enum": ["single", "double"], "default": "single", "description": "The kind"},
                    "price": {"type": ["number", "null"], "default": 80.0},
                    "notes": {"type": "array"},
                },
                "required": ["guests"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "The time."}},
]
PARTS = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " What is it? "}]}]
THOUGHTS = [
    {"role": "user", "content": "1+1?"},
    {"role": "assistant", "content": "<think>\n2\n</think>\n\nTwo."},
    {"role": "user", "content": "<tool_response>x</tool_response>"},
    {"role": "assistant", "content": "<think>\nwell\n</think>\n\nOk."},
]

CASES = (
    [(source,) for source in VALUES + OPERATORS + ACCESS + METHODS + FILTERS + MARKUP + TESTS + STATEMENTS + SPACE]
    + [(source, {"tools": TOOLS, "add_generation_prompt": True}) for source in MODELS]
    + [(source, {"tools": TOOLS, "messages": PARTS, "enable_thinking": False}) for source in MODELS]
    + [(source, {"tools": TOOLS, "messages": THOUGHTS, "reasoning_effort": "low"}) for source in MODELS]
)
