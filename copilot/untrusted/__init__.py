"""Text from outside, which can't become part of another text by accident."""

from typing import Any, NoReturn, final

from .cap import RenderCap

__all__ = ["Tainted", "Untrusted"]


class Tainted(TypeError):
    """Untrusted text was used as if it were ours: a mistake in the program, never in the input."""


@final
class Untrusted:
    """A text with where it comes from; not a `str`, so that nothing can splice it in unseen.

    source: 'error.message', 'step.output', 'template'. path: where in the run or workspace it
    stands, a text from outside as well. Whoever writes it out asks for it with `reveal`.
    """

    __slots__ = ("_path", "_source", "_value")

    def __init__(self, value: str, *, source: str, path: str = "") -> None:
        self._value = value
        self._source = source
        self._path = path

    @property
    def source(self) -> str:
        return self._source

    def reveal(self, cap: RenderCap) -> str:
        """The text, for one who encodes it. Raises Tainted without the capability."""
        if not isinstance(cap, RenderCap):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Tainted("the capability to render is missing")
        return self._value

    def reveal_path(self, cap: RenderCap) -> str:
        """Where it stands, as it came. Raises Tainted."""
        if not isinstance(cap, RenderCap):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Tainted("the capability to render is missing")
        return self._path

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Untrusted) and (self._value, self._source, self._path) == (
            other._value,
            other._source,
            other._path,
        )

    def __hash__(self) -> int:
        return hash((self._value, self._source, self._path))

    def __repr__(self) -> str:
        return f"<Untrusted {self._source}, {len(self._value)} characters>"

    def _refuse(self, *_: Any) -> NoReturn:
        raise Tainted(f"untrusted text from {self._source} was used without being encoded")

    def __str__(self) -> str:
        self._refuse()

    def __format__(self, spec: str) -> str:
        self._refuse()

    def __iter__(self) -> NoReturn:
        self._refuse()

    def __bytes__(self) -> bytes:
        self._refuse()

    def __html__(self) -> str:
        self._refuse()

    def __reduce__(self) -> NoReturn:
        self._refuse()
