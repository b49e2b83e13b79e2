package main

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"go.uber.org/zap"
)

// TestSanity runs the conformance suite of the CSI project over a socket.
func TestSanity(t *testing.T) {
	if count := flag.Lookup("test.count").Value.String(); count != "1" {
		t.Skipf("ginkgo refuses to run with -count=%s, other than 1", count)
	}
	dir := t.TempDir()
	endpoint := "unix://" + filepath.Join(dir, "csi.sock")
	startServer(t, endpoint, filepath.Join(dir, "root"))

	cfg := sanity.NewTestConfig()
	cfg.Address = endpoint
	cfg.TargetPath = filepath.Join(dir, "mount")
	cfg.StagingPath = filepath.Join(dir, "staging")
	sc := sanity.GinkgoTest(&cfg)
	defer sc.Finalize()

	gomega.RegisterFailHandler(ginkgo.Fail)
	suite, reporter := ginkgo.GinkgoConfiguration()
	if err := tryMount(t); err != nil {
		t.Logf("skipping the specs that publish a volume: %v", err)
		suite.SkipStrings = append(suite.SkipStrings, "Node Service should (work|be idempotent)", "should remove target path")
	}
	ginkgo.RunSpecs(t, "CSI sanity", suite, reporter)
}

// startServer serves in this process until the test ends.
func startServer(t *testing.T, endpoint, root string) {
	t.Helper()
	listener, err := listen(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDriver(config{root: root, nodeID: "node-1", name: "dir.csi.snapback.dev", log: zap.NewNop(), now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(d)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.GracefulStop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}
