/* t_jinja_edge.c - the corners of the template language: values at their limits, and the sentence
 * of each error.
 *
 * What the first tables expect is what Python's jinja2 3.1.6 renders of the same templates in the
 * environment that tests/golden/jinja/README.md describes.  The sentences of errors are Python's
 * own wherever a value or an operator is at fault.
 */
#include "tests/unit/jinja_case.h"
#include "tests/unit/unit.h"

/* A template and its text, or a part of the sentence that refuses it. */
typedef struct edge {
    const char *template, *text;
} edge;

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const edge numbers[] = {
    {"{{ 7 // -2 }} {{ 7 % -2 }} {{ -7 // 2 }} {{ -7 % 2 }}", "-4 -1 -4 1"},
    {"{{ 7.5 // -2 }} {{ 7.5 % -2 }} {{ -7.5 % 2 }}", "-4.0 -0.5 0.5"},
    {"{{ 0.0 // -3 }} {{ 0.0 % -3 }}", "-0.0 -0.0"},
    {"{{ 2 ** -1 }} {{ 2 ** 10 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }}", "0.5 1024 4 64"},
    {"{{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1.5e300 }}",
     "1e+16 1000000000000000.0 0.0001 1e-05 1.5e+300"},
    {"{{ 1_000 }} {{ 0x1F }} {{ 0o17 }} {{ 0b101 }} {{ 00 }}", "1000 31 15 5 0"},
    {"{{ '1_0'|int }} {{ '0x1f'|int(base=16) }} {{ '0x1f'|int(0, 0) }} {{ 'x'|int(7) }}",
     "10 31 31 7"},
    {"{{ ' 12 '|int }} {{ '1_'|int }} {{ '1__0'|int }} {{ '-0b11'|int(base=2) }}", "12 0 0 -3"},
    {"{{ '1.5e3'|float }} {{ '.5'|float }} {{ '5.'|float }} {{ '1_0.2_5'|float }} {{ '1._5'|float "
     "}} {{ '1e'|float }}",
     "1500.0 0.5 5.0 10.25 0.0 0.0"},
    {"{{ 'inf'|float }} {{ '-Infinity'|float }} {{ 'nan'|float == 'nan'|float }}",
     "inf -inf False"},
    {"{{ 9007199254740993 == 9007199254740992.0 }} {{ 9007199254740993 > 9007199254740992.0 }}",
     "False True"},
    {"{{ 4611686018427387904 in {4611686018427387904.0: 1} }} {{ {1: 'a', true: 'b', 1.0: 'c'} }}",
     "True {1: 'c'}"},
    {"{{ 9223372036854775807 == 9223372036854775807.0 }} {{ 9223372036854775807 < 1e19 }} {{ -1e19 "
     "< 0 }}",
     "False True True"},
    {"{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ -2.5|round }} {{ 1234.5|round(-2) }}",
     "2.0 4.0 2.67 -2.0 1200.0"},
    {"{{ 2.1|round(0, 'ceil') }} {{ 2.9|round(method='floor') }} {{ 7|round }} {{ -0.4|round }}",
     "3.0 2.0 7 -0.0"},
    {"{{ true + 1 }} {{ -true }} {{ +true }} {{ true|abs }} {{ -3|abs }}", "2 -1 1 1 3"},
    {"{{ 10 / 4 }} {{ 4 / 2 }} {{ 7.0 // 2 }}", "2.5 2.0 3.0"},
};

