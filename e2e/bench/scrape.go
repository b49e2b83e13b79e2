package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// get is the content at a URL.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: %s: %s", url, resp.Status, content)
	}
	return content, nil
}

// figures are sums over the series of a program's metrics, by the metric's name, and
// the number of series, by the name and this word.
type figures map[string]float64

const series = " series"

// scrape reads the metrics of one of Snapback's processes.
func (p *program) scrape(ctx context.Context) (figures, error) {
	content, err := get(ctx, http.DefaultClient, p.metrics)
	if err != nil {
		return nil, err
	}
	sums := figures{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		value := strings.LastIndexByte(line, ' ')
		if value < 0 || line[0] == '#' {
			continue
		}
		n, err := strconv.ParseFloat(line[value+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read the metrics of %s: %w", p.name, err)
		}
		name, _, _ := strings.Cut(line[:value], "{")
		sums[name] += n
		sums[name+series]++
	}
	return sums, lines.Err()
}

const (
	looksTotal = "controller_runtime_reconcile_total"
	looksTime  = "controller_runtime_reconcile_time_seconds_sum"
	looksCount = "controller_runtime_reconcile_time_seconds_count"
)

// looked waits until the scheduler has ended so many looks since it started.
func (p *program) looked(ctx context.Context, n float64) error {
	return p.until(ctx, func(ctx context.Context) error {
		now, err := p.scrape(ctx)
		if err == nil && now[looksTotal] < n {
			err = fmt.Errorf("%.0f of %.0f looks have ended", now[looksTotal], n)
		}
		return err
	})
}

// lookedAtAll waits until the scheduler has looked at so many KafkaBackups since it
// started: only then it exports how many snapshots each has.
func (p *program) lookedAtAll(ctx context.Context, n int) error {
	return p.until(ctx, func(ctx context.Context) error {
		now, err := p.scrape(ctx)
		if known := now["snapback_snapshots"+series]; err == nil && known < float64(n) {
			err = fmt.Errorf("%.0f of %d KafkaBackups were looked at", known, n)
		}
		return err
	})
}
