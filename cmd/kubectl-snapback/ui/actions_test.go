package ui

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestActions does each action by its form, and takes it back by the form beside the
// message.
func TestActions(t *testing.T) {
	t.Parallel()
	const (
		freeze   = `{"metadata":{"annotations":{"snapback.dev/freeze":"it's \"urgent\""},"uid":"of-%[1]s"}}`
		unfreeze = `{"metadata":{"annotations":{"snapback.dev/freeze":null},"uid":"of-%[1]s"}}`
		hold     = `{"metadata":{"annotations":{"snapback.dev/hold":"it's \"urgent\""},"uid":"of-s"}}`
		release  = `{"metadata":{"annotations":{"snapback.dev/hold":null},"uid":"of-s"}}`
		run      = `{"metadata":{"annotations":{"snapback.dev/run-now":"2026-02-21T19:05:33Z"},"uid":"of-%[1]s"}}`
	)
	for name, test := range map[string]struct {
		does   []string // actions, one after the other, of which the last is taken back
		object string
		sent   []string
		says   string
		undo   string
	}{
		"hold":               {[]string{"hold"}, "s", []string{hold, release}, "VolumeSnapshot kafka/s is held.", "release"},
		"release":            {[]string{"hold", "release"}, "s", []string{hold, release, hold}, "VolumeSnapshot kafka/s is not held any more.", "hold"},
		"freeze":             {[]string{"freeze"}, "hourly", []string{freeze, unfreeze}, "KafkaBackup kafka/hourly is frozen.", "unfreeze"},
		"unfreeze":           {[]string{"freeze", "unfreeze"}, "hourly", []string{freeze, unfreeze, freeze}, "KafkaBackup kafka/hourly is not frozen any more.", "freeze"},
		"freeze a ConfigMap": {[]string{"freeze"}, "held", []string{freeze, unfreeze}, "ConfigMap kafka/held is frozen.", "unfreeze"},
		"suspend":            {[]string{"suspend"}, "hourly", []string{`{"metadata":{"uid":"of-hourly"},"spec":{"suspend":true}}`, `{"metadata":{"uid":"of-hourly"},"spec":{"suspend":false}}`}, "KafkaBackup kafka/hourly is suspended.", "resume"},
		"run":                {[]string{"run"}, "hourly", []string{run}, "KafkaBackup kafka/hourly is asked for a run. That cannot be taken back; the snapshots of the run go by the retention.", ""},
		"run a ConfigMap":    {[]string{"run"}, "held", []string{run}, "ConfigMap kafka/held is asked for a run.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			var to *url.URL
			var page string
			for _, action := range test.does {
				to, page = p.follow(p.do(request("/actions/"+action, p.form(p.page(), "/actions/"+action, test.object))))
			}
			if to.Path != "/backups" || to.Query().Get("q") != "a b" || !strings.Contains(page, test.says) {
				t.Errorf("led to %s:\n%s", to, page)
			}
			redirect := httptest.NewRecorder()
			redirect.Header().Set("Location", to.String())
			redirect.WriteHeader(http.StatusSeeOther)
			if _, again := p.follow(redirect); strings.Contains(again, test.says) {
				t.Error("the message is shown again")
			}
			if test.undo == "" {
				if strings.Contains(page, "Undo") {
					t.Errorf("it can be taken back:\n%s", page)
				}
			} else {
				undo := p.form(page, "/actions/"+test.undo, "")
				p.follow(p.do(request("/actions/"+test.undo, undo)))
				if answer := p.do(request("/actions/"+test.undo, undo)); answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), "and once") {
					t.Errorf("taken back twice: %d\n%s", answer.Code, answer.Body)
				}
			}
			want := make([]string, len(test.sent))
			for n, sent := range test.sent {
				if want[n] = sent; strings.Contains(sent, "%[1]s") {
					want[n] = fmt.Sprintf(sent, test.object)
				}
			}
			if !reflect.DeepEqual(p.sent, want) {
				t.Errorf("sent\n%s\nwant\n%s", strings.Join(p.sent, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestNotWritten has requests that must not write.
func TestNotWritten(t *testing.T) {
	t.Parallel()
	values := func(change func(url.Values)) func(*http.Request, url.Values) *http.Request {
		return func(_ *http.Request, form url.Values) *http.Request {
			change(form)
			return request("/actions/hold", form)
		}
	}
	header := func(key, value string) func(*http.Request, url.Values) *http.Request {
		return func(r *http.Request, _ url.Values) *http.Request { r.Header.Set(key, value); return r }
	}
	for name, test := range map[string]struct {
		change func(*http.Request, url.Values) *http.Request
		status int
	}{
		"no csrf":        {values(func(f url.Values) { f.Del("csrf") }), http.StatusForbidden},
		"another csrf":   {values(func(f url.Values) { f.Set("csrf", "x") }), http.StatusForbidden},
		"another origin": {header("Origin", "http://127.0.0.1:8601"), http.StatusForbidden},
		"no origin":      {func(r *http.Request, _ url.Values) *http.Request { r.Header.Del("Origin"); return r }, http.StatusForbidden},
		"another site":   {header("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		"another host":   {func(r *http.Request, _ url.Values) *http.Request { r.Host = "snapback.example:8600"; return r }, http.StatusForbidden},
		"by GET": {func(_ *http.Request, f url.Values) *http.Request {
			return httptest.NewRequest(http.MethodGet, testOrigin+"/actions/hold?"+f.Encode(), nil)
		}, http.StatusNotFound},
		"in the address":   {func(_ *http.Request, f url.Values) *http.Request { return request("/actions/hold?"+f.Encode(), nil) }, http.StatusForbidden},
		"by PUT":           {func(r *http.Request, _ url.Values) *http.Request { r.Method = http.MethodPut; return r }, http.StatusMethodNotAllowed},
		"too large":        {values(func(f url.Values) { f.Set("seen", strings.Repeat("x", 64<<10)) }), http.StatusBadRequest},
		"no reason":        {values(func(f url.Values) { f.Set("reason", " \n") }), http.StatusConflict},
		"a long reason":    {values(func(f url.Values) { f.Set("reason", strings.Repeat("ä", 501)) }), http.StatusConflict},
		"no uid":           {values(func(f url.Values) { f.Del("uid") }), http.StatusConflict},
		"another uid":      {values(func(f url.Values) { f.Set("uid", "of-another") }), http.StatusConflict},
		"another seen":     {values(func(f url.Values) { f.Set("seen", "=held") }), http.StatusConflict},
		"no such undo":     {values(func(f url.Values) { f.Set("undo", "x") }), http.StatusConflict},
		"no such action":   {func(_ *http.Request, f url.Values) *http.Request { return request("/actions/prune", f) }, http.StatusConflict},
		"of another kind":  {func(_ *http.Request, f url.Values) *http.Request { return request("/actions/freeze", f) }, http.StatusConflict},
		"another browser":  {func(r *http.Request, _ url.Values) *http.Request { return r }, http.StatusForbidden},
		"another's cookie": {header("Cookie", "snapback-8600=x"), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			form := p.form(p.page(), "/actions/hold", "s")
			r := test.change(request("/actions/hold", form), form)
			if strings.HasPrefix(name, "another browser") || strings.HasPrefix(name, "another's") {
				p.cookie = nil
			}
			if answer := p.do(r); answer.Code != test.status || len(p.sent) > 0 {
				t.Errorf("%d, want %d; sent %q:\n%s", answer.Code, test.status, p.sent, answer.Body)
			}
		})
	}
}

// TestLacking has a person who may change nothing: they see why, and are refused if
// they do it nevertheless.
func TestLacking(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	form := p.form(p.page(), "/actions/freeze", "hourly")
	p.may = false
	p.now = p.now.Add(2 * time.Minute) // what they may is asked again
	const why = "you may not patch kafkabackups hourly in namespace kafka: ask for a Role there that has the verb patch on kafkabackups.snapback.dev"
	page := p.page()
	if strings.Contains(page, "<form") || !strings.Contains(page, `<span id="action.freeze.KafkaBackup.kafka.hourly">Not possible: `+why) ||
		!strings.Contains(page, `aria-disabled="true" aria-describedby="action.freeze.KafkaBackup.kafka.hourly"`) {
		t.Error(page)
	}
	answer := p.do(request("/actions/freeze", form))
	if body := answer.Body.String(); answer.Code != http.StatusForbidden || !strings.Contains(body, why) || !strings.Contains(body, "Nothing was changed.") || len(p.sent) > 0 {
		t.Errorf("%d, sent %q:\n%s", answer.Code, p.sent, body)
	}
}

// TestFailed has an apiserver that does not write: the page says whether something was
// changed, and the command that does the same.
func TestFailed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"forbidden": {apierrors.NewForbidden(schema.GroupResource{Resource: "volumesnapshots"}, "s", nil), http.StatusForbidden, "Nothing was changed."},
		"a policy":  {apierrors.NewInvalid(schema.GroupKind{Kind: "VolumeSnapshot"}, "s", nil), http.StatusUnprocessableEntity, "Nothing was changed."},
		"no answer": {context.DeadlineExceeded, http.StatusBadGateway, "Whether something was changed is not known."},
	} {
		p := newPerson(t)
		p.fail = test.err
		answer := p.do(request("/actions/hold", p.form(p.page(), "/actions/hold", "s")))
		body := html.UnescapeString(answer.Body.String())
		if answer.Code != test.status || !strings.Contains(body, test.says) || !strings.Contains(body, `kubectl snapback hold s -n kafka --reason 'it'\''s "urgent"'`) ||
			!strings.Contains(body, `href="/backups?q=a+b"`) {
			t.Errorf("%s: %d\n%s", name, answer.Code, body)
		}
	}
}

// TestCannotRun has a KafkaBackup that cannot run: the page says why.
func TestCannotRun(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var kb v1alpha1.KafkaBackup
	if err := p.Get(t.Context(), client.ObjectKey{Namespace: snapshotstest.Namespace, Name: "hourly"}, &kb); err != nil {
		t.Fatal(err)
	}
	kb.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNoVolumes, Message: "no claims"}}
	if err := p.Update(t.Context(), &kb); err != nil {
		t.Fatal(err)
	}
	if page := p.page(); !strings.Contains(page, `<span id="action.run.KafkaBackup.kafka.hourly">Not possible: no claims</span>`) {
		t.Error(page)
	}
}

func TestBackTo(t *testing.T) {
	t.Parallel()
	for back, want := range map[string]string{
		"/backups?q=a+b&page=2": "/backups?q=a+b&page=2", "/": "/", "/clusters/kafka/a%2Fb": "/clusters/kafka/a%2Fb",
		"": "/", "backups": "/", "//example.com": "/", "///example.com": "/", `/\example.com`: "/", "http://example.com/": "/",
		"http:/x": "/", "javascript:alert(1)": "/", "/%5Cexample.com": "/", "/%2Fexample.com": "/", "/%0d%0aa: b": "/", "/%09/example.com": "/", "%zz": "/",
	} {
		if got := backTo(back).String(); got != want {
			t.Errorf("%q leads to %q, want %q", back, got, want)
		}
	}
}

// TestUndoOfAnother sends the name of a message to another action than the one that takes
// it back.
func TestUndoOfAnother(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	_, page := p.follow(p.do(request("/actions/freeze", p.form(p.page(), "/actions/freeze", "hourly"))))
	undo := p.form(page, "/actions/unfreeze", "")
	if answer := p.do(request("/actions/resume", undo)); answer.Code != http.StatusConflict || len(p.sent) != 1 {
		t.Errorf("%d, sent %q", answer.Code, p.sent)
	}
}

// TestOrigin checks that the pages let browsers say the Origin of a form: with the
// policy "no-referrer" they say "null", and every form would be refused.
func TestOrigin(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	answer := p.do(httptest.NewRequest(http.MethodGet, testOrigin+"/", nil))
	if got := answer.Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy is %q", got)
	}
}
