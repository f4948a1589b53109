"""The words the rules know: what may be named, what a failure sounds like, which codes matter."""


def words(text: str) -> frozenset[str]:
    """The words of *text* as a set: a long list of words reads best as a paragraph."""
    return frozenset(text.split())


NAMED_THINGS = words(
    """
    account action agent alias app application argument attribute bean binding branch bucket
    calendar campaign channel chart cluster collection column command component config configmap
    connection connector constraint contact container credential credentials customer database
    dataset deployment dimension directory document domain driver email endpoint entity event
    exchange experiment extension feature field file filename folder form function group handler
    header host hostname id identifier image index indicator ingress input instance integration
    interface job key keyspace label library list log mailbox member metric model module named
    namespace node object option organization package page param parameter partition path pipeline
    plugin pod policy profile project prompt property provider queue range record recipient region
    relation repo repository requirement resource role route row rule runtime schema scope script secret
    segment sequence server service sheet skill snapshot source spreadsheet step stream subnet
    subscription symbol tab table tag target task template tenant tool topic trigger type unit url
    user username user_id value var variable vhost view volume webhook worker workflow workspace
    worksheet zone
    """
)

# Words that follow such a noun without being its name: "template file not found".
NOT_NAMES = words(
    """
    a an and are as at be been body by can cannot cant code content could data did do does doesn't
    during entry error errors failed field file for format from has have id ids in into is it its
    key limit list may message must name named names no not object of on or path request response
    result schema should size store that the this to type types url value values version was were
    which will with would you your
    """
)

FAILURE_WORDS = words(
    """
    abort aborted already although cannot can't closed could couldn't denied didn't disabled does
    doesn't error errors exceeded exceeds exception exist exists expected expecting expired fail failed
    failing fails failure forbidden found insufficient invalid isn't lost mismatch missing must no
    not please refused rejected require required requires timed timeout too try unable
    unauthorized unavailable unexpected unknown unreachable unsupported was wasn't wrong
    """
)

# Before a colon: what follows is somebody's value.
VALUE_LEADS = words(
    """
    provided given received got supplied specified address literal found exist exists directory
    defined command unknown arguments actual
    """
)

# Keys whose value tells what kind of failure it is, so it stays.
CODE_KEYS = words(
    """
    code errorcode error_code err_code status statuscode status_code httpstatus http_status
    statustext type errortype error_type err_type reason sqlstate errno syscall error errname
    exception category severity state domain grpc_status http_code httpcode
    """
)
MESSAGE_KEYS = words(
    """
    message msg error errors error_message errormessage error_description detail details desc
    description reason title text body cause err meldung explanation exception status_message
    """
)


def is_code_key(key: str) -> bool:
    """Whether the value of *key* (lower case) tells the kind of failure: 'code', 'stop_reason'."""
    return key in CODE_KEYS or key.endswith(("_reason", "_code", "_status", "errortype"))


CLIENT_OR_SERVER = words(
    """
    bad unauthorized payment forbidden not method proxy request conflict gone length precondition
    content uri unsupported range expectation misdirected unprocessable locked failed too internal
    bad_gateway service gateway http insufficient loop network client server upstream error
    unavailable overloaded
    """
)
STATUS_LEADS = words(
    """
    status statuscode status_code code http https http/1.0 http/1.1 http/2 http/3 httpstatus
    http_status error_code errorcode responsecode response_code httpcode http_code httperror
    """
)
WEAK_STATUS_LEADS = words("error returned got received response responded api failed request -")
CODE_LEADS = words("code error errno error_code errorcode")

UNITS = {
    "duration": words(
        """
    ns us µs μs ms msec msecs millis millisecond milliseconds s sec secs second seconds m min mins
    minute minutes h hr hrs hour hours d day days week weeks month months microsecond microseconds
    nanosecond nanoseconds
    """
    ),
    "size": words(
        """
    b kb mb gb tb kib mib gib tib byte bytes kilobyte kilobytes megabyte megabytes gigabyte
    gigabytes k kbytes mbytes
    """
    ),
}

# Names with a digit that are vocabulary, not values.
WORDS_WITH_DIGITS = words(
    """
    utf-8 utf8 utf-16 utf16 utf-32 latin-1 latin1 iso-8859-1 cp1252 windows-1252 base64 base32
    sha1 sha-1 sha256 sha-256 sha512 md5 hs256 rs256 es256 http2 http/1.0 http/1.1 http/2 http/3
    h2 ipv4 ipv6 oauth1 oauth2 oauth2.0 oauth1.0 x509 x.509 s3 ec2 k8s k3s n8n sqlite3 sqlite
    psycopg2 psycopg urllib3 boto3 httpx2 python3 python2 tls1.2 tls1.3 tlsv1.2 tlsv1.3 tlsv1
    sslv3 2fa mp3 mp4 v1 v2 v3 win32 x86 x64 x86_64 amd64 arm64 int32 int64 float32 float64 uint8
    log4j e2e p2p b2b neo4j d3 i18n l10n 3d 2d 3xx 4xx 5xx aes128 aes256 rfc3339 iso8601 iso-8601
    rfc2822 utf8mb4
    """
)

SLASH_WORDS = words(
    """
    and/or i/o n/a read/write tcp/ip client/server yes/no true/false input/output on/off ssl/tls
    disconnect/reset him/her his/her he/she start/stop username/password user/password http/1.0
    http/1.1 http/2 http/3
    """
)

# What the C library says for an errno, without its number, which differs by operating system.
ERRNO_NAMES = {
    "operation not permitted": "EPERM",
    "no such file or directory": "ENOENT",
    "input/output error": "EIO",
    "argument list too long": "E2BIG",
    "bad file descriptor": "EBADF",
    "resource temporarily unavailable": "EAGAIN",
    "cannot allocate memory": "ENOMEM",
    "permission denied": "EACCES",
    "device or resource busy": "EBUSY",
    "file exists": "EEXIST",
    "not a directory": "ENOTDIR",
    "is a directory": "EISDIR",
    "invalid argument": "EINVAL",
    "too many open files": "EMFILE",
    "file too large": "EFBIG",
    "no space left on device": "ENOSPC",
    "read-only file system": "EROFS",
    "broken pipe": "EPIPE",
    "file name too long": "ENAMETOOLONG",
    "directory not empty": "ENOTEMPTY",
    "address already in use": "EADDRINUSE",
    "cannot assign requested address": "EADDRNOTAVAIL",
    "network is unreachable": "ENETUNREACH",
    "connection reset by peer": "ECONNRESET",
    "connection timed out": "ETIMEDOUT",
    "operation timed out": "ETIMEDOUT",
    "connection refused": "ECONNREFUSED",
    "no route to host": "EHOSTUNREACH",
    "disk quota exceeded": "EDQUOT",
    "name or service not known": "EAI_NONAME",
    "nodename nor servname provided": "EAI_NONAME",
    "temporary failure in name resolution": "EAI_AGAIN",
}

# A class that says nothing: "Error: x" and "x" are the same failure.
GENERIC_CLASSES = words("object throwable err error exception baseexception")
