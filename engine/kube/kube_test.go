package kube

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func fixedToken(token string) func(context.Context) (string, time.Time, error) {
	return func(context.Context) (string, time.Time, error) { return token, time.Now().Add(time.Hour), nil }
}

func testCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func fixedPlace(endpoint string, ca []byte) func(context.Context) (string, []byte, error) {
	return func(context.Context) (string, []byte, error) { return endpoint, ca, nil }
}

func TestConnectRefusesWhatCannotWork(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no name":             {},
		"EKS without address": {Name: "a", EKS: &EKS{Token: fixedToken("t")}},
		"EKS without tokens":  {Name: "a", EKS: &EKS{Find: fixedPlace("https://x", testCA(t))}},
	} {
		if c, err := Connect(cfg); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestAClusterThatCannotBeFoundFailsItsOwnRequests wants each to say why, with a code that is worth trying again.
func TestAClusterThatCannotBeFoundFailsItsOwnRequests(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for name, tt := range map[string]struct {
		cfg  Config
		says string
	}{
		"EKS does not tell": {Config{EKS: &EKS{Token: fixedToken("t"), Find: func(context.Context) (string, []byte, error) {
			return "", nil, engine.Errorf(engine.NotFound, "EKS cluster a is not there")
		}}}, "EKS cluster a is not there"},
		"EKS with a bad CA":  {Config{EKS: &EKS{Find: fixedPlace("https://x", []byte("no PEM")), Token: fixedToken("t")}}, "unable to load root certificates"},
		"EKS without a CA":   {Config{EKS: &EKS{Find: fixedPlace("https://x", nil), Token: fixedToken("t")}}, "no certificate authority"},
		"no such kubeconfig": {Config{Kubeconfig: absent}, absent},
		"not in a cluster":   {Config{InCluster: true}, "in-cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			tt.cfg.Name = "a"
			c, err := Connect(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.client.Discovery().ServerVersion()
			if engine.CodeOf(err) != engine.Unavailable || !strings.Contains(why(err), tt.says) {
				t.Errorf("%v; want it unavailable, and %q", err, tt.says)
			}
		})
	}
}

func TestConnectByKubeconfigChoosesTheContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	err := os.WriteFile(file, []byte(`{apiVersion: v1, kind: Config, current-context: a,
contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: b, user: u}}],
clusters: [{name: a, cluster: {server: "https://a:6443"}}, {name: b, cluster: {server: "https://b:6443"}}],
users: [{name: u, user: {token: t}}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ context, host string }{{"", "https://a:6443"}, {"b", "https://b:6443"}} {
		rc, err := finder(Config{Name: "prod", Kubeconfig: file, Context: tt.context})(t.Context())
		if err != nil || rc.Host != tt.host {
			t.Errorf("context %q: %+v, %v; want host %s", tt.context, rc, err, tt.host)
		}
	}
	if _, err := finder(Config{Name: "prod", Kubeconfig: file, Context: "c"})(t.Context()); err == nil {
		t.Error("a context that is not there was found")
	}
}

func caOf(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

// TestTokensAreKeptUntilTheyExpire drives the real client against a TLS server that notes the tokens it is sent.
func TestTokensAreKeptUntilTheyExpire(t *testing.T) {
	var sent []string
	refuse := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()

	now, made := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), 0
	var broken error
	c, err := Connect(Config{
		Name: "prod", Now: func() time.Time { return now },
		EKS: &EKS{
			Find: fixedPlace(srv.URL, caOf(srv)),
			Token: func(context.Context) (string, time.Time, error) {
				made++
				return fmt.Sprintf("token-%d", made), now.Add(14 * time.Minute), broken
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error { _, err := c.client.Discovery().ServerVersion(); return err }
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(14 * time.Minute)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	refuse = true
	if err := ask(); err == nil {
		t.Error("a refused token is no error")
	}
	refuse = false
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	want := []string{"Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	now, broken = now.Add(time.Hour), errors.New("no credentials")
	if err := ask(); err == nil || len(sent) != 5 {
		t.Errorf("without a token: %v, %d requests", err, len(sent))
	}
}
