package world

import (
	"context"
	"fmt"
	"net/http"
)

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
