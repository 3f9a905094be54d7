from memory.vocabulary import stem, terms, words


def test_names_are_cut_into_words() -> None:
    """Camel case, snake case and abbreviations come apart; words that say nothing go."""
    found = words("TLSCertExpiring on node_disk_full for the HTTP2Proxy")

    assert found == ["tls", "cert", "expiring", "node", "disk", "full", "http", "2", "proxy"]


def test_words_of_every_script_count() -> None:
    """Alerts are not all written in English."""
    assert words("Speicher für Bücher; диск переполнен") == [
        "speicher",
        "für",
        "bücher",
        "диск",
        "переполнен",
    ]


def test_a_stem_keeps_enough_to_be_a_word() -> None:
    """Endings are cut from long words only."""
    assert [stem(word) for word in ("failing", "restarted", "dns", "red")] == [
        "fail",
        "restart",
        "dns",
        "red",
    ]


def test_words_of_one_meaning_share_a_concept() -> None:
    """`offline` and `Unreachable` have a term in common, which they do not by spelling."""
    offline, unreachable = (
        {term for term, _ in terms(text)} for text in ("offline", "Unreachable")
    )

    assert offline & unreachable == {"=down"}


def test_common_words_weigh_less() -> None:
    """`container` tells two incidents apart less than `traefik` does."""
    weights = dict(terms("container traefik"))

    assert weights["container"] < weights["traefik"]
