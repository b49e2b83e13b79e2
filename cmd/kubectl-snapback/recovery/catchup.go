package recovery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/kafka"
)

const (
	// pollKafka is how often Kafka is asked while a broker catches up.
	pollKafka = 3 * time.Second

	// tellEvery is how often the progress is said.
	tellEvery = 15 * time.Second
)

// agree asks Kafka again, just before the broker's disks are replaced: it returns an
// error if something would be lost that the plan does not say.
func (r *Runner) agree(ctx context.Context, b *Broker) error {
	if !b.Asked {
		return nil
	}
	var o *kafka.Observation
	err := r.await(ctx, func(ctx context.Context) (waits string, err error) {
		if o, err = r.observe(ctx, b); err != nil {
			return "Kafka cannot be asked whether broker " + b.Node + " may be taken away: " + err.Error(), nil //nolint:nilerr // it is asked again
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	v := b.target.judge(o, nil)
	for _, tp := range v.loses {
		if !b.losses[tp] {
			return fmt.Errorf("since the plan was made: %s", strings.Join(v.losses, "; and "))
		}
	}
	r.say("Kafka was asked again: broker %s can be replaced", b.Node)
	return nil
}

// observe asks the Kafka that was asked for the plan about a broker: another one could
// answer at an address by now.
func (r *Runner) observe(ctx context.Context, b *Broker) (*kafka.Observation, error) {
	o, err := r.Kafka(ctx, b.target.id)
	if err == nil && o.ClusterID != r.Plan.kafkaID {
		return nil, fmt.Errorf("another Kafka answers than for the plan, with the cluster id %s and not %s", o.ClusterID, r.Plan.kafkaID)
	}
	return o, err
}

// catchUp waits until Kafka has the restored broker in sync, two times in a row: the
// broker that is asked may not have heard yet what the controllers know. The timeout
// starts again whenever it comes further.
func (r *Runner) catchUp(ctx context.Context, b *Broker) error {
	if !b.Asked {
		return nil
	}
	tick := time.NewTicker(pollKafka)
	defer tick.Stop()
	var best *kafka.Sync
	since, told, waits := time.Now(), time.Now(), ""
	for once := false; ; {
		s, text, err := r.behind(ctx, b)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("interrupted: %s", waits)
		case err != nil:
			once = false
			waits = fmt.Sprintf("broker %s is restored, but Kafka cannot be asked whether it is in sync: %v", b.Node, err)
		case s.Done() && once:
			b.Synced = &s
			r.say("%s", text)
			return nil
		case s.Done():
			once, waits = true, text
		default:
			once = false
			waits = text
			if best == nil || s.Ahead(*best) {
				best, since = &s, time.Now()
			}
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			r.say("waiting: %s", waits)
		}
		if time.Since(since) > r.Timeout {
			return fmt.Errorf("no progress for %s: %s", r.Timeout, waits)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// behind returns how far the broker is behind, also in words.
func (r *Runner) behind(ctx context.Context, b *Broker) (s kafka.Sync, text string, err error) {
	o, err := r.observe(ctx, b)
	if err != nil {
		return s, "", err
	}
	s = o.Sync(b.target.id)
	text = b.target.progress(s, o.Silent)
	if hidden := o.HiddenOn(b.target.id); s.Done() && len(hidden) > 0 {
		text += "; whether it is in these topics, which Kafka's user may not describe, is not known: " + some(hidden)
	}
	return s, text, nil
}

// progress returns how far the broker is, in words.
func (t target) progress(s kafka.Sync, silent []kafka.Silence) string {
	switch {
	case s.Done() && len(s.Stuck) > 0:
		return fmt.Sprintf("broker %s is in sync, except in %s, which wait for %s to lead them: restore it or have it run again, too", t.node, ofAll(len(s.Stuck), s.Replicas), t.brokers(s.For))
	case s.Done():
		return fmt.Sprintf("broker %s is in sync in all of its partitions (%d)", t.node, s.Replicas)
	case !s.Joined:
		text := fmt.Sprintf("broker %s has not joined the Kafka cluster yet", t.node)
		for _, other := range silent {
			if other.Broker == s.Broker {
				text = fmt.Sprintf("broker %s does not answer yet: %v", t.node, other.Why)
			}
		}
		return text
	case len(s.Behind) == 0:
		return fmt.Sprintf("broker %s has %s without a leader, such as %s: if that stays so, %s",
			t.node, ofAll(len(s.Leaderless), s.Replicas), s.Leaderless[0], kafka.ElectPreferred(someBroker, s.Leaderless[0]))
	}
	return fmt.Sprintf("broker %s is not in sync yet in %s, such as %s, about %s to fetch", t.node, ofAll(len(s.Behind)+len(s.Leaderless), s.Replicas), s.Behind[0], inBytes(s.Missing))
}

// inBytes returns a number of bytes for people.
func inBytes(n int64) string {
	const mebi = 1 << 20
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", (n+mebi-1)/mebi)
}
