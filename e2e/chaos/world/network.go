package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

// freePorts finds ports that nothing listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() //nolint:errcheck // held open until all are found, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Healthy is an error unless all of Snapback's processes say that they are well.
func (w *World) Healthy(ctx context.Context) error {
	for _, url := range w.health {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("ask whether Snapback is well: %w", err)
		}
		_ = resp.Body.Close() // nothing was read
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, resp.Status)
		}
	}
	return nil
}
