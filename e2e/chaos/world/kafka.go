package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
	"github.com/snapback-dev/snapback/e2e/chaos/plan"
)

const (
	kafkaController = 100
	kafkaStartLimit = 3 * time.Minute // for all brokers to be in the cluster
)

// kafkaConfig has a lost broker out of the cluster, and back, soon.
var kafkaConfig = map[string]string{"broker.session.timeout.ms": "6000"}

// Kafka is the cluster of Apache Kafka: a broker on the volume of each claim, started
// once that is bound and killed when it goes, and a controller whose disk stays, since
// nothing can be said of what a cluster has to hold whose metadata went back. A nil one
// is left out.
type Kafka struct {
	*apachekafka.Cluster
	w       *World
	cluster plan.Cluster
	stop    context.CancelFunc
	work    sync.WaitGroup

	stopWriting context.CancelFunc
	written     chan struct{} // closed: no record is written any more

	mu    sync.Mutex
	lives map[int]*life // of the brokers that run, by their numbers
	state KafkaState
}

// KafkaState is what is known of the cluster of Apache Kafka.
type KafkaState struct {
	InSync time.Time // when all of it was last found to be in sync
	Acked  time.Time // when a record was last acknowledged
	Err    error     // why it is not in sync
}

// startKafka starts the controller, and what starts the brokers, writes, and looks.
func (w *World) startKafka(ctx, running context.Context, o Options) (err error) {
	c, ok := w.Layout.Apache()
	if !ok {
		return nil
	}
	specs := []apachekafka.NodeSpec{{ID: kafkaController, Role: apachekafka.Controller}}
	for _, node := range c.Nodes() {
		specs = append(specs, apachekafka.NodeSpec{ID: node, Role: apachekafka.Broker})
	}
	k := &Kafka{w: w, cluster: c, lives: map[int]*life{}, written: make(chan struct{}), state: KafkaState{Err: errors.New("nobody has looked yet")}}
	running, k.stop = context.WithCancel(running)
	w.Kafka = k // so that it is closed, whatever happens
	k.Cluster, err = apachekafka.NewNodes(o.Kafka, apachekafka.Options{Nodes: specs, Dir: filepath.Join(o.Logs, "kafka"), Patience: kafkaStartLimit,
		Feature: "eligible.leader.replicas.version=1", Config: kafkaConfig})
	if err != nil {
		return fmt.Errorf("make the nodes of Apache Kafka: %w", err)
	}
	disk := filepath.Join(w.Stage.Dir(), "kafka-controller")
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return fmt.Errorf("make a disk for the controller of Apache Kafka: %w", err)
	}
	if err := k.LaunchOn(ctx, kafkaController, disk); err != nil {
		return fmt.Errorf("start the controller of Apache Kafka: %w", err)
	}
	writing, stopWriting := context.WithCancel(running)
	k.stopWriting = stopWriting
	k.work.Go(func() { k.play(running) })
	k.work.Go(func() { k.use(running, writing) })
	return nil
}

// Programs are the processes that run.
func (k *Kafka) Programs() (all []string) {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	all = append(all, "kafka-controller")
	for node := range k.lives {
		all = append(all, fmt.Sprintf("kafka-%d", node))
	}
	return all
}

// State is what is known now.
func (k *Kafka) State() KafkaState {
	if k == nil {
		return KafkaState{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

func (k *Kafka) change(to func(*KafkaState)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	to(&k.state)
}

// close ends all of its processes.
func (k *Kafka) close() {
	if k == nil {
		return
	}
	k.stop()
	k.work.Wait()
	k.Cluster.Close()
}
