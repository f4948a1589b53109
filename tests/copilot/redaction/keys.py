"""Keys drawn when the tests run: nothing in this file looks like one, here or to a scanner."""

import random
import string

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + "234567"
URL_SAFE = ALNUM + "-_"


def drawn(length: int, alphabet: str = ALNUM, *, seed: int = 7) -> str:
    """Random characters, the same for the same arguments; a digit and two letters among them."""
    draw = random.Random(f"{seed} {length} {alphabet}")
    body = "".join(draw.choices(alphabet, k=length - 3))
    return body + draw.choice(string.digits[2:8]) + "".join(draw.choices(alphabet, k=2))


def key(beginning: str, length: int, alphabet: str = ALNUM, *, seed: int = 7) -> str:
    """A key: its *beginning* may hold blanks, which keep it from looking like one in this file."""
    return beginning.replace(" ", "") + drawn(length, alphabet, seed=seed)


def survives(value: str, text: str) -> bool:
    """Whether any 12 characters in a row of *value* are in *text*; all of it where it is shorter."""
    return any(value[at : at + 12] in text for at in range(max(1, len(value) - 11)))


#: Kind and a key of it; beginnings are cut by a blank.
KEYS = {
    "anthropic-key": key("sk -ant-api03-", 93, URL_SAFE),
    "openrouter-key": key("sk -or-v1-", 64, HEX),
    "openai-key": key("sk -proj-", 100, URL_SAFE),
    "langfuse-key": "sk" + "-lf-" + "3f1c9a72-5b1e-4c8e-9d21-7a6b5c4d3e2f",
    "groq-key": key("gs k_", 52),
    "xai-key": key("xa i-", 80),
    "perplexity-key": key("pp lx-", 48),
    "replicate-key": key("r8 _", 37),
    "huggingface-key": key("hf _", 34),
    "pinecone-key": key("pc sk_", 70),
    "tavily-key": key("tv ly-dev-", 32),
    "langsmith-key": key("ls v2_pt_", 32, HEX) + "_" + drawn(10, HEX),
    "nvidia-key": key("nv api-", 64, URL_SAFE),
    "databricks-key": key("da pi", 32, HEX),
    "aws-access-key": key("AK IA", 16, UPPER),
    "google-key": key("AI za", 35, URL_SAFE),
    "google-oauth-token": key("ya 29.", 120, URL_SAFE),
    "google-oauth-secret": key("GO CSPX-", 28, URL_SAFE),
    "azure-client-secret": drawn(3) + "8" + "Q~" + drawn(34),
    "digitalocean-key": key("do p_v1_", 64, HEX),
    "netlify-key": key("nf p_", 36),
    "alibaba-key": key("LT AI", 20),
    "tailscale-key": key("ts key-auth-", 24),
    "vault-token": key("hv s.", 90, URL_SAFE),
    "terraform-token": drawn(14) + ".atlas" + "v1." + drawn(67),
    "doppler-key": key("dp .pt.", 43),
    "supabase-key": key("sb p_", 40, HEX),
    "planetscale-key": key("ps cale_tkn_", 43),
    "github-token": key("gh p_", 36),
    "gitlab-token": key("gl pat-", 20, URL_SAFE),
    "atlassian-token": key("AT ATT3xFfGF0", 160, URL_SAFE),
    "npm-token": key("np m_", 36),
    "pypi-token": key("py pi-AgEIcHlwaS5vcmc", 120, URL_SAFE),
    "rubygems-key": key("ruby gems_", 48, HEX),
    "docker-token": key("dc kr_pat_", 27),
    "sonar-token": key("sq p_", 40, HEX),
    "postman-key": key("PM AK-", 24, HEX) + "-" + drawn(34, HEX),
    "sentry-token": key("snt rys_", 90),
    "grafana-key": key("gl sa_", 32) + "_" + drawn(8, HEX),
    "newrelic-key": key("NR AK-", 27, UPPER),
    "dynatrace-token": key("dt 0c01.", 24, UPPER) + "." + drawn(64, UPPER),
    "slack-token": key("xo xb-", 12, string.digits) + "-" + drawn(24),
    "sendgrid-key": key("S G.", 22) + "." + drawn(43),
    "mailgun-key": key("ke y-", 32, HEX),
    "mailchimp-key": drawn(32, HEX) + "-us" + "21",
    "brevo-key": key("xk eysib-", 64, HEX) + "-" + drawn(16),
    "twilio-key": key("S K", 32, HEX),
    "telegram-token": drawn(9, string.digits) + ":A" + "A" + drawn(33, URL_SAFE),
    "discord-token": "M" + "T" + drawn(24) + "." + drawn(6) + "." + drawn(38, URL_SAFE),
    "hubspot-token": "pat" + "-na1-" + "3f1c9a72-5b1e-4c8e-9d21-7a6b5c4d3e2f",
    "notion-token": key("nt n_", 46),
    "linear-key": key("li n_api_", 40),
    "figma-token": key("fi gd_", 40, URL_SAFE),
    "airtable-token": key("pa t", 14) + "." + drawn(64, HEX),
    "stripe-key": key("s k_live_", 24),
    "webhook-secret": key("wh sec_", 32),
    "square-token": key("sq 0atp-", 22, URL_SAFE),
    "shopify-token": key("shp at_", 32, HEX),
    "razorpay-key": key("rz p_live_", 14),
    "jwt": "ey" + "J" + drawn(30) + ".ey" + "J" + drawn(60) + "." + drawn(43, URL_SAFE),
}
