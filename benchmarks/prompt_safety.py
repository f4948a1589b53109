"""What hostile text, and a model that has given in to it, can do: the aim is nothing.

    python -m benchmarks.prompt_safety [--corpus PATH] [--tokenizer PATH] [--json]

A small set of attacks is shipped here; `--corpus` adds a JSONL file of `id`, `text` and `channel`,
or a folder with `attacks-dev.jsonl`. `--tokenizer` is the file o200k_base.tiktoken, by which tokens
are counted exactly; without it they are guessed by bytes.
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from copilot.runtimes import about_tokens
from copilot.runtimes._tokens import counter

from .normalize import Figure
from .safety import structure

Part = Callable[[argparse.Namespace], Iterable[Figure]]
#: Needs what reads answers and applies fixes.
_COMPROMISED = "benchmarks.safety.compromised"


def _structure(options: argparse.Namespace) -> Iterable[Figure]:
    corpus: Path | None = options.corpus
    tokenizer: Path | None = options.tokenizer
    count = counter(tokenizer)
    counted = "bytes / 2.5" if count is about_tokens else "o200k_base"
    return structure.figures(corpus, count=count, counted=counted)


def _compromised(_options: argparse.Namespace) -> Iterable[Figure]:
    if importlib.util.find_spec(_COMPROMISED) is None:
        what = "changes that may not happen"
        return (Figure(what, None, 0, at_least=False, missing=f"no {_COMPROMISED}"),)
    return importlib.import_module(_COMPROMISED).figures()


PARTS: tuple[Part, ...] = (_structure, _compromised)


def main() -> None:
    options = _options()
    figures = [figure for part in PARTS for figure in part(options)]
    if options.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=2))
    else:
        print(f"{'figure':<62}{'value':>9}{'aim':>9}")
        print("\n".join(figure.line() for figure in figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="a folder or a .jsonl file")
    parser.add_argument("--tokenizer", type=Path, help="o200k_base.tiktoken")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for path in (options.corpus, options.tokenizer):
        if path is not None and not path.exists():
            parser.error(f"there is no {path}")
    return options


if __name__ == "__main__":
    main()
