package rca

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
	cases := []struct {
		in, want string
		n        int
	}{
		{"connecting with password=hunter2 to db", "connecting with password=*** to db", 1},
		{`{"user":"a","password":"p@ss, word","x":1}`, `{"user":"a","password":"***","x":1}`, 1},
		{`msg="{\"api_key\":\"abc123456\"}"`, `msg="{\"api_key\":\"***\"}"`, 1},
		{"DB_PASSWORD: s3cr3t!", "DB_PASSWORD: ***", 1},
		{"export AWS_SECRET_ACCESS_KEY='wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'", "export AWS_SECRET_ACCESS_KEY='***'", 1},
		{"using AKIAIOSFODNN7EXAMPLE", "using ***", 1},
		{"Authorization: Bearer abc.def-ghi123", "Authorization: Bearer ***", 1},
		{"authorization=Basic dXNlcjpwYXNz", "authorization=Basic ***", 1},
		{"token " + jwt + " expired", "token *** expired", 1},
		{"postgres://app:s3cret@db:5432/shop?sslmode=disable", "postgres://app:***@db:5432/shop?sslmode=disable", 1},
		{"mysql dsn app:s3cret@tcp(db:3306)/shop", "mysql dsn app:***@tcp(db:3306)/shop", 1},
		{"amqp://:pw1234@mq:5672", "amqp://:***@mq:5672", 1},
		{"-----BEGIN RSA PRIVATE KEY-----MIIEow==", "***", 1},
		{"key -----BEGIN PRIVATE KEY-----abc-----END PRIVATE KEY----- after", "key *** after", 1},
		{strings.Repeat("Ab0+", 16), "***", 1},
		{"ghp_0123456789abcdefghij0123456789abcdef and xoxb-123456789012-abcdef", "*** and ***", 2},
		{"GET /f?X-Amz-Signature=deadbeef&X-Amz-Credential=AK%2F1 200", "GET /f?X-Amz-Signature=***&X-Amz-Credential=*** 200", 2},
		{"client_secret=aaaa&token=bbbb", "client_secret=***&token=***", 2},

		{"password authentication failed for user \"app\"", "", 0},
		{`secret "db" not found`, "", 0},
		{`couldn't find key password in Secret shop/db`, "", 0},
		{"secretName: db-credentials", "", 0},
		{"tokenFile=/var/run/secrets/token", "", 0},
		{"DB_PASSWORD=(Secret db, key password)", "", 0},
		{"DB_PASSWORD=$(PW)", "", 0},
		{"password: null", "", 0},
		{"dial tcp db:5432: connect: connection refused", "", 0},
		{"SyntaxError: Unexpected token: }", "", 0},
		{"http://web:8080/path@2", "", 0},
		{"image registry/app@sha256:0123456789abcdef", "", 0},
		{"", "", 0},
	}
	for _, c := range cases {
		want := c.want
		if c.n == 0 {
			want = c.in
		}
		got, n := Redact(c.in)
		if got != want || n != c.n {
			t.Errorf("%q\n gives %q (%d)\n want %q (%d)", c.in, got, n, want, c.n)
		}
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"password=hunter2", `"token": "abcdef"`, "postgres://u:p@h/db", "Bearer abcdefgh", "AKIAIOSFODNN7EXAMPLE", "secret='", "pwd=***",
		"a:bcd@tcp(x)", "token:token:token=abc", "-----BEGIN PRIVATE KEY-----", "Basic Basic abcdefghij", "://:@", "password: \"\\\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, n := Redact(s)
		if n == 0 && once != s {
			t.Errorf("%q became %q with no redaction", s, once)
		}
		if twice, m := Redact(once); m != 0 || twice != once {
			t.Errorf("%q → %q → %q (%d more)", s, once, twice, m)
		}
	})
}
