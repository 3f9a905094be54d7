from benchmarks.episodes import made
from domain.recall import symptom_of, symptom_text


def test_a_symptom_names_alert_service_kind_and_what_is_seen() -> None:
    """The alert's name is split into words; the parts keep their order."""
    text = symptom_text("ContainerDown", service="web", kind="container", summary="it is gone")

    assert text == "Container Down; web; container; it is gone"


def test_values_do_not_make_a_symptom_new() -> None:
    """The same fault with another value, address or container id has the same text."""
    first, second = (
        symptom_text("MemoryHigh", service="web", kind="container", summary=summary)
        for summary in (
            "93.4% of 512MiB on 10.0.0.5:9100 (1f2e3d4c5b6a)",
            "97% of 1GiB on 10.0.0.7:9100 (a1b2c3d4e5f6)",
        )
    )

    assert first == second


def test_a_long_summary_is_bounded() -> None:
    """Somebody else's text cannot grow the index without end."""
    text = symptom_text("A", service="b", kind="c", summary="word " * 10_000)

    assert len(text) < 300


def test_an_episode_with_a_whole_symptom_is_not_headed_twice() -> None:
    """`symptom` may be the summary, or the text itself: the same comes of both."""
    short = made(0, symptom="is gone")
    whole = short.model_copy(update={"symptom": symptom_of(short)})

    assert symptom_of(whole) == symptom_of(short)


def test_a_remedy_is_no_part_of_a_symptom() -> None:
    """Two incidents are alike by what was seen, not by what was done."""
    text = symptom_of(made(0, remediation_taken="reticulated splines", root_cause="gremlins"))

    assert "splines" not in text
    assert "gremlins" not in text
