package page_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show puts each text into a message of its own and gives what the page makes of them: as HTML, without the parts
// that only dress it, and as text.
func show(t *testing.T, texts []string) (html, text []string) {
	t.Helper()
	f := newFake(t)
	f.Messages["C0INC"] = nil
	for i, s := range texts {
		f.Messages["C0INC"] = append(f.Messages["C0INC"], object{
			"type": "message", "ts": fmt.Sprintf("%d.000000", 1731590000+i), "user": "U0BOT", "bot_id": "B0AUTO", "text": "-",
			"blocks": []object{{"type": "section", "text": object{"type": "mrkdwn", "text": s}}},
		})
	}
	p := openOn(t, f, "/?user=U0ANA#/c/C0INC", desk)
	p.until(fmt.Sprintf(`document.querySelectorAll(".message").length === %d`, len(texts)))
	dress := regexp.MustCompile(` (?:class|target|rel|role|title|aria-label|datetime)="[^"]*"`)
	for _, raw := range eval[[]string](p, `[...document.querySelectorAll(".section-text > .mrkdwn")].map((element) => element.innerHTML)`) {
		html = append(html, dress.ReplaceAllString(raw, ""))
	}
	return html, eval[[]string](p, `[...document.querySelectorAll(".section-text > .mrkdwn")].map((element) => element.textContent)`)
}

func TestMrkdwn(t *testing.T) {
	line := func(s string) string { return "<div>" + s + "</div>" }
	cases := []struct{ name, in, want string }{
		{"bold", "a *b* c", line("a <strong>b</strong> c")},
		{"italic", "_a_ b", line("<em>a</em> b")},
		{"strike", "~a~", line("<s>a</s>")},
		{"nested", "*a _b_*", line("<strong>a <em>b</em></strong>")},
		{"names keep their underscores", "pod_name_a in kube_system", line("pod_name_a in kube_system")},
		{"arithmetic keeps its stars", "2 * 3 * 4, a*b*c", line("2 * 3 * 4, a*b*c")},
		{"no mark reaches over a line", "*a\nb*", line("*a<br>b*")},
		{"double marks are text", "**a** __b__", line("**a** __b__")},
		{"code", "`a *b* &lt;c&gt;`", line("<code>a *b* &lt;c&gt;</code>")},
		{"mark around code", "*a `*` b*", line("<strong>a <code>*</code> b</strong>")},
		{"code block", "a\n```\nx: *1*\n  y &amp;&amp; z\n```\nb", line("a") + "<pre>x: *1*\n  y &amp;&amp; z</pre>" + line("b")},
		{"open fence is text", "``` a", line("``` a")},
		{"quote", "&gt; a\n&gt;*b*\nc", "<blockquote>a<br><strong>b</strong></blockquote>" + line("c")},
		{"quote to the end", "a\n&gt;&gt;&gt; b\nc", line("a") + "<blockquote>b<br>c</blockquote>"},
		{"bullets stay", "• a\n• b", line("• a<br>• b")},
		{"Markdown is text", "# a\n1. b\n---\nx | y\n[l](http://e)", line(`# a<br>1. b<br>---<br>x | y<br>[l](<a href="http://e">http://e</a>)`)},
		{"dollars and braces", "$x$ {a} \\n \\*", line(`$x$ {a} \n \*`)},
		{"only three entities", "&lt;b&gt; &amp;copy; &copy; &#65;", line("&lt;b&gt; &amp;copy; &amp;copy; &amp;#65;")},
		{"an escaped entity is decoded once", "&amp;lt;", line("&amp;lt;")},
		{"link", "<https://e.com/?a=1&amp;b=2|a &amp; b>", line(`<a href="https://e.com/?a=1&amp;b=2">a &amp; b</a>`)},
		{"bare link", "see https://e.com/a_b_c.", line(`see <a href="https://e.com/a_b_c">https://e.com/a_b_c</a>.`)},
		{"mail", "<mailto:a@b.c|write>", line(`<a href="mailto:a@b.c">write</a>`)},
		{"other schemes are text", "<javascript:alert(1)|x>", line("&lt;javascript:alert(1)|x&gt;")},
		{"tags are text", "<img src=x onerror=alert(1)>", line("&lt;img src=x onerror=alert(1)&gt;")},
		{"people", "<@U0BEN> <@U9|zoe> <@U9>", line("<span>@Ben Okafor</span> <span>@zoe</span> <span>@U9</span>")},
		{"group", "<!subteam^S0ONCALL> <!subteam^S9|@x>", line("<span>@oncall</span> <span>@x</span>")},
		{"channel", "<#C0KIT> <#C9|gone>", line(`<a href="#/c/C0KIT">#block-kit</a> <span>#gone</span>`)},
		{"broadcast", "<!here>", line("<span>@here</span>")},
		{"date", "<!date^1731590400^{date_num} {time_secs}|x>", line("<time>2024-11-14 1:20:00 PM</time>")},
		{"long date", "<!date^1731590400^{date_long}|x>", line("<time>Thursday, November 14, 2024</time>")},
		{"unknown token", "<!date^1731590400^{moon}|new moon>", line("<time>new moon</time>")},
		{"emoji", ":rotating_light: :+1::skin-tone-3: :warning:", line("<span>🚨</span> <span>👍🏼</span> <span>⚠️</span>")},
		{"clock times are no emoji", "12:30:45 :nope: a::b", line("12:30:45 :nope: a::b")},
		{"spaces stay", "a   b", line("a   b")},
	}
	var in []string
	for _, tc := range cases {
		in = append(in, tc.in)
	}
	got, _ := show(t, in)
	if len(got) != len(cases) {
		t.Fatalf("%d texts are shown, want %d", len(got), len(cases))
	}
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, got[i]); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

// TestMrkdwnLosesNoLetter shows random heaps of marks and letters: whatever is taken for a mark, every letter of the
// evidence is still there, in its order.
func TestMrkdwnLosesNoLetter(t *testing.T) {
	const letters = "qzQ7" // ":x:" would be an emoji
	alphabet := strings.Split("*_~`<>|&;#@!:. \n"+letters+letters, "")
	alphabet = append(alphabet, "```", "&lt;", "&gt;", "&amp;")
	random := rand.New(rand.NewPCG(1, 2))
	only := func(s string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(letters, r) {
				return r
			}
			return -1
		}, s)
	}
	var in []string
	for range 400 {
		var b strings.Builder
		for range 1 + random.IntN(40) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		in = append(in, b.String())
	}
	_, got := show(t, in)
	for i := range in {
		if only(got[i]) != only(in[i]) {
			t.Errorf("%q is shown as %q", in[i], got[i])
		}
	}
}
