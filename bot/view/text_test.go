package view

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestOutside(t *testing.T) {
	tests := []struct{ in, want string }{
		{"payments/api", "payments/api"},
		{"a < b && c", "a &lt; b &amp;&amp; c"},
		{"<!channel> wake up", "&lt;!channel&gt; wake up"},
		{"two\nlines\tof  text", "two lines of text"},
		{"*bold* my_pod_name ~gone~ _soft_", "∗bold∗ my_pod_name ∼gone∼ ˍsoftˍ"},
		{"back`tick", "backˋtick"},
		{"\u202eevil\x00\x1b[31m", "evil[31m"},
	}
	for _, tt := range tests {
		if got := outside(tt.in, 200); got != tt.want {
			t.Errorf("outside(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestOutsideIsCutBetweenCharacters(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"0123456789", 10, "0123456789"},
		{"0123456789", 9, "01234567…"},
		{"&&&", 15, "&amp;&amp;&amp;"},
		{"&&&", 14, "&amp;&amp;…"},
		{"😀😀", 4, "😀😀"},
		{"😀😀", 3, "😀…"},
	}
	for _, tt := range tests {
		if got := outside(tt.in, tt.n); got != tt.want {
			t.Errorf("outside(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestLink(t *testing.T) {
	tests := []struct{ address, want string }{
		{"https://example.com/a?b=1&c=2", "<https://example.com/a?b=1&amp;c=2|text>"},
		{"http://runbooks.local/x", "<http://runbooks.local/x|text>"},
		{"javascript:alert(1)", "text"},
		{"https://x|y", "text"},
		{"https://x>y", "text"},
		{"https:///no-host", "text"},
		{"", "text"},
		{"https://x/" + strings.Repeat("a", 1000), "text"},
	}
	for _, tt := range tests {
		if got := link(tt.address, "text"); got != tt.want {
			t.Errorf("link(%q) = %q, want %q", tt.address, got, tt.want)
		}
	}
}

func TestPersonAndMention(t *testing.T) {
	people := map[engine.Person]string{
		{}: "Autopilot", {ID: "U0ANA", Name: "ana"}: "<@U0ANA>", {ID: "x>y", Name: "*eve*"}: "∗eve∗", {ID: "pagerduty"}: "pagerduty", {Name: "ben"}: "ben",
	}
	for p, want := range people {
		if got := person(p); got != want {
			t.Errorf("person(%+v) = %q, want %q", p, got, want)
		}
	}
	groups := map[engine.Mention]string{
		{Group: "S0ONCALL"}: "<!subteam^S0ONCALL>", {Group: "oncall"}: "@oncall", {User: "U0ANA"}: "<@U0ANA>", {Group: "x> <!channel"}: "@x&gt; &lt;!channel",
	}
	for m, want := range groups {
		if got := mention(m); got != want {
			t.Errorf("mention(%+v) = %q, want %q", m, got, want)
		}
	}
}

func TestLasted(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Second: "0 s", 45 * time.Second: "45 s", 12*time.Minute + 3*time.Second: "12 min", 2 * time.Hour: "2 h",
		3*time.Hour + 5*time.Minute: "3 h 5 min", 52 * time.Hour: "2 d 4 h",
	}
	for d, want := range tests {
		if got := lasted(d); got != want {
			t.Errorf("lasted(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestHealth(t *testing.T) {
	tests := map[engine.Health]string{
		{Desired: 4, Ready: 1}: "3 of 4 pods not ready", {Desired: 1}: "1 of 1 pod not ready", {Desired: 4, Ready: 4}: "4 of 4 pods ready",
		{Desired: 2, Ready: 5}: "2 of 2 pods ready", {}: "nothing should run", {Desired: 3, Ready: -1}: "3 of 3 pods not ready",
	}
	for h, want := range tests {
		if got := health(h); got != want {
			t.Errorf("health(%+v) = %q, want %q", h, got, want)
		}
	}
}

func TestFenceKeepsLinesThatFit(t *testing.T) {
	got := fence("kubectl get pods\nkubectl describe pod <x> ```\n"+strings.Repeat("y", 100), 80)
	want := "```\nkubectl get pods\nkubectl describe pod &lt;x&gt; ˋˋˋ\n"
	if !strings.HasPrefix(got, want) || size(got) > 80 || strings.Count(got, "```") != 2 {
		t.Errorf("fence gives %q of %d units", got, size(got))
	}
}

func TestListCountsTheRest(t *testing.T) {
	got := list([]int{1, 2, 3, 4, 5}, 3, func(n int) string { return strings.Repeat("x", n) })
	if want := []string{"x", "xx", "xxx", "and 2 more"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("list = %v, want %v", got, want)
	}
}

func TestCanvasKeepsRoomForItsTail(t *testing.T) {
	tail := context("buttons")
	c := newCanvas(tail)
	for range 200 {
		c.section(strings.Repeat("x", 500))
	}
	blocks := c.done()
	if blocks[len(blocks)-1] != tail || !c.full || len(blocks) > maxBlocks {
		t.Errorf("%d blocks, full %v, and the last is %+v", len(blocks), c.full, blocks[len(blocks)-1])
	}
}

func TestTableKeepsItsColumns(t *testing.T) {
	var table [][4]string
	want := []string{"abcdef   $1", "日本語  $10", "👩‍🚀 go    $1", "🏳️‍🌈 x     $1", "e\u0301cole    $1"}
	for _, row := range want {
		name, amount, _ := strings.Cut(row, "$")
		table = append(table, [4]string{strings.TrimSpace(name), "$" + amount})
	}
	for n, line := range columns(table) {
		if got := strings.TrimRight(line, " "); got != want[n] {
			t.Errorf("%q, want %q", got, want[n])
		}
	}
}
