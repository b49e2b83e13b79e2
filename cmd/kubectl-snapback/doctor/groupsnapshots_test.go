package doctor

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestGroupSnapshots(t *testing.T) {
	const image = "registry.example.com:5000/sig-storage/csi-snapshotter:"
	for name, test := range map[string]struct {
		tag  string
		args []string
		want State
	}{
		"the gate":               {"v8.5.0", []string{"--v=5", "--feature-gates=CSIVolumeGroupSnapshot=true"}, Warning},
		"one of many gates":      {"v8.5.0", []string{"--feature-gates=Other=false,CSIVolumeGroupSnapshot=true"}, Warning},
		"in two arguments":       {"v8.5.0", []string{"-feature-gates", "CSIVolumeGroupSnapshot=true"}, Warning},
		"the older flag":         {"v7.0.2", []string{"--enable-volume-group-snapshots=true"}, Warning},
		"the older flag, bare":   {"v7.0.2", []string{"--enable-volume-group-snapshots"}, Warning},
		"off":                    {"v8.5.0", []string{"--feature-gates=CSIVolumeGroupSnapshot=false"}, OK},
		"the last one counts":    {"v8.5.0", []string{"--feature-gates=CSIVolumeGroupSnapshot=true", "--feature-gates=CSIVolumeGroupSnapshot=false"}, OK},
		"another gate":           {"v8.5.0", []string{"--feature-gates=Topology=true"}, OK},
		"no arguments":           {"v8.5.0", nil, OK},
		"a cloud's build":        {"v8.6.0-eks-1-34-5", []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}, Warning},
		"a version that goes on": {"v8.7.0-eks-1-34-5", []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}, OK},
		"with a digest":          {"v8.7.1@sha256:0123", []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}, OK},
		"of unknown version":     {"latest", []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}, Warning},
		"in a shell's command":   {"v8.5.0", []string{"-c", "exec /csi-snapshotter --feature-gates=CSIVolumeGroupSnapshot=true"}, Warning},
		"of no version, by name": {"", []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}, Warning},
	} {
		t.Run(name, func(t *testing.T) {
			d := appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "longhorn-system", Name: "csi-snapshotter"}}
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "sidecar", Image: image + "v1"}, {Name: "csi-snapshotter", Image: image + test.tag, Args: test.args}}
			text := ""
			if test.want == Warning {
				text = "Deployment longhorn-system/csi-snapshotter: container csi-snapshotter has volume group snapshots on"
			}
			want(t, judgeGroupSnapshots([]appsv1.Deployment{d}), test.want, text)
		})
	}
	want(t, judgeGroupSnapshots(nil), OK, "")
}

func TestNamesakes(t *testing.T) {
	want(t, judgeNamesakes(nil), OK, "no other project's")
	found := judgeNamesakes([]string{"kafkabackups.kafka.oso.sh", "kafkabackups.kafka.oso.sh"}) // it is served in two versions
	want(t, found, Warning, "CRD kafkabackups.kafka.oso.sh: another project's KafkaBackups are installed too")
	if len(found) != 1 {
		t.Errorf("%d findings", len(found))
	}
}
