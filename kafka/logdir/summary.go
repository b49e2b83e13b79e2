package logdir

// Summary is the result of reading a broker's log dirs in a few lines: what fits
// into the termination message of a container.
type Summary struct {
	Sound      bool  `json:"sound"` // see [Broker.Sound]
	Dirs       int   `json:"dirs"`
	Partitions int   `json:"partitions"`
	Records    int64 `json:"records"`
	Bytes      int64 `json:"bytes"`
	// Problems are the first problems. Omitted is the number of the others.
	Problems []string `json:"problems,omitempty"`
	Omitted  int      `json:"omitted,omitempty"`
}
