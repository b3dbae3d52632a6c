package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// scope is what a signature is for.
type scope struct {
	key, date, region, service string
}

// signed checks a Signature Version 4 and gives whose it is.
func (s *Server) signed(r *http.Request, body []byte) (Identity, scope, *refusal) {
	auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return Identity{}, scope{}, refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(auth, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[k] = v
	}
	fields := strings.Split(parts["Credential"], "/")
	if len(fields) != 5 || fields[4] != "aws4_request" {
		return Identity{}, scope{}, refuse(http.StatusForbidden, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements")
	}
	sc := scope{key: fields[0], date: fields[1], region: fields[2], service: fields[3]}
	who, ok := s.identity(sc.key)
	if !ok {
		return Identity{}, sc, unknownKey(sc.service)
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Until(at).Abs() > 15*time.Minute {
		return Identity{}, sc, refuse(http.StatusForbidden, "RequestExpired", "Request has expired.")
	}
	names := strings.Split(parts["SignedHeaders"], ";")
	want := signature(who.Secret, sc, r, names, body)
	if !hmac.Equal([]byte(want), []byte(parts["Signature"])) {
		return Identity{}, sc, refuse(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.")
	}
	return who, sc, nil
}

func unknownKey(service string) *refusal {
	switch service {
	case "s3":
		return refuse(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case "ec2":
		return refuse(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	case "sts", "autoscaling":
		return refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return refuse(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

func (s *Server) identity(key string) (Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range [][]Identity{s.cfg.Identities, s.sessions} {
		if at := slices.IndexFunc(list, func(i Identity) bool { return i.AccessKey == key }); at >= 0 {
			return list[at], true
		}
	}
	return Identity{}, false
}

// signature computes a Signature Version 4, after AWS's "Create a signed AWS API request".
func signature(secret string, sc scope, r *http.Request, names []string, body []byte) string {
	var headers strings.Builder
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	path := r.URL.EscapedPath()
	if sc.service != "s3" { // whose paths are encoded once, all others twice
		segments := strings.Split(path, "/")
		for i := range segments {
			segments[i] = encode(segments[i])
		}
		path = strings.Join(segments, "/")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if given := r.Header.Get("X-Amz-Content-Sha256"); sc.service == "s3" && given == "UNSIGNED-PAYLOAD" {
		hash = given
	}
	canonical := strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.Query()), headers.String(), strings.Join(names, ";"), hash,
	}, "\n")
	digest := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{
		"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), strings.Join([]string{sc.date, sc.region, sc.service, "aws4_request"}, "/"), hex.EncodeToString(digest[:]),
	}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{sc.date, sc.region, sc.service, "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func canonicalQuery(q url.Values) string {
	var pairs []string
	for k, values := range q {
		for _, v := range values {
			pairs = append(pairs, encode(k)+"="+encode(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encode is AWS's percent-encoding: everything but letters, digits and -._~ .
func encode(s string) string {
	return strings.NewReplacer("+", "%20", "%7E", "~").Replace(url.QueryEscape(s))
}
