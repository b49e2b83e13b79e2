package kafka

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkObserve observes 100 brokers with 50,100 partition replicas. The brokers
// run in this process, too: time and B/op include theirs. kept-MB is what the
// observation and the client keep.
func BenchmarkObserve(b *testing.B) {
	const brokers, topics, partitions = 100, 167, 100
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%03d", i)
	}
	cluster := fake(b, kfake.NumBrokers(brokers), kfake.SeedTopics(partitions, names...))
	cluster.ControlKey(kmsg.DescribeLogDirs.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return someLogDirs(req.GetVersion(), names[:topics/partitions*3+2], partitions), nil, true // kfake says that each broker has all
	})
	asked := client(b, Config{Bootstrap: cluster.ListenAddrs()})
	before := heap()
	var o *Observation
	for b.Loop() {
		o = observe(b, asked)
	}
	b.ReportMetric(float64(heap()-before)/1e6, "kept-MB")
	replicas := 0
	for _, t := range o.Topics {
		for _, p := range t.Partitions {
			replicas += len(p.Replicas)
		}
	}
	if len(o.Brokers) != brokers || replicas != 3*topics*partitions || len(o.Silent) > 0 {
		b.Fatalf("observed %d brokers with %d replicas, %d silent", len(o.Brokers), replicas, len(o.Silent))
	}
}

// someLogDirs are the log dirs of a broker that has all partitions of the topics.
func someLogDirs(version int16, topics []string, partitions int) *kmsg.DescribeLogDirsResponse {
	dir := kmsg.DescribeLogDirsResponseDir{Dir: "/kafka"}
	for _, name := range topics {
		topic := kmsg.DescribeLogDirsResponseDirTopic{Topic: name}
		for p := range partitions {
			topic.Partitions = append(topic.Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{Partition: int32(p), Size: 1 << 30})
		}
		dir.Topics = append(dir.Topics, topic)
	}
	return &kmsg.DescribeLogDirsResponse{Version: version, Dirs: []kmsg.DescribeLogDirsResponseDir{dir}}
}

// heap returns the bytes in use after a garbage collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
