"""Synthetic secrets in error texts, drawn from a seed: nothing that looks like a key is written down.

A corpus is a file of lines, each base64 of {"id", "kind", "label", "text", "secrets"}; labels are
`secret`, `pii` and `negative`.
"""

import base64
import json
import random
import string
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ALNUM, HEX, UPPER = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_uppercase
SEED = 20_261_121
WINDOW = 12
IN_A_FOLDER = "secrets-dev.jsonl.b64"


@dataclass(frozen=True, slots=True)
class Sample:
    kind: str
    label: str
    text: str
    secrets: tuple[str, ...] = ()


#: Kind, beginning, alphabet and length of what follows, as providers document them.
FORMATS = (
    ("openai", "sk-" + "proj-", ALNUM + "-_", 120),
    ("anthropic", "sk-" + "ant-api03-", ALNUM + "-_", 93),
    ("openrouter", "sk-" + "or-v1-", HEX, 64),
    ("groq", "gsk" + "_", ALNUM, 52),
    ("huggingface", "hf" + "_", ALNUM, 34),
    ("replicate", "r8" + "_", ALNUM, 37),
    ("aws", "AK" + "IA", UPPER + "234567", 16),
    ("google", "AI" + "za", ALNUM + "-_", 35),
    ("google oauth", "ya" + "29.", ALNUM + "-_", 150),
    ("digitalocean", "dop" + "_v1_", HEX, 64),
    ("vault", "hv" + "s.", ALNUM, 90),
    ("tailscale", "ts" + "key-auth-", ALNUM, 28),
    ("github", "gh" + "p_", ALNUM, 36),
    ("github fine", "github" + "_pat_", ALNUM + "_", 82),
    ("gitlab", "gl" + "pat-", ALNUM + "-_", 20),
    ("npm", "np" + "m_", ALNUM, 36),
    ("pypi", "py" + "pi-AgEIcHlwaS5vcmc", ALNUM + "-_", 140),
    ("docker", "dckr" + "_pat_", ALNUM + "-_", 27),
    ("slack", "xo" + "xb-", string.digits, 12),
    ("sendgrid", "S" + "G.", ALNUM, 22),
    ("stripe", "sk" + "_live_", ALNUM, 24),
    ("webhook", "wh" + "sec_", ALNUM, 32),
    ("shopify", "shp" + "at_", HEX, 32),
    ("square", "sq0" + "atp-", ALNUM + "-_", 22),
    ("linear", "lin" + "_api_", ALNUM, 40),
    ("notion", "nt" + "n_", ALNUM, 46),
    ("figma", "fi" + "gd_", ALNUM + "-_", 40),
    ("grafana", "gl" + "sa_", ALNUM, 32),
    ("new relic", "NR" + "AK-", UPPER + string.digits, 27),
    ("sentry", "snt" + "rys_", ALNUM, 60),
    ("databricks", "da" + "pi", HEX, 32),
    ("mailgun", "ke" + "y-", HEX, 32),
)
_TAILS = {"slack": ("-", string.digits, 12, "-", ALNUM, 24), "sendgrid": (".", ALNUM, 43)}

