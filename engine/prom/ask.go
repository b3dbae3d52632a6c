package prom

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	askTimeout = 2 * time.Minute // Prometheus' own for a query
	maxStrikes = 4               // failures in a row, after which we leave it in peace
	maxPause   = 30 * time.Second
)

// patient is a client like another, with the time and the room that a long answer needs.
func patient(c *http.Client) *http.Client {
	long := *c
	long.Timeout = askTimeout
	if g, ok := c.Transport.(*gate); ok {
		roomy := *g
		roomy.most = maxHistoryBody
		long.Transport = &roomy
	}
	return &long
}

// matchers are label matchers. Values are data of a cluster: they are quoted, and have no meaning as an expression.
type matchers []term

// term is one matcher; its operator is one of =, !=, =~ and !~.
type term struct{ label, operator, value string }

// with adds a matcher; the others stay as they are.
func (m matchers) with(label, operator, value string) matchers {
	return append(slices.Clip(m), term{label, operator, value})
}

func (m matchers) is(label, value string) matchers { return m.with(label, "=", value) }

// oneOf matches any of the values, or everything for none.
func (m matchers) oneOf(label string, values []string) matchers {
	switch len(values) {
	case 0:
		return m
	case 1:
		return m.is(label, values[0])
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return m.with(label, "=~", strings.Join(quoted, "|"))
}

// of is the selector of a metric.
func (m matchers) of(metric string) string {
	terms := make([]string, len(m))
	for i, t := range m {
		terms[i] = t.label + t.operator + strconv.Quote(t.value)
	}
	return metric + "{" + strings.Join(terms, ",") + "}"
}

// asker asks for histories, and minds what that costs Prometheus: it counts, and when Prometheus is slow or has too much to do,
// it asks for less and waits in between.
type asker struct {
	url    string
	client *http.Client
	now    func() time.Time
	slow   time.Duration // a query that takes longer makes us back off

	mu      sync.Mutex
	cost    engine.ScanCost
	held    int64     // samples that Prometheus held at once, at most
	read    int64     // samples read by a query, at most
	carried int64     // samples in the chunks of an answer, at most
	warned  string    // by Prometheus, first
	strikes int       // failures and slow answers in a row
	share   float64   // of the samples that a query may read, halved when it is too many
	eased   int       // how often that is halved again for now, until it is quick again
	until   time.Time // no query before
	skew    time.Duration
}

// errTooMuch means that a query asks for more than Prometheus gives at once: a part of it may do.
var errTooMuch = errors.New("too much at once")

// get runs one range query and decodes it. It fails with errTooMuch when a smaller query may do, with Unavailable when Prometheus
// does not answer, and with Invalid or Forbidden when it refuses.
func (a *asker) get(ctx context.Context, query string, g grid, row func(labelSet) []float64) error {
	return a.ask(ctx, false, func() (answer, error) { return a.send(ctx, query, g, row) })
}

// ask sends one request, when it is time for it, and minds what it cost.
func (a *asker) ask(ctx context.Context, chunks bool, send func() (answer, error)) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	began := a.now()
	out, err := send()
	took := a.now().Sub(began)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cost.Queries++
	a.cost.Slowest = max(a.cost.Slowest, took)
	read := max(out.total, out.values)
	a.cost.Samples += read
	a.held = max(a.held, out.peak)
	if a.warned == "" {
		a.warned = out.warned
	}
	if chunks {
		a.cost.ChunkReads++
		a.carried = max(a.carried, read)
	} else {
		a.read = max(a.read, read)
		if read > maxSamples && err == nil {
			a.share = max(a.share*aimSamples/float64(read), 1.0/16) // more series than there were at the times that were counted
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && took < a.slow:
		a.strikes = 0
		if took < a.slow/4 {
			a.eased = max(a.eased-1, 0)
		}
		return nil
	case err == nil || errors.Is(err, errTooMuch) || engine.CodeOf(err) == engine.Unavailable:
		a.strikes++
		if errors.Is(err, errTooMuch) {
			a.share = max(a.share/2, 1.0/16)
		} else {
			a.eased = min(a.eased+1, 4)
		}
		// As long a rest as it had work, so that it serves others at least half of the time.
		a.until = a.now().Add(min(max(took, time.Second<<a.strikes), maxPause))
	}
	return err
}

// clock is how far the clock of Prometheus is ahead of ours, by its last answer.
func (a *asker) clock() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.skew
}

// struck is how many failures and slow answers there were in a row.
func (a *asker) struck() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.strikes
}

// tired tells that Prometheus has been slow or away for so long that a scan had better end.
func (a *asker) tired() bool {
	return a.struck() >= maxStrikes
}

// portion is how much of what is planned the next query may read.
func (a *asker) portion() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.share/float64(int(1)<<a.eased), 1.0/16)
}

func (a *asker) wait(ctx context.Context) error {
	a.mu.Lock()
	pause := a.until.Sub(a.now())
	a.mu.Unlock()
	if pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (a *asker) send(ctx context.Context, query string, g grid, row func(labelSet) []float64) (answer, error) {
	form := url.Values{
		"query": {query}, "start": {stamp(g.first)}, "end": {stamp(g.last())},
		"step": {strconv.FormatFloat(g.step.Seconds(), 'f', -1, 64)}, "stats": {"true"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/api/v1/query_range", strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, engine.Wrap(engine.Invalid, err, "the query cannot be asked")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// Packing 60 MB costs Prometheus more than sending it within a region.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := a.client.Do(req)
	if err != nil {
		return answer{}, away(err)
	}
	defer resp.Body.Close()
	a.sawClock(resp)
	if resp.StatusCode == http.StatusOK {
		return decode(resp.Body, g, row)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return answer{}, away(err)
	}
	return answer{}, failed(resp, body)
}

// failed turns an answer that is not 200 into an error, errTooMuch among them.
func failed(resp *http.Response, body []byte) error {
	err := refused("Prometheus", resp, body)
	switch resp.StatusCode {
	case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.Join(errTooMuch, err)
	}
	return err
}

// sawClock notes what Prometheus takes for now.
func (a *asker) sawClock(resp *http.Response) {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.mu.Lock()
		a.skew = at.Sub(a.now())
		a.mu.Unlock()
	}
}

func away(err error) error {
	if engine.CodeOf(err) == engine.Unavailable {
		return err
	}
	return engine.Wrap(engine.Unavailable, err, "Prometheus does not answer")
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
