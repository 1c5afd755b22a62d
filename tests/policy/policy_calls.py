"""What the tests of the policy share: random conditions from the grammar, random calls that often meet them."""

from hypothesis import strategies as st

from tosqauyl.facts import FACTS, Call, FactType

TEXT_FACTS = [name for name, fact in FACTS.items() if fact.type is FactType.TEXT]
CHOICE_FACTS = [name for name, fact in FACTS.items() if fact.type is FactType.CHOICE]
INTEGER_FACTS = [name for name, fact in FACTS.items() if fact.type is FactType.INTEGER]
BOOLEAN_FACTS = [name for name, fact in FACTS.items() if fact.type is FactType.BOOLEAN]
OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "!="]

# Few letters, so that random texts meet random patterns: signs of LIKE, quotes, case, combining, astral, U+FFFF.
LETTERS = "aAbB+7%_!\\'é\u0301Ққ\uffff\U00010000\U0001f600 "
texts = st.text(LETTERS, max_size=6)
integers = st.integers(-3, 9) | st.sampled_from([-(2**63), 2**63 - 1])
numbers = st.sampled_from([0.0, -0.0, 0.1, 1.5, -1.5, 1e300, 5e-324, 1760000000.25]) | st.floats(-1e18, 1e18)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def spelled(number):
    return repr(number)


@st.composite
def likes(draw):
    pattern, escape = draw(texts), draw(st.sampled_from(["", "", "!", "\\", "%", "_"]))
    if not escape:
        return f"LIKE {quoted(pattern)}"
    pattern = "".join(draw(st.sampled_from([letter, escape + letter])) for letter in pattern)
    if (len(pattern) - len(pattern.rstrip(escape))) % 2 or escape in pattern:
        pattern = pattern.replace(escape, escape * 2)
    return f"LIKE {quoted(pattern)} ESCAPE {quoted(escape)}"


def _text_atoms():
    fact, operator = st.sampled_from(TEXT_FACTS), st.sampled_from(OPERATORS)
    value = texts.map(quoted)
    return st.one_of(
        st.builds("{} {} {}".format, fact, operator, value | fact),
        st.builds("{} {} {}".format, value, operator, fact),
        st.builds("{} IN ({})".format, fact, st.lists(value, min_size=1, max_size=4).map(", ".join)),
        st.builds("{} BETWEEN {} AND {}".format, fact, value, value),
        st.builds("{} {}".format, fact, likes()),
        st.builds("{} NOT {}".format, fact, likes()),
        st.builds("starts_with({}, {})".format, fact, value),
        st.builds("length({}) {} {}".format, fact, operator, integers.map(str)),
        st.builds("length({}) BETWEEN {} AND redirections".format, fact, integers.map(str)),
    )


def _choice_atom(name):
    value = st.sampled_from(FACTS[name].about.choices).map(quoted)
    same = [other for other in CHOICE_FACTS if set(FACTS[other].about.choices) & set(FACTS[name].about.choices)]
    return st.one_of(
        st.builds("{} {} {}".format, st.just(name), st.sampled_from(["=", "<>"]), value | st.sampled_from(same)),
        st.builds("{} IN ({})".format, st.just(name), st.lists(value, min_size=1, max_size=4).map(", ".join)),
    )


def _other_atoms():
    operator = st.sampled_from(OPERATORS)
    return st.one_of(
        st.sampled_from([*BOOLEAN_FACTS, "TRUE", "FALSE"]),
        st.builds("{} = {}".format, st.sampled_from(BOOLEAN_FACTS), st.sampled_from(["TRUE", "FALSE"])),
        st.builds("redirections {} {}".format, operator, integers.map(str)),
        st.builds("{} {} {}".format, st.sampled_from(INTEGER_FACTS), operator, integers.map(str)),
        st.builds(
            "redirections NOT IN ({})".format, st.lists(integers.map(str), min_size=1, max_size=3).map(", ".join)
        ),
        st.builds("at {} {}".format, operator, numbers.map(spelled) | st.integers(-9, 9).map(str)),
        st.builds("at BETWEEN {} AND {}".format, numbers.map(spelled), numbers.map(spelled)),
    )


def expressions():
    """Expressions of the rule language, at most a few levels deep."""
    atoms = st.one_of(_text_atoms(), st.sampled_from(CHOICE_FACTS).flatmap(_choice_atom), _other_atoms())
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: "(" + " AND ".join(parts) + ")"),
            st.lists(inner, min_size=2, max_size=4).map(lambda parts: "(" + " OR ".join(parts) + ")"),
            inner.map("(NOT ({}))".format),
        ),
        max_leaves=6,
    )


def _values(fact):
    return {
        FactType.TEXT: texts,
        FactType.CHOICE: st.sampled_from(fact.about.choices or ("",)),
        FactType.BOOLEAN: st.booleans(),
        FactType.INTEGER: integers,
        FactType.NUMBER: numbers,
    }[fact.type]


calls = st.builds(Call, *map(_values, FACTS.values()))
