package page_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds each wait for the browser on a busy machine; no test measures time.
const patience = 2 * time.Minute

// browser is the one Chromium of this test binary; every test has its own window in a fresh profile.
var browser context.Context

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	path, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "the page is tested in a real browser, which is not installed: apt-get install chromium")
		return 1
	}
	profile, err := os.MkdirTemp("", "page-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(profile)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("lang", "en-US"),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(patience))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var quit context.CancelFunc
	browser, quit = chromedp.NewContext(allocated)
	defer quit()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "chromium does not start:", err)
		return 1
	}
	return m.Run()
}

// tab is a window on the page of one fake.
type tab struct {
	t   *testing.T
	ctx context.Context
	*fake
}

type window struct {
	width, height int64
	dark          bool
}

var (
	desk  = window{1440, 900, false}
	night = window{1440, 900, true}
	phone = window{390, 844, false}
)

// open shows the page of a fresh fake at an address such as "/?user=U0ANA#/c/C0INC".
func open(t *testing.T, address string, w window) *tab {
	t.Helper()
	return openOn(t, newFake(t), address, w)
}

func openOn(t *testing.T, f *fake, address string, w window) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	scheme := "light"
	if w.dark {
		scheme = "dark"
	}
	p := &tab{t, ctx, f}
	p.check(nil, chromedp.Do(ctx)) // the window lives as long as the context of its first call
	p.do(chromedp.EmulateViewport(w.width, w.height))
	p.check(chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "UTC"}))
	p.check(chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
	p.do(chromedp.Navigate(f.URL + address))
	p.wait(".layout")
	return p
}

// do runs browser actions; a failure ends the test.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.check(nil, chromedp.Do(ctx, actions...))
}

// check ends the test when a call of the browser failed.
func (p *tab) check(_ any, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// wait waits until a selector shows something.
func (p *tab) wait(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("nothing to see at %q: %v\n%s", selector, err, p.text("body"))
	}
}

// until waits until a JavaScript condition holds.
func (p *tab) until(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingTimeout(0))); err != nil {
		p.t.Fatalf("never true: %s: %v\n%s", condition, err, p.text("body"))
	}
}

// click presses what the selector finds first.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(selector)
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// keys types into what the selector finds, and then presses Enter when the keys end with it. chromedp sends Enter's
// character whatever the page made of the key, which no keyboard does, so Enter is sent here.
func (p *tab) keys(selector, keys string) {
	p.t.Helper()
	typed, enter := strings.CutSuffix(keys, kb.Enter)
	p.do(chromedp.SendKeys(chromedp.CSS(selector), typed))
	if !enter {
		return
	}
	key := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	p.check(chromedp.Call(p.ctx, input.DispatchKeyEvent, key))
	key.Type, key.Text = input.DispatchKeyEventTypeKeyUp, ""
	p.check(chromedp.Call(p.ctx, input.DispatchKeyEvent, key))
}

// choose sets a native select or input as a person does, with the event that follows.
func (p *tab) choose(selector, value string) {
	p.t.Helper()
	p.wait(selector)
	eval[bool](p, fmt.Sprintf(`(() => {
		const element = document.querySelector(%q);
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value").set.call(element, %q);
		element.dispatchEvent(new Event(element.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
		return true;
	})()`, selector, value))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector))
}

// did waits for the page's next call of one kind and gives its body.
func (p *tab) did(what string, nth int) object {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if bodies := p.made(what); len(bodies) >= nth {
			return bodies[nth-1]
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.t.Fatalf("the page made %d calls of act/%s, want %d", len(p.made(what)), what, nth)
	return nil
}

// screenshot writes a picture into $PAGE_SCREENSHOTS, for the README and for looking at; without it, nothing.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	dir := os.Getenv("PAGE_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	p.check(nil, err)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// eval gives the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}
