"""What stands around a value gives it away; names, numbers, lookups and sentences do not."""

import base64

import pytest

from copilot.redaction import Redactor, mask_secrets
from tests.copilot.redaction.keys import HEX, UPPER, drawn, survives

V = drawn(24)
UUID = "3f1c9a72-5b1e-4c8e-9d21-7a6b5c4d3e2f"
PASSWORD = "Tr0ub4" + "dor&3x"
BASIC = base64.b64encode(f"crm:{PASSWORD}".encode()).decode()
BLOCK = "\n".join(drawn(64, seed=line) for line in range(6))


def pem(body: str, *, end: bool = True) -> str:
    kind = "RSA " + "PRIVATE" + " KEY"
    return f"-----BEGIN {kind}-----\n{body}\n" + (f"-----END {kind}-----" if end else "")


POSITIVES = {
    "password equals": (f"password={V} host=db", V),
    "password colon": (f"password: {V}", V),
    "json": (f'{{"user": "crm", "password": "{V}"}}', V),
    "python repr": (f"{{'api_key': '{V}', 'x': 1}}", V),
    "escaped json": (f'"{{\\"client_secret\\": \\"{V}\\"}}"', V),
    "arrow": (f":secret_key => '{V}'", V),
    "environment": (f"AWS_SECRET_ACCESS_KEY={V}", V),
    "camel case": (f"accessToken={V}&x=1", V),
    "connection string": (f"Server=db;User Id=crm;Password={V};Encrypt=True", V),
    "account key": (f"AccountName=x;AccountKey={V}==;EndpointSuffix=y", V),
    "annotation": (f'password: str = "{V}"', V),
    "subscript": (f'os.environ["API_KEY"] = "{V}"', V),
    "xml": (f"<password>{V}</password>", V),
    "name and value": (f'{{"name": "DB_PASSWORD", "value": "{V}"}}', V),
    "flag": (f"deploy --token {V} --wait", V),
    "flag equals": (f"deploy --api-key={V}", V),
    "command list": (f"['deploy', '--password', '{V}']", V),
    "sshpass": (f"sshpass -p {V} ssh crm@host", V),
    "curl": (f"curl -u crm:{V} https://api.vendor.example", V),
    "netrc": (f"machine api.vendor.example login crm password {V}", V),
    "header": (f"X-Api-Key: {V}", V),
    "bearer": (f"Authorization: Bearer {V}", V),
    "bearer in a dict": (f"headers={{'Authorization': 'Bearer {V}'}}", V),
    "bare authorization": (f"authorization: {V}", V),
    "basic": (f"Authorization: Basic {BASIC}", BASIC),
    "digest": (
        f'Authorization: Digest username="crm", response="{drawn(32, HEX)}"',
        drawn(32, HEX),
    ),
    "proxy": (f"Proxy-Authorization: Bearer {V}", V),
    "cookie": (f"Cookie: theme=dark; session={V}; lang=en", V),
    "set-cookie": (f"Set-Cookie: sid={V}; Path=/; HttpOnly", V),
    "address": (f"postgres://crm:{V}@db.internal:5432/crm", V),
    "address without user": (f"redis://:{V}@cache:6379/0", V),
    "token as user": (f"https://{V}@git.vendor.example/crm.git", V),
    "parameter": (f"GET /v2/orders?page=2&api_key={V}&limit=50", V),
    "signature": (f"https://s3.example/x?X-Amz-Signature={drawn(64, HEX)}", drawn(64, HEX)),
    "spoken": (f"Incorrect API key provided: {V}.", V),
    "spoken hex": (f"invalid api key {drawn(32, HEX)}", drawn(32, HEX)),
    "spoken password": (f"login with password '{PASSWORD}' failed", PASSWORD),
    "identified by": (f"ALTER USER crm IDENTIFIED BY '{V}'", V),
    "after a key id": (f"AKIA{drawn(16, UPPER)} / {drawn(40)}", drawn(40)),
    "uuid as token": (f"access_token={UUID}", UUID),
    "key block": (pem(BLOCK), BLOCK),
    "key block cut off": (pem(BLOCK, end=False), BLOCK),
    "key block on one line": (pem(BLOCK).replace("\n", "\\n"), BLOCK.replace("\n", "\\n")),
}
NEGATIVES = {
    "numbers": "max_tokens=4096 prompt_tokens=12 total_tokens: 4108",
    "expired": "token expired, password is required, secret missing",
    "colon": "password: required, token: invalid, api_key: must be a string",
    "lookups": "api_key = os.environ['OPENAI_API_KEY'] or os.getenv('TOKEN')",
    "settings": "Client(token=settings.token, password=get_password(), secret=self.secret)",
    "stand-ins": "password=<PASSWORD> token=${TOKEN} api_key={{ api_key }} secret=********",
    "yours": "OPENAI_API_KEY=your-api-key-here",
    "redacted": 'token: "[REDACTED]" password=[secret CRM_TOKEN]',
    "workflow": "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}",
    "key error": "KeyError: 'access_token'",
    "missing keyword": "TypeError: connect() missing 1 required argument: 'password'",
    "unexpected": "SyntaxError: Unexpected token 'undefined' at position 14",
    "pages": f"next_page_token={V} cache_key={V}",
    "object": "wtoken = AppWindowToken{9f4ef63 token=Token{a64f992}}",
    "sshd": "Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
    "mysql": "Access denied for user 'crm'@'localhost' (using password: YES)",
    "date": "token: 2025-03-01T10:00:00Z password_changed_at=2025-03-01",
    "plain address": "https://api.vendor.example:8443/v2/orders?page=2&limit=50",
    "bearer": "the Bearer authentication scheme; WWW-Authenticate: Bearer realm=api",
    "basic": "basic understanding of Basic Authentication needed",
    "cookie": "Cookie: theme=dark",
    "public key": "-----BEGIN PUBLIC KEY----- is not a certificate",
    "documented": "postgres://user:password@host:5432/db",
    "type of token": "token_type=Bearer expires_in=3600",
    "name of a secret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-Ab12Cd",
    "class": "isinstance(key, (Ed25519PrivateKey, Ed448PrivateKey))",
    "call": 'credentials = base64.b64encode(f"{name}:{word}".encode())',
    "field": "ValidationError: 1 validation error for Login\npassword\n  Field required",
}


@pytest.mark.parametrize("name", POSITIVES)
def test_a_value_goes_by_what_stands_around_it(name):
    text, value = POSITIVES[name]
    assert not survives(value, Redactor().redact(text).text)
    assert not survives(value, mask_secrets(text))


@pytest.mark.parametrize("name", NEGATIVES)
def test_what_opens_nothing_stays(name):
    assert Redactor().redact(NEGATIVES[name]).text == NEGATIVES[name]
    assert mask_secrets(NEGATIVES[name]) == NEGATIVES[name]


@pytest.mark.parametrize("name", POSITIVES)
def test_in_a_long_log_a_line_is_read_as_it_is_alone(name):
    text, value = POSITIVES[name]
    quiet = "INFO executor: finished task 0.0 in stage 1.0 (TID 1)\n" * 400
    found = mask_secrets(f"{quiet}{text}\n{quiet}")
    assert not survives(value, found)
    assert found.count("finished task") == 800


def test_the_words_around_it_stay():
    text = f"connecting to postgres://crm:{V}@db:5432/crm with token {V}, giving up"
    found = Redactor().redact(text).text
    assert found == (
        "connecting to postgres://crm:[[url-password:1]]@db:5432/crm with token [[token:1]], giving up"
    )
