package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The programs of a cluster, as they are named in its log folder.
const (
	partEtcd        = "etcd"
	partAPIServer   = "kube-apiserver"
	partControllers = "kube-controller-manager"
	partSnapshots   = "snapshot-controller"
	partDriver      = "csi-driver"
	partSnapshotter = "csi-snapshotter"
	partProvisioner = "csi-provisioner"
	partWebhook     = "webhook"
	partScheduler   = "scheduler"
)

// DriverName is the CSI driver of the cluster: volumes are folders, see
// [Cluster.VolumeDir].
const DriverName = "dir.csi.snapback.dev"

// controllers are those of the kube-controller-manager that something here
// needs. There are no nodes and no kubelet.
var controllers = strings.Join([]string{
	"namespace-controller", "serviceaccount-controller", "root-ca-certificate-publisher-controller", "garbage-collector-controller",
	"statefulset-controller", "deployment-controller", "replicaset-controller", "clusterrole-aggregation-controller",
	"persistentvolume-binder-controller", "persistentvolumeclaim-protection-controller", "persistentvolume-protection-controller",
}, ",")

// auditPolicy records what admission said of PVCs, and what Snapback asked for:
// for tests of the webhook's audit annotations, and of its rights.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create]
  resources: [{group: "", resources: [persistentvolumeclaims]}]
- level: Metadata
  users: ["system:serviceaccount:snapback-system:snapback", "system:serviceaccount:snapback-system:snapback-drills"]
