from domain.tooling import PLACES, PREFIX, Subject
from tools.vocabulary import KINDS


def test_a_subject_has_every_place() -> None:
    """What a tool may be told is what a subject holds."""
    assert {*PLACES, "labels"} == set(Subject.model_fields)


def test_no_kind_of_ours_looks_like_an_own_one() -> None:
    """An added tool cannot pass for one of ours."""
    assert [kind for kind in KINDS if kind.startswith(PREFIX)] == []
