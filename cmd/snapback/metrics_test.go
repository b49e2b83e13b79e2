package main_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/e2e/ports"
)

// The metrics are for who may get them.
func TestSecureMetrics(t *testing.T) {
	t.Parallel()
	k := shared.Get(t)
	c := apiClient(t, k)
	for _, o := range secureMetrics(t) {
		if strings.HasPrefix(o.GetName(), "snapback-metrics") {
			create(t, c, &o)
		}
	}
	address := ports.Address(t)
	s := run(t, "scheduler", "--kubeconfig="+kubeconfig(t, account(t, k)), "--namespace="+cluster.Namespace, "--metrics-secure", "--metrics-bind-address="+address)
	s.awaitReady()
	nobody, reader := token(t, "default"), token(t, "prometheus")
	create(t, c, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "prometheus"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "snapback-metrics-reader"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: cluster.Namespace, Name: "prometheus"}}})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	ask := func(ctx context.Context, scheme, header string) int {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", header)
		resp, err := client.Do(req)
		if err != nil { // it makes its certificate first
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, test := range map[string]struct {
		header string
		want   int
	}{
		"no token":         {"", http.StatusUnauthorized},
		"garbage":          {"Bearer garbage", http.StatusUnauthorized},
		"no bearer":        {"Basic " + reader, http.StatusUnauthorized},
		"without a right":  {"Bearer " + nobody, http.StatusForbidden},
		"who may get them": {"Bearer " + reader, http.StatusOK},
	} {
		eventually(t, func(ctx context.Context) error { // rights arrive a moment later
			for range 2 { // the second is from memory
				if got := ask(ctx, "https", test.header); got != test.want {
					return fmt.Errorf("%s: %d, want %d", name, got, test.want)
				}
			}
			return nil
		})
	}
	if got := ask(t.Context(), "http", "Bearer "+reader); got != http.StatusBadRequest {
		t.Errorf("without TLS: %d", got)
	}
}

// secureMetrics are the objects of the component on its base.
func secureMetrics(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	manifests, err := filepath.Abs("../../manifests")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	up, err := filepath.Rel(dir, manifests)
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("resources: [%s/base]\ncomponents: [%s/components/secure-metrics]\n", up, up)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []unstructured.Unstructured
	for _, r := range rendered.Resources() {
		o, err := r.Map()
		if err != nil {
			t.Fatal(err)
		}
		u := unstructured.Unstructured{Object: o}
		if u.GetKind() == "Deployment" {
			if n := strings.Count(fmt.Sprint(o), "--metrics-secure"); n != 2 {
				t.Errorf("%d of the Deployment's containers secure their metrics", n)
			}
		}
		all = append(all, u)
	}
	return all
}

// token is one of a ServiceAccount, which is made if it is not there.
func token(t *testing.T, account string) string {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	c := apiClient(t, shared.Get(t))
	if account != "default" {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("v1")
		o.SetKind("ServiceAccount")
		o.SetNamespace(cluster.Namespace)
		o.SetName(account)
		create(t, c, o)
	}
	var made *authenticationv1.TokenRequest
	eventually(t, func(ctx context.Context) error {
		made, err = clientset.CoreV1().ServiceAccounts(cluster.Namespace).CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		return err
	})
	return made.Status.Token
}

// Profiles are for who is on the pod.
func TestPprof(t *testing.T) {
	t.Parallel()
	k := shared.Get(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file := kubeconfig(t, account(t, k))
	for _, address := range []string{":6060", "0.0.0.0:6060", "10.1.2.3:6060", "6060"} {
		out, err := command(t, path, "scheduler", "--kubeconfig="+file, "--namespace=default", "--pprof-bind-address="+address)
		if err == nil || !strings.Contains(out, "--pprof-bind-address") {
			t.Errorf("%s: %v: %s", address, err, out)
		}
	}
	address := ports.Address(t)
	s := run(t, "scheduler", "--kubeconfig="+file, "--namespace="+cluster.Namespace, "--pprof-bind-address="+address)
	s.awaitReady()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
