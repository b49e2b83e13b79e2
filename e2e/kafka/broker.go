// Package kafka starts stand-in brokers and talks to them over the Kafka
// protocol.
package kafka

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Broker is a running stand-in broker: see e2e/cmd/broker.
type Broker struct {
	Addr string // host:port
	cmd  *exec.Cmd
	pipe io.Closer
}

// Start starts the broker program with its log dir on a volume. It ends with
// the caller, however that one ends.
func Start(ctx context.Context, program, volume string) (*Broker, error) {
	cmd := exec.CommandContext(ctx, program, "--log-dir="+filepath.Join(volume, "kafka"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a broker: %w", err)
	}
	b := &Broker{cmd: cmd, pipe: pipe}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Kill()
		return nil, fmt.Errorf("a broker on %s did not come up: %w", volume, err)
	}
	b.Addr = strings.TrimSpace(addr)
	return b, nil
}

// Kill ends the broker at once, as a lost machine does.
func (b *Broker) Kill() {
	_ = b.cmd.Process.Kill() // it may have ended by itself
	_ = b.cmd.Wait()         // "signal: killed" is what was asked for
	_ = b.pipe.Close()
}
