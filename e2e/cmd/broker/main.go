// Command broker is a stand-in for a Kafka broker: franz-go's kfake, which
// speaks the Kafka protocol and keeps its records in a log dir. It is a
// cluster of one and does not replicate.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

// run serves until a signal comes or standard input ends: whoever started the
// broker holds the other end. It writes its address to standard output.
func run() error {
	dir := flag.String("log-dir", "", "folder to keep the records in")
	port := flag.Int("port", 0, "port of 127.0.0.1 to serve on; 0: any")
	flag.Parse()
	if *dir == "" {
		return fmt.Errorf("--log-dir: name the folder to keep the records in")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	broker, err := kfake.NewCluster(kfake.Ports(*port), kfake.DataDir(*dir))
	if err != nil {
		return fmt.Errorf("serve from log dir %s: %w", *dir, err)
	}
	defer broker.Close()
	fmt.Println(broker.ListenAddrs()[0])
	<-ctx.Done()
	return nil
}
