package inventory

import (
	"strings"

	"github.com/snapback-dev/snapback/kafka"
)

// Command returns a command of the plugin about the cluster, for a shell. The name of a
// cluster is what a KafkaBackup says, of whoever may write one: it is one word, and no
// flag.
func (k ClusterKey) Command(name string, flags ...string) string {
	words := append([]string{"-n", kafka.ShellWord(k.Namespace)}, flags...)
	if strings.HasPrefix(k.Name, "-") {
		words = append(words, "--", kafka.ShellWord(k.Name))
	} else {
		words = append([]string{kafka.ShellWord(k.Name)}, words...)
	}
	return "kubectl snapback " + name + " " + strings.Join(words, " ")
}
