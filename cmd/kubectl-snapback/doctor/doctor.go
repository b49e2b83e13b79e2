// Package doctor examines an installation of Snapback, and says what to do.
//
// Each check has a function that reads, and a pure function that judges. If the
// user may not read something, the check is reported as skipped: it never guesses.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/snapshots"
)

// State is what a check has found.
type State string

// What a check can find.
const (
	Problem State = "problem" // something does not work, or would fail when it is needed
	Warning State = "warning" // a person should look at it
	Skipped State = "skipped" // the check could not be made
	OK      State = "ok"
)

// Finding is one result of a check.
type Finding struct {
	Check   string `json:"check"`
	State   State  `json:"state"`
	Subject string `json:"subject,omitempty"` // the object that the finding is about
	Message string `json:"message"`
	Do      string `json:"do,omitempty"` // what to do about it
}

func ok(subject, message string, args ...any) Finding {
	return Finding{State: OK, Subject: subject, Message: fmt.Sprintf(message, args...)}
}

func skipped(subject, message string, args ...any) Finding {
	return Finding{State: Skipped, Subject: subject, Message: fmt.Sprintf(message, args...)}
}

func warning(subject, message, do string) Finding {
	return Finding{State: Warning, Subject: subject, Message: message, Do: do}
}

func problem(subject, message, do string) Finding {
	return Finding{State: Problem, Subject: subject, Message: message, Do: do}
}

// unless returns the findings; without any, it returns the one that all is well.
func unless(findings []Finding, well Finding) []Finding {
	if len(findings) == 0 {
		return []Finding{well}
	}
	return findings
}

// Options say what is examined.
type Options struct {
	Namespace       string // of the brokers and backups; empty: all
	SystemNamespace string // of Snapback; empty: that of the webhook configuration

	// Ask asks the Kafka of the inventory's only cluster from where the plugin runs;
	// nil: it is not asked.
	Ask func(context.Context, client.Client, *inventory.Inventory) (*kafka.Observation, error)

	// AskAll says that every Kafka is asked, and not only where a KafkaBackup says
	// how.
	AskAll bool
}

type check struct {
	name string
	run  func(context.Context, *examination) ([]Finding, error)
}

// ofCluster are the checks of the installation, which is one for a cluster.
var ofCluster = []check{
	{"kubernetes", checkKubernetes},
	{"crds", checkKinds},
	{"schema", checkSchema},
	{"namesakes", checkNamesakes},
	{"snapshot-controller", checkSnapshotController},
	{"group-snapshots", checkGroupSnapshots},
	{"webhook-configuration", checkConfiguration},
	{"certificate", checkCertificate},
	{"cert-manager", checkCertManager},
	{"probe", checkProbe},
	{"deployment", checkDeployment},
	{"scheduler", checkLease},
	{"rights", checkRights},
	{"clock", checkClock},
}

// ofNamespaces are the checks of brokers and backups, which need an inventory.
var ofNamespaces = []check{
	{"interception", checkInterception},
	{"backups", checkBackups},
	{"classes", checkClasses},
	{"storage-classes", checkStorageClasses},
	{"volumes", checkVolumes},
	{"coverage", checkCoverage},
	{"opt-in", checkOptIn},
	{"refusals", checkRefusals},
	{"snapshots", checkSnapshots},
	{"restores", checkRestores},
	{"kafka", checkKafka},
	{"replication", checkReplication},
	{"storage-clock", checkStorageClock},
	{"contents", checkContents},
	{"dialects", checkDialects},
	{"quota", checkQuota},
	{"drills", checkDrills},
}

// Examine runs all checks with the rights of the config's user. It returns the
// findings sorted, problems first. An error means that nothing could be examined.
func Examine(ctx context.Context, config *rest.Config, options Options, now func() time.Time) ([]Finding, error) {
	e, err := begin(ctx, config, options, now)
	if err != nil {
		return nil, err
	}
	unread := e.load(ctx)
	if apierrors.IsNotFound(unread) {
		return nil, unread
	}
	var all []Finding
	for _, c := range ofCluster {
		all = append(all, e.do(ctx, c)...)
	}
	if unread != nil {
		f := cannot(unread)
		f.Check, f.Message = "inventory", "brokers and backups were not checked: "+f.Message
		all = append(all, f)
	} else {
		for _, note := range e.inventory.Notes {
			all = append(all, Finding{Check: "inventory", State: Skipped, Message: note})
		}
		for _, c := range ofNamespaces {
			all = append(all, e.do(ctx, c)...)
		}
	}
	order := []State{Problem, Warning, Skipped, OK}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
	})
	return all, ctx.Err()
}

func (e *examination) do(ctx context.Context, c check) []Finding {
	findings, err := c.run(ctx, e)
	if err != nil {
		findings = append(findings, cannot(err))
	}
	for n := range findings {
		findings[n].Check = c.name
	}
	return findings
}

// cannot returns the finding for a check that could not read what it needs.
func cannot(err error) Finding {
	text := strings.Join(strings.Fields(err.Error()), " ")
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), meta.IsNoMatchError(err):
		return skipped("", "%s", text)
	}
	return warning("", text, "look at what the apiserver says, and run this again")
}

// several lists names for a sentence: only the first ones if there are many.
func several(names []string) string {
	const most = 5
	return snapshots.FirstOf(names, most, ", ")
}
