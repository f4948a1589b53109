"""Texts for property tests: anything at all, with what an attacker would write mixed in often."""

from hypothesis import strategies as st

from benchmarks.safety.attacks import OWN
from copilot.pipeline.prompt.material import SECTIONS, Piece
from copilot.redaction import Redacted, Redactor
from copilot.untrusted import Untrusted

#: What the fake marks of a message are, so that data can hold them.
BOUNDARY, CANARY = "0123456789abcdef", "fedcba9876543210"
ROLE_MARKERS = ("system:", "SYSTEM :", "assistant：", "\n\nHuman:", "user\t:", "[INST]", "[/INST]")  # noqa: RUF001
TAGS = (
    f"<d:{BOUNDARY} 0>",
    f"<e:{BOUNDARY}>",
    f"\n<h:{BOUNDARY} {CANARY}>{{}}\n",
    BOUNDARY,
    CANARY,
)
NASTY = (
    *ROLE_MARKERS,
    *TAGS,
    *("<|im_start|>", "</d>", "<<SYS>>", "```", "~~~", "---", "=====", "***", "## x"),
    *("![a](b)", "](", "][", "]:", '"}', '","text":"', "\\", "\\u003c", '"', "\\n"),
    *("\u202e", "\u200b", "\x1b[8m", "\x1b]8;;x\x07", "\x9b1m", "\U000e0041", "\ufe0f", "\ufeff"),
    *("\r", "\r\n", "\x00", "\ud800", "\u2028", "\x85", "\u3000", "\u00a0", "＜", "｜", "›"),  # noqa: RUF001
    *("a\u0300\u0301\u0302\u0303\u0304\u0305", "\U0001f600", "日本", "[[email:1]]", "\u0378"),
)
ANY = st.text(max_size=40)
PLAIN = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=120)
TEXTS = st.one_of(
    st.text(alphabet=st.characters(), max_size=200),
    st.lists(st.one_of(st.sampled_from(NASTY), ANY), max_size=24).map("".join),
    st.sampled_from([attack.text for attack in OWN]),
    st.builds(lambda text, times: text * times, st.sampled_from(NASTY), st.integers(1, 300)),
)
PIECES = st.lists(
    st.builds(
        lambda section, text, path, weight: Piece(
            section, Untrusted(text, source="error.message", path=path), weight
        ),
        st.sampled_from(list(SECTIONS)),
        TEXTS,
        st.one_of(TEXTS, st.just("/steps/1/with/range")),
        st.integers(1, 14),
    ),
    max_size=8,
)


class Seen(Redactor):
    """Finds nothing and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def redact(self, text: str) -> Redacted:
        self.texts.append(text)
        return Redacted(text)


class Known(Redactor):
    """Takes out the given words, wherever they stand."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self._words = words

    def redact(self, text: str) -> Redacted:
        found = dict[str, int]()
        for word in self._words:
            if word in text:
                found["known"] = found.get("known", 0) + text.count(word)
                text = text.replace(word, "[[known:1]]")
        return Redacted(text, counts=found)
