// Command kafka produces records and consumes them again, from where a broker
// is: in its pod. It prints how many there are and a checksum of them all.
//
// "kafka silent" is a server that takes connections and never says a word.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/snapback-dev/snapback/e2e/kafka"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:9092", "address of the broker")
	topic := flag.String("topic", "my-topic", "topic of one partition")
	count := flag.Int("records", 1000, "number of records to produce")
	seed := flag.String("seed", "", "what the produced records are made from")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch flag.Arg(0) {
	case "produce":
		if err := kafka.Produce(ctx, *addr, *topic, records(*seed, *count)); err != nil {
			return err
		}
	case "consume":
	case "silent":
		return silent(*addr)
	default:
		return errors.New("say produce, consume or silent, after the flags")
	}
	there, err := kafka.Consume(ctx, *addr, *topic)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, r := range there {
		fmt.Fprintf(sum, "%d %x\n", len(r), r)
	}
	fmt.Printf("%d records, checksum %x\n", len(there), sum.Sum(nil))
	return nil
}

// records are the same for the same seed.
func records(seed string, n int) [][]byte {
	made := make([][]byte, n)
	for i := range made {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, i))
		made[i] = sum[:]
	}
	return made
}

// silent accepts connections on addr for ever.
func silent(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept on %s: %w", addr, err)
		}
		go io.Copy(io.Discard, conn) //nolint:errcheck // heard, not answered
	}
}