- level: None
`

// startControlPlane starts etcd and the apiserver.
func (s *supervisor) startControlPlane(options Options) error {
	audit := filepath.Join(s.dir, "audit-policy.yaml")
	if err := os.WriteFile(audit, []byte(auditPolicy), 0o600); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}
	etcd, peer := "http://"+loopback(s.net.etcdClient), "http://"+loopback(s.net.etcdPeer)
	if err := s.start(partEtcd, s.component(partEtcd), "--data-dir="+s.etcdFolder(), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer); err != nil {
		return err
	}
	client, err := options.between(partAPIServer, partEtcd, "tcp", loopback(s.net.etcdClient))
	if err != nil {
		return err
	}
	compaction := "--etcd-compaction-interval=5m"
	if options.KeepHistory {
		compaction = "--etcd-compaction-interval=0"
	}
	return s.start(partAPIServer, s.component(partAPIServer), "--etcd-servers=http://"+client, compaction,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.net.apiserver),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range="+s.net.services,
		"--tls-cert-file="+s.file("apiserver/tls.crt"), "--tls-private-key-file="+s.file("apiserver/tls.key"),
		"--client-ca-file="+s.file("ca.crt"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+s.file("accounts/tls.crt"),
		"--service-account-signing-key-file="+s.file("accounts/tls.key"),
		"--audit-policy-file="+audit, "--audit-log-path="+s.file("audit.log"), "--audit-log-mode=blocking")
}

// startControllers starts the kube-controller-manager.
func (s *supervisor) startControllers(options Options) error {
	kubeconfig, err := s.partKubeconfig(partControllers, options)
	if err != nil {
		return err
	}
	return s.start(partControllers, s.component(partControllers), kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.net.controllers), "--leader-elect=false",
		"--use-service-account-credentials", "--service-account-private-key-file="+s.file("accounts/tls.key"),
		"--root-ca-file="+s.file("ca.crt"), "--controllers="+controllers, "--pvclaimbinder-sync-period=1s")
}

// partKubeconfig is the flag with an administrator's kubeconfig of a part.
func (s *supervisor) partKubeconfig(part string, options Options) (string, error) {
	file := s.file(adminKubeconfig)
	if options.Through != nil {
		config, err := options.Through(part, s.admin, s.ca)
		if err != nil {
			return "", err
		}
		file = s.file(part + ".kubeconfig")
		if err := WriteKubeconfig(file, config); err != nil {
			return "", err
		}
	}
	return "--kubeconfig=" + file, nil
}

// between is the address at which a part finds a server.
func (o Options) between(part, server, network, address string) (string, error) {
	if o.Between == nil {
		return address, nil
	}
	return o.Between(part, server, network, address)
}

// storage is the folder of the CSI driver of a cluster in dir.
func (o Options) storage(dir string) string { return cmp.Or(o.Storage, filepath.Join(dir, "csi")) }

// startStorage starts the CSI driver with its sidecars and the
// snapshot-controller, once the apiserver serves the snapshot API.
func (s *supervisor) startStorage(ctx context.Context, options Options) error {
	socket := s.file("csi.sock")
	if err := s.start(partDriver, s.binaries.driver, "--endpoint=unix://"+socket, "--root="+options.storage(s.dir),
		"--node-id=embedded", "--driver-name="+DriverName); err != nil {
		return err
	}
	err := s.waitFor(ctx, "the CSI driver's socket", func(context.Context) error {
		_, err := os.Stat(socket)
		return err
	})
	if err != nil {
		return err
	}
	if !options.NoSnapshots {
		if err := s.startSnapshots(options, socket); err != nil {
			return err
		}
	}
	kubeconfig, err := s.partKubeconfig(partProvisioner, options)
	if err != nil {
		return err
	}
	if socket, err = options.between(partProvisioner, partDriver, "unix", socket); err != nil {
		return err
	}
	return s.start(partProvisioner, s.component(partProvisioner), kubeconfig, "--csi-address="+socket,
		"--retry-interval-start=250ms", "--retry-interval-max=2s", "--kube-api-qps=500", "--kube-api-burst=1000")
}

// startSnapshots starts what serves the snapshot API.
func (s *supervisor) startSnapshots(options Options, socket string) error {
	// The group snapshot API is not installed, and the sidecars would wait for it.
	noGroups := "--feature-gates=CSIVolumeGroupSnapshot=false"
	kubeconfig, err := s.partKubeconfig(partSnapshots, options)
	if err != nil {
		return err
	}
	// Both delete an uncut snapshot at their next retry: by default these come to be
	// five minutes apart.
	if err := s.start(partSnapshots, s.component(partSnapshots), kubeconfig, noGroups,
		"--retry-interval-max=2s", "--kube-api-qps=500", "--kube-api-burst=1000"); err != nil {
		return err
	}
	if kubeconfig, err = s.partKubeconfig(partSnapshotter, options); err != nil {
		return err
	}
	if socket, err = options.between(partSnapshotter, partDriver, "unix", socket); err != nil {
		return err
	}
	// It forgets to delete a snapshot that was deleted while it was cut, until it looks at
	// all of them again: by default after a quarter of an hour.
	return s.start(partSnapshotter, s.component(partSnapshotter), kubeconfig, noGroups, "--csi-address="+socket,
		"--resync-period=20s", "--retry-interval-max=2s", "--kube-api-qps=500", "--kube-api-burst=1000")
}

// startSnapback starts the webhook and the scheduler as the shipped
// Deployment does, under the shipped ServiceAccount.
func (s *supervisor) startSnapback() error {
	if err := s.start(partWebhook, s.binaries.snapback, "webhook", "--kubeconfig="+s.file(snapbackKubeconfig),
		"--host="+s.net.webhook, fmt.Sprintf("--port=%d", webhookPort), "--cert-dir="+s.file("webhook"),
		"--health-probe-bind-address="+loopback(s.net.health[0]), "--metrics-bind-address="+loopback(s.net.metrics[0])); err != nil {
		return err
	}
	return s.start(partScheduler, s.binaries.snapback, "scheduler", "--kubeconfig="+s.file(snapbackKubeconfig),
		"--namespace="+Namespace,
		"--health-probe-bind-address="+loopback(s.net.health[1]), "--metrics-bind-address="+loopback(s.net.metrics[1]))
}
