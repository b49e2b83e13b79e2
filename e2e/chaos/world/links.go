package world

import (
	"path/filepath"

	"github.com/snapback-dev/snapback/e2e/chaos/proxy"
)

// Links are the connections between parts that are no apiserver's, as faults name
// them: those of the CSI sidecars to the driver, and of the apiserver to etcd.
var Links = []string{"csi-snapshotter to csi-driver", "csi-provisioner to csi-driver", "kube-apiserver to etcd"}

// between puts a link between a part and a server.
func (w *World) between(part, server, network, address string) (string, error) {
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(filepath.Dir(address), part+".sock")
	}
	l, err := proxy.NewLink(part+" to "+server, network, at, address, w.Faults)
	if err != nil {
		return "", err
	}
	w.proxies = append(w.proxies, l)
	return l.Address(), nil
}
