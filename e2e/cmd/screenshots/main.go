// Command screenshots takes the pictures of "kubectl snapback ui" that the documentation
// has: it starts an embedded cluster, lets things happen in it, and looks at the page
// with Chromium.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/snapback-dev/snapback/e2e/chromium"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/showcase"
)

const (
	limit = 10 * time.Minute

	width   = 1200
	highest = 1400
	largest = 150_000 // bytes: pictures stay in the repository's history for ever

	history = 12 // runs of each KafkaBackup
)

// picture is a page to take a picture of.
type picture struct {
	name, path string
	dark       bool
}

// pictures are of the troubled cluster: it has something on each screen.
func pictures(w *showcase.World) []picture {
	of := w.Namespace + "/"
	return []picture{
		{name: "clusters", path: "/"},
		{name: "cluster", path: "/clusters/" + of + showcase.Kafka},
		{name: "cluster-dark", path: "/clusters/" + of + showcase.Kafka, dark: true},
		{name: "claim", path: "/claims/" + of + w.Broker(1).Name},
		{name: "restores", path: "/restores"},
		{name: "backups", path: "/backups"},
	}
}

func main() {
	folder := flag.String("folder", "docs/pictures", "where the pictures go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := take(ctx, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// take starts everything, and takes all pictures.
func take(ctx context.Context, folder string) (err error) {
	browser, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, browser.Close()) }()
	c, err := cluster.Start(ctx, cluster.Options{Snapback: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	troubled, err := fill(ctx, c)
	if err != nil {
		return err
	}
	page, err := troubled.Start(ctx, "-A")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.Stop()) }()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder of the pictures: %w", err)
	}
	if err := ready(ctx, browser, page); err != nil {
		return err
	}
	for _, p := range pictures(troubled) {
		if err := p.take(browser, page, folder); err != nil {
			return err
		}
	}
	return nil
}

// ready waits until the page has read the cluster.
func ready(ctx context.Context, browser *chromium.Browser, page *showcase.Page) error {
	tab, err := browser.Open(chromium.View{Width: width, Height: highest})
	if err != nil {
		return err
	}
	defer tab.Close()
	return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		var status int
		err := tab.Run(chromedp.Navigate(page.URL), chromedp.Evaluate(`performance.getEntriesByType("navigation")[0].responseStatus`, &status))
		return status == http.StatusOK, err
	})
}

// fill lets things happen in two clusters, and returns the one with troubles.
func fill(ctx context.Context, c *cluster.Cluster) (*showcase.World, error) {
	api, err := cluster.NewClient(c.Config)
	if err != nil {
		return nil, err
	}
	program, err := cluster.Build(ctx, ".", "./cmd/kubectl-snapback", "kubectl-snapback")
	if err != nil {
		return nil, err
	}
	in := func(namespace string) (*showcase.World, error) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if err := api.Create(ctx, ns); err != nil {
			return nil, fmt.Errorf("create namespace %s: %w", namespace, err)
		}
		return &showcase.World{Client: api, Namespace: namespace, Program: program, Kubeconfig: c.Kubeconfig()}, nil
	}
	well, err := in("orders")
	if err != nil {
		return nil, err
	}
	if err := well.Well(ctx, history); err != nil {
		return nil, err
	}
	troubled, err := in("events")
	if err != nil {
		return nil, err
	}
	return troubled, troubled.Troubled(ctx, history)
}

// take takes one picture, of the whole page if it is not too high.
func (p picture) take(browser *chromium.Browser, page *showcase.Page, folder string) error {
	file := filepath.Join(folder, "ui-"+p.name+".webp")
	view := chromium.View{Width: width, Height: highest, Dark: p.dark, Timezone: "UTC"}
	tab, err := browser.Open(view)
	if err != nil {
		return err
	}
	defer tab.Close()
	if err := tab.Run(chromedp.Navigate(page.URL), chromedp.Navigate(page.Origin+p.path)); err != nil {
		return err
	}
	var high int64
	if err := tab.Run(chromedp.Evaluate(`document.documentElement.offsetHeight`, &high)); err != nil {
		return err
	}
	view.Height = min(high, highest)
	if err := tab.Look(view); err != nil {
		return err
	}
	if err := tab.Picture(file); err != nil {
		return err
	}
	if faults := tab.Faults(); len(faults) > 0 {
		return fmt.Errorf("the page %s has faults: %q", p.path, faults)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the picture: %w", err)
	}
	if info.Size() > largest {
		return fmt.Errorf("the picture %s has %d bytes, at most %d are wanted", file, info.Size(), largest)
	}
	fmt.Printf("%s: %d kB\n", file, info.Size()/1000)
	return nil
}