static const edge texts[] = {
    {"{{ 'a-b c(d'|title }} {{ \"it's\"|title }} {{ \"it's\".title() }}", "A-B C(D It's It'S"},
    {"{{ 'a\\x41\\101\\u00e9\\U0001F600\\q' }}", "aAA\303\251\360\237\230\200\\q"},
    {"{{ 'abc'[::-1] }} {{ 'abc'[5:] }}|{{ 'abc'[-2:] }} {{ 'abcdef'[4:1:-2] }}", "cba |bc ec"},
    {"{{ 'aXbXc'.split('X', 1) }} {{ 'aXbXc'.rsplit('X', 1) }} {{ ' a  b '.split() }} {{ ' a  b "
     "'.split(none, 0) }}",
     "['a', 'bXc'] ['aXb', 'c'] ['a', 'b'] ['a  b ']"},
    {"{{ ' a  b c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split('x') }}",
     "[' a  b', 'c'] [] ['']"},
    {"{{ 'a\\r\\nb\\x0bc\\n'.splitlines() }} {{ 'a\\nb'.splitlines(true) }}",
     "['a', 'b', 'c'] ['a\\n', 'b']"},
    {"{{ 'aaa'.replace('a', 'b', 2) }} {{ 'ab'.replace('', '-') }} {{ 'abab'.count('ab') }} {{ "
     "'ab'.count('') }}",
     "bba -a-b- 2 3"},
    {"{{ 'abc'.partition('b') }} {{ 'abc'.partition('x') }} {{ 'abc'.rpartition('x') }}",
     "('a', 'b', 'c') ('abc', '', '') ('', '', 'abc')"},
    {"{{ 'abc'.find('') }} {{ 'abc'.find('c', -1) }} {{ 'abc'.find('a', 5) }} {{ 'abc'.rfind('') "
     "}}",
     "0 2 -1 3"},
    {"{{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('c', 0, 2) }} {{ 'abc'.startswith('') "
     "}}",
     "True False True"},
    {"{{ 'ab'.center(5, '*') }} {{ 'ab'.center(4) }}| {{ 'a'.ljust(3, '.') }} {{ '-7'.zfill(4) }} "
     "{{ '+'.zfill(3) }}",
     "**ab*  ab | a.. -007 +00"},
    {"{{ '\\u1f88'.upper() }} {{ '\\xdf'.upper() }} {{ '\\xdf'.casefold() }} {{ '\\u01c6'.title() "
     "}} {{ '\\u0130'.lower()|length }}",
     "\341\274\210\316\231 SS ss \307\205 2"},
    {"{{ '\\u039f\\u03a3'.lower() }} {{ '\\u03a3'.lower() }} {{ '\\u0391\\u03a3\\u0391'.lower() }}",
     "\316\277\317\202 \317\203 \316\261\317\203\316\261"},
    {"{{ 'x\\u00a0\\u3000'.strip() }}| {{ '\\u200b'.strip()|length }} {{ 'xyx'.strip('yx') }}|",
     "x| 1 |"},
    {"{{ 'abcdefghij'|truncate(5) }} {{ 'abc def ghi jkl'|truncate(9, false, '..', 0) }} {{ 'abc "
     "def'|truncate(5, true, '', 0) }}",
     "abcdefghij abc.. abc d"},
    {"{{ 'a\\n\\nb'|indent(2) }} {{ 'a\\nb'|indent('> ', true) }} {{ 'a\\n\\nb'|indent(1, false, "
     "true) }}",
     "a\n\n  b > a\n> b a\n \n b"},
    {"{{ 'a b/c?d=\\u00e9'|urlencode }} {{ 'foo bar, baz'|wordcount }} {{ 5|center(4) }}|",
     "a%20b/c%3Fd%3D%C3%A9 3  5  |"},
    {"{{ '<a>' |e }} {{ '<a>'|safe|e }} {{ '<a>'|e|forceescape }} {{ ('<b>'|safe) + '<i>' }}",
     "&lt;a&gt; <a> &amp;lt;a&amp;gt; <b>&lt;i&gt;"},
    {"{{ 'A1'.isalnum() }} {{ ''.isalpha() }} {{ '\\u00b2'.isdigit() }} {{ '\\u00b2'.isdecimal() "
     "}} {{ '\\u00bd'.isnumeric() }} {{ ''.isascii() }} {{ 'aB'.islower() }} {{ '1a'.islower() }}",
     "True False True False True True False True"},
    {"{{ 'abc'.removeprefix('ab') }} {{ 'abc'.removesuffix('x') }} {{ 'ab'.join(['1', '2']) }} {{ "
     "'aBc'.swapcase() }} {{ 'ABC d'.capitalize() }}",
     "c abc 1ab2 AbC Abc d"},
};

static const edge forms[] = {
    {"{{ '%5.1f|%-5d|%05d|%x|%o|%e' % (3.14159, 42, 42, 255, 8, 12345.678) }}",
     "  3.1|42   |00042|ff|10|1.234568e+04"},
    {"{{ '%s %r %c %%' % ('a', 'b', 99) }} {{ '%(k)s' % {'k': 1} }} {{ '%*d' % (4, 7) }}",
     "a 'b' c % 1    7"},
    {"{{ '%+d % d %#x %.2s|%5s|%-5s|' % (5, 5, 255, 'abc', 'ab', 'ab') }}",
     "+5  5 0xff ab|   ab|ab   |"},
    {"{{ '{} {}'.format(1, 'a') }} {{ '{1} {0}'.format(1, 2) }} {{ '{x}'.format(x=3) }} {{ "
     "'{{}}'.format() }}",
     "1 a 2 1 3 {}"},
    {"{{ '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd') }}", "    a|b    |  c  |***d***"},
    {"{{ '{:05d} {:+} {:,} {:_} {:x} {:#b} {:.2f} {:e} {:%} {:g}'.format(42, 5, 1234567, 1234567, "
     "255, 5, 3.14159, 12345.678, 0.25, 1e10) }}",
     "00042 +5 1,234,567 1_234_567 ff 0b101 3.14 1.234568e+04 25.000000% 1e+10"},
    {"{{ '{0[1]} {0[0]}'.format([1, 2]) }} {{ '{a[k]}'.format(a={'k': 'v'}) }} {{ '{!r} "
     "{!s}'.format('a', 'a') }}",
     "2 1 v 'a' a"},
    {"{{ '{:c} {:n} {:.3} {:5}|{:<5}|'.format(65, 7, 'abcdef', true, 1) }}",
     "A 7 abc     1|1    |"},
    /* the longest numbers there are: all of their digits, separators and signs */
    {"{{ '{:,.100f}'.format(1.7e308)|length }} {{ '{:+,.100%}'.format(1.7e306)|length }}",
     "512 514"},
    {"{{ '%d' % 3.9 }} {{ '%s' % none }} {{ '%s' % [1, 2] }} {{ '%i' % true }}", "3 None [1, 2] 1"},
    {"{{ '%s-%s'|format(1, 'b') }}", "1-b"},
};

