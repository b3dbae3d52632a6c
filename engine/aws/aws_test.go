package aws

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// standIn plays STS and EKS.
func standIn(t *testing.T, handle http.HandlerFunc) Config {
	t.Helper()
	srv := httptest.NewServer(handle)
	t.Cleanup(srv.Close)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	return Config{Region: "eu-central-1", Endpoint: srv.URL, Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")}
}

func connect(t *testing.T, cfg Config) *Account {
	t.Helper()
	a, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTokenHasTheShapeThatEKSTakes(t *testing.T) {
	cfg := standIn(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("making a token sent %s %s", r.Method, r.URL) })
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	token, expiry, err := connect(t, cfg).Token("prod")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !expiry.Equal(now.Add(14 * time.Minute)) {
		t.Errorf("expiry: %v", expiry)
	}
	u := decode(t, token)
	q := u.Query()
	// These are all that aws-iam-authenticator accepts; one more and the token is refused.
	want := []string{"Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(q))); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for key, value := range map[string]string{
		"Action": "GetCallerIdentity", "Version": "2011-06-15", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
	} {
		if q.Get(key) != value {
			t.Errorf("%s = %q; want %q", key, q.Get(key), value)
		}
	}
	if got, want := q.Get("X-Amz-Signature"), sign(t, u, "prod"); got != want {
		t.Errorf("signature %s; want %s", got, want)
	}
	if q.Get("X-Amz-Signature") == sign(t, u, "staging") {
		t.Error("the cluster's name is not signed: a token of one cluster would open another")
	}
}

func TestTokenGoesToTheRegionsOwnSTS(t *testing.T) {
	cfg := standIn(t, nil)
	cfg.Endpoint = ""
	token, _, err := connect(t, cfg).Token("prod")(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u := decode(t, token); u.Scheme != "https" || u.Host != "sts.eu-central-1.amazonaws.com" || u.Path != "/" {
		t.Errorf("URL: %s", u)
	}
}

// decode does what the API server's webhook does with a token.
func decode(t *testing.T, token string) *url.URL {
	t.Helper()
	encoded, ok := strings.CutPrefix(token, "k8s-aws-v1.")
	if !ok || strings.HasSuffix(encoded, "=") {
		t.Fatalf("token %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// sign computes the signature of a presigned URL by the book (Signature Version 4), as STS does when it checks it.
func sign(t *testing.T, u *url.URL, cluster string) string {
	t.Helper()
	q := u.Query()
	q.Del("X-Amz-Signature")
	scope := strings.Split(q.Get("X-Amz-Credential"), "/") // key, date, region, service, aws4_request
	if len(scope) != 5 || scope[0] != accessKey || scope[2] != "eu-central-1" || scope[3] != "sts" {
		t.Fatalf("credential scope %q", scope)
	}
	empty := sha256.Sum256(nil)
	canonical := strings.Join([]string{
		"GET", "/", strings.ReplaceAll(q.Encode(), "+", "%20"), "host:" + u.Host, "x-k8s-aws-id:" + cluster, "", "host;x-k8s-aws-id", hex.EncodeToString(empty[:]),
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", q.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for _, part := range append(scope[1:], text) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func TestTokenOfAnAssumedRole(t *testing.T) {
	assumed := 0
	cfg := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		assumed++
		for key, want := range map[string]string{"Action": "AssumeRole", "RoleArn": "arn:aws:iam::1:role/reader", "ExternalId": "x-1", "RoleSessionName": "autopilot"} {
			if got := r.PostForm.Get(key); got != want {
				t.Errorf("%s = %q; want %q", key, got, want)
			}
		}
		fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken><Expiration>%s</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	cfg.Role, cfg.ExternalID = "arn:aws:iam::1:role/reader", "x-1"
	token := connect(t, cfg).Token("prod")
	for range 2 {
		got, _, err := token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		q := decode(t, got).Query()
		if !strings.HasPrefix(q.Get("X-Amz-Credential"), "ASIAROLE/") || q.Get("X-Amz-Security-Token") != "session" {
			t.Errorf("not signed as the role: %v", q)
		}
	}
	if assumed != 1 {
		t.Errorf("the role was assumed %d times; its credentials are good for an hour", assumed)
	}
}

func TestTokenWithoutCredentials(t *testing.T) {
	cfg := standIn(t, nil)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errors.New("none") })
	if _, _, err := connect(t, cfg).Token("prod")(t.Context()); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("Token: %v", err)
	}
}

func TestEKS(t *testing.T) {
	status, body := 200, ""
	cfg := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/clusters/prod" {
			t.Errorf("asked for %s %s", r.Method, r.URL.Path)
		}
		if status != 200 {
			w.Header().Set("X-Amzn-ErrorType", body)
			body = `{"message":"no"}`
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	a := connect(t, cfg)
	body = fmt.Sprintf(`{"cluster":{"name":"prod","endpoint":"https://x.eks.amazonaws.com","certificateAuthority":{"data":%q}}}`, base64.StdEncoding.EncodeToString([]byte("PEM")))
	endpoint, ca, err := a.EKS(t.Context(), "prod")
	if err != nil || endpoint != "https://x.eks.amazonaws.com" || string(ca) != "PEM" {
		t.Errorf("EKS: %q, %q, %v", endpoint, ca, err)
	}
	for _, tt := range []struct {
		status int
		body   string
		want   engine.Code
	}{
		{200, `{"cluster":{"name":"prod","status":"CREATING"}}`, engine.Conflict},
		{200, `{"cluster":{"endpoint":"https://x","certificateAuthority":{"data":"%"}}}`, engine.Unavailable},
		{404, "ResourceNotFoundException", engine.NotFound},
		{403, "AccessDeniedException", engine.Forbidden},
		{403, "UnrecognizedClientException", engine.Forbidden},
		{400, "InvalidParameterException", engine.Unavailable},
	} {
		status, body = tt.status, tt.body
		if _, _, err := a.EKS(t.Context(), "prod"); engine.CodeOf(err) != tt.want {
			t.Errorf("%d %s: %v; want %s", tt.status, tt.body, err, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	known := true
	cfg := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::1:role/bot</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if !known {
			w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"cluster":{"endpoint":"https://x","certificateAuthority":{"data":""}}}`)
	})
	a := connect(t, cfg)
	want := []engine.Check{engine.Passed("aws", "identity", "arn:aws:iam::1:role/bot"), engine.Passed("aws", "eks:DescribeCluster prod", "https://x")}
	if diff := cmp.Diff(want, a.Check(t.Context(), "prod")); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	known = false
	if checks := a.Check(t.Context(), "prod"); len(checks) != 2 || checks[1].Level != engine.CheckFail || checks[1].Fix == "" {
		t.Errorf("checks without permission: %+v", checks)
	}
}

func TestConnectNeedsARegion(t *testing.T) {
	if _, err := Connect(t.Context(), Config{}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("Connect: %v", err)
	}
}
