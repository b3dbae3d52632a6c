package rca

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRedactLines(t *testing.T) {
	const (
		begin, end = "-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----"
		short      = "Nb2u1w=="
	)
	full := strings.Repeat("Ab0+", 16)
	for _, c := range []struct {
		name     string
		in, want []string
		n        int
	}{
		{"a whole key", []string{"loading", "key: " + begin, full, full, short, end, "done"}, []string{"loading", "key: ***", "***", "***", "***", "***", "done"}, 5},
		{"its begin was cut off", []string{full, short, end, "done"}, []string{"***", "***", "***", "done"}, 3},
		{"all but the last line was cut off", []string{short, end}, []string{"***", "***"}, 2},
		{"its end was cut off", []string{begin, full, short}, []string{"***", "***", "***"}, 3},
		{"its end was never printed", []string{begin, full, "abc", "panic: bad key"}, []string{"***", "***", "***", "panic: bad key"}, 3},
		{"both were cut off", []string{full, full, short, "ready to serve"}, []string{"***", "***", "***", "ready to serve"}, 3},
		{
			"an encrypted one",
			[]string{begin, "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,0123456789ABCDEF", "", full, short, end},
			[]string{"***", "***", "***", "", "***", "***", "***"},
			6,
		},
		{"another line in between", []string{begin, full, "GET /healthz 200", short, end}, []string{"***", "***", "***", "***", "***"}, 5},
		{"in PGP's armour", []string{"-----BEGIN PGP PRIVATE KEY BLOCK-----", "", "lQWGBF", "=aB3d", "-----END PGP PRIVATE KEY BLOCK-----"}, []string{"***", "", "***", "***", "***"}, 4},
		{"two keys", []string{begin, short, end + " " + begin, short, end + " ok"}, []string{"***", "***", "*** ***", "***", "*** ok"}, 6},
		{"an unfinished one before another", []string{begin, short, "retrying now", begin, short, end}, []string{"***", "***", "retrying now", "***", "***", "***"}, 5},
		{"indented", []string{"  " + begin, "  " + full, "  " + short, "  " + end}, []string{"  ***", "***", "***", "***"}, 4},
		{"on one line", []string{begin + full + end, short}, []string{"***", short}, 1},
		{"other secrets", []string{"password=hunter2", "ok"}, []string{"password=***", "ok"}, 1},
		{"no key", []string{"started", "ready", "-----END CERTIFICATE-----"}, []string{"started", "ready", "-----END CERTIFICATE-----"}, 0},
		{"nothing", nil, nil, 0},
	} {
		got, counts := RedactLines(c.in)
		n := 0
		for _, one := range counts {
			n += one
		}
		if !slices.Equal(got, c.want) || n != c.n || len(counts) != len(c.in) {
			t.Errorf("%s:\n got %q (%d)\nwant %q (%d)", c.name, got, n, c.want, c.n)
		}
	}
}

func TestRedactLinesIsBounded(t *testing.T) {
	in := []string{"-----BEGIN PRIVATE KEY-----"}
	for n := range 2 * mostKeyLines {
		in = append(in, fmt.Sprintf("request %d served", n))
	}
	got, _ := RedactLines(append(in, "-----END PRIVATE KEY-----"))
	if kept := got[1:len(in)]; !slices.Equal(kept, in[1:]) {
		t.Errorf("an end that is no key's end hid what lies between: %q", kept[:3])
	}
}

func FuzzRedactLines(f *testing.F) {
	f.Add("x\n-----BEGIN RSA PRIVATE KEY-----\nabcd\n-----END RSA PRIVATE KEY-----\nrest")
	f.Add("abcd==\n-----END PRIVATE KEY----------BEGIN PRIVATE KEY-----\nabc")
	f.Add(strings.Repeat("Ab0+", 16) + "\nshort\nlonger text")
	f.Add("-----BEGIN PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n-----END PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, s string) {
		in := strings.Split(s, "\n")
		once, counts := RedactLines(in)
		if len(once) != len(in) || len(counts) != len(in) {
			t.Fatalf("%d lines became %d, with %d counts", len(in), len(once), len(counts))
		}
		for k := range in {
			if counts[k] == 0 && once[k] != in[k] {
				t.Errorf("line %q became %q with no redaction", in[k], once[k])
			}
			if alone, _ := Redact(in[k]); alone == mask && once[k] == in[k] && in[k] != mask {
				t.Errorf("line %q is hidden when it is alone and not among others", in[k])
			}
		}
		if twice, _ := RedactLines(once); !slices.Equal(twice, once) {
			t.Errorf("%q → %q → %q", in, once, twice)
		}
	})
}
