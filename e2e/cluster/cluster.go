// Package cluster runs a real Kubernetes control plane with CSI snapshots as
// processes on loopback: etcd, kube-apiserver, the controllers,
// snapshot-controller, the CSI sidecars, and a CSI driver whose volumes are
// folders. There is no kubelet and there are no nodes: pods stay Pending.
//
// A supervisor process runs the parts. It watches a pipe to the process that
// started the cluster. When that process ends, for whatever reason, it stops
// everything.
package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/e2e/certs"
)

// Options say what a cluster consists of.
type Options struct {
	Snapback    bool   // also run the webhook and the scheduler
	NoSnapshots bool   // leave the snapshot API out, and what runs with it
	Storage     string // folder of the CSI driver's volumes and snapshots, for one cluster at a time; empty: they go with the cluster
	Logs        string // folder to keep the logs in; empty: they go with the cluster

	// Through returns the config by which a part reaches the apiserver, such as
	// that of a proxy with a certificate of the authority's, given an
	// administrator's; nil: parts reach it directly. It is for a [Stage].
	Through func(part string, config *rest.Config, ca *certs.Authority) (*rest.Config, error)
	// Between returns the address at which a part finds a server that is no apiserver,
	// such as that of a proxy, given the true one; nil: the true one. The network is tcp
	// or unix. It is for a [Stage].
	Between func(part, server, network, address string) (string, error)
	// EtcdDisk gives etcd a disk of its own, which a [Stage] can fill. It needs root.
	EtcdDisk bool
	// KeepHistory keeps all revisions of all objects in etcd.
	KeepHistory bool
}

// State describes a running cluster. The supervisor writes it.
type State struct {
	Pid              int    // of the supervisor
	Dir              string // of everything the cluster has
	Storage          string // of the CSI driver
	WebhookMetrics   string // host:port
	SchedulerMetrics string // host:port
}

// Cluster is a running embedded cluster.
type Cluster struct {
	State
	Config *rest.Config // of an administrator
	client client.Client

	supervisor *exec.Cmd
	pipe       io.Closer // closing it ends the supervisor
}

// Start builds what has changed and starts a cluster. The context limits the start
// only. If the environment variable SNAPBACK_E2E_LOGS names a folder, the logs of
// each cluster go there.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	if err := built(); err != nil {
		return nil, err
	}
	binary, err := Build(ctx, ".", "./e2e/cmd/embedded-cluster", "embedded-cluster")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "run", "--snapback="+strconv.FormatBool(options.Snapback),
		"--no-snapshots="+strconv.FormatBool(options.NoSnapshots), "--storage="+options.Storage, "--logs="+os.Getenv("SNAPBACK_E2E_LOGS"))
	cmd.Stderr = os.Stderr
	// A group of its own: ^C ends the tests, and their end ends the cluster.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	c := &Cluster{supervisor: cmd, pipe: pipe}
	defer context.AfterFunc(ctx, func() { _ = pipe.Close() })() // give up while it starts, not later
	if err := c.connect(out); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// connect waits for the cluster's state and makes a client.
func (c *Cluster) connect(out io.Reader) error {
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the cluster did not come up: %w", err)
	}
	if err := json.Unmarshal(line, &c.State); err != nil {
		return fmt.Errorf("read the cluster's state: %w", err)
	}
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig()); err != nil {
		return fmt.Errorf("read the cluster's kubeconfig: %w", err)
	}
	c.Config.QPS = -1
	c.Config.WarningHandlerWithContext = rest.NoWarnings{}
	c.client, err = NewClient(c.Config)
	return err
}

// Stop takes the cluster down and returns when nothing of it is left.
func (c *Cluster) Stop() error {
	_ = c.pipe.Close() // it may be closed already
	if err := c.supervisor.Wait(); err != nil {
		return fmt.Errorf("stop the cluster: %w", err)
	}
	return nil
}

// built returns an error unless the upstream components are in the cache. A test
// must not spend its own time on building them.
func built() error {
	dir, err := cacheDir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return errors.New("the embedded cluster is not built yet: run \"make components\" once (5 to 15 minutes)")
	}
	return nil
}

// Kubeconfig is the file of an administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig() }

func (s *State) kubeconfig() string {
	if s == nil {
		return ""
	}
	return filepath.Join(s.Dir, adminKubeconfig)
}

// SnapbackConfig is the config that Snapback's processes have: the rights of
// the shipped ServiceAccount.
func (c *Cluster) SnapbackConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(c.Dir, snapbackKubeconfig))
	if err != nil {
		return nil, fmt.Errorf("read Snapback's kubeconfig: %w", err)
	}
	config.QPS = -1
	return config, nil
}

// AccountConfig is the config of a ServiceAccount that the manifests install.
func (c *Cluster) AccountConfig(ctx context.Context, account string) (*rest.Config, error) {
	config, err := accountConfig(ctx, c.Config, c.Config.CAData, account)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config, nil
}

// AuditLog is the file of the apiserver's audit events: created PVCs, and all
// that Snapback's ServiceAccounts asked for.
func (c *Cluster) AuditLog() string { return filepath.Join(c.Dir, "audit.log") }

// VolumeDir returns the folder that is the volume of a bound PVC. Nothing is
// mounted: a process that plays a broker keeps its log dir right there.
func (c *Cluster) VolumeDir(ctx context.Context, namespace, pvc string) (string, error) {
	var claim corev1.PersistentVolumeClaim
	if err := c.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: pvc}, &claim); err != nil {
		return "", fmt.Errorf("read claim %s/%s: %w", namespace, pvc, err)
	}
	if claim.Status.Phase != corev1.ClaimBound {
		return "", fmt.Errorf("claim %s/%s is %s, not Bound", namespace, pvc, claim.Status.Phase)
	}
	var pv corev1.PersistentVolume
	if err := c.client.Get(ctx, types.NamespacedName{Name: claim.Spec.VolumeName}, &pv); err != nil {
		return "", fmt.Errorf("read the volume of claim %s/%s: %w", namespace, pvc, err)
	}
	return filepath.Join(c.Storage, "volumes", pv.Spec.CSI.VolumeHandle), nil
}

// Eventually polls until the condition returns nil; its last error is returned
// when the time is up.
func Eventually(ctx context.Context, timeout time.Duration, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil { // what a cut-off call says is of no use
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}
