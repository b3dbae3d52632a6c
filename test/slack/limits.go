package slack

import (
	"math"
	"time"
)

// tier is how often a method may be called: Slack's published rate per minute, and how many calls it lets through
// at once before that rate holds. Slack does not publish the bursts; these are on the strict side.
type tier struct {
	perMinute  float64
	burst      float64
	perChannel bool
}

var (
	tier1 = tier{perMinute: 1, burst: 30} // apps.connections.open; a burst, since ten sockets may reconnect together
	tier2 = tier{perMinute: 20, burst: 20}
	tier3 = tier{perMinute: 50, burst: 50}
	tier4 = tier{perMinute: 100, burst: 100}
	// One message a second and channel; a short burst passes.
	tierPost = tier{perMinute: 60, burst: 4, perChannel: true}
	// "Several hundred a minute" for the whole workspace.
	tierWorkspace = tier{perMinute: 300, burst: 300}
	tierSpecial   = tier{perMinute: 600, burst: 600}
)

// timerSlip forgives a caller whose timer fires a moment early, as Node's do.
const timerSlip = 20 * time.Millisecond

// limiter holds one bucket for each method, or for each method and channel.
type limiter struct {
	scale   float64
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
	until  time.Time // after a refusal: nothing passes before
}

func newLimiter(scale float64) limiter { return limiter{scale: scale, buckets: map[string]*bucket{}} }

// take lets one call through or says for how many seconds to stay away; early is true when the caller had already
// been told to and did not.
func (l *limiter) take(key string, t tier, now time.Time) (retryAfter int, early bool) {
	rate, burst := t.perMinute/60*l.scale, t.burst*max(1, l.scale)
	b := l.buckets[key]
	if b == nil {
		b = &bucket{tokens: burst, at: now}
		l.buckets[key] = b
	}
	if now.Before(b.until.Add(-timerSlip)) {
		return seconds(b.until.Sub(now)), true
	}
	b.tokens = min(burst, b.tokens+max(0, now.Sub(b.at).Seconds())*rate)
	if !b.until.IsZero() {
		b.tokens, b.until = max(1, b.tokens), time.Time{} // who waited as told gets through
	}
	b.at = now
	if b.tokens >= 1 {
		b.tokens--
		return 0, false
	}
	wait := time.Duration((1 - b.tokens) / rate * float64(time.Second))
	retryAfter = seconds(wait)
	b.until = now.Add(time.Duration(retryAfter) * time.Second)
	return retryAfter, false
}

// close refuses everything under key for some seconds: an armed fault. It says whether key was closed already.
func (l *limiter) close(key string, secs int, now time.Time) (early bool) {
	until := now.Add(time.Duration(secs) * time.Second)
	b := l.buckets[key]
	if b == nil {
		b = &bucket{at: until}
		l.buckets[key] = b
	}
	early = now.Before(b.until.Add(-timerSlip))
	b.until = until
	return early
}

// seconds rounds up, as Retry-After has no fractions.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
