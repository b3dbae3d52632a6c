package rca

import (
	"regexp"
	"strings"
)

// signature is a kind of log line that says why a program ended.
type signature struct {
	name string
	res  []*regexp.Regexp
}

func sig(name string, patterns ...string) signature {
	s := signature{name: name}
	for _, p := range patterns {
		s.res = append(s.res, regexp.MustCompile(p))
	}
	return s
}

// addr is an address as programs write it.
const addr = `((?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*):\d{1,5})`

// signatures, most telling first: a line that says two things is of the first kind that it matches.
var signatures = []signature{
	sig("port-in-use",
		`(?i)(?:listen|bind)\w* (?:(?:tc|ud)p\d? )?(\S*:\d{1,5}):.*address already in use`, `(?i)(?:listen|bind)\S*.*?`+addr+`.*(?:address already in use|eaddrinuse)`,
		`(?i)eaddrinuse:? .*?((?:[0-9a-f.:*\[\]]*):\d{1,5})`,
		`(?i)(?:address|port)(?: (\d{1,5}))?(?: is)? already in use`, `(?i)only one usage of each socket address`),
	sig("dns",
		`(?i)lookup ([A-Za-z0-9_.-]+)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout|temporary failure)`,
		`(?i)getaddrinfo (?:enotfound|eai_again) ([A-Za-z0-9_.-]+)`,
		`(?i)could not translate host name "([^"]+)"`, `(?i)unknownhostexception: ([A-Za-z0-9_.-]+)`,
		`(?i)could not resolve host:? ([A-Za-z0-9_.-]+)`, `(?i)bad address '([^']+)'`,
		`(?i)(?:no such host|name or service not known|temporary failure in name resolution|nodename nor servname provided|unknown host)`),
	sig("tls",
		`(?i)(x509: [^"]{3,80})`, `(?i)(certificate (?:has expired|verify failed|is not (?:yet )?valid)[^"]{0,60})`,
		`(?i)(pkix path building failed|self[- ]signed certificate|tls: handshake failure|unable to get local issuer certificate)`),
	sig("dependency-auth",
		`(?i)(password authentication failed for user \S+)`, `(?i)(access denied for user \S+)`,
		`(?i)(authentication failed|invalid credentials|WRONGPASS|NOAUTH|invalid password|login failed for user)`,
		`(?i)(AccessDeniedException|UnrecognizedClientException|InvalidClientTokenId|ExpiredToken|is not authorized to perform: \S+)`),
	sig("rbac",
		`(?i)((?:"[^\s"]+"|[^\s"]+) is forbidden: User \\?"[^"\\]+\\?" cannot \w+ resource \\?"[^"\\]+\\?"[^"\\]{0,40}(?:\\?"[^"\\]*\\?")?[^"\\]{0,60})`),
	sig("dependency-refused",
		`(?i)`+addr+`[^a-z0-9]{0,6}(?:connect: |connection )?\W*(?:connection refused|econnrefused|actively refused)`,
		`(?i)(?:econnrefused|connection refused)\W+(?:to |by )?`+addr,
		`(?i)(?:connect|connecting|connection|reach|dial)\w*\W.*?`+addr+`.*(?:refused|econnrefused)`,
		`(?i)connection to server at "([^"]+)".*refused`,
		`(?i)`+addr+`.*connection refused`, `(?i)connection refused|econnrefused|connect(?:ion)? (?:was )?refused`),
	sig("dependency-timeout",
		`(?i)`+addr+`.*(?:i/o timeout|timed out|etimedout|deadline exceeded|no route to host|network is unreachable|ehostunreach|enetunreach)`,
		`(?i)(?:etimedout|timed? ?out|ehostunreach)\W.*?`+addr,
		`(?i)(?:connect|connection|dial|read|write)\w*\W.{0,60}(?:i/o timeout|timed out|etimedout)|no route to host|network is unreachable|context deadline exceeded|connection (?:was )?reset by peer|econnreset`,
		`(?i)(?:cannot|could not|couldn't|can't|unable to|failed to) (?:connect|reach|dial|establish a connection)(?: to)?.*?`+addr,
		`(?i)(?:cannot|could not|couldn't|can't|unable to|failed to) (?:connect|reach|dial) to ((?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+)`),
	sig("heap",
		`(java\.lang\.OutOfMemoryError[^"]{0,60})`, `(?i)(javascript heap out of memory)`, `(?i)\b(MemoryError)\b`, `(?i)(fatal error: runtime: out of memory)`,
		`(?i)(cannot allocate memory|std::bad_alloc)`),
	sig("disk-full", `(?i)(no space left on device|enospc|disk quota exceeded)`),
	sig("exec-format", `(?i)(exec format error)`),
	sig("permission",
		`(?i)(?:listen|bind)\w* (?:(?:tc|ud)p\d? )?(\S*:\d{1,5}): .*permission denied`,
		`(?i)(?:open|mkdir|create|write|read|stat|unlink|rename|chmod|chown|bind|listen)\S*:? ['"]?(/[^\s:'"]+|\S+:\d{1,5})['"]?:? .*permission denied`,
		`(?i)(?:eacces|eperm)[^'"]*['"]([^'"]+)['"]`, `(?i)permissionerror: .*?'([^']+)'`, `(?i)(/[^\s:'"]+)['"]?: permission denied`,
		`(?i)permission denied|operation not permitted|\beacces\b|read-only file system|AccessDeniedException: /`),
	sig("command-not-found",
		`(?i)exec: "([^"]+)": (?:executable file not found|stat .*no such file)`, `(?i)(?:sh|bash|ash|dash)(?:: line \d+|: \d+)?: ([^\s:]+): (?:command )?not found`,
		`(?i)(?:command not found): (\S+)`),
	sig("missing-module",
		`(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)`, `(?i)cannot find module '([^']+)'`,
		`(?:ClassNotFoundException|NoClassDefFoundError): (\S+)`, `(?i)error while loading shared libraries: ([^\s:]+)`,
		`(?i)could not find or load main class (\S+)`, `(?i)cannot load such file -- (\S+)`),
	sig("missing-env",
		`(?i)(?:missing|required|undefined|unset|empty|no)\b[^"']{0,40}\b(?:env(?:ironment)?(?:[ -]?var(?:iable)?)?s?)\b[^A-Z\n]{0,20}['"\x60]?([A-Z][A-Z0-9_]{2,})`,
		`(?i:env(?:ironment)?(?:[ -]?var(?:iable)?)?s?)\b[^A-Z\n]{0,12}['"\x60$]?([A-Z][A-Z0-9_]{2,})['"\x60]?.{0,12}(?i:not set|not defined|is required|must be set|missing|unset|not found|is empty)`,
		`['"\x60$]?\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)['"\x60}]?:? (?i:is not set|not set|is required|must be set|is missing|is undefined|is unset|cannot be empty|must not be empty|unbound variable|environment variable)`,
		`KeyError: '([A-Z][A-Z0-9_]{2,})'`, `(?i)environment variable not found`),
	sig("missing-file",
		`(?i)(?:open|stat|read|lstat|readfile|enoent)[^/"']{0,40}['"]?(/?[^\s:'"]+)['"]?: no such file or directory`,
		`(?i)enoent[^'"]*['"]([^'"]+)['"]`, `(?i)filenotfound(?:error|exception): .*?['"]?(/[^\s'"():]+)`, `(?i)no such file or directory:? ['"]?(/[^\s'"]+)`,
		`(?i)(/[^\s:'"]+)['"]?: no such file or directory`, `(?i)can't open '?([^\s':]+)'?: no such file`,
		`(?i)(?:file|config(?:uration)? file) ['"]?(/[^\s'"]+)['"]? (?:not found|does not exist|is missing)`, `(?i)no such file or directory|enoent\b`),
	sig("bad-config",
		`(?i)((?:flag provided but not defined|unknown (?:long )?flag|unknown option|unrecognized (?:option|argument)s?|invalid option)[^"]{0,60})`,
		`((?:yaml|json|toml|ini)(?:: |\.)[^"]{0,20}(?:line \d+|unmarshal|invalid character|cannot|parse|did not find|mapping values)[^"]{0,80})`,
		`(?i)((?:invalid character|unexpected end of json|unexpected token|syntaxerror: unexpected token)[^"]{0,60}(?:json|position|looking for)?)`,
		`(?i)((?:failed|error|cannot|could not|unable)[^"]{0,20}(?:pars|load|decod|validat|unmarshal|read)\w*[^"]{0,20}(?:config|settings|\.properties|yaml|toml|json)[^"]{0,80})`,
		`(?i)((?:invalid|bad|malformed|missing|unknown) (?:config(?:uration)?|setting|directive|property|field|value for)[^"]{0,80})`,
		`(?i)((?:config(?:uration)?) (?:error|is invalid|invalid|file .* test failed)[^"]{0,80})`, `(?i)(\[emerg\][^"]{0,100})`),
	sig("panic",
		`^(panic: [^\n]{0,160})`, `(?i)^(fatal error: [^\n]{0,120})`, `^(thread '[^']*' panicked at [^\n]{0,120})`,
		`(?:^|\s)(Exception in thread "[^"]*" [^\n]{0,120})`, `^(Traceback \(most recent call last\))`, `^((?:[A-Za-z_]+\.)*[A-Z][A-Za-z]*(?:Error|Exception)(?:: [^\n]{0,120})?)$`,
		`(?:^|\s)((?:Uncaught|Unhandled) [^\n]{0,120})`, `(?i)(segmentation fault|sigsegv)`, `^(goroutine \d+ \[running\]:)`),
}

// Signature names what a log line says of why a program ended, such as "dependency-refused"; "" for any other line.
func Signature(line string) string {
	name, _ := recognise(line)
	return name
}

// maxLine is how much of a line is looked at, in bytes: what matters stands in front, and lines come from outside.
const maxLine = 2000

// moment is when a line was written, as programs write it; a time of day looks like the port of a host.
var moment = regexp.MustCompile(`(?:\d{4}[-/]\d\d[-/]\d\d[T ]|\b)\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z\b|[+-]\d\d:?\d\d\b)?`)

// recognise gives a line's signature and what it is about, such as an address; "" when the line does not say.
func recognise(line string) (name, detail string) {
	line = strings.TrimSpace(moment.ReplaceAllString(line[:min(len(line), maxLine)], ""))
	for _, s := range signatures {
		for _, re := range s.res {
			m := re.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if len(m) > 1 {
				detail = strings.TrimSpace(m[1])
			}
			return s.name, detail
		}
	}
	return "", ""
}
