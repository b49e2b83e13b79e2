package ui

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const (
	testPort   = 8600
	testOrigin = "http://127.0.0.1:8600"
)

var acted = time.Date(2026, 2, 21, 19, 5, 33, 0, time.UTC)

// still is an inventory that never changes.
type still struct{}

func (still) Inventory() (*inventory.Inventory, error)             { return &inventory.Inventory{}, nil }
func (still) Version() uint64                                      { return 1 }
func (still) Wait(_ context.Context, after uint64) (uint64, error) { return after + 1, nil }
func (still) Stale(time.Time) []string                             { return nil }

// person is a browser that was let in, and the apiserver behind the server.
type person struct {
	*testing.T
	client.Client
	server *Server
	cookie *http.Cookie
	now    time.Time
	may    bool
	fail   error    // of the next patch
	sent   []string // patches
}

// newPerson has a KafkaBackup, a ConfigMap that holds one, and a snapshot.
func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{T: t, may: true, now: acted}
	kb := snapshotstest.NewBackup("hourly", "kafka", "csi").Obj()
	held := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("held", "kafka", "csi").Obj())
	vs := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "csi"), "driver", acted).Obj()
	kb.UID, held.UID, vs.Name, vs.UID = "of-hourly", "of-held", "s", "of-s"
	p.Client = fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(kb, held, vs).WithInterceptorFuncs(interceptor.Funcs{
		Create: p.review, Patch: p.patch}).Build()
	var err error
	p.server, err = newServer(Config{Live: still{}, Client: p.Client, Where: "a test", Message: func(err error) string { return err.Error() },
		Now: func() time.Time { return p.now }}, testPort)
	if err != nil {
		t.Fatal(err)
	}
	answer := p.do(httptest.NewRequest(http.MethodGet, p.server.URL(), nil))
	if answer.Code != http.StatusSeeOther || len(answer.Result().Cookies()) != 1 {
		t.Fatalf("not let in: %d", answer.Code)
	}
	p.cookie = answer.Result().Cookies()[0]
	return p
}

func (p *person) review(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
	o.(*authorizationv1.SelfSubjectAccessReview).Status.Allowed = p.may
	return nil
}

func (p *person) patch(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	body, err := patch.Data(o)
	if err != nil {
		return err
	}
	if err := p.fail; err != nil {
		p.fail = nil
		return err
	}
	p.sent = append(p.sent, regexp.MustCompile(`"resourceVersion":"[0-9]+",`).ReplaceAllString(string(body), ""))
	return c.Patch(ctx, o, patch, options...)
}

func (p *person) do(r *http.Request) *httptest.ResponseRecorder {
	if p.cookie != nil {
		r.AddCookie(p.cookie)
	}
	w := httptest.NewRecorder()
	p.server.handler.ServeHTTP(w, r)
	return w
}

// request returns the request of a form, as a browser sends it.
func request(action string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, testOrigin+action, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", testOrigin)
	return r
}

// page returns the forms of all actions, on a page with a query.
func (p *person) page() string {
	p.Helper()
	i, err := inventory.LoadBackups(p.Context(), p.Client, snapshotstest.Namespace)
	if err != nil {
		p.Fatal(err)
	}
	var vs snapshotv1.VolumeSnapshot
	if err := p.Get(p.Context(), client.ObjectKey{Namespace: snapshotstest.Namespace, Name: "s"}, &vs); err != nil {
		p.Fatal(err)
	}
	actions := screen.SnapshotActions(&vs)
	for _, b := range i.Backups {
		actions = append(actions, screen.BackupActions(b, p.now)...)
	}
	v := p.server.view(httptest.NewRequest(http.MethodGet, testOrigin+"/backups?q=a+b&done=x", nil), "")
	var out strings.Builder
	if err := p.server.templates["refused.html"].ExecuteTemplate(&out, "actions", v.Offer(actions)); err != nil {
		p.Fatal(err)
	}
	return out.String()
}

var (
	formTag  = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)</form>`)
	inputTag = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
)

// form returns the fields of a form of a page, with a reason.
func (p *person) form(page, action, object string) url.Values {
	p.Helper()
	for _, form := range formTag.FindAllStringSubmatch(page, -1) {
		fields := url.Values{}
		for _, input := range inputTag.FindAllStringSubmatch(form[2], -1) {
			fields.Set(input[1], html.UnescapeString(input[2]))
		}
		if form[1] == action && fields.Get("object") == object {
			if strings.Contains(form[2], `name="reason" maxlength="500"`) {
				fields.Set("reason", ` it's "urgent" `)
			}
			return fields
		}
	}
	p.Fatalf("no form %s of %q in\n%s", action, object, page)
	return nil
}

// follow goes where an answer leads, and returns that page.
func (p *person) follow(answer *httptest.ResponseRecorder) (to *url.URL, page string) {
	p.Helper()
	if answer.Code != http.StatusSeeOther {
		p.Fatalf("%d: %s", answer.Code, answer.Body)
	}
	to, err := url.Parse(answer.Header().Get("Location"))
	if err != nil {
		p.Fatal(err)
	}
	body, err := io.ReadAll(p.do(httptest.NewRequest(http.MethodGet, testOrigin+to.String(), nil)).Body)
	if err != nil {
		p.Fatal(err)
	}
	return to, string(body)
}
