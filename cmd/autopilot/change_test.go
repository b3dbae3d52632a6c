package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/handlers"
)

func TestConnectGitHub(t *testing.T) {
	byToken, err := parseConfig("f", []byte(smallest+"waste: {}\ngithub: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		cfg     Config
		secrets Secrets
		want    string // of the error; "" for none
	}{
		"a token":          {byToken, Secrets{GitHubToken: "ghp_x"}, ""},
		"nothing":          {byToken, Secrets{}, "AUTOPILOT_GITHUB_TOKEN"},
		"no key":           {changeConfig(t), Secrets{}, "AUTOPILOT_GITHUB_APP_KEY_FILE"},
		"what is no key":   {changeConfig(t), Secrets{GitHubAppKey: "s3cret"}, "PEM"},
		"a broken token":   {byToken, Secrets{GitHubToken: "ghp x"}, "blanks"},
		"both, for an App": {changeConfig(t), Secrets{GitHubAppKey: "s3cret", GitHubToken: "ghp_x"}, "one of them"},
	} {
		forge, err := connectGitHub(tc.cfg, tc.secrets, nil, nil)
		if tc.want == "" {
			if err != nil || forge == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v; want invalid, with %q and no secret", name, err, tc.want)
		}
	}
}

func TestForgeEvent(t *testing.T) {
	body := []byte(`{"repository":{"full_name":"acme/deploy"},"pull_request":{"number":7,"head":{"ref":"autopilot/shop-1"}}}`)
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write(body)
	header := http.Header{"X-Github-Event": {"pull_request"}, "X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
	got, err := forgeEvent("key")(header, body)
	if d := cmp.Diff(handlers.ForgeEvent{Repo: "acme/deploy", Number: 7, Branch: "autopilot/shop-1"}, got); d != "" || err != nil {
		t.Errorf("%v: %s", err, d)
	}
	if _, err := forgeEvent("other")(header, body); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("signed with another key: %v", err)
	}
}

func TestCheckApprovers(t *testing.T) {
	two := ApprovalsConfig{TwoPeopleAbove: 100}
	approve := func(members ...string) []RoleConfig {
		return []RoleConfig{{Name: "owner", Members: members, May: []string{"approve"}}, {Name: "viewer", Members: []string{"everyone"}, May: []string{"view"}}}
	}
	for name, tc := range map[string]struct {
		cfg Config
		ok  bool
	}{
		"nobody":                {Config{Roles: approve()[1:]}, false},
		"one":                   {Config{Roles: approve("U1")}, true},
		"one, where two must":   {Config{Roles: approve("U1"), Approvals: two}, false},
		"two, where two must":   {Config{Roles: approve("U1", "U2"), Approvals: two}, true},
		"a group, of how many?": {Config{Roles: approve("S1"), Approvals: two}, true},
		"everyone":              {Config{Roles: approve("everyone"), Approvals: two}, true},
	} {
		if got := checkApprovers(tc.cfg); got.OK != tc.ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if rows := checkGitHub(t.Context(), Config{}, Secrets{}); rows != nil {
		t.Errorf("nobody asked for pull requests: %+v", rows)
	}
	cfg, err := parseConfig("f", []byte(smallest+"waste: {}\ngithub: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if rows := checkGitHub(t.Context(), cfg, Secrets{}); len(rows) != 1 || rows[0].OK || rows[0].Level != engine.CheckFail {
		t.Errorf("no token: %+v", rows)
	}
}
