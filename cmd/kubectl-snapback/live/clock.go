package live

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// apartFrom is the difference of two clocks that is told: ages on a page are in minutes.
const apartFrom = time.Minute

// clock compares this machine's clock with that of the apiserver, by the Date of its
// answers.
type clock struct {
	now func() time.Time

	mu    sync.Mutex
	ahead time.Duration // of this machine's clock, at least; negative: behind
}

// wrap returns a transport that looks at the answers of another one.
func (c *clock) wrap(next http.RoundTripper) http.RoundTripper { return looking{c, next} }

type looking struct {
	clock *clock
	next  http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (l looking) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := l.clock.now()
	answer, err := l.next.RoundTrip(r)
	if err == nil {
		l.clock.see(sent, l.clock.now(), answer.Header.Get("Date"))
	}
	return answer, err
}

// WrappedRoundTripper returns the other transport, as client-go wants to know it.
func (l looking) WrappedRoundTripper() http.RoundTripper { return l.next }

func (c *clock) see(sent, received time.Time, date string) {
	there, err := http.ParseTime(date)
	if err != nil {
		return // a proxy has answered, or none of this is known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = aheadBy(sent, received, there)
}

// aheadBy returns how far this machine's clock is ahead of another one at least, which
// was read between a request and its answer, in whole seconds; negative: behind. An
// answer that was slow to come is no difference.
func aheadBy(sent, received, there time.Time) time.Duration {
	const resolution = time.Second
	switch ahead, behind := sent.Round(0).Sub(there)-resolution, there.Sub(received.Round(0)); {
	case ahead > 0:
		return ahead
	case behind > 0:
		return -behind
	}
	return 0
}

// said returns in words how far the clocks are apart; empty: not by much.
func (c *clock) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead.Abs() <= apartFrom {
		return ""
	}
	how := "ahead of"
	if c.ahead < 0 {
		how = "behind"
	}
	return fmt.Sprintf("the clock of this machine is %s %s the apiserver's: ages, what would be lost and when runs are due are wrong by as much. Set the one that is wrong: this is looked at again within ten minutes",
		duration.HumanDuration(c.ahead.Abs()), how)
}