CONTEXTS = (
    "Incorrect API key provided: {}. You can find your key in the dashboard.",
    'HTTP 401 from upstream: {{"error": "bad token {}"}}',
    "requests.exceptions.HTTPError: 403 for {}, giving up",
    "export KEY={}",
    "ValueError: could not use '{}' (expired)",
)
#: Secrets that only what stands around them gives away; the value is drawn.
SURROUNDED = (
    ("password", "psycopg.OperationalError: connection failed: password={} host=db"),
    ("json password", '{{"user": "crm", "password": "{}"}}'),
    ("url password", "could not connect to postgres://crm:{}@db.internal:5432/crm"),
    ("bearer", "curl -H 'Authorization: Bearer {}' https://api.vendor.example"),
    ("header", "X-Api-Key: {}"),
    ("query", "GET https://api.vendor.example/v2/orders?page=2&api_key={}&limit=50 -> 401"),
    ("cookie", "Cookie: theme=dark; session={}; lang=en"),
    ("flag", "command failed: deploy --token {} --wait"),
    ("environment", "AWS_SECRET_ACCESS_KEY={}"),
)
EMAILS = ("jane.doe@corp.example", "li.wei+crm@mail.example.org", "o'neill@sub.firm.example")
NUMBERS = (
    ("card", "4111 1111 1111 1111"),
    ("card", "5555555555554444"),
    ("card", "3782 822463 10005"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB82WEST12345698765432"),
    ("ssn", "078-05-1120"),
)
HARMLESS = (
    "token expired, refresh it and try again",
    "password is required",
    "max_tokens=4096 exceeds the limit of the model",
    "api_key = os.environ['OPENAI_API_KEY']",
    "Authorization: Bearer <API_KEY>",
    "set GITHUB_TOKEN=${{ secrets.GITHUB_TOKEN }}",
    "password: ********",
    "KeyError: 'access_token'",
    "next_page_token=CAUQAA was ignored",
    "Failed password for invalid user admin from 173.234.31.186 port 38926 ssh2",
    "unexpected token 'undefined' at position 14",
    'raise ValueError("api_key must be a str")',
    "client = Client(token=settings.token, password=get_password())",
    "your-api-key is not a valid key",
    "order 2228887090927588 not found",
)


def own() -> list[Sample]:
    """The set of our own, the same each time."""
    draw = random.Random(SEED)  # noqa: S311 - reproducible on purpose
    return [*_secrets(draw), *_people(), *_negatives(draw)]


def read(path: Path) -> list[Sample]:
    """A corpus: a file, or the folder in which it is."""
    path = path / IN_A_FOLDER if path.is_dir() else path
    rows = (json.loads(base64.b64decode(line)) for line in path.read_text().splitlines() if line)
    return [Sample(row["kind"], row["label"], row["text"], tuple(row["secrets"])) for row in rows]


def _secrets(draw: random.Random) -> Iterator[Sample]:
    for kind, beginning, alphabet, length in FORMATS:
        for context in CONTEXTS:
            value = beginning + _drawn(draw, alphabet, length)
            tail: Sequence[str | int] = _TAILS.get(kind, ())
            for part, before in zip(tail, ("", *tail), strict=False):
                if isinstance(part, int):
                    value += _drawn(draw, str(before), part)
                elif len(part) == 1:
                    value += part
            yield Sample(kind, "secret", context.format(value), (value,))
    for kind, context in SURROUNDED:
        for length in (16, 24, 40):
            value = _drawn(draw, ALNUM, length)
            yield Sample(kind, "secret", context.format(value), (value,))


def _drawn(draw: random.Random, alphabet: str, length: int) -> str:
    """Drawn at random, with a digit as nearly all keys of that length have one."""
    return "".join(draw.choices(alphabet, k=length - 1)) + draw.choice(string.digits[2:8])


def _people() -> Iterator[Sample]:
    for email in EMAILS:
        text = f"smtplib.SMTPRecipientsRefused: {{'{email}': (550, b'no such user')}}"
        yield Sample("email", "pii", text, (email,))
    for kind, value in NUMBERS:
        yield Sample(kind, "pii", f"could not book {value}: declined", (value,))


def _negatives(draw: random.Random) -> Iterator[Sample]:
    yield from (Sample("harmless", "negative", text) for text in HARMLESS)
    for _ in range(10):
        sha, md5 = _drawn(draw, HEX, 64), _drawn(draw, HEX, 32)
        name = uuid.UUID(int=draw.getrandbits(128))
        for kind, text in (
            ("uuid", f"Request ID: {name}"),
            ("digest", f"pulled image@sha256:{sha}"),
            ("etag", f'ETag: "{md5}" changed'),
            ("git", f"HEAD is now at {sha[:40]}"),
            ("object", f"evt_{_drawn(draw, ALNUM, 24)} already processed"),
            ("session", f"session {name} closed"),
        ):
            yield Sample(kind, "negative", text)


def leaked(sample: Sample, text: str) -> bool:
    """Whether a stretch of 12 characters of a secret is still in *text*; of a shorter one, all."""
    return any(
        any(value[at : at + WINDOW] in text for at in range(max(1, len(value) - WINDOW + 1)))
        for value in sample.secrets
    )