static const edge lists[] = {
    {"{{ [3, 1, 2]|sort }} {{ ['b', 'A', 'c']|sort }} {{ ['b', 'A']|sort(case_sensitive=true) }} "
     "{{ [1, 2]|sort(reverse=true) }}",
     "[1, 2, 3] ['A', 'b', 'c'] ['A', 'b'] [2, 1]"},
    {"{{ [{'a': 2, 'b': 1}, {'a': 1, 'b': 2}]|sort(attribute='a')|map(attribute='b')|list }}",
     "[2, 1]"},
    {"{{ {'b': 1, 'a': 2}|dictsort }} {{ {'b': 1, 'a': 2}|dictsort(by='value') }} {{ {'b': 1, 'a': "
     "2}|dictsort(reverse=true) }}",
     "[('a', 2), ('b', 1)] [('b', 1), ('a', 2)] [('b', 1), ('a', 2)]"},
    {"{{ [1, 2, 3, 4, 5]|batch(2, 'x')|list }} {{ [1, 2, 3, 4, 5]|slice(3)|list }} {{ [1, 2, 3, 4, "
     "5]|slice(3, 'x')|list }}",
     "[[1, 2], [3, 4], [5, 'x']] [[1, 2], [3, 4], [5]] [[1, 2], [3, 4], [5, 'x']]"},
    {"{{ [1, 1.0, true, 'a', 'A']|unique|list }} {{ ['a', 'A']|unique(true)|list }}",
     "[1, 'a'] ['a', 'A']"},
    {"{{ [3, 1]|min }} {{ ['b', 'A']|max }} {{ [1, 2]|sum }} {{ [[1], [2]]|sum(start=[]) }} {{ "
     "[]|sum(start=5) }}",
     "1 b 3 [1, 2] 5"},
    {"{% for g in [{'k': 'b', 'v': 1}, {'k': 'a', 'v': 2}, {'k': 'B', 'v': 3}]|groupby('k') %}{{ "
     "g.grouper }}{{ g.list|length }}{{ g[0] }};{% endfor %}",
     "a1a;b2b;"},
    {"{{ [1, 2, 3]|first }} {{ [1, 2, 3]|last }} {{ {'a': 1}|first }} {{ 'xyz'|last }}", "1 3 a z"},
    {"{{ [1, 2]|join('-') }} {{ [{'a': 1}, {'a': 2}]|join('+', attribute='a') }} {{ "
     "'abc'|join(',') }}",
     "1-2 1+2 a,b,c"},
    {"{{ [1, 2]|reverse|list }} {{ 'abc'|reverse }} {{ {'a': 1, 'b': 2}|items|list }}",
     "[2, 1] cba [('a', 1), ('b', 2)]"},
    {"{{ [0, 1, 2]|select|list }} {{ [0, 1, 2]|reject('odd')|list }} {{ [{'a': 1}, "
     "{}]|selectattr('a', 'defined')|list|length }} {{ [{'a': 0}, {'a': 1}]|rejectattr('a')|list "
     "}}",
     "[1, 2] [0, 2] 1 [{'a': 0}]"},
    {"{{ ['a', 'b']|map('upper')|join }} {{ [{'x': {'y': 1}}]|map(attribute='x.y')|list }} {{ "
     "[{}]|map(attribute='z', default=3)|list }}",
     "AB [1] [3]"},
    {"{{ (1,) }} {{ (1, 2) + (3,) }} {{ [1] * 3 }} {{ 2 * 'ab' }} {{ [1, 2] < [1, 3] }} {{ (1,) in "
     "[(1,), 2] }}",
     "(1,) (1, 2, 3) [1, 1, 1] abab True True"},
    {"{{ range(5, 0, -2)|list }} {{ range(0)|length }} {{ range(0, 3, 2) == range(0, 4, 2) }} {{ "
     "range(10)[-1] }} {{ range(10)[2:8:3]|list }}",
     "[5, 3, 1] 0 True 9 [2, 5]"},
    {"{{ [1, 2, 3][1:] }} {{ [1, 2, 3][::-1] }} {{ [1, 2, 3][-10:2] }} {{ [1, 2, 3][2:1] }}",
     "[2, 3] [3, 2, 1] [1, 2] []"},
    {"{{ {'a': 1}.get('b', 2) }} {{ {'a': 1}.get('b') }} {{ {'a': 1, 'b': 2}.keys()|list }} {{ "
     "{'items': 1}['items'] }} {{ {'a': 1} == {'a': 1.0} }}",
     "2 None ['a', 'b'] 1 True"},
    {"{{ dict(a=1, b=2) }} {{ dict([('a', 1)]) }} {{ {'a': 1}|length }} {{ 'a' in {'a': 1} }} {{ 1 "
     "in {'a': 1}.values() }}",
     "{'a': 1, 'b': 2} {'a': 1} 1 True True"},
};

