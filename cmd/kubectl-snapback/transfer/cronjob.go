package transfer

import _ "embed"

// CronJob is an example of an export on a schedule, with all rights that it needs.
//
//go:embed cronjob.yaml
var CronJob string
