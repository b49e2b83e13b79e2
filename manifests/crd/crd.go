// Package crd holds the CustomResourceDefinition, so that the binaries can read
// what they are installed with.
package crd

import _ "embed" // for the directive below

// KafkaBackups is the CustomResourceDefinition of KafkaBackups, as YAML.
//
//go:embed snapback.dev_kafkabackups.yaml
var KafkaBackups []byte
