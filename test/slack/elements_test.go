package slack

import (
	"encoding/json"
	"html"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	options := []any{
		map[string]any{"text": "One", "value": "1"}, map[string]any{"text": "Two", "value": "2"},
	}
	grouped := []any{map[string]any{"label": "All", "options": options}}
	for _, c := range []struct {
		name    string
		element Block
		given   Block
		want    Block // nil when refused
	}{
		{"button", Block{"type": "button"}, Block{}, Block{"type": "button"}},
		{"text", Block{"type": "plain_text_input"}, Block{"value": "x"}, Block{"type": "plain_text_input", "value": "x"}},
		{"emptied text", Block{"type": "plain_text_input"}, Block{"value": ""}, Block{"type": "plain_text_input", "value": nil}},
		{"option by value", Block{"type": "static_select", "options": options}, Block{"selected_option": "2"}, Block{"type": "static_select", "selected_option": options[1]}},
		{"option as value", Block{"type": "overflow", "options": options}, Block{"value": "1"}, Block{"type": "overflow", "selected_option": options[0]}},
		{"option in a group", Block{"type": "static_select", "option_groups": grouped}, Block{"selected_option": map[string]any{"value": "2"}}, Block{"type": "static_select", "selected_option": options[1]}},
		{"option taken back", Block{"type": "radio_buttons", "options": options}, Block{}, Block{"type": "radio_buttons", "selected_option": nil}},
		{"another option", Block{"type": "static_select", "options": options}, Block{"selected_option": "3"}, nil},
		{"several", Block{"type": "checkboxes", "options": options}, Block{"selected_options": []any{"2", map[string]any{"value": "1"}}}, Block{"type": "checkboxes", "selected_options": []any{options[1], options[0]}}},
		{"several, one wrong", Block{"type": "checkboxes", "options": options}, Block{"selected_options": []any{"3"}}, nil},
		{"none of several", Block{"type": "checkboxes", "options": options}, Block{}, Block{"type": "checkboxes", "selected_options": []any{}}},
		{"person", Block{"type": "users_select"}, Block{"selected_user": "U1"}, Block{"type": "users_select", "selected_user": "U1"}},
		{"date", Block{"type": "datepicker"}, Block{"selected_date": "2026-11-22"}, Block{"type": "datepicker", "selected_date": "2026-11-22"}},
		{"a picture", Block{"type": "image"}, Block{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := choose(c.element, c.given)
			if (err != nil) != (c.want == nil) {
				t.Fatalf("got %v, %v", got, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTyped(t *testing.T) {
	w := seed(Config{}.withDefaults())
	for in, want := range map[string]string{
		"plain":                "plain",
		"a < b & c":            "a &lt; b &amp; c",
		"@ana, look":           "<@U01ANA>, look",
		"ask @ana.":            "ask <@U01ANA>.",
		"(@oncall)":            "(<!subteam^S01ONCALL|@oncall>)",
		"#finops":              "<#C01FINOPS>",
		"me@ana":               "me@ana",
		"@nobody #nowhere":     "@nobody #nowhere",
		"<@U01ANA> <!here> <x": "<@U01ANA> <!here> &lt;x",
	} {
		if got := w.typed(in, false); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := w.typed("@ana #finops", true); got != "<@U01ANA|ana> <#C01FINOPS|finops>" {
		t.Errorf("labelled: %q", got)
	}
}

// Nothing a person types becomes markup except a reference.
func FuzzTyped(f *testing.F) {
	for _, s := range []string{"a<b", "<@U1>", "@ana", "<<@>>", "<!x", "&amp;", "#finops>"} {
		f.Add(s)
	}
	w := seed(Config{}.withDefaults())
	f.Fuzz(func(t *testing.T, in string) {
		out := w.typed(in, false)
		rest := reference.ReplaceAllString(out, "")
		if strings.ContainsAny(rest, "<>") {
			t.Fatalf("%q became %q", in, out)
		}
		if !strings.ContainsAny(in, "<@#") && html.UnescapeString(out) != html.UnescapeString(strings.ReplaceAll(in, "&", "&amp;")) {
			t.Fatalf("%q lost something as %q", in, out)
		}
	})
}

// Whatever an app sends, it gets an answer in JSON.
func FuzzCall(f *testing.F) {
	names := slices.Sorted(maps.Keys(methods))
	for i := range names {
		f.Add(i, true, `{"channel":"C01INCIDENTS","text":"x","ts":"1.0","user":"U01ANA"}`)
	}
	f.Add(2, true, `{"channel":{},"blocks":[{"type":"section","text":[]}],"metadata":[]}`)
	f.Add(4, false, "channel=%&blocks=[{]")
	f.Add(30, true, `{"view":{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":[{"type":"input"}],"submit":7}}`)
	s := New(Config{RateScale: 1e6, AckTimeout: 1, RetryDelays: nil})
	f.Cleanup(s.Stop)
	h := s.Handler()
	f.Fuzz(func(t *testing.T, n int, asJSON bool, body string) {
		name := names[((n%len(names))+len(names))%len(names)]
		r := httptest.NewRequest("POST", "/api/"+name, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if asJSON {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Authorization", "Bearer "+s.BotToken())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var out struct {
			OK    *bool
			Error string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.OK == nil || *out.OK == (out.Error != "") || out.Error == "internal_error" {
			t.Fatalf("%s: %s, %v", name, w.Body, err)
		}
	})
}
