package hurt

import (
	"context"
	"time"
)

// beginWithin is how long a fault may take to be in place once there is somebody to ask for it.
const beginWithin = 30 * time.Second

// endWithin is how long, beyond the silence that ends it in any case, an end may take.
const endWithin = 20 * time.Second

// attend speaks with what holds a fault until that is over, or does not end in time. It gives every line to hear, sends the beats, and has
// it stop when ctx ends, when the time is over, and when nothing has begun though it was asked to.
func (b *blow) attend(ctx context.Context, s *session, hear func(line string)) {
	beating, quiet := context.WithCancel(context.WithoutCancel(ctx))
	defer quiet()
	go s.beats(beating, b.beat)
	begin, end := time.NewTimer(beginWithin), time.NewTimer(b.left())
	defer begin.Stop()
	defer end.Stop()
	var over <-chan time.Time // once it was asked to end
	stop := ctx.Done()
	ask := func() {
		if over == nil {
			quiet()
			go s.say(wordStop)
			over = time.After(b.silence + endWithin)
		}
		stop = nil
	}
	for {
		select {
		case line := <-s.lines:
			hear(line)
		case <-stop:
			ask()
		case <-end.C:
			ask()
		case <-begin.C:
			if b.began.IsZero() {
				ask()
			}
		case <-over:
			s.cancel()
			over = nil
		case <-s.done:
			for {
				select {
				case line := <-s.lines:
					hear(line)
					continue
				default:
				}
				return
			}
		}
	}
}
