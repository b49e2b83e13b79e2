package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chromium"
	"github.com/snapback-dev/snapback/e2e/showcase"
)

// shownUI is the page of a cluster with troubles, in a browser.
type shownUI struct {
	*showcase.World
	*showcase.Page
	tab chromium.Tester
}

// at opens an address of the page.
func (u shownUI) at(path string) {
	u.tab.Do(chromedp.Navigate(u.Origin + path))
}

// sees waits until the page's content has all the texts.
func (u shownUI) sees(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := u.tab.Wait(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, text)); err != nil {
			t.Fatalf("%v; the page says:\n%s", err, chromium.Value[string](u.tab, `document.querySelector("main").innerText`))
		}
	}
}

// TestPluginUIInBrowser uses the page of a cluster in which a lot has happened, in Chromium.
func TestPluginUIInBrowser(t *testing.T) {
	t.Parallel()
	browser := chromium.For(t)
	w := toShow(t)
	asked := countRequests(t)
	u := shownUI{w, startUI(t, w, "--server", asked.URL), browser.Test(t, chromium.Desktop)}
	u.tab.Do(chromedp.Navigate(u.URL))
	if got := chromium.Value[string](u.tab, "location.href"); got != u.Origin+"/" {
		t.Errorf("the token is still in the address: %s", got)
	}
	for _, part := range []struct {
		name string
		run  func(shownUI, *testing.T)
	}{
		{"screens", shownUI.screens},
		{"requests", func(_ shownUI, t *testing.T) { listsOnce(t, asked) }}, // before others that list by themselves
		{"actions", shownUI.actions},
		{"guard", shownUI.guarded},
		{"doctor", shownUI.doctor},
	} {
		t.Run(part.name, func(t *testing.T) {
			here := u
			here.tab = u.tab.In(t)
			part.run(here, t)
		})
	}
	t.Run("without rights", func(t *testing.T) { withoutRights(t, w, browser) })
}

func (u shownUI) doctor(t *testing.T) {
	u.click(`nav a[href="/doctor"]`)
	u.sees(t, "webhook")
}

// screens clicks through all screens.
func (u shownUI) screens(t *testing.T) {
	of := u.Namespace + "/" + showcase.Kafka
	u.sees(t, of, u.Broker(1).Name, "ClaimLost", "UnprovenLineage")
	u.click(`main a[href="/clusters/` + of + `"]`)
	u.sees(t, u.Broker(0).Name, u.Broker(1).Name, "QuorumUndecided", "under way", "unproven")
	u.click(`main a[href="/claims/` + u.Namespace + "/" + u.Broker(1).Name + `"]`)
	u.sees(t, "It is gone.", "it is restored from VolumeSnapshot "+u.Broker(1).Name)
	u.at("/claims/" + u.Namespace + "/" + u.ZooKeeper().Name)
	u.sees(t, "it is refused: QuorumUndecided", v1alpha1.AnnotationRestoreQuorum)
	u.at("/claims/" + u.Namespace + "/" + u.Broker(0).Name) // of this one, the webhook is asked
	u.sees(t, "Lost, and created again now, it is restored from VolumeSnapshot "+u.Broker(0).Name)
	u.click(`nav a[href="/restores"]`)
	u.sees(t, "Refused now", u.ZooKeeper().Name, "QuorumUndecided")
	u.click(`nav a[href="/backups"]`)
	u.sees(t, showcase.Backup, showcase.Slow, "under way")
}

func (u shownUI) click(selector string) {
	u.tab.Do(chromedp.Click(selector, chromedp.ByQuery))
}

// act opens the form of an action, fills it in and sends it.
func (u shownUI) act(name, kind, object, reason string) {
	id := fmt.Sprintf(`[id=%q]`, strings.Join([]string{"action", name, kind, u.Namespace, object}, "."))
	u.tab.Until(fmt.Sprintf(`document.querySelector(%q) != null`, id))
	u.click(id + " > summary")
	if reason != "" {
		u.tab.Do(chromedp.SendKeys(id+" input[name=reason]", reason, chromedp.ByQuery))
	}
	u.send(id + " form button")
}

// undo clicks on the undo of what was just done.
func (u shownUI) undo() { u.send(".flash form button") }

// send clicks on the button of a form, and waits for the message of what was done.
func (u shownUI) send(button string) {
	before := chromium.Value[string](u.tab, "location.search")
	u.click(button)
	u.tab.Until(fmt.Sprintf(`location.search != %q && document.querySelector(".flash") != null`, before))
}

// actions does everything that the page offers, and takes it back.
func (u shownUI) actions(t *testing.T) {
	newest := waitForSnapshotOf(t, u, u.Namespace, u.Broker(1).Name)
	u.at("/claims/" + u.Namespace + "/" + u.Broker(1).Name)
	u.act("hold", "VolumeSnapshot", newest, "before the upgrade")
	if got := annotationOf(t, u, u.Namespace, newest, v1alpha1.AnnotationHold); got != "before the upgrade" {
		t.Errorf("the snapshot is held for %q", got)
	}
	u.undo()
	if got := annotationOf(t, u, u.Namespace, newest, v1alpha1.AnnotationHold); got != "" {
		t.Errorf("after the undo, the snapshot is held for %q", got)
	}

	u.at("/backups")
	u.act("suspend", "KafkaBackup", showcase.Backup, "")
	if !u.backup(t).Spec.Suspend {
		t.Error("it is not suspended")
	}
	u.undo()
	if u.backup(t).Spec.Suspend {
		t.Error("it is suspended after the undo")
	}
	u.act("freeze", "KafkaBackup", showcase.Backup, "while we look")
	if got := u.backup(t).Annotations[v1alpha1.AnnotationFreeze]; got != "while we look" {
		t.Errorf("it is frozen for %q", got)
	}
	u.undo()
	if got, frozen := u.backup(t).Annotations[v1alpha1.AnnotationFreeze]; frozen {
		t.Errorf("after the undo it is frozen for %q", got)
	}
	before := u.backup(t).Status.LastRun.ScheduledTime
	u.act("run", "KafkaBackup", showcase.Backup, "")
	eventually(t, func(context.Context) error {
		if last := u.backup(t).Status.LastRun; !last.ScheduledTime.After(before.Time) {
			return fmt.Errorf("the last run is %+v", last)
		}
		return nil
	})
}

