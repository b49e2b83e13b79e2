package kind

import (
	"cmp"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// kafkaImage is the image of Apache Kafka: the one on Docker Hub, or another one
// that has the same programs in the same folder.
var kafkaImage = cmp.Or(os.Getenv("KAFKA_IMAGE"), "apache/kafka:4.3.1")

// The ports of Kafka's listeners.
const (
	clientPort = 9092
	quorumPort = 9090
)

// Names of a Kafka cluster and its Services.
const (
	kafkaName        = "kafka"
	brokersService   = "kafka-brokers"   // headless: the names of pods
	bootstrapService = "kafka-bootstrap" // for clients
	controllerID     = 3
)

// podLabels are those of the pods of a pool.
func podLabels(pool string) map[string]string {
	return map[string]string{"app": kafkaName, "pool": pool}
}

// dataDir is where a node's volume is mounted.
const dataDir = "/var/lib/kafka/data"

// logDir is the log dir of a node: a folder of its volume, as Strimzi has it.
func logDir(n node) string { return fmt.Sprintf("%s/kafka-log%d", dataDir, n.id) }

// startKafka formats the log dir unless it is formatted, as operators do before
// each start, and runs the node, whose id is the number at the end of the pod's name.
// It uses nothing but bash and two programs of Kafka's, so that it runs in any image
// of it.
const startKafka = `set -eu
id=${HOSTNAME##*-}
if [ $ROLE = controller ]; then
  listeners=CONTROLLER://:9090
else
  listeners=PLAIN://:9092 advertised="advertised.listeners=PLAIN://$HOSTNAME.$DOMAIN:9092"
fi
cat >/tmp/server.properties <<END
process.roles=$ROLE
node.id=$id
controller.quorum.voters=$VOTERS
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=$listeners
${advertised:-}
inter.broker.listener.name=PLAIN
log.dirs=$DATA/kafka-log$id
min.insync.replicas=2
auto.create.topics.enable=false
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
num.network.threads=1
num.io.threads=2
background.threads=2
log.cleaner.dedupe.buffer.size=4194304
broker.heartbeat.interval.ms=1000
END
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER" --config /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
`

// kafkaPod is the pod of a node of a Kafka cluster, with its log dir on the volume
// "data". It is ready when its port is open, whatever its replicas are: only Kafka
// knows that.
func kafkaPod(namespace, clusterID, voters, pool string) corev1.PodSpec {
	port := clientPort
	if pool == controllerPool {
		port = quorumPort
	}
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: ptr.To(int64(30)),
		EnableServiceLinks:            ptr.To(false), // its variables would be KAFKA_…
		Subdomain:                     brokersService,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(1000)), RunAsGroup: ptr.To(int64(1000)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "kafka", Image: kafkaImage, ImagePullPolicy: corev1.PullIfNotPresent,
			Command: []string{"/bin/bash", "-c", startKafka},
			Env: []corev1.EnvVar{
				{Name: "ROLE", Value: pool},
				{Name: "VOTERS", Value: voters},
				{Name: "CLUSTER", Value: clusterID},
				{Name: "DOMAIN", Value: brokersService + "." + namespace + ".svc"},
				{Name: "DATA", Value: dataDir},
				{Name: "LOG_DIR", Value: "/tmp/logs"},
				{Name: "KAFKA_HEAP_OPTS", Value: "-Xmx256m"},
				{Name: "KAFKA_OPTS", Value: "-XX:TieredStopAtLevel=1 -Dsun.net.inetaddr.ttl=1"}, // it starts sooner, and sees new addresses
			},
			Ports: []corev1.ContainerPort{{Name: "tcp-kafka", ContainerPort: int32(port)}},
			ReadinessProbe: &corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(port)}},
				PeriodSeconds: 1,
			},
			Resources:    corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("300Mi")}},
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: dataDir}},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}

// kafkaServices are the Services of a Kafka cluster. Pods have their names in DNS
// before they are ready: brokers wait for the controller by its name.
func kafkaServices(namespace string) []*corev1.Service {
	port := func(number int32) corev1.ServicePort {
		return corev1.ServicePort{Name: fmt.Sprintf("tcp-%d", number), Port: number}
	}
	return []*corev1.Service{
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: brokersService},
			Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone, PublishNotReadyAddresses: true, Selector: map[string]string{"app": kafkaName},
				Ports: []corev1.ServicePort{port(clientPort), port(quorumPort)}},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: bootstrapService},
			Spec:       corev1.ServiceSpec{Selector: podLabels(brokerPool), Ports: []corev1.ServicePort{port(clientPort)}},
		},
	}
}

// bootstrap is where clients reach a Kafka cluster in a namespace.
func bootstrap(namespace string) string {
	return fmt.Sprintf("%s.%s.svc:%d", bootstrapService, namespace, clientPort)
}
