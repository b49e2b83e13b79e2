package apachekafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

const (
	metaFile      = "meta.properties"
	bootstrapFile = "bootstrap.checkpoint"
)

// newID returns a random id of a cluster or a directory.
func newID() string {
	var b [16]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

// format does what "kafka-storage format --ignore-formatted" does, which
// operators run before each start of a node: it formats the log dirs that are
// not, the first with the features of a new cluster.
func (i *Install) format(ctx context.Context, clusterID string, node int, feature string, dirs []string) error {
	bootstrap, err := i.bootstrap(ctx, feature)
	if err != nil {
		return err
	}
	for n, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make a log dir: %w", err)
		}
		if _, err := os.Stat(filepath.Join(dir, metaFile)); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return fmt.Errorf("look for a log dir's format: %w", err)
			}
			continue
		}
		meta := fmt.Sprintf("cluster.id=%s\ndirectory.id=%s\nnode.id=%d\nversion=1\n", clusterID, newID(), node)
		if err := os.WriteFile(filepath.Join(dir, metaFile), []byte(meta), 0o644); err != nil {
			return fmt.Errorf("format a log dir: %w", err)
		}
		if n > 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, bootstrapFile), bootstrap, 0o644); err != nil {
			return fmt.Errorf("format a log dir: %w", err)
		}
	}
	return nil
}

var bootstraps struct {
	sync.Mutex
	content map[string][]byte // by the feature that is set
}

// bootstrap is what Kafka's own tool writes into a new node's first log dir:
// the features of a new cluster, one of which may be set as name=level. The
// tool is run once for each: it takes seconds.
func (i *Install) bootstrap(ctx context.Context, feature string) ([]byte, error) {
	bootstraps.Lock()
	defer bootstraps.Unlock()
	if content, ok := bootstraps.content[feature]; ok {
		return content, nil
	}
	content, err := i.runFormat(ctx, feature)
	if err != nil {
		return nil, err
	}
	if bootstraps.content == nil {
		bootstraps.content = map[string][]byte{}
	}
	bootstraps.content[feature] = content
	return content, nil
}

func (i *Install) runFormat(ctx context.Context, feature string) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "snapback-format-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder to format: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a folder of temporary files
	logs := filepath.Join(tmp, "kafka")
	config := filepath.Join(tmp, "server.properties")
	text := "process.roles=controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:9093\nlisteners=CONTROLLER://127.0.0.1:9093\n" +
		"controller.listener.names=CONTROLLER\nlog.dirs=" + logs + "\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, fmt.Errorf("write a node's configuration: %w", err)
	}
	args := []string{"format", "-t", newID(), "-c", config}
	if feature != "" {
		args = append(args, "--feature", feature)
	}
	if _, err := i.Tool(ctx, "kafka.tools.StorageTool", args...); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(logs, bootstrapFile))
	if err != nil {
		return nil, fmt.Errorf("read what kafka-storage wrote: %w", err)
	}
	return content, nil
}