func (u shownUI) backup(t *testing.T) *v1alpha1.KafkaBackup {
	t.Helper()
	kb := &v1alpha1.KafkaBackup{}
	if err := u.Get(t.Context(), client.ObjectKey{Namespace: u.Namespace, Name: showcase.Backup}, kb); err != nil {
		t.Fatal(err)
	}
	return kb
}

// listsOnce checks that a page which is used for a while lists nothing again.
func listsOnce(t *testing.T, asked *counter) {
	lists := asked.all("list")
	for what, n := range lists {
		if n != 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
	if len(lists) == 0 || len(asked.all("watch")) == 0 && lists["list volumesnapshots"] == 0 {
		t.Errorf("nothing is watched: %v", asked.all(""))
	}
}

// hidden matches the fields of a form that the page fills in.
var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// guarded sends what no page of the server sends.
func (u shownUI) guarded(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	in := &http.Client{Jar: jar}
	answerOf(t, in, http.MethodGet, u.URL, nil, nil) // gets the cookie
	page := answerOf(t, in, http.MethodGet, u.Origin+"/backups", nil, nil)
	_, form, ok := strings.Cut(page.body, `<form method="post" action="/actions/suspend">`)
	if page.status != http.StatusOK || !ok {
		t.Fatalf("there is no form: %d\n%s", page.status, page.body)
	}
	fields := url.Values{}
	form, _, _ = strings.Cut(form, "</form>")
	for _, field := range hidden.FindAllStringSubmatch(form, -1) {
		fields.Set(field[1], field[2])
	}
	with := func(field, value string) url.Values {
		changed := url.Values{}
		for name := range fields {
			changed.Set(name, fields.Get(name))
		}
		changed.Set(field, value)
		return changed
	}
	action := u.Origin + "/actions/suspend"
	for name, a := range map[string]answer{
		"by GET":                     answerOf(t, in, http.MethodGet, action+"?"+fields.Encode(), nil, nil),
		"without the cookie":         answerOf(t, http.DefaultClient, http.MethodPost, action, fields, http.Header{"Origin": {u.Origin}}),
		"without an origin":          answerOf(t, in, http.MethodPost, action, fields, nil),
		"from another origin":        answerOf(t, in, http.MethodPost, action, fields, http.Header{"Origin": {"http://127.0.0.1:1"}}),
		"from another site":          answerOf(t, in, http.MethodPost, action, fields, http.Header{"Origin": {u.Origin}, "Sec-Fetch-Site": {"cross-site"}}),
		"without the form's secret":  answerOf(t, in, http.MethodPost, action, with("csrf", "x"), http.Header{"Origin": {u.Origin}}),
		"by another name":            answerOf(t, in, http.MethodPost, action, fields, http.Header{"Origin": {u.Origin}, "Host": {"attacker.example"}}),
		"of a replaced KafkaBackup":  answerOf(t, in, http.MethodPost, action, with("uid", "another"), http.Header{"Origin": {u.Origin}}),
		"to read without the cookie": answerOf(t, http.DefaultClient, http.MethodGet, u.Origin+"/backups", nil, nil),
	} {
		if a.status < 400 || strings.Contains(a.body, showcase.Slow) {
			t.Errorf("%s: answered with %d\n%s", name, a.status, a.body)
		}
	}
	if u.backup(t).Spec.Suspend {
		t.Fatal("it was suspended")
	}
	if a := answerOf(t, in, http.MethodPost, action, fields, http.Header{"Origin": {u.Origin}}); a.status != http.StatusOK || !u.backup(t).Spec.Suspend {
		t.Errorf("the form itself does not work: %d\n%s", a.status, a.body)
	}
}

// withoutRights looks as somebody who may do nothing else.
func withoutRights(t *testing.T, w *showcase.World, browser *chromium.Browser) {
	meta := metav1.ObjectMeta{Namespace: w.Namespace, Name: "looker"}
	create(t, w, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}}}})
	create(t, w, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "looker"}}})
	u := shownUI{w, startUI(t, w, "--as", "looker"), browser.Test(t, chromium.Desktop)}
	u.tab.Do(chromedp.Navigate(u.URL))
	u.at("/backups")
	u.sees(t, showcase.Backup, "Not possible: you may not patch kafkabackups")
	if forms := chromium.Value[int](u.tab, `document.querySelectorAll("form[method=post]").length`); forms != 0 {
		t.Errorf("there are %d forms", forms)
	}
	if got := chromium.Value[int](u.tab, `document.querySelectorAll("button[aria-disabled=true]").length`); got == 0 {
		t.Error("no button is disabled")
	}
}
