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
	work    sync.WaitGroup

	stopWriting chan struct{} // closed: no record is to be written any more
	written     chan struct{} // closed: none is

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
	if w.Kafka, err = newKafka(ctx, w, c, o, filepath.Join(w.Stage.Dir(), "kafka-controller")); err != nil {
		return err
	}
	w.Kafka.work.Go(func() { w.Kafka.play(running) })
	w.Kafka.work.Go(func() { w.Kafka.use(running) })
	return nil
}

// newKafka starts a controller on a disk, and no broker.
func newKafka(ctx context.Context, w *World, c plan.Cluster, o Options, disk string) (*Kafka, error) {
	k := &Kafka{w: w, cluster: c, lives: map[int]*life{}, stopWriting: make(chan struct{}), written: make(chan struct{}), state: KafkaState{Err: errors.New("nobody has looked yet")}}
	specs := []apachekafka.NodeSpec{{ID: kafkaController, Role: apachekafka.Controller}}
	for _, node := range c.Nodes() {
		specs = append(specs, apachekafka.NodeSpec{ID: node, Role: apachekafka.Broker})
	}
	var err error
	k.Cluster, err = apachekafka.NewNodes(o.Kafka, apachekafka.Options{Nodes: specs, Dir: filepath.Join(o.Logs, "kafka"), Patience: kafkaStartLimit,
		Feature: "eligible.leader.replicas.version=1", Config: kafkaConfig})
	if err == nil {
		err = os.MkdirAll(disk, 0o755)
	}
	if err == nil {
		err = k.LaunchOn(ctx, kafkaController, disk)
	}
	if err != nil {
		k.Cluster.Close()
		return nil, fmt.Errorf("start the controller of Apache Kafka: %w", err)
	}
	return k, nil
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

// close ends all of its processes, once the context of its work has ended.
func (k *Kafka) close() {
	if k == nil {
		return
	}
	k.work.Wait()
	k.Cluster.Close()
}
