package cli

import (
	"strings"
	"testing"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
)

var someFindings = []doctor.Finding{
	{Check: "volumes", State: doctor.Problem, Subject: "KafkaBackup k/b", Message: "of another driver", Do: "change it"},
	{Check: "crds", State: doctor.Warning, Message: "old", Do: "upgrade"},
	{Check: "rights", State: doctor.Skipped, Message: "you may not ask"},
	{Check: "crds", State: doctor.OK, Subject: "KafkaBackup", Message: "served"},
	{Check: "clock", State: doctor.OK, Message: "they agree"},
	{Check: "clock", State: doctor.OK, Message: "all of them"},
}

func TestPrintFindings(t *testing.T) {
	const first = "problem: volumes: KafkaBackup k/b: of another driver\n    do: change it\n" +
		"warning: crds: old\n    do: upgrade\n" +
		"skipped: rights: you may not ask\n"
	for output, want := range map[string]string{
		"":         first + "1 check is fine\n",
		outputWide: first + "ok: crds: KafkaBackup: served\nok: clock: they agree\nok: clock: all of them\n1 check is fine\n",
		outputJSON: "{\n    \"findings\": [\n        {\n            \"check\": \"volumes\",\n            \"state\": \"problem\",\n",
		outputYAML: "findings:\n- check: volumes\n  do: change it\n  message: of another driver\n  state: problem\n  subject: KafkaBackup k/b\n",
	} {
		var out strings.Builder
		if err := printFindings(&out, someFindings, output); err != nil {
			t.Fatal(err)
		}
		structured := output == outputJSON || output == outputYAML
		if got := out.String(); structured && !strings.HasPrefix(got, want) || !structured && got != want {
			t.Errorf("-o %s prints:\n%swant:\n%s", output, got, want)
		}
	}
}

func TestDiagnosis(t *testing.T) {
	if err := diagnosis(someFindings[1:]); err != nil {
		t.Errorf("without a problem: %v", err)
	}
	if err := diagnosis(someFindings); err == nil || err.Error() != "there is a problem" {
		t.Errorf("of a problem: %v", err)
	}
	if err := diagnosis(append(someFindings, someFindings[0])); err == nil || err.Error() != "there are 2 problems" {
		t.Errorf("of two problems: %v", err)
	}
}
