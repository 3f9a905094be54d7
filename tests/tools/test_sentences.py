import pytest

from domain.evidence import Situation
from tools.sentences import BadSentence, Sentences, folded, span
from tools.vocabulary import EXAMPLE


@pytest.fixture
def sentences() -> Sentences:
    """The compiler."""
    return Sentences()


def said(sentences: Sentences, text: str, situation: Situation) -> str:
    """The sentence filled in, or `otherwise`."""
    return sentences.compile(text, otherwise="otherwise").say(situation)


def test_it_fills_in_what_was_observed(sentences: Sentences) -> None:
    """Fields, lists and units read as prose."""
    size, span = "container.memory_limit | filesizeformat(true)", "container.down_s | span"
    text = f"{{{{ {size} }}}} without {{{{ dependencies.down | join(', ') }}}} for {{{{ {span} }}}}"

    assert said(sentences, text, EXAMPLE) == "64.0 MiB without db for 42 s"


def test_a_key_goes_before_a_method(sentences: Sentences) -> None:
    """`items` of an evidence kind is its list, never Python's dictionary method."""
    text = "{{ dependencies.items | map(attribute='name') | join }}"

    assert said(sentences, text, EXAMPLE) == "db"


def test_what_is_missing_reads_as_nothing(sentences: Sentences) -> None:
    """A kind that was not observed leaves a gap, and no error."""
    assert said(sentences, "last: {{ logs.last }}.", {}) == "last: ."


def test_an_impossible_value_gives_the_title(sentences: Sentences) -> None:
    """A value of another type than expected costs the sentence, not the match."""
    text = "{{ container.down_s | span }}"

    assert said(sentences, text, {"container": {"down_s": "soon"}}) == "otherwise"


@pytest.mark.parametrize("hostile", ["{{ 7*7 }}", "{% raw %}", "{# x #}", "{{ container }}"])
def test_text_from_outside_is_no_template(sentences: Sentences, hostile: str) -> None:
    """Template syntax in a value comes out as it went in."""
    assert said(sentences, "{{ logs.last }}", {"logs": {"last": hostile}}) == hostile


@pytest.mark.parametrize(
    "attack",
    [
        "{{ logs.last.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ container.__class__ }}",
        "{{ self.__init__.__globals__ }}",
    ],
)
def test_a_template_cannot_leave_the_sandbox(sentences: Sentences, attack: str) -> None:
    """Python's inner attributes are out of reach, also for a runbook's author."""
    with pytest.raises(BadSentence):
        sentences.compile(attack, otherwise="")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two\nlines\r\n", "two lines"),
        ("\x1b[31mred\x00", "[31mred"),
        ("right\u202eleft\u2028next\u200b", "right left next"),
        ("a" * 301, "a" * 299 + "…"),
        (["a\nb", 1], r"['a\nb', 1]"),
        (1.5, "1.5"),
    ],
)
def test_a_value_is_one_clean_line(value: object, shown: str) -> None:
    """No line breaks, control, direction or invisible characters, and at most 300 of the rest."""
    assert folded(value) == shown


def test_a_sentence_is_cut(sentences: Sentences) -> None:
    """Many values cannot make a message of any length."""
    text = "{% for line in logs.lines %}{{ line }}{% endfor %}"

    assert len(said(sentences, text, {"logs": {"lines": ["x" * 300] * 50}})) == 1000


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (2e5, "2 days"),
    ],
)
def test_seconds_as_people_say_them(seconds: float, shown: str) -> None:
    """The largest unit of which there are two."""
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("one\n{{ container.name ", 2, "template"),
        ("{{ container.label }}", 1, "no field 'label'"),
        ("{{ kontainer.name }}", 1, "kontainer"),
        ("{{ container.name | frobnicate }}", 1, "frobnicate"),
        ("{{ container.name | span }}", 1, "not"),
    ],
)
def test_a_bad_sentence_says_where(sentences: Sentences, text: str, line: int, word: str) -> None:
    """Mistakes in a template are found when it is compiled."""
    with pytest.raises(BadSentence) as caught:
        sentences.compile(text, otherwise="")

    assert word in str(caught.value)
    assert caught.value.line == line
