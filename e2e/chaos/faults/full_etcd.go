package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/plan"
	"github.com/snapback-dev/snapback/e2e/chaos/world"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// etcd is full. Its disk has no space left, so that it ends, and again whenever it is
// started; or it has used up its quota: it raises its alarm NOSPACE, and takes only
// deletions until that is disarmed.
var _ = register(Fault{
	Kind: plan.Kind{Name: "full-etcd", Weight: 8, Longest: 15 * time.Second, Draw: func(r *rand.Rand, _ plan.Layout) plan.Args {
		return plan.Args{"what": []string{"disk", "quota"}[r.IntN(2)]}
	}},
	Begin: func(ctx context.Context, w *world.World, args plan.Args) (func() error, error) {
		if args["what"] == "disk" {
			return w.Stage.FreeEtcd, w.Stage.FillEtcd()
		}
		member := alarms.Add(1)
		return func() error {
			// Another fault may keep etcd away.
			return cluster.Eventually(context.WithoutCancel(ctx), time.Minute, func(ctx context.Context) error {
				return alarm(ctx, w.Stage.Etcd(), "DEACTIVATE", member)
			})
		}, alarm(ctx, w.Stage.Etcd(), "ACTIVATE", member)
	},
})

// alarms are the members that have raised one. They need not exist, and so each fault has
// its own: etcd is full until all are disarmed.
var alarms atomic.Int64

// alarm raises or disarms the alarm of a member.
func alarm(ctx context.Context, etcd, action string, member int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"action": action, "alarm": "NOSPACE", "memberID": strconv.FormatInt(member, 10)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, etcd+"/v3/maintenance/alarm", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s etcd's alarm: %w", action, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s etcd's alarm: %s", action, resp.Status)
	}
	return nil
}
