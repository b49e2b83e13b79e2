package snapshots

import "time"

// ClocksApart is the most that the apiserver's clock may be ahead of Snapback's. A time
// that is later than that is none of the apiserver's: anybody can write one.
const ClocksApart = 24 * time.Hour
