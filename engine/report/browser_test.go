package report_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/print"
	"github.com/eks-autopilot/autopilot/engine/report"
	"github.com/eks-autopilot/autopilot/test/axe"
)

// patience bounds each wait for the browser on a busy machine; no test measures time.
const patience = 120 * time.Second

func render(t testing.TB, d engine.Digest) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// dress is how a reader looks at the page.
type dress struct {
	name          string
	width, height int64
	scheme        string
}

var desktop, dark, phone = dress{"desktop", 1280, 900, "light"}, dress{"dark", 1280, 900, "dark"}, dress{"phone", 375, 812, "light"}

// tab is a window of a real browser, on a server that has one page.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu    sync.Mutex
	page  []byte
	asked []string
}

func newTab(t *testing.T) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("the page is tested in a real browser: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("no-first-run", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(patience))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(allocated)
	t.Cleanup(quit)
	w := &tab{t: t, ctx: ctx}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.mu.Lock()
		defer w.mu.Unlock()
		_, _ = io.Copy(out, bytes.NewReader(w.page))
	}))
	t.Cleanup(server.Close)
	w.url = server.URL + "/"
	w.check(chromedp.Do(ctx)) // the window lives as long as the context of its first call
	w.check(chromedp.Listen(ctx, func(event any) {
		if sent, ok := event.(*network.EventRequestWillBeSent); ok {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked = append(w.asked, sent.Request.URL)
		}
	}))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	w.check(err)
	return w
}

func (w *tab) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("browser: %v", err)
	}
}

// show opens a page and gives what the browser asked for meanwhile, but for the page itself.
func (w *tab) show(content []byte, as dress) (asked []string) {
	w.t.Helper()
	w.mu.Lock()
	w.page, w.asked = content, nil
	w.mu.Unlock()
	w.check(chromedp.Do(w.ctx, chromedp.EmulateViewport(as.width, as.height)))
	_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: as.scheme}},
	})
	w.check(err)
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	w.check(chromedp.Do(ctx, chromedp.Navigate(w.url)))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.asked {
		if at != w.url && !strings.HasSuffix(at, "/favicon.ico") { // browsers ask for one by themselves
			asked = append(asked, at)
		}
	}
	return asked
}

func eval[T any](w *tab, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatalf("%.100s: %v", expression, err)
	}
	return value
}

const tooWide = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

// overlaps finds texts of charts that cover each other or are cut off at a side of their picture.
const overlaps = `[...document.querySelectorAll("figure svg")].filter((svg) => svg.getClientRects().length > 0).flatMap((svg) => {
	const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")].map((text) => ({ at: text.getBoundingClientRect(), says: text.textContent }));
	return texts.flatMap((a, k) => [
		...(a.at.left < frame.left - 1 || a.at.right > frame.right + 1 || a.at.top < frame.top - 1 || a.at.bottom > frame.bottom + 1 ? [svg.closest("figure").id + ": " + a.says + " is cut off"] : []),
		...texts.slice(k + 1).filter((b) => a.at.left < b.at.right - 1 && b.at.left < a.at.right - 1 && a.at.top < b.at.bottom - 2 && b.at.top < a.at.bottom - 2)
			.map((b) => svg.closest("figure").id + ": " + a.says + " over " + b.says),
	]);
})`

// notOnPaper finds tables that are not printed, but for the short ones in whose place all rows are.
const notOnPaper = `[...document.querySelectorAll("table")].filter((t) => t.checkVisibility() === t.closest("div").classList.contains("short")).map((t) => t.id + " is printed: " + t.checkVisibility())`

// looks are what the page is looked at with, and whether axe-core looks too, which takes its time.
var looks = []struct {
	name string
	of   func() engine.Digest
	as   dress
	axe  bool
}{
	{"whole", whole, desktop, true},
	{"whole", whole, dark, true},
	{"whole", whole, phone, true},
	{"week", week, phone, false},
	{"month", month, desktop, false},
	{"month", month, phone, false},
	{"crowd", crowd, desktop, false},
	{"crowd", crowd, phone, false},
	{"few", few, phone, true},
	{"one day", oneDay, phone, true},
	{"empty", empty, dark, true},
}

// TestPageInABrowser looks at digests in different dress: what axe-core finds, what is asked for outside, what is wider than the
// screen, and texts of charts that cover each other.
func TestPageInABrowser(t *testing.T) {
	source := axe.Source(t, filepath.Join("..", "..", "test", "slack", "page", "package-lock.json"))
	w := newTab(t)
	t.Run("amiss", func(t *testing.T) {
		w.t = t
		asked := w.show([]byte(`<!doctype html><p style="color: #eee">pale<img src="/x.png"><div style="width: 4000px">wide</div>
			<figure id="f"><svg viewBox="0 0 90 20" width="90"><text x="2" y="15">one</text><text x="9" y="15">two</text><text x="80" y="15">three</text></svg></figure>`), phone)
		eval[bool](w, source+"; true")
		if len(asked) != 1 || eval[int](w, tooWide) < 1000 || len(eval[[]string](w, overlaps)) != 2 || len(eval[[]string](w, axe.Run())) < 3 {
			t.Error("what is amiss is not seen:", asked, eval[int](w, tooWide), eval[[]string](w, overlaps), eval[[]string](w, axe.Run()))
		}
	})
	for _, look := range looks {
		t.Run(look.name+" "+look.as.name, func(t *testing.T) {
			w.t = t
			if asked := w.show(render(t, look.of()), look.as); len(asked) > 0 {
				t.Errorf("it asks for %v", asked)
			}
			if wide := eval[int](w, tooWide); wide > 0 {
				t.Errorf("it is %d pixels wider than the screen", wide)
			}
			for _, clash := range eval[[]string](w, overlaps) {
				t.Error(clash)
			}
			if look.axe {
				eval[bool](w, source+"; true")
				for _, violation := range eval[[]string](w, axe.Run()) {
					t.Error(violation)
				}
			}
			w.picture(look.as.name, look.name == "whole")
			_, err := chromedp.Call(w.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			w.check(err)
			for _, hidden := range eval[[]string](w, notOnPaper) {
				t.Error(hidden)
			}
		})
	}
}

// picture writes what is seen at first into $REPORT_PICTURES, for docs/img; without it, nothing.
func (w *tab) picture(name string, wanted bool) {
	w.t.Helper()
	dir := os.Getenv("REPORT_PICTURES")
	if dir == "" || !wanted {
		return
	}
	layout, err := chromedp.Call(w.ctx, page.GetLayoutMetrics, cdp.Empty{})
	w.check(err)
	size := layout.CSSContentSize
	shot, err := chromedp.Call(w.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: "png", CaptureBeyondViewport: new(true), Clip: &page.Viewport{Width: size.Width, Height: min(size.Height, 2300), Scale: 1},
	})
	w.check(err)
	w.check(os.WriteFile(filepath.Join(dir, "report-"+name+".png"), shot.Data, 0o600))
}

// TestPageOnPaper prints a page with the real Chromium: pages with text, all in the file.
func TestPageOnPaper(t *testing.T) {
	pdf, err := print.Printer{Chromium: "chromium"}.PDF(t.Context(), render(t, whole()))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(pdf, []byte("/Type /Page\n")); n < 4 || n > 12 || !bytes.Contains(pdf, []byte("/Font")) {
		t.Errorf("%d pages", n)
	}
	if dir := os.Getenv("REPORT_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "report.pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Println("now: pdftoppm -r 80 -png -singlefile report.pdf report-print")
	}
}
