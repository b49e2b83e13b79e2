package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tearLines appends the first half of its last line to each file at the root of a
// volume. A volume without lines stays as it is.
func tearLines(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for files to tear: %w", err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		if err := tearLine(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("tear %s: %w", entry.Name(), err)
		}
	}
	return nil
}

func tearLine(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	end := bytes.LastIndexByte(content, '\n')
	if end < 0 {
		return nil
	}
	last := content[bytes.LastIndexByte(content[:end], '\n')+1 : end]
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(last[:(len(last)+1)/2])
	return errors.Join(err, file.Close())
}
