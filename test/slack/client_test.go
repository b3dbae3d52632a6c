package slack_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// answer is what a Web API call came back with.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) err() string { s, _ := a.body["error"].(string); return s }

// at walks the body by keys and list indexes.
func (a answer) at(path ...any) any {
	var v any = a.body
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func (a answer) str(path ...any) string { s, _ := a.at(path...).(string); return s }

func (a answer) list(path ...any) []any { l, _ := a.at(path...).([]any); return l }

type params map[string]any

// call speaks raw HTTP: a JSON body with the bot token in the header.
func call(t *testing.T, s *slack.Server, method string, p params) answer {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	token := s.BotToken()
	if method == "apps.connections.open" {
		token = s.AppToken()
	}
	return post(t, s.APIURL()+method, token, "application/json; charset=utf-8", string(raw))
}

// form speaks the other dialect: form fields, token among them, structures as JSON strings.
func form(t *testing.T, s *slack.Server, method string, p params) answer {
	t.Helper()
	v := url.Values{"token": {s.BotToken()}}
	for k, x := range p {
		if text, ok := x.(string); ok {
			v.Set(k, text)
			continue
		}
		raw, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		v.Set(k, string(raw))
	}
	return post(t, s.APIURL()+method, "", "application/x-www-form-urlencoded", v.Encode())
}

func post(t *testing.T, to, token, kind, body string) answer {
	t.Helper()
	a, err := tryPost(to, token, kind, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tryPost(to, token, kind, body string) (answer, error) {
	req, err := http.NewRequest("POST", to, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	a := answer{status: res.StatusCode, header: res.Header, body: map[string]any{}}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		err = json.NewDecoder(res.Body).Decode(&a.body)
	}
	return a, err
}

// must fails the test unless the call went well.
func must(t *testing.T, a answer) answer {
	t.Helper()
	if a.body["ok"] != true {
		t.Fatalf("HTTP %d, %v", a.status, a.body)
	}
	return a
}

// app is the app's end of one socket.
type app struct {
	t     *testing.T
	conn  *websocket.Conn
	in    chan frame
	pings chan bool
}

// frame is one message from Slack.
type frame struct {
	Type           string         `json:"type"`
	Reason         string         `json:"reason"`
	EnvelopeID     string         `json:"envelope_id"`
	Accepts        bool           `json:"accepts_response_payload"`
	Payload        map[string]any `json:"payload"`
	NumConnections int            `json:"num_connections"`
	RetryAttempt   int            `json:"retry_attempt"`
	RetryReason    string         `json:"retry_reason"`
	DebugInfo      map[string]any `json:"debug_info"`
	ConnectionInfo map[string]any `json:"connection_info"`
}

// connect opens a socket and reads its hello.
func connect(t *testing.T, s *slack.Server) *app {
	t.Helper()
	a := dial(t, s)
	if hello := a.next(); hello.Type != "hello" {
		t.Fatalf("first frame is %+v, want hello", hello)
	}
	return a
}

func dial(t *testing.T, s *slack.Server) *app {
	t.Helper()
	to := must(t, call(t, s, "apps.connections.open", nil)).str("url")
	conn, res, err := websocket.DefaultDialer.Dial(to, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	a := &app{t: t, conn: conn, in: make(chan frame, 100), pings: make(chan bool, 1)}
	conn.SetPingHandler(func(data string) error {
		select {
		case a.pings <- true:
		default:
		}
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(a.in)
		for {
			var f frame
			if conn.ReadJSON(&f) != nil {
				return
			}
			a.in <- f
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close() // the server may have closed first
		<-read
	})
	return a
}

// next is the next frame; it fails the test when none comes or the socket ends.
func (a *app) next() frame {
	a.t.Helper()
	select {
	case f, open := <-a.in:
		if !open {
			a.t.Fatal("the socket ended")
		}
		return f
	case <-time.After(2 * time.Minute):
		a.t.Fatal("no frame within two minutes")
	}
	panic("unreachable")
}

func (a *app) ack(f frame, payload any) {
	a.t.Helper()
	body := map[string]any{"envelope_id": f.EnvelopeID}
	if payload != nil {
		body["payload"] = payload
	}
	if err := a.conn.WriteJSON(body); err != nil {
		a.t.Error(err)
	}
}

// answering acknowledges the next frame with payload, in the background, and hands the frame over.
func (a *app) answering(payload any) <-chan frame {
	got := make(chan frame, 1)
	go func() {
		if f, open := <-a.in; open { // the end of the test closes the socket
			a.ack(f, payload)
			got <- f
		}
	}()
	return got
}

func violations(t *testing.T, s *slack.Server) []string {
	t.Helper()
	all, err := s.Control().Violations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, v := range all {
		kinds = append(kinds, v.Kind)
	}
	return kinds
}