static const edge flow[] = {
    {"{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last "
     "}};{% endfor %}",
     "12TrueFalse;21FalseFalse;30FalseTrue;"},
    {"{% for x in [1, 2, 3] if x != 2 %}{{ x }}/{{ loop.length }}{% else %}none{% endfor %}",
     "1/23/2"},
    {"{% for x in [] %}a{% else %}none{% endfor %}", "none"},
    {"{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break "
     "%}{% endif %}{{ x }}{% endfor %}",
     "13"},
    {"{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x "
     "}}{{ loop.depth }}{% endif %}{% endfor %}",
     "11(22(33))"},
    {"{% for x in 'aab' %}{{ loop.changed(x) }}{{ loop.cycle('o', 'e') }}{{ loop.previtem|d('-') "
     "}}{{ loop.nextitem|d('-') }};{% endfor %}",
     "Trueo-a;Falseeab;Trueoa-;"},
    {"{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
    {"{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}{% set ns = "
     "namespace(x=1) %}{% for i in [1] %}{% set ns.x = 2 %}{% endfor %}{{ ns.x }}",
     "12"},
    {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ "
     "m(1) }} {{ m(1, 3, 4, 5, z=6) }} {{ m(b=7, a=8) }}",
     "121(){} 134(5,){'z': 6} 878(){}"},
    {"{% macro m(x) %}[{{ caller(x) }}]{% endmacro %}{% call(y) m(3) %}<{{ y }}>{% endcall %}",
     "[<3>]"},
    {"{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }} {{ m.name }}", "False m"},
    {"{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "12False"},
    {"{% filter upper %}a{% set z %}b{% endset %}{{ z }}{% endfilter %}{% set w | upper %}c{% "
     "endset %}{{ w }}",
     "ABC"},
    {"{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{% "
     "set j = joiner('|') %}{{ j() }}x{{ j() }}y",
     "abbax|y"},
    {"{{ 'a' if false }}{{ 'b' if true else 'c' }}{{ 'x' if none else 'y' if 0 else 'z' }}", "bz"},
    {"{{ none or 'd' }} {{ 0 and 1 }} {{ not none }} {{ 1 < 2 < 3 }} {{ 1 < 2 > 5 }} {{ 1 not in "
     "[2] }} {{ not 1 in [1] }}",
     "d 0 True True False True False"},
    {"{{ x is defined }}{{ x is undefined }}{{ x|d('q') }}{{ x }}{{ x|list }}{{ 1 ~ 'a' ~ none ~ x "
     "}}",
     "FalseTrueq[]1aNone"},
    {"{{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 5 is not even }} {{ 'a' is in ['a'] }} {{ 1 is "
     "sameas 1 }} {{ 2 is gt 1 }} {{ 'A' is upper }}",
     "True True True True True True True"},
};

static const edge blanks[] = {
    {"  {% if true %}\n  a\n  {% endif %}\nb", "  a\nb"},
    {"a {%- if true %} b {%- endif %} c", "a b c"},
    {"a\n  {%+ if true %}b{% endif +%}\nc", "a\n  b\nc"},
    {"{{ 1 -}}\n  x {{- 2 }}", "1x2"},
    {"a {# c #}\nb {#- c -#} d", "a bd"},
    {"{% raw %}{{ x }}{% endraw %}\n y", "{{ x }} y"},
    {"{%- raw -%} {{ x }} {%- endraw -%} z", "{{ x }}z"},
    {"x{{ '}}' }}y{{ {'a': {'b': 1}}['a']['b'] }}", "x}}y1"},
    {"a\r\nb\rc\n", "a\nb\nc"},
    {"{% if true -%}\n\n a {%- endif %}\n\n", "a"},
};

static const edge bad_numbers[] = {
    {"{{ 1 // 0 }}", "division by zero"},
    {"{{ 1.5 % 0 }}", "division by zero"},
    {"{{ 1 / 0.0 }}", "division by zero"},
    {"{{ 1 is divisibleby 0 }}", "division by zero"},
    {"{{ 0.0 ** -1 }}", "0.0 cannot be raised to a negative power"},
    {"{{ 10.0 ** 400 }}", "a power is too large"},
    {"{{ -'a' }}", "bad operand type for unary -: 'str'"},
    {"{{ 'a'|abs }}", "bad operand type for abs(): 'str'"},
    {"{{ 'a'|round }}", "type str doesn't define __round__ method"},
    {"{{ 1.5|round(1, 'up') }}", "method must be common, ceil or floor"},
    {"{{ ('in' ~ 'f')|float|int }}", "cannot convert float infinity to integer"},
    {"{{ 1|int(base='x') }}", "'str' object cannot be interpreted as an integer"},
    {"{{ range(1, 2, 0) }}", "range() arg 3 must not be zero"},
    {"{{ range('a') }}", "'str' object cannot be interpreted as an integer"},
    {"{{ range() }}", "'range' needs 1 arguments"},
};

static const edge bad_operators[] = {
    {"{{ 'a' * 'b' }}", "unsupported operand type(s) for *: 'str' and 'str'"},
    {"{{ [1] + (2,) }}", "can only concatenate list (not \"tuple\") to list"},
    {"{{ none + 1 }}", "unsupported operand type(s) for +: 'NoneType' and 'int'"},
    {"{{ 'a' < 1 }}", "'<' not supported between instances of 'str' and 'int'"},
    {"{{ [1] < [none] }}", "'<' not supported between instances of 'int' and 'NoneType'"},
    {"{{ 1 in 5 }}", "argument of type 'int' is not iterable"},
    {"{{ 1 in 'a' }}", "'in <string>' requires string as left operand, not int"},
    {"{{ x + 1 }}", "'x' is undefined"},
    {"{{ x < 1 }}", "'x' is undefined"},
    {"{{ x() }}", "'x' is undefined"},
    {"{{ none.x.y }}", "'None' has no attribute 'x'"},
    {"{{ ('a' if false) + 'b' }}", "evaluated to false and no else section was defined"},
    {"{{ namespace(a=1).b + 1 }}", "'jinja2.utils.Namespace object' has no attribute 'b'"},
    {"{{ 5() }}", "'int' object is not callable"},
    {"{{ n[::0] }}", "'int' object is not subscriptable"},
    {"{{ 'abc'[::0] }}", "slice step cannot be zero"},
    {"{{ 'abc'['a':] }}", "slice indices must be integers or None"},
    {"{{ {}[1:] }}", "unhashable type: 'slice'"},
};

static const edge bad_texts[] = {
    {"{{ 'a'.split('') }}", "empty separator"},
    {"{{ 'a'.partition('') }}", "empty separator"},
    {"{{ 'a'.join([1]) }}", "sequence item 0: expected str instance, int found"},
    {"{{ 'a'.join(5) }}", "can only join an iterable"},
    {"{{ 'abc'.index('x') }}", "substring not found"},
    {"{{ 'abc'.rindex('a', 1) }}", "substring not found"},
    {"{{ 'a'.startswith(1) }}", "startswith first arg must be str or a tuple of str, not int"},
    {"{{ 'a'.endswith(('b', 2)) }}", "endswith first arg must be str or a tuple of str, not int"},
    {"{{ 'a'.center(5, 'xy') }}", "The fill character must be exactly one character long"},
    {"{{ 'a'.replace('a') }}", "'replace' needs 2 arguments"},
    {"{{ 'a'.replace(none, 'b') }}", "replace() argument 1 must be str, not NoneType"},
    {"{{ 'a'.upper(1) }}", "'upper' takes at most 0 arguments, not 1"},
    {"{{ 'a'.split(sep='b', by='c') }}", "'split' got an unexpected keyword argument 'by'"},
    {"{{ 'a'.split('b', sep='c') }}", "'split' got multiple values for argument 'sep'"},
    {"{{ 'abc'|truncate(2) }}", "truncate: expected length >= 3"},
    {"{{ 5|indent }}", "unsupported operand type(s) for +: 'int' and 'str'"},
    {"{{ 'a'.strip(1) }}", "strip arg must be str, not int"},
};

static const edge bad_forms[] = {
    {"{{ '%d' % 'a' }}", "%d format: a real number is required, not str"},
    {"{{ '%f' % 'a' }}", "must be real number, not str"},
    {"{{ '%s %s' % 'a' }}", "not enough arguments for format string"},
    {"{{ '%s' % ('a', 'b') }}", "not all arguments converted during string formatting"},
    {"{{ 'a' is odd }}", "not all arguments converted during string formatting"},
    {"{{ '%y' % 1 }}", "unsupported format character"},
    {"{{ '%' % 1 }}", "incomplete format"},
    {"{{ '%5.2' % 1 }}", "incomplete format"},
    {"{{ '%(a' % {} }}", "incomplete format key"},
    {"{{ '%(a)s' % 1 }}", "format requires a mapping"},
    {"{{ '%(a)s' % {} }}", "a key of the format is not in the mapping"},
    {"{{ '%*d' % ('a', 1) }}", "* wants int"},
    {"{{ '%c' % 1114112 }}", "%c arg not in range(0x110000)"},
    {"{{ '{'.format() }}", "expected '}' before end of string"},
    {"{{ 'a}'.format() }}", "single '}' encountered in format string"},
    {"{{ '{}'.format() }}", "replacement index out of range for positional args"},
    {"{{ '{} {0}'.format(1) }}", "cannot switch between manual and automatic field numbering"},
    {"{{ '{0x}'.format(1) }}", "a field of the format is no number"},
    {"{{ '{a}'.format() }}", "the format needs the argument 'a'"},
    {"{{ '{0[}'.format([1]) }}", "expected ']' in the format"},
    {"{{ '{0[0]x}'.format([1]) }}", "a field of the format is malformed"},
    {"{{ '{:d}'.format('a') }}", "unknown format code 'd' for object of type 'str'"},
    {"{{ '{:d}'.format(1.5) }}", "unknown format code 'd' for object of type 'float'"},
    {"{{ '{:q}'.format(1) }}", "invalid format specifier"},
    {"{{ '{:5x5}'.format(1) }}", "invalid format specifier"},
    {"{{ '{!x}'.format(1) }}", "unknown conversion of a format"},
    {"{{ '{!rr}'.format(1) }}", "unknown conversion of a format"},
    {"{{ '{:c}'.format(55296) }}", "%c arg not in range(0x110000)"},
};

static const edge bad_lists[] = {
    {"{{ {[1]: 2} }}", "unhashable type: 'list'"},
    {"{{ {([1],): 2} }}", "unhashable type: 'list'"},
    {"{{ [[1]]|unique|list }}", "unhashable type: 'list'"},
    {"{{ [1].index(2) }}", "the value is not in the list"},
    {"{{ [1].remove(2) }}", "x not in list"},
    {"{{ [].pop() }}", "pop from empty list"},
    {"{{ [1].pop(5) }}", "pop index out of range"},
    {"{{ {}.popitem() }}", "popitem(): dictionary is empty"},
    {"{{ {}.pop('a') }}", "pop: no such key"},
    {"{{ {}.update(1, 2) }}", "update expected at most 1 argument"},
    {"{{ {}.update([(1, 2, 3)]) }}", "update needs a dict or a list of pairs"},
    {"{{ dict(1) }}", "'int' object is not iterable"},
    {"{{ 5|length }}", "object of type 'int' has no len()"},
    {"{{ 5|first }}", "'int' object is not iterable"},
    {"{{ ([1]|map('abs'))|last }}", "'generator' is not reversible"},
    {"{{ [1, 'a']|sort }}", "'<' not supported between instances of 'str' and 'int'"},
    {"{{ [1]|sum(start='a') }}", "sum() can't sum strings"},
    {"{{ 5|dictsort }}", "'int' object has no attribute 'items'"},
    {"{{ {}|dictsort(by='x') }}", "You can only sort by either \"key\" or \"value\""},
    {"{{ {}|dictsort(by=1) }}", "You can only sort by either \"key\" or \"value\""},
    {"{{ 5|items|list }}", "can only get item pairs from a mapping"},
    {"{{ [1]|slice(0)|list }}", "integer division or modulo by zero"},
    {"{{ []|first + 1 }}", "No first item, sequence was empty."},
    {"{{ []|last + 1 }}", "No last item, sequence was empty."},
    {"{{ []|min + 1 }}", "No aggregated item, sequence was empty."},
    {"{{ [1]|map|list }}", "map requires a filter argument"},
    {"{{ [1]|selectattr|list }}", "Missing parameter for attribute name"},
    {"{{ [1]|batch }}", "'batch' needs 1 arguments"},
    {"{{ [] is filter }}", "unhashable type: 'list'"},
    {"{{ [1]|attr(2) }}", "attr: the name must be a string"},
    {"{{ cycler() }}", "at least one item has to be provided"},
};

static const edge bad_json[] = {
    {"{{ x|tojson }}", "Object of type Undefined is not JSON serializable"},
    {"{{ range(3)|tojson }}", "Object of type range is not JSON serializable"},
    {"{{ {(1, 2): 3}|tojson }}", "keys must be str, int, float, bool or None, not tuple"},
    {"{{ 1|tojson(separators=',') }}", "separators must be two strings"},
    {"{{ 1|tojson(indent=1.5) }}", "'float' object cannot be interpreted as an integer"},
    {"{{ {1: 2, 'a': 3}|tojson(sort_keys=true) }}",
     "'<' not supported between instances of 'str' and 'int'"},
    {"{{ '[1'|from_json }}", "from_json: "},
    {"{{ 5|from_json }}", "the JSON object must be str, not int"},
};

static const edge bad_flow[] = {
    {"{% for a, b in [1] %}{% endfor %}", "cannot unpack non-iterable int object"},
    {"{% for a, b in [(1,)] %}{% endfor %}", "not enough values to unpack (expected 2, got 1)"},
    {"{% for a, b in [(1, 2, 3)] %}{% endfor %}", "too many values to unpack (expected 2)"},
    {"{% for a in 5 %}{% endfor %}", "'int' object is not iterable"},
    {"{% set x = 1 %}{% set x.y = 2 %}", "cannot assign attribute on non-namespace object"},
    {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "macro 'm' takes not more than 1 argument(s)"},
    {"{% macro m(a) %}{% endmacro %}{{ m(b=2) }}", "macro 'm' takes no keyword argument 'b'"},
    {"{% macro m(a) %}{{ a + 1 }}{% endmacro %}{{ m() }}", "parameter of a macro was not provided"},
    {"{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "No caller defined"},
    {"{% for x in [1] %}{{ loop(x) }}{% endfor %}", "the loop must have the 'recursive' marker"},
    {"{% for x in [1] recursive %}{{ loop(1, 2) }}{% endfor %}", "loop() takes one argument"},
    {"{% for x in [1] %}{{ loop.cycle() }}{% endfor %}", "no items for cycling given"},
    {"{% filter length %}a{% endfilter %}", "the block's filter gives int instead of a string"},
    {"{{ range(1, **n) }}", "argument after ** must be a mapping, not int"},
    {"{{ range(1, **{1: 2}) }}", "keywords must be strings"},
    {"{{ range(*n) }}", "'int' object is not iterable"},
    {"{{ strftime_now(none) }}", "strftime_now needs a format"},
    {"{{ strftime_now(5) }}", "strftime_now must be str, not int"},
};

static const edge bad_syntax[] = {
    {"{{ a b }}", "unexpected"},
    {"{{ 1 = 2 }}", "unexpected"},
    {"{{ f(a=1, 2) }}", "arguments in the order a, name=b, *c, **d"},
    {"{{ f(*a, 1) }}", "arguments in the order"},
    {"{{ f(**a, b=1) }}", "arguments in the order"},
    {"{{ f(**a, **b) }}", "arguments in the order"},
    {"{{ f(*a, *b) }}", "arguments in the order"},
    {"{{ a is b is c }}", "unexpected"},
    {"{{ a|1 }}", "the name of a filter is expected here"},
    {"{{ a is 1 }}", "the name of a test is expected here"},
    {"{{ a|b.c }}", "unexpected '.'"},
    {"{{ a.'b' }}", "a name or a number is expected here"},
    {"{{ a[1:2, 3] }}", "a single slice is expected here"},
    {"{{ }}", "an expression is expected here"},
    {"{{ {1} }}", "':' is expected here"},
    {"{{ [1 2] }}", "',' is expected here"},
    {"{{ (1 }}", "unexpected '}'"},
    {"{% set 1 = 2 %}", "a name to assign to is expected here"},
    {"{% set none = 2 %}", "a name to assign to is expected here"},
    {"{% set a.b.c = 2 %}", "unexpected"},
    {"{% for a.b in c %}{% endfor %}", "'in' is expected here"},
    {"{% for a c %}{% endfor %}", "'in' is expected here"},
    {"{% macro %}{% endmacro %}", "the name of the macro is expected here"},
    {"{% macro m %}{% endmacro %}", "'(' is expected here"},
    {"{% macro m(1) %}{% endmacro %}", "the name of a parameter is expected here"},
    {"{% macro m(a=1, b) %}{% endmacro %}", "a default value is expected here"},
    {"{% call 5 %}{% endcall %}", "a call is expected here"},
    {"{% with 5 %}{% endwith %}", "a name is expected here"},
    {"{% with a 5 %}{% endwith %}", "'=' is expected here"},
    {"{% break %}", "a loop is expected here"},
    {"{% for a in b %}{% else %}{% continue %}{% endfor %}", "a loop is expected here"},
    {"{% for a in b %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
     "a loop is expected here"},
    {"{% if a %}{% endfor %}", "unknown statement 'endfor'"},
    {"{% 5 %}", "the name of a statement is expected here"},
    {"{{ '\\N{DASH}' }}", "an escape that this engine does not know"},
    {"{{ '\\ud800' }}", "an escape that this engine does not know"},
    {"{{ '\\x4' }}", "an escape that this engine does not know"},
    {"{{ a } }}", "unexpected '}'"},
    {"{{ 1..2 }}", "unexpected"},
    {"{{ a ? b }}", "unexpected character '?'"},
};

/* Renders all of a table; what differs is printed, all of it before the test fails. */
static void renders(const edge *e, size_t n)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        sk_err err = SK_ERR_INIT;
        eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
        sk_status st = jinja_render_text(e[i].template, "{}", NULL, &out, &err);
        const char *got = st ? err.text : out.text.len ? out.text.p : "";
        bool same = !st && strcmp(got, e[i].text) == 0;
        if (!same) print_error("%s\nwant: %s\ngot:  %s\n", e[i].template, e[i].text, got);
        bad += !same;
        eng_jinja_text_fini(&out);
    }
    assert_int_equal(bad, 0);
}

/* The same for templates that are refused; out stays empty then. */
static void refuses(const edge *e, size_t n, sk_status want)
{
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        sk_err err = SK_ERR_INIT;
        eng_jinja_text out = {SK_BUF_INIT, NULL, 0};
        sk_status st = jinja_render_text(e[i].template, "{\"n\":5}", NULL, &out, &err);
        bool same = st == want && strstr(err.text, e[i].text) && !out.text.len && !out.span;
        if (!same)
            print_error("%s\nwant: %d %s\ngot:  %d %s\n", e[i].template, (int)want, e[i].text,
                        (int)st, st ? err.text : out.text.p);
        bad += !same;
        eng_jinja_text_fini(&out);
    }
    assert_int_equal(bad, 0);
}

