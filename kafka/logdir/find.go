package logdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxDepth is how many levels below the root of a volume a log dir is looked for.
const maxDepth = 3

// lostAndFound is the folder of a file system's own, which only root reads.
const lostAndFound = "lost+found"

// find returns the log dirs in volumes: the folders that have a meta.properties.
func find(volumes []string) (dirs, problems []string, err error) {
	for _, volume := range volumes {
		found, damage, err := findIn(filepath.Clean(volume), 0)
		if err != nil {
			return nil, nil, fmt.Errorf("look for log dirs: %w", err)
		}
		problems = append(problems, damage...)
		if len(found) == 0 {
			problems = append(problems, fmt.Sprintf("%s: no log dir: no folder has a %s, at most %d levels down", volume, metaFile, maxDepth))
		}
		dirs = append(dirs, found...)
	}
	return dirs, problems, nil
}

// findIn does not look into log dirs, and does not follow symbolic links.
func findIn(dir string, depth int) (dirs, damage []string, err error) {
	entries, err := os.ReadDir(dir)
	if isDamage(err) {
		damage = append(damage, fmt.Sprintf("%s: it cannot be read: %v", dir, cause(err)))
	} else if err != nil {
		return nil, nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, metaFile)); err == nil || isDamage(err) {
		return []string{dir}, damage, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == lostAndFound || depth == maxDepth {
			continue
		}
		found, below, err := findIn(filepath.Join(dir, e.Name()), depth+1)
		if err != nil {
			return nil, nil, err
		}
		dirs, damage = append(dirs, found...), append(damage, below...)
	}
	return dirs, damage, nil
}
