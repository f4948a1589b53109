"""Ordinary logs of many systems, drawn from a seed: what redaction has to leave as it is, fast."""

import random
from collections.abc import Sequence

LINES = (
    "081109 20{n:04} 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_{big} ends",
    "Dec 10 06:55:46 LabSZ sshd[{n}]: Failed password for invalid user webmaster from 173.234.31.1 port {n}",
    "Dec 10 07:02:47 LabSZ sshd[{n}]: pam_unix(sshd:session): session opened for user root by (uid=0)",
    "2005-06-03-15.42.50.{n} R02-M1-N0-C:J12-U11 RAS KERNEL INFO instruction cache parity error corrected",
    "nova-api.log 2017-05-16 00:00:00.{n} 25746 INFO nova.osapi_compute.wsgi.server [req-{uuid} {hex} - - -] "
    '10.11.10.1 "GET /v2/{hex}/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.24',
    "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state {n}",
    "17/06/09 20:10:40 INFO executor.Executor: Finished task {n}.0 in stage 1.0 (TID {n}). 2128 bytes sent",
    "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created {n} for job",
    "2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - {n}",
    "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged {n}",
    "[10.30 16:49:06] chrome.exe - proxy.cse.cuhk.edu.hk:5070 close, {n} bytes sent, lifetime 00:01",
    "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[{n}]: session closed for user root",
    "2016-09-28 04:30:30, Info CBS Loaded Servicing Stack v6.1.7601.{n} with Core: C:\\Windows\\winsxs\\amd64",
    "Jul  1 09:00:55 authorMacBook-Pro kernel[0]: BuildActDeviceEntry exit {n}",
    '10.0.0.{n} - - [10/Oct/2025:13:55:36 +0000] "GET /static/app.{hex}.js?v={n} HTTP/1.1" 200 2326',
    'time="2025-03-01T10:00:00Z" level=info msg="reconciled" controller=deployment namespace=crm name=web-{n}',
    'Traceback (most recent call last): File "/usr/lib/python3.11/site-packages/httpx/_client.py", line {n}',
    "Warning  BackOff  3m (x{n} over 1h)  kubelet  Back-off restarting failed container web in pod web-{n}",
    "docker pull registry.example/crm/web@sha256:{hex}{hex} took {n} ms",
    "usage: prompt_tokens={n} completion_tokens=312 total_tokens=4096 finish_reason=stop",
)
#: A line in so many speaks of a token or a key, as the logs of phones and crawlers do.
SPEAKING = (
    "03-17 16:13:38.811 1702 D WindowManager: app wtoken = AppWindowToken{{9f4ef63 token=Token{{a64f992 {n}}}}}",
    "2025-03-01 10:00:00 WARN auth: token expired for user {n}, password: reset required",
)
ONE_IN = 100


def lines(count: int, *, seed: int) -> Sequence[str]:
    draw = random.Random(seed)  # noqa: S311 - reproducible on purpose
    return [_line(draw, SPEAKING if number % ONE_IN == 0 else LINES) for number in range(count)]


def _line(draw: random.Random, templates: Sequence[str]) -> str:
    hexed = f"{draw.getrandbits(128):032x}"
    dashed = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:]))
    return draw.choice(templates).format(
        n=draw.randrange(1, 9999), big=draw.randrange(10**18), hex=hexed, uuid=dashed
    )
