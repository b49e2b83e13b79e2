package snapshots

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// rule is one that the CRD has of a field of the spec, for specs that no
// apiserver checks. The words are the CRD's.
type rule struct {
	field string
	ok    func(*v1alpha1.KafkaBackupSpec) bool
	says  string
}

var (
	fiveFields = regexp.MustCompile(`^ *[^ ]+( +[^ ]+){4} *$`)
	cronFields = regexp.MustCompile(`^ *[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9*/,?]+ +[-0-9A-Za-z*/,?]+ +[-0-9A-Za-z*/,?]+ *$`)
	intervals  = regexp.MustCompile(`^@every +([0-9]+([.][0-9]+)?(ms|s|m|h))+$`)
	durations  = regexp.MustCompile(`^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))+$`)

	descriptors = []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
)

const (
	maxName     = 253
	maxSchedule = 128
	maxZone     = 64
	maxDuration = 32
	every       = "@every "
)

var rules = []rule{
	{"clusterRef", func(s *v1alpha1.KafkaBackupSpec) bool { return fits(s.ClusterRef, 1, maxName) }, "must have 1 to 253 characters"},
	{"volumeSnapshotClassName", func(s *v1alpha1.KafkaBackupSpec) bool { return fits(s.VolumeSnapshotClassName, 1, maxName) }, "must have 1 to 253 characters"},
	{"schedule", func(s *v1alpha1.KafkaBackupSpec) bool { return fits(s.Schedule, 1, maxSchedule) }, "must have 1 to 128 characters"},
	{"schedule", func(s *v1alpha1.KafkaBackupSpec) bool { return described(s) || fiveFields.MatchString(s.Schedule) },
		`must have 5 fields (minute hour day-of-month month day-of-week), or be @hourly, @daily, @weekly, @monthly, @yearly or "@every <duration>"`},
	{"schedule", func(s *v1alpha1.KafkaBackupSpec) bool { return described(s) || cronFields.MatchString(s.Schedule) },
		"a cron field holds numbers, names, and the signs * / , - ?"},
	{"schedule", func(s *v1alpha1.KafkaBackupSpec) bool {
		return !described(s) || strings.HasPrefix(s.Schedule, every) || slices.Contains(descriptors, s.Schedule)
	}, `unknown descriptor: use @hourly, @daily, @weekly, @monthly, @yearly or "@every <duration>"`},
	{"schedule", func(s *v1alpha1.KafkaBackupSpec) bool {
		return !strings.HasPrefix(s.Schedule, every) || intervals.MatchString(s.Schedule) && atLeast(strings.TrimSpace(s.Schedule[len(every):]), time.Second)
	}, `@every needs a duration of at least one second, for example "@every 1h"`},
	{"timeZone", func(s *v1alpha1.KafkaBackupSpec) bool { return s.TimeZone == "" || zone(s.TimeZone) },
		"must be an IANA time zone name, for example Europe/Budapest"},
	{"retentionTime", func(s *v1alpha1.KafkaBackupSpec) bool { return s.RetentionTime == "" || duration(s.RetentionTime) },
		`must be a positive duration such as "12h" or "2h45m" (units ns, us, ms, s, m, h)`},
	{"retentionCount", func(s *v1alpha1.KafkaBackupSpec) bool { return s.RetentionCount == nil || *s.RetentionCount >= minKept },
		"should be greater than or equal to 2"},
	{"startingDeadlineSeconds", func(s *v1alpha1.KafkaBackupSpec) bool {
		return s.StartingDeadlineSeconds == nil || *s.StartingDeadlineSeconds >= 0 && *s.StartingDeadlineSeconds <= maxDeadline
	}, "should be from 0 to 31622400"},
	{"promoteAfter", func(s *v1alpha1.KafkaBackupSpec) bool { return s.PromoteAfter == "" || duration(s.PromoteAfter) },
		`must be a positive duration such as "24h" (units ns, us, ms, s, m, h)`},
	{"volumeSelector", func(s *v1alpha1.KafkaBackupSpec) bool { return selectable(s.VolumeSelector) },
		"an operator is In or NotIn with values, or Exists or DoesNotExist without"},
}

// validate checks a spec as the apiserver would. It says one thing of each
// field that is wrong.
func validate(s *v1alpha1.KafkaBackupSpec) error {
	var errs []error
	said := map[string]bool{}
	for _, r := range rules {
		if !said[r.field] && !r.ok(s) {
			said[r.field] = true
			errs = append(errs, fmt.Errorf("spec.%s: %s", r.field, r.says))
		}
	}
	return errors.Join(errs...)
}

func fits(s string, least, most int) bool { return len(s) >= least && len(s) <= most }

// described reports whether the schedule is not a cron expression.
func described(s *v1alpha1.KafkaBackupSpec) bool { return strings.HasPrefix(s.Schedule, "@") }

func duration(s string) bool {
	return len(s) <= maxDuration && durations.MatchString(s) && atLeast(s, 1)
}

func atLeast(s string, least time.Duration) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d >= least
}

func zone(s string) bool {
	letter := s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z'
	_, err := time.LoadLocation(s)
	return len(s) <= maxZone && letter && s != "Local" && err == nil
}

func selectable(s *metav1.LabelSelector) bool {
	return s == nil || !slices.ContainsFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool {
		switch e.Operator {
		case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
			return len(e.Values) > 0
		case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
			return len(e.Values) == 0
		}
		return true
	})
}
