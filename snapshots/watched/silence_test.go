package watched

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestSilence has an event, a bookmark as late as one may be, and then nothing.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream, apiserver := io.Pipe()
		d := newDecoder(stream, longestSilence)
		go func() {
			fmt.Fprintln(apiserver, `{"type":"ADDED","object":{"metadata":{"name":"one","resourceVersion":"7"}}}`)
			time.Sleep(longestSilence - time.Second)
			fmt.Fprintln(apiserver, `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8"}}}`)
		}()
		for range 2 {
			if _, _, err := d.Decode(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * longestSilence) // while what has come is being dealt with
		began := time.Now()
		if _, _, err := d.Decode(); !errors.Is(err, io.EOF) || time.Since(began) != longestSilence {
			t.Errorf("after %s: %v, want the end of the watch", time.Since(began), err)
		}
		if _, err := fmt.Fprintln(apiserver, "{}"); err == nil {
			t.Error("the stream is still open")
		}
	})
}