static void render_numbers(void **state)
{
    (void)state;
    renders(numbers, COUNT(numbers));
}

static void render_texts(void **state)
{
    (void)state;
    renders(texts, COUNT(texts));
}

static void render_forms(void **state)
{
    (void)state;
    renders(forms, COUNT(forms));
}

static void render_lists(void **state)
{
    (void)state;
    renders(lists, COUNT(lists));
}

static void render_flow(void **state)
{
    (void)state;
    renders(flow, COUNT(flow));
}

static void render_blanks(void **state)
{
    (void)state;
    renders(blanks, COUNT(blanks));
}

static void refuse_numbers(void **state)
{
    (void)state;
    refuses(bad_numbers, COUNT(bad_numbers), SK_E_INVALID);
}

static void refuse_operators(void **state)
{
    (void)state;
    refuses(bad_operators, COUNT(bad_operators), SK_E_INVALID);
}

static void refuse_texts(void **state)
{
    (void)state;
    refuses(bad_texts, COUNT(bad_texts), SK_E_INVALID);
}

static void refuse_forms(void **state)
{
    (void)state;
    refuses(bad_forms, COUNT(bad_forms), SK_E_INVALID);
}

static void refuse_lists(void **state)
{
    (void)state;
    refuses(bad_lists, COUNT(bad_lists), SK_E_INVALID);
}

static void refuse_json(void **state)
{
    (void)state;
    refuses(bad_json, COUNT(bad_json), SK_E_INVALID);
}

static void refuse_flow(void **state)
{
    (void)state;
    refuses(bad_flow, COUNT(bad_flow), SK_E_INVALID);
}

static void refuse_syntax(void **state)
{
    (void)state;
    refuses(bad_syntax, COUNT(bad_syntax), SK_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(render_numbers), cmocka_unit_test(render_texts),
        cmocka_unit_test(render_forms),   cmocka_unit_test(render_lists),
        cmocka_unit_test(render_flow),    cmocka_unit_test(render_blanks),
        cmocka_unit_test(refuse_numbers), cmocka_unit_test(refuse_operators),
        cmocka_unit_test(refuse_texts),   cmocka_unit_test(refuse_forms),
        cmocka_unit_test(refuse_lists),   cmocka_unit_test(refuse_json),
        cmocka_unit_test(refuse_flow),    cmocka_unit_test(refuse_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
