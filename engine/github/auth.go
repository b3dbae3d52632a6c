package github

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"github.com/eks-autopilot/autopilot/engine"
)

// transports gives the way to GitHub as the account that acts and, for an App, as the App itself.
func (o Options) transports(base *url.URL) (as, app http.RoundTripper, err error) {
	switch {
	case !o.Token.IsZero() && (o.AppID != 0 || o.InstallationID != 0 || !o.Key.IsZero()):
		return nil, nil, engine.Errorf(engine.Invalid, "GitHub has both a token and an App; give one of them")
	case !o.Token.IsZero():
		if strings.ContainsAny(o.Token.Reveal(), " \r\n\t") {
			return nil, nil, engine.Errorf(engine.Invalid, "GitHub's token has blanks or line ends in it")
		}
		return &bearer{o.Transport, o.Token, base.Host}, nil, nil
	case o.AppID <= 0 || o.InstallationID <= 0 || o.Key.IsZero():
		return nil, nil, engine.Errorf(engine.Invalid, "GitHub needs either a token, or an App's id, its installation's id and its private key")
	}
	apps, err := ghinstallation.NewAppsTransport(o.Transport, o.AppID, []byte(o.Key.Reveal()))
	if err != nil {
		// What was wrong with the key could say what is in it.
		return nil, nil, engine.Errorf(engine.Invalid, "the private key of the GitHub App is not one: it must be the PEM file that GitHub gave, from its BEGIN line to its END line")
	}
	apps.BaseURL = strings.TrimRight(base.String(), "/")
	return ghinstallation.NewFromAppsTransport(apps, o.InstallationID), apps, nil
}

// bearer sends a token, to GitHub and to nobody whom GitHub sends us on to.
type bearer struct {
	next  http.RoundTripper
	token engine.Secret
	host  string
}

// RoundTrip sends a request.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != b.host {
		return b.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	return b.next.RoundTrip(req)
}
