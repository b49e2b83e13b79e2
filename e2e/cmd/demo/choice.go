package main

import (
	"context"
	"fmt"
	"os"

	"github.com/snapback-dev/snapback/e2e/apachekafka"
)

// choice says which brokers the story has.
type choice struct {
	install *apachekafka.Install // nil: the embedded ones
	why     string
}

// choose reads the environment variable KAFKA: "apache" and "embedded" insist;
// without it Apache Kafka is taken where it can run.
func choose(ctx context.Context) (choice, error) {
	asked := os.Getenv("KAFKA")
	switch asked {
	case "embedded":
		return choice{why: "Brokers: stand-ins, as KAFKA=embedded asks."}, nil
	case "", "apache":
	default:
		return choice{}, fmt.Errorf("KAFKA is %q, must be apache, embedded or unset", asked)
	}
	install, err := findApache(ctx)
	switch {
	case err == nil:
		return choice{install, "Brokers: Apache Kafka " + apachekafka.Version + " (KAFKA=embedded takes stand-ins, without Java)."}, nil
	case asked == "apache":
		return choice{}, err
	default:
		return choice{why: fmt.Sprintf("Brokers: stand-ins. Apache Kafka cannot be had here: %v.", err)}, nil
	}
}

func findApache(ctx context.Context) (*apachekafka.Install, error) {
	if err := apachekafka.Missing(ctx); err != nil {
		return nil, err
	}
	if !apachekafka.Fetched() {
		say("Fetching Apache Kafka %s through Maven: 54 MB, this once.", apachekafka.Version)
	}
	return apachekafka.Find(ctx)
}
