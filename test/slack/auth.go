package slack

import (
	"net/http"
	"slices"
	"strings"
)

// tokens are the app's two tokens and what the bot's may do.
type tokens struct {
	bot, app     string
	botOff       bool
	appOff       bool
	scopes       []string
	verification string
}

func (s *Server) newTokens() tokens {
	return tokens{
		bot:          "xoxb-" + s.hex(12) + "-" + s.hex(24),
		app:          "xapp-1-" + s.hex(11) + "-" + s.hex(32),
		verification: s.hex(24),
	}
}

func (t *tokens) restore(scopes []string) {
	t.botOff, t.appOff = false, false
	t.scopes = slices.Clone(scopes)
}

func tokenOf(r *http.Request, a args) string {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token)
		}
		return h
	}
	return a.str("token")
}

// check refuses a call whose token is missing, wrong, revoked, of the wrong kind or without the scope.
func (t *tokens) check(token string, m method) error {
	switch {
	case token == "":
		return refuse("not_authed")
	case token == t.bot && m.appLevel, token == t.app && !m.appLevel:
		return refuse("not_allowed_token_type")
	case token == t.bot:
		if t.botOff {
			return refuse("token_revoked")
		}
	case token == t.app:
		if t.appOff {
			return refuse("token_revoked")
		}
		return nil
	default:
		return refuse("invalid_auth")
	}
	if m.scope != "" && !slices.Contains(t.scopes, m.scope) {
		return &refusal{code: "missing_scope", extra: map[string]any{
			"needed": m.scope, "provided": strings.Join(t.scopes, ","),
		}}
	}
	return nil
}

// may says whether the bot token has the scope.
func (t *tokens) may(scope string) bool { return slices.Contains(t.scopes, scope) }

// granted is the X-OAuth-Scopes header of an answer to token.
func (t *tokens) granted(token string) string {
	switch token {
	case t.bot:
		return strings.Join(t.scopes, ",")
	case t.app:
		return "connections:write"
	}
	return ""
}
