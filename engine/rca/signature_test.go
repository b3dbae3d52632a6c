package rca

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// lines are what real programs wrote when they ended.
var lines = []struct{ line, name, detail string }{
	{"FATAL: cannot connect to db:5432: connection refused", "dependency-refused", "db:5432"},
	{"FATAL: cannot connect to db:5432", "dependency-timeout", "db:5432"},
	{"dial tcp 10.96.0.14:6379: connect: connection refused", "dependency-refused", "10.96.0.14:6379"},
	{"Error: connect ECONNREFUSED 127.0.0.1:5432", "dependency-refused", "127.0.0.1:5432"},
	{`psql: error: connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused`, "dependency-refused", "db"},
	{"redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.", "dependency-refused", "redis:6379"},
	{"java.net.ConnectException: Connection refused (Connection refused)", "dependency-refused", ""},
	{"2026-11-20T03:00:00Z ERR ping failed error=\"dial tcp [::1]:9092: connect: connection refused\"", "dependency-refused", "[::1]:9092"},
	{`{"time":"2026-11-23T21:56:47.387Z","level":"WARN","error":"callee api:80: context deadline exceeded"}`, "dependency-timeout", "api:80"},
	{"2026/11/23 21:56:47 db:5432: connection refused", "dependency-refused", "db:5432"},
	{"21:56:47,113 ERROR context deadline exceeded", "dependency-timeout", ""},
	{"dial tcp 10.0.3.7:5432: i/o timeout", "dependency-timeout", "10.0.3.7:5432"},
	{"Error: connect ETIMEDOUT 10.0.3.7:443", "dependency-timeout", "10.0.3.7:443"},
	{"dial tcp: lookup db.payments.svc on 10.96.0.10:53: no such host", "dns", "db.payments.svc"},
	{"Error: getaddrinfo ENOTFOUND kafka", "dns", "kafka"},
	{"java.net.UnknownHostException: orders", "dns", "orders"},
	{`could not translate host name "db" to address: Name or service not known`, "dns", "db"},
	{"wget: bad address 'api.shop'", "dns", "api.shop"},
	{"x509: certificate signed by unknown authority", "tls", "x509: certificate signed by unknown authority"},
	{`FATAL:  password authentication failed for user "app"`, "dependency-auth", `password authentication failed for user "app"`},
	{"open /etc/app/config.yaml: no such file or directory", "missing-file", "/etc/app/config.yaml"},
	{"Error: ENOENT: no such file or directory, open '/app/config.json'", "missing-file", "/app/config.json"},
	{"FileNotFoundError: [Errno 2] No such file or directory: '/data/model.bin'", "missing-file", "/data/model.bin"},
	{"java.io.FileNotFoundException: /etc/app/key.jks (No such file or directory)", "missing-file", "/etc/app/key.jks"},
	{"sh: can't open '/run.sh': No such file or directory", "missing-file", "/run.sh"},
	{"required environment variable DATABASE_URL is not set", "missing-env", "DATABASE_URL"},
	{"KeyError: 'STRIPE_KEY'", "missing-env", "STRIPE_KEY"},
	{"panic: env var API_HOST not set", "missing-env", "API_HOST"},
	{"sh: DB_HOST: unbound variable", "missing-env", "DB_HOST"},
	{"Error: Missing required environment variables: REDIS_URL", "missing-env", "REDIS_URL"},
	{`pods is forbidden: User "system:serviceaccount:shop:api" cannot list resource "pods" in API group "" at the cluster scope`, "rbac", `pods is forbidden: User "system:serviceaccount:shop:api" cannot list resource "pods" in API group "" at the cluster scope`},
	{`{"level":"error","error":"pods is forbidden: User \"system:serviceaccount:shop:api\" cannot list resource \"pods\" in the namespace \"shop\""}`, "rbac", `pods is forbidden: User \"system:serviceaccount:shop:api\" cannot list resource \"pods\" in the namespace \"shop\"`},
	{"open /data/db.sqlite: permission denied", "permission", "/data/db.sqlite"},
	{"PermissionError: [Errno 13] Permission denied: '/var/run/app'", "permission", "/var/run/app"},
	{"Error: EACCES: permission denied, mkdir '/logs'", "permission", "/logs"},
	{"listen tcp :80: bind: permission denied", "permission", ":80"},
	{"listen tcp :8080: bind: address already in use", "port-in-use", ":8080"},
	{"Error: listen EADDRINUSE: address already in use 0.0.0.0:3000", "port-in-use", "0.0.0.0:3000"},
	{"exec /app/server: exec format error", "exec-format", "exec format error"},
	{`exec: "serve": executable file not found in $PATH`, "command-not-found", "serve"},
	{"/bin/sh: 1: gunicorn: not found", "command-not-found", "gunicorn"},
	{"bash: line 1: nod: command not found", "command-not-found", "nod"},
	{"ModuleNotFoundError: No module named 'flask'", "missing-module", "flask"},
	{"Error: Cannot find module 'express'", "missing-module", "express"},
	{"flag provided but not defined: -listn-address", "bad-config", "flag provided but not defined: -listn-address"},
	{"yaml: line 12: did not find expected key", "bad-config", "yaml: line 12: did not find expected key"},
	{"Error: unknown flag: --verbos", "bad-config", "unknown flag: --verbos"},
	{`nginx: [emerg] unknown directive "servr" in /etc/nginx/nginx.conf:3`, "bad-config", ""},
	{"failed to load config: invalid value for replicas", "bad-config", "failed to load config: invalid value for replicas"},
	{"panic: runtime error: invalid memory address or nil pointer dereference", "panic", "panic: runtime error: invalid memory address or nil pointer dereference"},
	{`Exception in thread "main" java.lang.NullPointerException`, "panic", `Exception in thread "main" java.lang.NullPointerException`},
	{"Traceback (most recent call last):", "panic", "Traceback (most recent call last)"},
	{"TypeError: Cannot read properties of undefined (reading 'map')", "panic", "TypeError: Cannot read properties of undefined (reading 'map')"},
	{"thread 'main' panicked at src/main.rs:4:5:", "panic", "thread 'main' panicked at src/main.rs:4:5:"},
	{"java.lang.OutOfMemoryError: Java heap space", "heap", "java.lang.OutOfMemoryError: Java heap space"},
	{"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "heap", "JavaScript heap out of memory"},
	{"write /data/wal: no space left on device", "disk-full", "no space left on device"},

	{"", "", ""},
	{"starting", "", ""},
	{"listening on :8080", "", ""},
	{"GET /health 200 3ms", "", ""},
	{"connected to db:5432", "", ""},
	{"INFO loading config from /etc/app/config.yaml", "", ""},
	{"received signal terminated, shutting down", "", ""},
}

func TestSignatures(t *testing.T) {
	for _, c := range lines {
		name, detail := recognise(c.line)
		if name != c.name {
			t.Errorf("%q is %q, want %q", c.line, name, c.name)
			continue
		}
		if c.detail != "" && detail != c.detail {
			t.Errorf("%q is about %q, want %q", c.line, detail, c.detail)
		}
		if got := Signature("  " + c.line + "\n"); got != c.name {
			t.Errorf("%q with space around it is %q", c.line, got)
		}
	}
}

func TestSignatureNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range signatures {
		if seen[s.name] {
			t.Errorf("%s is there twice", s.name)
		}
		seen[s.name] = true
	}
}

func FuzzSignature(f *testing.F) {
	for _, c := range lines {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		name, detail := recognise(line)
		if name == "" && detail != "" {
			t.Errorf("%q has a detail without a signature", line)
		}
		if !strings.Contains(line, detail) {
			t.Errorf("%q is about %q, which is not in it", line, detail)
		}
		if utf8.ValidString(line) && len(line) <= maxLine && !utf8.ValidString(detail) {
			t.Errorf("%q cut a character: %q", line, detail)
		}
	})
}
