package github_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/test/github"
)

// jwt signs claims as an app does.
func jwt(t *testing.T, s *github.Server, alg string, claims map[string]any) string {
	t.Helper()
	block, _ := pem.Decode([]byte(s.AppKey("autopilot")))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := pack(map[string]any{"alg": alg, "typ": "JWT"}) + "." + pack(claims)
	sum := sha256.Sum256([]byte(text))
	sign, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sign)
}

func TestJWT(t *testing.T) {
	s := start(t)
	claims := func(iat, exp time.Duration) map[string]any {
		return map[string]any{"iss": "7", "iat": t0.Add(iat).Unix(), "exp": t0.Add(exp).Unix()}
	}
	good := jwt(t, s, "RS256", claims(-time.Minute, 9*time.Minute))
	foreign := good[:len(good)-8] + "AAAAAAAA"
	stranger := claims(0, time.Minute)
	stranger["iss"] = 99
	number := claims(0, 10*time.Minute)
	number["iss"] = 7
	noIat := claims(0, time.Minute)
	delete(noIat, "iat")
	for _, q := range []struct {
		name, token string
		status      int
		words       string
	}{
		{"good", good, 200, ""},
		{"number", jwt(t, s, "RS256", number), 200, ""},
		{"foreign key", foreign, 401, "A JSON web token could not be decoded"},
		{"other algorithm", jwt(t, s, "none", claims(0, time.Minute)), 401, "A JSON web token could not be decoded"},
		{"no JSON", "a.b.c", 401, "A JSON web token could not be decoded"},
		{"stranger", jwt(t, s, "RS256", stranger), 404, "Integration not found"},
		{"from the future", jwt(t, s, "RS256", claims(5*time.Minute, 9*time.Minute)), 401, "'Issued at' claim ('iat')"},
		{"no iat", jwt(t, s, "RS256", noIat), 401, "'Issued at' claim ('iat')"},
		{"over", jwt(t, s, "RS256", claims(-9*time.Minute, 0)), 401, "'Expiration time' claim ('exp') must be a numeric value"},
		{"too long", jwt(t, s, "RS256", claims(0, 12*time.Minute)), 401, "'Expiration time' claim ('exp') is too far in the future"},
		{"too long in all", jwt(t, s, "RS256", claims(-9*time.Minute, 9*time.Minute)), 401, "'Expiration time' claim ('exp') is too far in the future"},
	} {
		t.Run(q.name, func(t *testing.T) {
			_, r, err := client(t, s, q.token).Apps.Get(t.Context(), "")
			if _, words := status(err); r.StatusCode != q.status || !strings.Contains(words, q.words) {
				t.Errorf("%d %v, want %d %s", r.StatusCode, err, q.status, q.words)
			}
		})
	}
}

// TestInstallationTokens ends tokens with their hour, keeps them to their repositories and follows what the installation may.
func TestInstallationTokens(t *testing.T) {
	at := &clock{t0}
	s := start(t, func(c *github.Config) { c.Now = at.now })
	if err := s.CreateRepo(github.Repo{Name: "acme/other", Private: true, Files: map[string]string{"a": "a"}}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	app := client(t, s, jwt(t, s, "RS256", map[string]any{"iss": 7, "iat": t0.Unix(), "exp": t0.Add(10 * time.Minute).Unix()}))
	inst := ok[*gh.Installation](t)(app.Apps.FindRepositoryInstallation(ctx, "acme", "shop"))
	token := ok[*gh.InstallationToken](t)(app.Apps.CreateInstallationToken(ctx, inst.GetID(), &gh.InstallationTokenOptions{Repositories: []string{"shop"}}))
	if !token.GetExpiresAt().Equal(gh.Timestamp{Time: t0.Add(time.Hour)}) {
		t.Errorf("it ends at %s", token.GetExpiresAt())
	}
	bot := client(t, s, token.GetToken())
	get := func(repo string, want int, words string) {
		t.Helper()
		_, r, err := bot.Repositories.Get(ctx, "acme", repo)
		if _, said := status(err); r.StatusCode != want || !strings.Contains(said, words) {
			t.Errorf("%s: %d %v, want %d %s", repo, r.StatusCode, err, want, words)
		}
	}
	get("shop", 200, "")
	get("other", 404, "Not Found")
	if _, _, err := app.Apps.CreateInstallationToken(ctx, inst.GetID(), &gh.InstallationTokenOptions{Permissions: &gh.InstallationPermissions{Administration: new("write")}}); err == nil {
		t.Error("it was given more than it has")
	}
	if _, r, _ := app.Repositories.Get(ctx, "acme", "shop"); r.StatusCode != http.StatusForbidden {
		t.Errorf("an app's own token read a repository: %d", r.StatusCode)
	}
	if err := s.Suspend("autopilot", "acme", true); err != nil {
		t.Fatal(err)
	}
	get("shop", 403, "This installation has been suspended")
	if err := s.Suspend("autopilot", "acme", false); err != nil {
		t.Fatal(err)
	}
	s.Install("autopilot", "acme", "other")
	get("shop", 404, "Not Found")
	s.Install("autopilot", "acme")
	at.at = t0.Add(time.Hour - time.Second)
	get("shop", 200, "")
	at.at = t0.Add(time.Hour)
	get("shop", 401, "Bad credentials")
}

// TestTokens keeps personal tokens to their scopes, permissions and person.
func TestTokens(t *testing.T) {
	s := start(t)
	if err := s.CreateRepo(github.Repo{Name: "acme/open", Files: map[string]string{"a": "a"}, Access: map[string]string{"ben": "push"}}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []github.Token{
		{Value: "ghp_public", Login: "ben", Scopes: []string{"public_repo"}},
		{Value: "ghp_none", Login: "ben"},
		{Value: "github_pat_read", Login: "ben", Permissions: map[string]string{"contents": "read", "metadata": "read"}},
		{Value: "github_pat_shop", Login: "ben", Permissions: map[string]string{"contents": "write", "metadata": "read"}, Repos: []string{shop}},
		{Value: "ghp_over", Login: "ben", Scopes: []string{"repo"}, Expires: t0},
	} {
		s.AddToken(token)
	}
	for _, q := range []struct {
		token, repo string
		read, write int
	}{
		{"ghp_ana", "shop", 200, 201},
		{"ghp_ana", "open", 200, 404}, // who may not write is not told of it
		{"ghp_public", "shop", 404, 404},
		{"ghp_public", "open", 200, 201},
		{"ghp_none", "open", 200, 404},
		{"github_pat_read", "shop", 200, 403},
		{"github_pat_shop", "shop", 200, 201},
		{"ghp_over", "open", 401, 401},
		{"", "open", 200, 401},
		{"", "shop", 404, 404},
	} {
		t.Run(q.token+" "+q.repo, func(t *testing.T) {
			c := client(t, s, q.token)
			if q.token == "" {
				var err error
				if c, err = gh.NewClient(nil).WithEnterpriseURLs(s.URL(), s.URL()); err != nil {
					t.Fatal(err)
				}
			}
			_, read, err := c.Repositories.Get(t.Context(), "acme", q.repo)
			if read.StatusCode != q.read {
				t.Errorf("reading: %d %v, want %d", read.StatusCode, err, q.read)
			}
			_, write, err := c.Git.CreateBlob(t.Context(), "acme", q.repo, &gh.Blob{Content: new("x"), Encoding: new("utf-8")})
			if write.StatusCode != q.write {
				t.Errorf("writing: %d %v, want %d", write.StatusCode, err, q.write)
			}
		})
	}
}
