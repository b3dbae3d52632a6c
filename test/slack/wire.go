package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const maxBody = 4 << 20 // of an API call; Slack refuses far smaller ones

// args are the arguments of a call, from the query, a form or a JSON body. Slack takes structured arguments either
// as JSON or as a string holding JSON.
type args map[string]any

func (a args) has(name string) bool { v, ok := a[name]; return ok && v != nil }

func (a args) str(name string) string {
	switch v := a[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (a args) flag(name string) bool {
	v := a.str(name)
	return v == "true" || v == "1"
}

// count is a number within 1 and most, or def when absent or senseless.
func (a args) count(name string, def, most int) int {
	n, err := strconv.Atoi(a.str(name))
	if err != nil || n < 1 {
		return def
	}
	return min(n, most)
}

// decode reads a structured argument into v; an absent one leaves v alone.
func (a args) decode(name string, v any) error {
	raw, ok := a[name]
	if !ok || raw == nil {
		return nil
	}
	text, ok := raw.(string)
	if !ok {
		b, err := json.Marshal(raw)
		if err != nil {
			return err
		}
		text = string(b)
	}
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}

func (a args) list(name string) []string {
	if v, ok := a[name].([]any); ok {
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return strings.FieldsFunc(a.str(name), func(r rune) bool { return r == ',' || r == ' ' })
}

func readArgs(r *http.Request) (args, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	a := args{}
	for k, v := range r.URL.Query() {
		a[k] = v[0]
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // an unreadable type is handled as none
	switch kind {
	case "application/json":
		dec := json.NewDecoder(r.Body)
		dec.UseNumber()
		body := map[string]any{}
		if err := dec.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
			return nil, refuse("invalid_json")
		}
		maps.Copy(a, body)
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil { //nolint:gosec // the body is bounded above
			return nil, refuse("invalid_form_data")
		}
		for k, v := range r.MultipartForm.Value {
			a[k] = v[0]
		}
	case "", "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return nil, refuse("invalid_form_data")
		}
		for k, v := range r.PostForm {
			a[k] = v[0]
		}
	default:
		return nil, refuse("invalid_post_type")
	}
	return a, nil
}

// refusal is an error in Slack's own words; extra fields go into the answer beside ok and error.
type refusal struct {
	code  string
	extra map[string]any
}

func (r *refusal) Error() string { return r.code }

func refuse(code string) error { return &refusal{code: code} }

// refuseWith carries messages into response_metadata, the way Slack explains invalid blocks.
func refuseWith(code string, messages []string) error {
	tagged := make([]string, len(messages))
	for i, m := range messages {
		tagged[i] = "[ERROR] " + m
	}
	return &refusal{code: code, extra: map[string]any{
		"errors":            messages,
		"response_metadata": map[string]any{"messages": tagged},
	}}
}

// reply is the body of an answer, before ok is added.
type reply map[string]any

// answer turns what a method returned into the body and the error code to log.
func answer(body reply, err error) (reply, string) {
	if err == nil {
		if body == nil {
			body = reply{}
		}
		body["ok"] = true
		return body, ""
	}
	out := reply{"ok": false, "error": "internal_error"}
	if r, ok := errors.AsType[*refusal](err); ok {
		maps.Copy(out, r.extra)
		out["error"] = r.code
	}
	return out, fmt.Sprint(out["error"])
}

func writeJSON(w http.ResponseWriter, status int, raw []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client may have left
}
