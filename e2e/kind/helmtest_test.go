package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// checkHelmTest runs the chart's own test as the README says: it passes, and
// fails while no replica runs.
func checkHelmTest(ctx context.Context, w *world) error {
	with, _, err := readInstallations()
	if err != nil {
		return err
	}
	if err := w.shell(ctx, with.test); err != nil {
		return err
	}
	if err := w.scaleSnapback(ctx, 0); err != nil {
		return err
	}
	err = w.shell(ctx, with.test)
	switch {
	case err == nil:
		err = errors.New("it passes although no replica runs")
	case strings.Contains(err.Error(), "failed calling webhook"):
		err = nil
	default:
		err = fmt.Errorf("it fails without a replica, but not for that: %w", err)
	}
	after := context.WithoutCancel(ctx)
	if err := errors.Join(err, w.scaleSnapback(after, 2)); err != nil {
		return err
	}
	return w.answering(ctx)
}
