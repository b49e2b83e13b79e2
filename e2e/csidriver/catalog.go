package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// source says what a volume was made from; the zero value is nothing.
type source struct {
	SnapshotID string `json:"snapshotID,omitempty"`
	VolumeID   string `json:"volumeID,omitempty"`
}

// volume is what is remembered of a volume beside its data.
type volume struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	CapacityBytes int64     `json:"capacityBytes"`
	Source        source    `json:"source,omitzero"`
	CreatedAt     time.Time `json:"createdAt"`
}

func (v volume) key() string { return v.ID }

// snapshot is what is remembered of a snapshot beside its data.
type snapshot struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	SourceVolumeID string    `json:"sourceVolumeID"`
	SizeBytes      int64     `json:"sizeBytes"`
	CutAt          time.Time `json:"cutAt"`
	ReadyAt        time.Time `json:"readyAt"`
}

func (s snapshot) key() string { return s.ID }

type record interface{ key() string }

// catalog keeps records of one kind: in <dir>/<key> the data and in
// <dir>/<key>.json the record. The record is written last and removed first,
// so data without a record is a leftover.
type catalog[R record] struct {
	dir     string
	mu      sync.RWMutex
	records map[string]R
}

const recordSuffix = ".json"

// openCatalog reads the records in dir and removes leftovers.
func openCatalog[R record](dir string) (*catalog[R], error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create catalog: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	c := &catalog[R]{dir: dir, records: map[string]R{}}
	for _, entry := range entries {
		if key, ok := strings.CutSuffix(entry.Name(), recordSuffix); ok {
			if err := c.load(key); err != nil {
				return nil, err
			}
		}
	}
	for _, entry := range entries {
		key, _ := strings.CutSuffix(entry.Name(), recordSuffix)
		if _, ok := c.records[key]; ok {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return nil, fmt.Errorf("remove leftover: %w", err)
		}
	}
	return c, nil
}

func (c *catalog[R]) load(key string) error {
	data, err := os.ReadFile(c.recordFile(key))
	if err != nil {
		return fmt.Errorf("read record of %s: %w", key, err)
	}
	var r R
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("read record %s: %w", c.recordFile(key), err)
	}
	if _, err := os.Stat(c.dataDir(key)); err != nil {
		return fmt.Errorf("record of %s without data: %w", key, err)
	}
	c.records[key] = r
	return nil
}

func (c *catalog[R]) recordFile(key string) string {
	return filepath.Join(c.dir, key+recordSuffix)
}

// dataDir returns the directory of the data of key.
func (c *catalog[R]) dataDir(key string) string {
	return filepath.Join(c.dir, key)
}

// get looks up one record.
func (c *catalog[R]) get(key string) (R, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.records[key]
	return r, ok
}

// list returns all records, sorted by key.
func (c *catalog[R]) list() []R {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]R, 0, len(c.records))
	for _, r := range c.records {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b R) int { return cmp.Compare(a.key(), b.key()) })
	return all
}

// add takes over the complete directory at staged as the data of r.
func (c *catalog[R]) add(r R, staged string) error {
	key := r.key()
	if err := os.RemoveAll(c.dataDir(key)); err != nil {
		return fmt.Errorf("remove leftover of %s: %w", key, err)
	}
	if err := os.Rename(staged, c.dataDir(key)); err != nil {
		return fmt.Errorf("move data of %s into place: %w", key, err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode record of %s: %w", key, err)
	}
	unfinished := c.recordFile(key) + ".tmp"
	if err := os.WriteFile(unfinished, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write record of %s: %w", key, err)
	}
	if err := os.Rename(unfinished, c.recordFile(key)); err != nil {
		return fmt.Errorf("write record of %s: %w", key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records[key] = r
	return nil
}

// remove deletes the record and the data of a known key. It can be repeated
// if it fails half way.
func (c *catalog[R]) remove(key string) error {
	if err := os.Remove(c.recordFile(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record of %s: %w", key, err)
	}
	if err := os.RemoveAll(c.dataDir(key)); err != nil {
		return fmt.Errorf("remove data of %s: %w", key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.records, key)
	return nil
}
